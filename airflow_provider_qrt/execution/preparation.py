"""The last steps before a submission, taken only if there will be one: session, backend, budget."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import config
from airflow_provider_qrt.client.channels.base import Channel, Feature
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria
from airflow_provider_qrt.jobs.backends.select import WAIT_TIME, choose_backend
from airflow_provider_qrt.jobs.budget.spending import (
    QiskitRuntimeBudget,
    Spending,
    check_budget,
    check_period,
    check_usage,
    estimate_seconds,
    jobs_of,
    limits_within,
)
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY
from airflow_provider_qrt.jobs.sessions.opening import check_session
from airflow_provider_qrt.jobs.sessions.usage import dedicated_sessions
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest
from airflow_provider_qrt.jobs.submit.offer import check_offered
from airflow_provider_qrt.jobs.wait.outlook import Outlook
from airflow_provider_qrt.primitives.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Job, Session
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

log = logging.getLogger(__name__)


@dataclass
class Preparation:
    """Checks and completes a request.

    Attributes:
        hook: Of the task's connection.
        identity: The task instance.
        criteria: What ``least_busy`` may choose.
        budget: QPU seconds that may be used, if they are limited.
        fit_request: Makes the request fit the backend that was chosen.
        backend: Name of the backend that has been chosen already; None: the request says which.
        session_id: Session or batch that the task has opened for its jobs; None: the request's.
        note_outlook: Told how long the job should queue, if somebody wants to know.
    """

    hook: QiskitRuntimeHook
    identity: JobIdentity
    criteria: BackendCriteria
    budget: QiskitRuntimeBudget | None
    fit_request: Callable[[JobRequest, Backend], JobRequest]
    backend: str | None = None
    session_id: str | None = None
    note_outlook: Callable[[Outlook], None] | None = None
    _fitted: JobRequest | None = field(default=None, init=False)
    _session: Session | None = field(default=None, init=False)
    _listed_seconds_ago: float = field(default=0.0, init=False)
    _warned: bool = field(default=False, init=False)

    def complete(self, request: JobRequest) -> JobRequest:
        """Return the request as it is submitted.

        Raises:
            SessionUnusableError: The job cannot join its session.
            InvalidSettingsError: There is no such backend.
            NoBackendAvailableError: None fits now.
            OverBudgetError: The job would cost more than is left.
        """
        return self.check_budget([self.fit(request)])[0]

    def fit_ahead(self, request: JobRequest) -> JobRequest:
        """Do :meth:`fit` now, for the next who asks: how large a request becomes can decide how it is submitted."""
        self._fitted = ready = self.fit(request)
        return ready

    def fit(self, request: JobRequest) -> JobRequest:
        """Choose the backend and make the request fit it and its session.

        Raises:
            SessionUnusableError: See :meth:`complete`.
            InvalidSettingsError: See there.
            NoBackendAvailableError: See there.
        """
        if self._fitted is not None:
            ready, self._fitted = self._fitted, None
            return ready
        request = replace(
            request, backend=self.backend or request.backend, session_id=self.session_id or request.session_id
        )
        asked = request.backend
        if request.session_id is not None:
            asked = self._join(request.session_id, request)
        backend = self._backend(asked)
        if not backend.is_available and self.hook.channel.offers(Feature.BACKEND_DETAILS):
            log.warning(
                "Backend %s is %s (%s): the job waits in its queue.",
                backend.name,
                backend.status,
                backend.status_reason or "no reason given",
            )
        if self.note_outlook is not None:
            self.note_outlook(Outlook.of(backend, self._session, seconds_ago=self._listed_seconds_ago))
        return self.fit_request(replace(request, backend=backend.name), backend)

    def check_budget(self, requests: Sequence[JobRequest]) -> list[JobRequest]:
        """See whether jobs that are about to be submitted fit into what the budget leaves, all together.

        Returns:
            The requests, with a ``max_execution_time`` that keeps them within the budget whatever they really take.

        Raises:
            OverBudgetError: They do not fit.
        """
        own = requests[0].max_execution_seconds
        if self.budget is None:
            if own is None and not self._warned and self.hook.channel.offers(Feature.USAGE):
                self._warned = True
                log.warning(
                    "Neither max_execution_time nor a budget is set: nothing but the plan's own limit stops a job that "
                    "takes longer than expected, and all of it is charged. Set max_execution_time (QPU seconds)."
                )
            return list(requests)
        estimates = [
            self.estimate(request) if request.estimated_seconds is None else request.estimated_seconds
            for request in requests
        ]
        spent = self._check_budget(self.budget, sum(estimates))
        jobs = "job is" if len(requests) == 1 else f"next {len(requests)} jobs are"
        log.info(
            "The %s estimated at %.1f s of QPU time; %.1f s of the budget of %g s are spent or expected.",
            jobs,
            sum(estimates),
            spent,
            self.budget.max_seconds,
        )
        limits = limits_within(self.budget.max_seconds - spent, estimates, own)
        if self._session is not None and self._session.max_ttl is not None:
            limits = [min(limit, self._session.max_ttl) for limit in limits]
        if any(limit != own for limit in limits):
            shown = f"{limits[0]} s" if len(limits) == 1 else f"{min(limits)} to {max(limits)} s"
            log.info("max_execution_time is %s, which is what the budget has left.", shown)
        return [
            replace(request, max_execution_seconds=limit, estimated_seconds=estimate)
            for request, limit, estimate in zip(requests, limits, estimates, strict=True)
        ]

    def estimate(self, request: JobRequest) -> float:
        """QPU seconds that the job may take.

        Raises:
            InvalidInputError: If nothing is known of it.
        """
        if request.input.executions is not None:
            return estimate_seconds(request.input.executions, request.max_execution_seconds)
        if request.max_execution_seconds is None:
            raise InvalidInputError(
                f"budget: what a {request.program_id} job takes cannot be estimated. Set max_execution_time, which "
                "limits it."
            )
        return float(request.max_execution_seconds)

    def plan(self, request: JobRequest, ready: JobRequest, jobs: Sequence[JobRequest]) -> dict[str, Any]:
        """Return what would be submitted, as plain JSON. Nothing is.

        Args:
            request: What is asked for.
            ready: The same, fitted to the backend.
            jobs: The jobs that it is split into.
        """
        limited = self.check_budget(jobs)
        known = ready.input.executions is not None or ready.max_execution_seconds is not None
        asked = [job.estimated_seconds for job in jobs]
        seconds = [self.estimate(job) if one is None and known else one for job, one in zip(jobs, asked, strict=True)]
        return {
            "dry_run": True,
            "backend": ready.backend,
            "program_id": ready.program_id,
            "session_id": ready.session_id,
            "executions": ready.input.executions,
            "jobs": len(jobs),
            "estimated_seconds": None if None in seconds else sum(filter(None, seconds)),
            "max_execution_time": limited[0].max_execution_seconds,
            "budget_seconds": self.budget.max_seconds if self.budget is not None else None,
            "fingerprint": request.fingerprint(),
        }

    def _backend(self, asked: str) -> Backend:
        """Choose the backend; where the service lists none, it is taken at its name."""
        channel = self.hook.channel
        if asked == LEAST_BUSY:
            channel.require(Feature.BACKEND_DETAILS, f"backend={LEAST_BUSY!r}")
        elif not channel.offers(Feature.BACKENDS):
            return Backend(asked, status="unknown")
        detailed = channel.offers(Feature.BACKEND_DETAILS)
        # Which backend is the least busy is asked each time.
        cache = config.backend_cache(self.hook.client.settings) if asked != LEAST_BUSY and detailed else None
        known = cache.listed(asked) if cache is not None else None
        if known is not None:
            backend, self._listed_seconds_ago = known
            return backend
        backends = self.hook.client.backends(fields=WAIT_TIME if detailed else ())
        chosen = choose_backend(backends, asked, where=self.hook.describe(), criteria=self.criteria)
        if cache is not None:
            cache.note_listed(chosen)
        return chosen

    def _join(self, session_id: str, request: JobRequest) -> str:
        """See that the session takes the job, where it can be asked; return the backend to ask for."""
        if not self.hook.channel.offers(Feature.SESSIONS):
            return request.backend
        session = self.hook.client.session(session_id)
        self._session = session
        free = request.backend == LEAST_BUSY
        check_session(
            session,
            backend=None if free else request.backend,
            max_execution_seconds=request.max_execution_seconds,
        )
        return session.backend if free and session.backend is not None else request.backend

    def _check_budget(self, budget: QiskitRuntimeBudget, estimate: float) -> float:
        usage = self.hook.client.instance_usage()
        check_usage(usage, estimate)
        if budget.per == "connection" and budget.window is None:
            check_period(budget, usage, estimate)
            return usage.consumed_seconds
        now = datetime.now(UTC)
        jobs = list(self._jobs(budget, budget.since(now)))
        sessions = dedicated_sessions(self.hook.client, jobs)
        spent: Spending = check_budget(budget, jobs, estimate, now, sessions)
        return spent.total

    def _jobs(self, budget: QiskitRuntimeBudget, since: datetime | None) -> Iterable[Job]:
        """List the jobs that count; where only a DAG's or a run's do, without those of other Airflows."""
        jobs = self.hook.client.jobs
        if budget.per == "connection":
            return jobs(created_after=since)
        return jobs_of(jobs, self.identity, whole_dag=budget.per == "dag", since=since)


def check_needs(channel: Channel, request: JobRequest, *, limited: bool) -> None:
    """See that the channel has all that a task asks for.

    Args:
        channel: The connection's.
        request: What is asked for.
        limited: Whether there is a budget.

    Raises:
        NotOfferedError: The channel lacks something; names the argument and says what to do.
        InvalidInputError: Arguments exclude each other.
    """
    if request.start_session and request.session_id is not None:
        raise InvalidInputError(
            "start_session: the job cannot begin a session and join one. Leave out start_session or session_id."
        )
    if request.backend == LEAST_BUSY:
        channel.require(Feature.BACKEND_DETAILS, f"backend={LEAST_BUSY!r}")
    if limited:
        channel.require(Feature.USAGE, "budget")
    check_offered(channel, request)
