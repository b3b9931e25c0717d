"""The last line of a task's log: how long its jobs queued and ran, what they were charged, and where the result is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.config import price
from airflow_provider_qrt.execution.job_info import SplitJobFacts
from airflow_provider_qrt.jobs.wait.progress import in_words

if TYPE_CHECKING:
    from airflow_provider_qrt.execution.job_info import JobFacts


def closing_line(facts: JobFacts, value: Mapping[str, Any]) -> str:
    """Write the line.

    Args:
        facts: What was read of the jobs.
        value: What the task returns.
    """
    packed = isinstance(facts, SplitJobFacts)
    who = f"{len(facts.each)} jobs" if isinstance(facts, SplitJobFacts) else f"Job {facts.job.id}"
    parts = []
    metrics = facts.metrics
    if not packed and metrics is not None and metrics.running is not None:
        if metrics.created is not None:
            parts.append(f"queued {in_words((metrics.running - metrics.created).total_seconds())}")
        if metrics.finished is not None:
            parts.append(f"ran {_seconds((metrics.finished - metrics.running).total_seconds())}")
    charged = facts.usage.seconds
    parts.append("the bill is still open" if charged is None else f"charged {_seconds(charged)}{_cost(charged)}")
    path = value.get("result_path")
    in_xcom = "result in XCom" if path is None else f"result in {path}"
    return f"{who} completed: {', '.join([*parts, in_xcom])}."


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else in_words(seconds)


def _cost(seconds: float) -> str:
    """Return the cost in words; empty if it costs nothing, or the price cannot be read."""
    try:
        per_second, currency = price()
    except Exception:
        # A misspelt price is reported by the page that shows it, and must not cost a result.
        return ""
    cost = seconds * per_second
    if not cost:
        return ""
    return f" (about {f'${cost:.2f}' if currency == 'USD' else f'{cost:.2f} {currency}'})"
