"""Reads single arguments of a task with a loop, when a DAG file is parsed and when the task runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from airflow_provider_qrt import durations, templated
from airflow_provider_qrt.primitives.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget
    from airflow_provider_qrt.jobs.sessions.opening import Mode

MODES = ("batch", "dedicated")
ON_DIVERGENCE = ("fail", "continue")
OnDivergence = Literal["fail", "continue"]


def read_mode(name: str, value: Any) -> Mode | None:
    """Read the mode of a loop's session; None: no session.

    Raises:
        InvalidInputError: There is no such mode.
    """
    mode = templated.optional_text(value)
    if mode is not None and mode not in MODES:
        raise InvalidInputError(f"{name}: {value!r} is not known; write 'batch', 'dedicated', or None for no session.")
    return cast("Mode | None", mode)


def read_on_divergence(name: str, value: Any) -> OnDivergence:
    """Read what is done when a function makes another call than before.

    Raises:
        InvalidInputError: It is neither ``fail`` nor ``continue``.
    """
    if value not in ON_DIVERGENCE:
        raise InvalidInputError(f"{name}: {value!r} is not known; write 'fail' or 'continue'.")
    return cast("OnDivergence", value)


def read_seconds(name: str, value: Any) -> float | None:
    """Read a duration that may be missing.

    Raises:
        InvalidInputError: It is no duration.
    """
    return None if templated.is_nothing(value) else durations.seconds(name, value)


def read_budget(name: str, value: Any) -> QiskitRuntimeBudget | None:
    """Read the budget of a loop.

    Raises:
        InvalidInputError: It is not a budget, or asks for what a loop does not do.
    """
    if value is None:
        return None
    from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget
    from airflow_provider_qrt.jobs.budget.spending import SERVICE

    budget = QiskitRuntimeBudget.read(value)
    if budget is not None and budget.when_exceeded == "defer":
        raise InvalidInputError(f"{name}: a loop does not wait for a budget. Leave out when_exceeded.")
    if budget is not None and budget.estimate == SERVICE:
        raise InvalidInputError(f"{name}: a loop asks for no dry runs. Leave out estimate.")
    return budget
