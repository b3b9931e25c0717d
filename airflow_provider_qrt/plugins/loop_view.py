"""The course of a hybrid loop for the page *Result*, as plain JSON. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.plugins.task_results import as_number

if TYPE_CHECKING:
    from airflow_provider_qrt.plugins.loop_data import LoopCall
    from airflow_provider_qrt.plugins.overview import Price

MOST_SERIES = 6
"""Names of calls whose values are drawn; the table has all."""


def loop_view(calls: Sequence[LoopCall], price: Price) -> dict[str, Any] | None:
    """Describe the course of a loop; None if the task is no loop.

    Args:
        calls: The calls that are done, in order.
        price: Price of a QPU second.
    """
    if not calls:
        return None
    rows, spent = [], 0.0
    for call in calls:
        spent += call.seconds
        value, error = _value(call.shown)
        rows.append(
            {
                "call": call.number,
                "name": call.name or call.kind,
                "value": value,
                "error": error,
                "shown": _in_words(call.shown),
                "jobs": list(call.job_ids),
                "spent": round(spent, 3),
            }
        )
    jobs = sum(len(call.job_ids) for call in calls)
    return {
        "calls": rows,
        "series": _series(rows),
        "jobs": jobs,
        "seconds": round(spent, 3),
        "cost": price.of(spent),
    }


def _series(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the values of the calls of each name, where there are several."""
    named: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["value"] is not None:
            point = {"call": row["call"], "value": row["value"], "error": row["error"]}
            named.setdefault(row["name"], []).append(point)
    drawn = [{"name": name, "points": points} for name, points in named.items() if len(points) > 1]
    return drawn[:MOST_SERIES]


def _value(shown: Mapping[str, Any] | None) -> tuple[float | None, float | None]:
    """Return the one number that a call measured, and its error: an expectation value; None if it is none."""
    values, errors = (shown or {}).get("evs"), (shown or {}).get("stds")
    if not isinstance(values, list) or len(values) != 1:
        return None, None
    error = errors[0] if isinstance(errors, list) and len(errors) == 1 else None
    return as_number(values[0]), as_number(error)


def _in_words(shown: Mapping[str, Any] | None) -> str:
    if not shown:
        return ""
    counts = shown.get("counts")
    if isinstance(counts, dict):
        more = _more(shown.get("outcomes"), len(counts), "outcomes")
        return ", ".join(f"{outcome}: {count}" for outcome, count in counts.items()) + more
    values = shown.get("evs")
    if not isinstance(values, list) or len(values) < 2:
        return ""
    known = [number for value in values if (number := as_number(value)) is not None]
    return ", ".join(f"{number:.4g}" for number in known) + _more(shown.get("values"), len(values), "values")


def _more(total: Any, shown: int, what: str) -> str:
    return f" and {total - shown} more {what}" if isinstance(total, int) and total > shown else ""
