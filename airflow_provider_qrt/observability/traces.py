"""Spans around what a task does about its job, and what is known of the job on the task's own span.

Airflow opens that span, and decides whether spans are recorded and where they go. If they are not, this does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from airflow_provider_qrt.observability.harmless import complain, harmless

if TYPE_CHECKING:
    from opentelemetry.trace import Span

PREFIX = "qiskit_runtime."


@contextmanager
def span(name: str, **attributes: str | None) -> Iterator[None]:
    """Open a child of the current span.

    Args:
        name: After ``qiskit_runtime.``.
        attributes: See :func:`annotate`.
    """
    with ExitStack() as stack:
        try:
            from opentelemetry import trace

            stack.enter_context(trace.get_tracer(__name__).start_as_current_span(f"{PREFIX}{name}"))
        except Exception as error:
            complain("span", error)
        else:
            annotate(**attributes)
        yield


def current() -> Span | None:
    """The current span; None if there are no spans at all."""
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_current_span()


@harmless
def annotate(*spans: Span | None, **attributes: str | float | None) -> None:
    """Set attributes of spans, and of the current one.

    Args:
        spans: Others than the current one.
        attributes: By name, after ``qiskit_runtime.``; those that are None are left out.
    """
    known = {f"{PREFIX}{name}": value for name, value in attributes.items() if value is not None}
    for one in {*spans, current()}:
        if one is not None:
            one.set_attributes(known)
