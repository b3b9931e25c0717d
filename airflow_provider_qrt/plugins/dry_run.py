"""View of a dry run for the page *Result*: the plan that the task returned instead of a result. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_qrt.plugins.overview import Price

LABELS = {
    "backend": "Backend",
    "program_id": "Program",
    "session_id": "Session or batch",
    "jobs": "Jobs",
    "executions": "Executions",
}
BASES = {"service": ", by IBM's dry run", "formula": ", by the formula: this instance has no dry runs"}
"""Origin of the estimate, if IBM was asked for one."""


def is_plan(value: Any) -> bool:
    """Return whether a return value is the plan of a dry run."""
    return isinstance(value, Mapping) and value.get("dry_run") is True


def plan_view(plan: Mapping[str, Any], price: Price) -> list[dict[str, str]]:
    """Return the displayed values of a plan, each with its label.

    Args:
        plan: The task's return value.
        price: Price of a QPU second.
    """
    shown = [(label, plan.get(name)) for name, label in LABELS.items()]
    seconds, budget = _number(plan.get("estimated_seconds")), _number(plan.get("budget_seconds"))
    if seconds is not None:
        cost = f", about {seconds * price.per_second:.2f} {price.currency}" if price.per_second else ""
        shown.append(("Estimated QPU time", f"{seconds:.1f} s{cost}{BASES.get(str(plan.get('estimate')), '')}"))
    if budget is not None:
        shown.append(("Budget", f"{budget:,.0f} s"))
    return [{"label": label, "value": _text(value)} for label, value in shown if value is not None]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
