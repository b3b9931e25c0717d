"""Spans around a task's work on its job, and attributes of the job on the task's own span.

Airflow opens the task's span, and decides whether and where spans are recorded. If they are not, this does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from airflow_provider_qrt.observability.best_effort import best_effort, complain

if TYPE_CHECKING:
    from opentelemetry.trace import Span

PREFIX = "qiskit_runtime."


@contextmanager
def span(name: str, **attributes: str | None) -> Iterator[None]:
    """Open a child of the current span.

    Args:
        name: Name without the prefix ``qiskit_runtime.``.
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
    """Return the current span; None if OpenTelemetry is not installed."""
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_current_span()


@best_effort
def annotate(*spans: Span | None, **attributes: str | float | None) -> None:
    """Set attributes of spans, including the current one.

    Args:
        spans: Further spans besides the current one.
        attributes: Values by name, without the prefix ``qiskit_runtime.``; None values are left out.
    """
    known = {f"{PREFIX}{name}": value for name, value in attributes.items() if value is not None}
    for one in {*spans, current()}:
        if one is not None:
            one.set_attributes(known)
