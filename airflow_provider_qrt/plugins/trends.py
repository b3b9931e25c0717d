"""A task's figures over the runs of its DAG, from what each run has left in XCom. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_qrt.client.models import parse_time
from airflow_provider_qrt.plugins.task_results import (
    first_counts,
    is_number,
    is_result,
    place_names,
    top_counts,
    value_at,
)

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import JobMetrics
    from airflow_provider_qrt.plugins.machine_data import Calibration
    from airflow_provider_qrt.plugins.overview import Price

MOST_CHOICES = 32
"""Values, or outcomes, that a user can choose from."""
EV, OUTCOME, NUMBER = "ev", "outcome", "number"
"""Kinds of measures: an expectation value, the probability of an outcome, a number that the task returned."""


@dataclass(frozen=True)
class Measure:
    """A number that a task has measured in each run.

    Attributes:
        kind: ``ev``, ``outcome`` or ``number``.
        pub: Index of the PUB.
        name: Place in the array of values, such as ``[2]``, an outcome, or a key of what the task returned.
    """

    kind: str
    pub: int
    name: str

    @property
    def key(self) -> str:
        """The measure as text, for an address."""
        return f"{self.kind}:{self.pub}:{self.name}"

    @classmethod
    def read(cls, key: str) -> Measure | None:
        """Read what :attr:`key` wrote; None if it is something else."""
        kind, _, rest = key.partition(":")
        pub, _, name = rest.partition(":")
        return cls(kind, int(pub), name) if kind in (EV, OUTCOME, NUMBER) and pub.isdecimal() else None

    def of(self, value: Any) -> tuple[float | None, float | None]:
        """Return the number and its standard error in what a task returned, each None if it is not there."""
        if self.kind == NUMBER:
            number = value.get(self.name) if isinstance(value, Mapping) else None
            return (float(cast("float", number)), None) if is_number(number) else (None, None)
        entry = _entry(value, self.pub)
        if entry is None:
            return None, None
        if self.kind == EV:
            return value_at(entry, "evs", self.name), value_at(entry, "stds", self.name)
        return _probability(entry, self.name)


@dataclass(frozen=True)
class TaskOfRun:
    """A task instance of one run.

    Attributes:
        run_id: The run.
        run_after: When it was to start.
        state: The state of the task in it; None if there is no such task.
        value: What the task returned; None if there is nothing.
        backend: Where its jobs ran, if the value does not say it.
    """

    run_id: str
    run_after: datetime | None
    state: str | None = None
    value: Any = field(default=None, repr=False)
    backend: str | None = None


def measures_of(runs: Sequence[TaskOfRun]) -> list[tuple[Measure, str]]:
    """Return what can be chosen, with names for people, from the newest run that has a value."""
    value = next((run.value for run in runs if run.value is not None), None)
    if not isinstance(value, Mapping):
        return []
    if not is_result(value):
        numbers = [str(name) for name, number in value.items() if is_number(number)]
        return [(Measure(NUMBER, 0, name), name) for name in numbers[:MOST_CHOICES]]
    found: list[tuple[Measure, str]] = []
    results = value.get("results")
    entries = results if isinstance(results, list) else []
    for pub, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            continue
        of_pub = f" (PUB {pub})" if len(entries) > 1 else ""
        if "evs" in entry:
            found += [(Measure(EV, pub, place), f"{name}{of_pub}") for place, name in place_names(entry)]
        elif (counts := first_counts(entry) or top_counts(entry)) is not None:
            if isinstance(entry.get("counts") or entry.get("quasi_dists"), list):
                of_pub = f", first point{of_pub}"
            most = sorted(counts, key=lambda label: (-abs(counts[label]), label))
            found += [(Measure(OUTCOME, pub, label), f"P({label}){of_pub}") for label in most]
        if len(found) >= MOST_CHOICES:
            break
    return found[:MOST_CHOICES]


def points(
    runs: Sequence[TaskOfRun],
    measure: Measure | None,
    price: Price,
    *,
    times: Mapping[str, JobMetrics | None],
    calibrations: Mapping[tuple[str, str], Calibration | None],
) -> list[dict[str, Any]]:
    """Return the figures of each run, the oldest first.

    Args:
        runs: The newest first.
        measure: What to follow; None if there is nothing.
        price: Price of a QPU second.
        times: Times of jobs that are known, by their ids.
        calibrations: Those of backends on days that are known; see :func:`day_of`.
    """
    found: list[dict[str, Any]] = []
    before: Mapping[str, float] | None = None
    for run in reversed(runs):
        value, error = measure.of(run.value) if measure is not None else (None, None)
        counts = _counts(run.value, measure.pub) if measure is not None and measure.kind == OUTCOME else None
        facts = run.value if is_result(run.value) else {}
        seconds = facts.get("usage_seconds")
        calibration = calibrations.get(day_of(run) or ("", ""))
        found.append(
            {
                "run_id": run.run_id,
                "run_after": run.run_after.isoformat() if run.run_after else None,
                "state": run.state,
                "backend": backend_of(run),
                "value": value,
                "error": error,
                "distance": None if counts is None or before is None else hellinger(before, counts),
                "seconds": seconds if is_number(seconds) else None,
                "cost": price.of(seconds) if is_number(seconds) else None,
                "queue_seconds": _queue(times.get(str(facts.get("job_id")))),
                "total_seconds": _between(facts.get("created"), facts.get("finished")),
                "two_qubit_error": calibration.two_qubit_error if calibration else None,
                "readout_error": calibration.readout_error if calibration else None,
            }
        )
        before = counts or before
    return found


def backend_of(run: TaskOfRun) -> str | None:
    """Return the backend on which a run's jobs ran; None if that is not known."""
    told = run.value.get("backend") if is_result(run.value) else None
    return told if isinstance(told, str) else run.backend


def day_of(run: TaskOfRun) -> tuple[str, str] | None:
    """Return the backend of a run with the day, ISO 8601 in UTC, on which its job was submitted."""
    backend = backend_of(run)
    told = parse_time(run.value.get("created")) if is_result(run.value) else None
    moment = told or run.run_after
    return None if backend is None or moment is None else (backend, moment.astimezone(UTC).date().isoformat())


def hellinger(one: Mapping[str, float], other: Mapping[str, float]) -> float | None:
    """Return the Hellinger distance of two distributions of counts, from 0 (alike) to 1; None without counts."""
    # Quasi-probabilities may be negative.
    one, other = ({label: max(0.0, count) for label, count in counts.items()} for counts in (one, other))
    first, second = sum(one.values()), sum(other.values())
    if first <= 0 or second <= 0:
        return None
    common = sum(math.sqrt(count * other.get(label, 0.0)) for label, count in one.items())
    return math.sqrt(max(0.0, 1.0 - common / math.sqrt(first * second)))


def _entry(value: Any, pub: int) -> Mapping[str, Any] | None:
    results = value.get("results") if is_result(value) else None
    if not isinstance(results, list) or not 0 <= pub < len(results):
        return None
    return results[pub] if isinstance(results[pub], Mapping) else None


def _counts(value: Any, pub: int) -> Mapping[str, float] | None:
    entry = _entry(value, pub)
    return None if entry is None else first_counts(entry)


def _probability(entry: Mapping[str, Any], label: str) -> tuple[float | None, float | None]:
    counts = first_counts(entry)
    if counts is not None and entry.get("quasi_dists") is not None:
        return counts.get(label, 0.0), None
    # Of a large result XCom has the most frequent outcomes; how often another one came is in its file.
    count = counts.get(label, 0.0) if counts is not None else (top_counts(entry) or {}).get(label)
    shots: Any = sum(counts.values()) if counts is not None else entry.get("shots")
    if count is None or not is_number(shots) or shots <= 0:
        return None, None
    share = count / shots
    return share, math.sqrt(max(0.0, share * (1 - share)) / shots)


def _queue(metrics: JobMetrics | None) -> float | None:
    if metrics is None or metrics.created is None or metrics.running is None:
        return None
    return max(0.0, (metrics.running - metrics.created).total_seconds())


def _between(begun: Any, ended: Any) -> float | None:
    first, last = parse_time(begun), parse_time(ended)
    return None if first is None or last is None else max(0.0, (last - first).total_seconds())
