"""QPU time over days, by DAG and by session, for the page *Quantum*. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.jobs.budget.spending import cost_of
from airflow_provider_qrt.jobs.sessions.usage import active_seconds, session_use

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Session
    from airflow_provider_qrt.plugins.job_list import ListedJob
    from airflow_provider_qrt.plugins.overview import Price
    from airflow_provider_qrt.plugins.session_shares import SessionShares

MOST_SERIES = 8
"""DAGs that have a colour of their own; the others are added up."""
OTHERS = "other DAGs"
MOST_SESSIONS = 100
"""Sessions that are listed."""


@dataclass(frozen=True)
class Charge:
    """QPU seconds of one job, or of one dedicated session.

    Attributes:
        day: When it began, UTC.
        dag_id: Whose it is; of a session, the DAG of its first job.
        seconds: Charged, or expected where the bill is open.
    """

    day: date
    dag_id: str
    seconds: float


def usage_view(
    jobs: Sequence[ListedJob], shares: SessionShares, price: Price, *, now: float, days: int
) -> dict[str, Any]:
    """Describe what was used on each day.

    Args:
        jobs: The jobs that the user may see.
        shares: The dedicated sessions. Only those whose first job the user may see are described.
        price: Price of a QPU second.
        now: Epoch seconds.
        days: How many days are looked back.

    Returns:
        ``days``: ISO 8601 dates; ``series``: ``name`` and ``seconds`` for each day; ``sessions``: one row for each
        session or batch.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    dates = [today - timedelta(days=back) for back in reversed(range(days))]
    place = {day: index for index, day in enumerate(dates)}
    sessions = shares.owned_by(jobs)
    of_session = _by_session(jobs, sessions)
    by_dag: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(dates))
    for charge in _charges(shares.charged(jobs), sessions, of_session, now):
        if charge.day in place:
            by_dag[charge.dag_id][place[charge.day]] += charge.seconds
    return {
        "days": [day.isoformat() for day in dates],
        "series": _largest(by_dag),
        "sessions": _session_rows(shares, of_session, price, now),
    }


def _by_session(jobs: Sequence[ListedJob], sessions: Mapping[str, Session]) -> dict[str, list[ListedJob]]:
    """Return the jobs of each dedicated session, the oldest first."""
    found: dict[str, list[ListedJob]] = defaultdict(list)
    for one in reversed(jobs):
        if one.job.session_id in sessions:
            found[str(one.job.session_id)].append(one)
    return found


def _charges(
    jobs: Sequence[ListedJob],
    sessions: Mapping[str, Session],
    of_session: Mapping[str, Sequence[ListedJob]],
    now: float,
) -> Iterator[Charge]:
    for one in jobs:
        if one.job.created is not None and one.job.session_id not in sessions:
            seconds, _ = cost_of(one.job)
            yield Charge(one.job.created.astimezone(UTC).date(), _dag(one), seconds)
    moment = datetime.fromtimestamp(now, UTC)
    for session_id, own in of_session.items():
        session = sessions[session_id]
        began = session.activated_at or session.started_at
        held = active_seconds(session, moment)
        if began is not None and held is not None:
            yield Charge(began.astimezone(UTC).date(), _dag(own[0]), held)


def _dag(one: ListedJob) -> str:
    return one.claim.dag_id or " or ".join(one.claim.dag_ids)


def _largest(by_dag: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """Return the series of the DAGs that used most, and one of all others."""
    ranked = sorted(by_dag.items(), key=lambda item: (-sum(item[1]), item[0]))
    own, others = ranked[:MOST_SERIES], ranked[MOST_SERIES:]
    series = [{"name": name, "seconds": [round(value, 3) for value in values]} for name, values in own]
    if others:
        total = [round(sum(values), 3) for values in zip(*(values for _, values in others), strict=True)]
        series.append({"name": OTHERS, "seconds": total})
    return series


def _session_rows(
    shares: SessionShares, of_session: Mapping[str, Sequence[ListedJob]], price: Price, now: float
) -> list[dict[str, Any]]:
    moment = datetime.fromtimestamp(now, UTC)
    rows = []
    for session_id, own in of_session.items():
        session = shares.sessions[session_id]
        # Of jobs of others, which the user may not see, nothing is told, and so nothing of the time between.
        is_whole = shares.is_whole(session_id, own)
        use = session_use(session, [one.job for one in own], moment)
        began = session.activated_at or session.started_at
        rows.append(
            {
                "id": session_id,
                "dag_id": _dag(own[0]),
                "backend": session.backend,
                "state": session.state,
                "began": began.isoformat() if began else None,
                "ended": session.closed_at.isoformat() if session.closed_at else None,
                "jobs": use.jobs,
                "held_seconds": _rounded(use.active_seconds),
                "job_seconds": round(use.job_seconds, 3),
                "idle_seconds": _rounded(use.idle_seconds) if is_whole else None,
                "cost": price.of(use.active_seconds),
            }
        )
    return sorted(rows, key=lambda row: row["began"] or "", reverse=True)[:MOST_SESSIONS]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
