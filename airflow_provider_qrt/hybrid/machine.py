"""The backend, the session or batch, and the limits of spending, which all jobs of a loop have in common."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.execution.preparation import Preparation
from airflow_provider_qrt.hybrid.errors import LoopLimitError
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY
from airflow_provider_qrt.jobs.sessions.opening import SessionOpener, SessionRequest, close
from airflow_provider_qrt.programs.backend_snapshots import BackendSnapshots

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend
    from airflow_provider_qrt.hybrid.journal import Journal
    from airflow_provider_qrt.hybrid.service import Service
    from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget
    from airflow_provider_qrt.jobs.sessions.opening import Mode
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.programs.base import TaskProgram

log = logging.getLogger(__name__)

SPENDING_IS_KNOWN_FOR = 60.0
"""Seconds after which the service is asked again what is spent; in between the loop's own jobs are added up."""

KEPT = "What it has measured is kept: the XCom qiskit_runtime_loop lists its calls."
"""A part of the errors that end a loop."""

Fit = Callable[["JobRequest", "Backend"], "JobRequest"]


@dataclass(frozen=True)
class LoopLimits:
    """The most that a loop may ask for.

    Attributes:
        max_jobs: Jobs of all its tries together; None: any number.
        max_seconds: QPU seconds of all its tries together; None: any number.
    """

    max_jobs: int | None = None
    max_seconds: float | None = None

    def check(self, jobs: int, seconds: float, expected: float) -> None:
        """See whether another job may be submitted.

        Args:
            jobs: Number of jobs that the loop has submitted.
            seconds: QPU seconds that those took which have ended.
            expected: QPU seconds that the others and the next one are expected to take.

        Raises:
            LoopLimitError: It may not.
        """
        if self.max_jobs is not None and jobs >= self.max_jobs:
            raise LoopLimitError(
                f"The loop has submitted {jobs} jobs, and max_jobs is {self.max_jobs}. Nothing more was submitted. "
                f"{KEPT} Raise max_jobs and clear the task to begin anew, or let the function end earlier."
            )
        if self.max_seconds is not None and seconds + expected > self.max_seconds:
            raise LoopLimitError(
                f"The loop has used {seconds:.1f} QPU seconds, the next job is expected to take it to "
                f"{seconds + expected:.1f}, and max_seconds is {self.max_seconds:g}. Nothing more was "
                f"submitted. {KEPT} Raise max_seconds and clear the task to begin anew, or let the function end "
                "earlier."
            )


@dataclass
class LoopPreparation(Preparation):
    """Checks and completes the requests of a loop, without asking the service the same before each job."""

    used: Callable[[], float] = lambda: 0.0
    """Returns the QPU seconds of the loop's own jobs, those under way included."""
    _known: Backend | None = field(default=None, init=False)
    _others_spent: float = field(default=0.0, init=False)
    _asked_at: float | None = field(default=None, init=False)

    def choose(self, asked: str) -> Backend:
        """Return the backend of the loop, chosen once."""
        if self._known is None:
            self._known = super()._backend(asked)
        return self._known

    def _backend(self, asked: str) -> Backend:
        return self.choose(asked)

    def _check_budget(self, budget: QiskitRuntimeBudget, estimate: float) -> float:
        now, own = time.monotonic(), self.used()
        spent = self._others_spent + own
        known = self._asked_at is not None and now - self._asked_at < SPENDING_IS_KNOWN_FOR
        if known and spent + estimate <= budget.max_seconds:
            return spent
        # Raises an error that says what is spent on what.
        spent = super()._check_budget(budget, estimate)
        self._others_spent, self._asked_at = max(0.0, spent - own), now
        return spent


class Machine:
    """The backend and the session of a loop.

    Args:
        service: Of the connection.
        preparation: Completes requests.
        journal: Of the loop.
        backend: Name of the backend, or ``least_busy``.
        mode: ``dedicated``, ``batch``, or None for jobs by themselves.
        max_ttl: Seconds that a session may live; None for the default.
        opener: Opens sessions; None without a mode.
        opened: Called with the id of each session that is opened.
    """

    def __init__(
        self,
        service: Service,
        preparation: LoopPreparation,
        journal: Journal,
        *,
        backend: str,
        mode: Mode | None,
        max_ttl: int | None,
        opener: SessionOpener | None,
        opened: Callable[[str], Any] = lambda _: None,
    ) -> None:
        self.service = service
        self._preparation = preparation
        self._journal = journal
        self._asked = backend
        self._mode = mode
        self._max_ttl = max_ttl
        self._opener = opener
        self._opened = opened
        self.session_id: str | None = None
        self.snapshots = BackendSnapshots(service.client)

    @property
    def backend_name(self) -> str | None:
        """The backend, once it is chosen."""
        return self._journal.head.backend

    @property
    def has_session(self) -> bool:
        """Whether jobs run in a session or batch."""
        return self._opener is not None

    def request_backend(self) -> str:
        """Return the backend that requests ask for: as written, so that a retry asks for the same."""
        return self._asked

    def fit(self, program: TaskProgram, request: JobRequest) -> None:
        """Fit a program to the backend ahead of its submission: how it is split can depend on that."""
        backend = self._chosen()
        program.fit(replace(request, backend=backend.name), backend)

    def complete(self, request: JobRequest, fit: Fit) -> JobRequest:
        """Return a request as it is submitted: fitted to the backend, within the budget, in the session."""
        name = self._chosen().name
        session_id = self._session(name)
        self._preparation.fit_request = fit
        ready = self._preparation.complete(replace(request, backend=name))
        return replace(ready, session_id=session_id)

    def expected_seconds(self, ready: JobRequest) -> float:
        """Return the QPU seconds that a job is expected to take; 0 if nothing is known of it."""
        if ready.estimated_seconds is not None:
            return ready.estimated_seconds
        known = ready.input.executions is not None or ready.max_execution_seconds is not None
        return self._preparation.estimate(ready) if known else 0.0

    def renew_session(self, ended: str | None) -> bool:
        """Forget a session that takes no more jobs; return whether there was one.

        Args:
            ended: The session that took no more jobs; None: the present one.
        """
        if self.session_id is None:
            return False
        if ended not in (None, self.session_id):
            # Of several jobs, another has said so already.
            return True
        log.warning("Session %s takes no more jobs; another is opened for the rest of the loop.", self.session_id)
        self.session_id = None
        return True

    def close_session(self) -> None:
        """Close the session, if the loop has one."""
        if self.session_id is not None and close(self.service.client, self.session_id):
            log.info("Closed session %s.", self.session_id)
        self.session_id = None

    def _chosen(self) -> Backend:
        name = self.backend_name or self._asked
        backend = self._preparation.choose(name)
        if self.backend_name is None:
            self._journal.choose(backend.name)
            if self._asked == LEAST_BUSY:
                log.info("All jobs of this loop run on %s.", backend.name)
        return backend

    def _session(self, backend: str) -> str | None:
        if self._opener is None or self._mode is None:
            return None
        if self.session_id is None:
            session = self._opener.obtain(SessionRequest(self._mode, backend, self._max_ttl), lambda: backend)
            self.session_id = session.id
            self._opened(session.id)
        return self.session_id
