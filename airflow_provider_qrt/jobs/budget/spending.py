"""Budgets of QPU seconds: what a job may cost, what was spent, and whether there is room. Pure.

What was spent is read from the service's own records of the jobs, found by their tags; there is no ledger here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

from airflow_provider_qrt.client.limits import MAX_EXECUTION_SECONDS
from airflow_provider_qrt.client.models import InstanceUsage, Job, Session
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.durations import read_seconds
from airflow_provider_qrt.jobs.counting import counted
from airflow_provider_qrt.jobs.errors import OverBudgetError
from airflow_provider_qrt.jobs.sessions.usage import active_seconds
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, airflow_prefix
from airflow_provider_qrt.primitives.errors import InvalidInputError

BASE_SECONDS = 2.0
SECONDS_PER_EXECUTION = 0.00035
"""IBM's rule of thumb for a simple sampler job: https://quantum.cloud.ibm.com/docs/guides/estimate-job-run-time"""
DEFAULT_WINDOW = timedelta(days=28)
"""As the plans count: https://quantum.cloud.ibm.com/docs/guides/plans-overview"""
SCOPES = ("dag_run", "dag", "connection")
REACTIONS = ("fail", "defer")
FORMULA, SERVICE = ESTIMATES = ("formula", "service")
"""How a job's QPU time is estimated: by IBM's rule of thumb, or by IBM's own dry run."""


@dataclass(frozen=True)
class QiskitRuntimeBudget:
    """QPU seconds that jobs may use together.

    Attributes:
        max_seconds: How many; or a ``timedelta``, or text such as ``"10m"``.
        per: ``dag_run``: the jobs of one DAG run; ``dag``: those of all its runs in ``window``; ``connection``: all
            jobs of the instance, whoever submitted them, in ``window``, or without one in its own usage period.
        window: Seconds (or a ``timedelta``, or text such as ``"7d"``) that are looked back; 28 days when nothing is
            said for a ``dag``.
        when_exceeded: ``fail`` fails the task at once; ``defer`` lets a deferrable task wait, without a worker, until
            enough has left the window.
        estimate: How a job's QPU time is estimated: ``formula``: by IBM's rule of thumb. ``service``: by a dry run of
            the job on the backend's mock twin, which costs nothing; by the formula where there is no twin.
    """

    max_seconds: float
    per: Literal["dag_run", "dag", "connection"] = "dag_run"
    window: float | timedelta | None = None
    when_exceeded: Literal["fail", "defer"] = "fail"
    estimate: Literal["formula", "service"] = "formula"

    if TYPE_CHECKING:
        # What may be written is more than what is kept.
        def __init__(
            self,
            max_seconds: float | timedelta | str,
            per: Literal["dag_run", "dag", "connection"] = "dag_run",
            window: float | timedelta | str | None = None,
            when_exceeded: Literal["fail", "defer"] = "fail",
            estimate: Literal["formula", "service"] = "formula",
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in ("max_seconds", "window"):
            if isinstance(value := getattr(self, name), str | timedelta) and (seconds := read_seconds(value)):
                object.__setattr__(self, name, seconds)
        number = isinstance(self.max_seconds, int | float) and not isinstance(self.max_seconds, bool)
        if not number or not 0 < self.max_seconds < math.inf:
            raise InvalidInputError(
                "budget: max_seconds must be above 0: seconds, a timedelta, or text such as '10m', not "
                f"{self.max_seconds!r}."
            )
        if self.per not in SCOPES:
            raise InvalidInputError(f"budget: per is one of {', '.join(SCOPES)}, not {self.per!r}.")
        if self.when_exceeded not in REACTIONS:
            raise InvalidInputError(
                f"budget: when_exceeded is one of {', '.join(REACTIONS)}, not {self.when_exceeded!r}."
            )
        if self.estimate not in ESTIMATES:
            raise InvalidInputError(f"budget: estimate is one of {', '.join(ESTIMATES)}, not {self.estimate!r}.")
        window = self.window.total_seconds() if isinstance(self.window, timedelta) else self.window
        if window is not None and (
            isinstance(window, bool) or not isinstance(window, int | float) or not 0 < window < math.inf
        ):
            raise InvalidInputError(f"budget: window is seconds or a timedelta above 0, not {self.window!r}.")
        if self.per == "dag_run" and self.window is not None:
            raise InvalidInputError("budget: a dag_run has no window; use per='dag' or per='connection'.")
        if self.per == "dag_run" and self.when_exceeded == "defer":
            raise InvalidInputError(
                "budget: the budget of a dag_run never grows again, so there is nothing to wait for."
            )

    @classmethod
    def read(cls, value: Any) -> Self | None:
        """Read an operator's argument or a connection's field.

        A number of seconds, a ``timedelta`` or text such as ``"10m"`` is that time for each DAG run; else it is a
        budget, a mapping of its attributes, or nothing.

        Raises:
            InvalidInputError: If it is something else; says what.
        """
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, int | float | timedelta | str) and not isinstance(value, bool):
            return cls(value)
        if not isinstance(value, Mapping):
            raise InvalidInputError(
                "budget: expected seconds, a timedelta, text such as '10m', a QiskitRuntimeBudget or a mapping, not "
                f"{type(value).__name__}."
            )
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(map(str, value)) - set(known)):
            raise InvalidInputError(f"budget: {', '.join(unknown)} is not known; there are {', '.join(known)}.")
        if "max_seconds" not in value:
            raise InvalidInputError("budget: max_seconds is missing.")
        return cls(**value)

    def since(self, now: datetime) -> datetime | None:
        """Where the window begins; None if all of it counts."""
        return None if self.per == "dag_run" else window_start(self.window, now, whole=False)


@dataclass(frozen=True)
class Spending:
    """QPU time that jobs have used, and are expected to use.

    Attributes:
        charged_seconds: QPU seconds that are settled.
        expected_seconds: QPU seconds of jobs whose bill is open: the service's estimate, or the job's own limit.
        jobs: How many jobs.
    """

    charged_seconds: float
    expected_seconds: float
    jobs: int

    @property
    def total(self) -> float:
        """Both."""
        return self.charged_seconds + self.expected_seconds


def estimate_seconds(executions: int, max_execution_seconds: int | None = None) -> float:
    """QPU seconds that so many executions may take; never more than the job is allowed."""
    seconds = BASE_SECONDS + SECONDS_PER_EXECUTION * executions
    return seconds if max_execution_seconds is None else min(seconds, float(max_execution_seconds))


def cost_of(job: Job) -> tuple[float, bool]:
    """QPU seconds of a job, and whether that is the final figure."""
    if job.usage is not None and job.usage.complete and job.status.is_final:
        return job.usage.seconds or 0.0, True
    if job.status is JobStatus.CANCELLED and job.usage is None:
        return 0.0, True
    expected = job.estimated_running_seconds or job.max_execution_seconds or 0
    return float(expected), False


@dataclass(frozen=True)
class Charge:
    """The charge for one job, or for one dedicated session with all of its jobs.

    Attributes:
        seconds: QPU seconds, or seconds for which the session held the backend.
        settled: Whether that is the final figure.
        created: When the job, or the first of the session's, was submitted.
    """

    seconds: float
    settled: bool
    created: datetime | None


def charges(
    jobs: Iterable[Job], sessions: Mapping[str, Session] | None = None, now: datetime | None = None
) -> list[Charge]:
    """Return what jobs cost, a job in a dedicated session as part of that.

    Args:
        jobs: The jobs that count.
        sessions: The dedicated sessions among theirs, by id. They are charged for the time from their first job's start
            to their end, used or not, and their jobs are not charged besides.
        now: For sessions that are not over.
    """
    inside: dict[str, list[Job]] = {name: [] for name in sessions or {}}
    found = []
    for job in jobs:
        if job.session_id in inside:
            inside[job.session_id].append(job)
        else:
            found.append(Charge(*cost_of(job), job.created))
    for name, own in inside.items():
        if own and sessions is not None:
            seconds, settled = _held(sessions[name], own, now or datetime.now(UTC))
            found.append(Charge(seconds, settled, min((job.created for job in own if job.created), default=None)))
    return found


def _held(session: Session, jobs: Sequence[Job], now: datetime) -> tuple[float, bool]:
    """Seconds for which a dedicated session is charged, and whether that is the final figure."""
    held = active_seconds(session, now) or 0.0
    if session.closed_at is not None and all(job.status.is_final for job in jobs):
        return held, True
    # Jobs that wait in it will hold it longer.
    return max(held, sum(cost_of(job)[0] for job in jobs)), False


def add_up(jobs: Iterable[Job], sessions: Mapping[str, Session] | None = None, now: datetime | None = None) -> Spending:
    """Add up what these jobs cost; see :func:`charges`."""
    listed = list(jobs)
    costs = charges(listed, sessions, now)
    charged = sum(one.seconds for one in costs if one.settled)
    return Spending(charged, sum(one.seconds for one in costs if not one.settled), len(listed))


def window_start(window: timedelta | float | None, now: datetime, *, whole: bool) -> datetime | None:
    """Where a window begins; None if all of it counts.

    Args:
        window: Seconds or a timedelta; None: the plans' 28 days.
        now: Its end.
        whole: Without a window all counts.

    Raises:
        InvalidInputError: It is no duration above 0.
    """
    if window is None:
        return None if whole else now - DEFAULT_WINDOW
    seconds = window.total_seconds() if isinstance(window, timedelta) else window
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise InvalidInputError(f"window: expected seconds or a timedelta above 0, not {window!r}.")
    return now - timedelta(seconds=seconds)


def jobs_of(
    list_jobs: Callable[..., Iterable[Job]], identity: JobIdentity, *, whole_dag: bool, since: datetime | None
) -> Iterator[Job]:
    """List the jobs of a DAG, or of one of its runs, that the identity's Airflow submitted.

    The service knows them by tags of 86 characters at most: names that differ only beyond that are counted together.

    Args:
        list_jobs: The API's listing.
        identity: Any task of the DAG run.
        whole_dag: Those of all runs.
        since: Leave older ones out.
    """
    dag, run, _ = identity.readable_tags()
    prefix = airflow_prefix(identity.airflow)
    for job in list_jobs(tags=[dag] if whole_dag else [dag, run], created_after=since):
        if any(tag.startswith(prefix) for tag in job.tags):
            yield job


def check_budget(
    budget: QiskitRuntimeBudget,
    jobs: Iterable[Job],
    estimate: float,
    now: datetime,
    sessions: Mapping[str, Session] | None = None,
) -> Spending:
    """See whether a job fits into what its budget leaves.

    Args:
        budget: The budget.
        jobs: Those that count, of the window.
        estimate: QPU seconds of the new job.
        now: For the window.
        sessions: The dedicated sessions among those of the jobs, by id.

    Raises:
        OverBudgetError: It does not; says what was spent and when there is room again.
    """
    listed = list(jobs)
    spent = add_up(listed, sessions, now)
    # Not the other way round: with what is no number, no comparison is true.
    if spent.total + estimate <= budget.max_seconds:
        return spent
    names = {"dag_run": "this DAG run", "dag": "this DAG", "connection": "this connection's instance"}
    raise OverBudgetError(
        f"The job is estimated at {estimate:.1f} s of QPU time; {names[budget.per]} has spent "
        f"{spent.charged_seconds:.1f} s and expects to spend {spent.expected_seconds:.1f} s more "
        f"({counted(spent.jobs, 'job')}) of its budget of {budget.max_seconds:g} s. Nothing was submitted. Raise the "
        "budget, or ask for less.",
        _room_at(budget, charges(listed, sessions, now), estimate, now),
    )


def limits_within(left: float, estimates: Sequence[float], own: int | None) -> list[int]:
    """Return the ``max_execution_time`` of jobs, so that together they cannot take more than a budget has left.

    Each gets its share by its estimate, in whole seconds; never less than it is expected to take, for it was admitted.

    Args:
        left: QPU seconds that the budget has left.
        estimates: Of the jobs.
        own: What the user allows each job, which is never exceeded.
    """
    together = sum(estimates)
    limits = [max(math.floor(left * one / together), math.ceil(one)) for one in estimates]
    return [min(MAX_EXECUTION_SECONDS, limit if own is None else min(own, limit)) for limit in limits]


def check_usage(usage: InstanceUsage, estimate: float) -> None:
    """See whether a job fits into what the instance has left in its usage period.

    Raises:
        OverBudgetError: It does not.
    """
    left = usage.remaining_seconds
    if usage.limit_reached or (left is not None and not estimate <= left):
        end = f" The period ends {usage.period_end:%Y-%m-%d %H:%M} UTC." if usage.period_end else ""
        raise OverBudgetError(
            f"The job is estimated at {estimate:.1f} s of QPU time; the instance has {left or 0:.1f} s left of its "
            f"usage limit.{end} Nothing was submitted. Raise the instance's limit, or use another instance.",
            usage.period_end,
        )


def check_period(budget: QiskitRuntimeBudget, usage: InstanceUsage, estimate: float) -> None:
    """See whether a job fits into a budget that is counted over the instance's own usage period.

    Raises:
        OverBudgetError: It does not.
    """
    if not usage.consumed_seconds + estimate <= budget.max_seconds:
        raise OverBudgetError(
            f"The job is estimated at {estimate:.1f} s of QPU time; the instance has used "
            f"{usage.consumed_seconds:.1f} s in this period of the budget of {budget.max_seconds:g} s. "
            "Nothing was submitted.",
            usage.period_end,
        )


def _room_at(budget: QiskitRuntimeBudget, spent: list[Charge], estimate: float, now: datetime) -> datetime | None:
    """When enough of what was spent has left the window; None if that does not happen by itself."""
    since = budget.since(now)
    if since is None or estimate > budget.max_seconds:
        return None
    over = sum(one.seconds for one in spent) + estimate - budget.max_seconds
    for one in sorted(spent, key=lambda one: one.created or datetime.min.replace(tzinfo=UTC)):
        over -= one.seconds
        if over <= 0 and one.created is not None:
            return one.created + (now - since)
    return None
