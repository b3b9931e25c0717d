"""Makes scheduled changes in order of time: jobs start and end, sessions become inactive and expire.

There is no timer. Each request first makes the changes that have become due, which it takes from a heap of times. So
the cost of a request does not grow with the number of waiting jobs.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future

from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.errors import SESSION_CLOSED
from airflow_provider_qrt.emulator.jobs import Job, Outcome, State
from airflow_provider_qrt.emulator.jobstore import JobStore
from airflow_provider_qrt.emulator.lanes import Lanes
from airflow_provider_qrt.emulator.ledger import Ledger
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.sessions import Session
from airflow_provider_qrt.emulator.simulation.outcome import Work

EXPIRED = "The session reached its maximum time to live."
UNUSED = "The session was never used."


class Timeline:
    """The scheduled changes of one emulator.

    Args:
        devices: The backends by name.
        jobs: The jobs.
        sessions: The sessions by id.
        changed: A function that is called with every job and session that changes.
        lanes: Returns the number of jobs that a machine works on at a time, or None for any number.

    Attributes:
        ledger: The charges so far, which are the QPU time of jobs outside dedicated sessions. Dedicated sessions are
            charged for wall-clock time instead.
    """

    def __init__(
        self,
        devices: Mapping[str, Device],
        jobs: JobStore,
        sessions: Mapping[str, Session],
        changed: Callable[[Job | Session], None],
        lanes: Callable[[], int | None],
    ) -> None:
        self._devices = devices
        self._jobs = jobs
        self._sessions = sessions
        self._changed = changed
        self._lanes = Lanes(lanes)
        # In older generations, a session has the id of its first job.
        self._heap: list[tuple[float, int, str, bool]] = []
        self._pushed = 0
        # The simulation threads fill this queue.
        self._simulated: deque[str] = deque()
        self.ledger = Ledger()

    def settle(self, now: float) -> None:
        """Make all changes that are due."""
        while self._simulated:
            job = self._jobs.find(self._simulated.popleft())
            if job is not None:
                self.watch(job)
        while self._heap and self._heap[0][0] <= now:
            moment, _, name, is_session = heapq.heappop(self._heap)
            job = self._jobs.find(name)
            if is_session and name in self._sessions:
                self._session_is_due(self._sessions[name], moment)
            elif not is_session and job is not None:
                self._job_is_due(job, moment, now)

    def watch(self, job: Job) -> None:
        """Schedule the next change of a job that is new or whose times have changed."""
        if job.started is not None and not job.final:
            self._lanes.occupy(job)
        self._push(job.id, self._due(job))

    def watch_work(self, job: Job, work: Future[Work]) -> None:
        """Watch the simulation of a job."""
        job.work = work
        work.add_done_callback(lambda _: self._simulated.append(job.id))

    def watch_session(self, session: Session) -> None:
        """Schedule the next change of a session that is new or whose times have changed."""
        self._push(session.id, session.due(), is_session=True)

    def wake(self, jobs: Iterable[Job]) -> None:
        """Reschedule the jobs that could not start."""
        for job in jobs:
            if job.started is None:
                self.watch(job)

    def fill_lanes(self, moment: float) -> None:
        """Start the jobs that wait for a lane, as far as there are lanes."""
        for backend in list(self._lanes.waiting):
            self._fill(backend, moment)

    def start(self, job: Job, moment: float) -> None:
        """Move a job out of the queue."""
        job.start(moment)
        session = self._session(job)
        if session is not None:
            session.job_started(moment)
            self._changed(session)
            self.watch_session(session)
        self._changed(job)
        self.watch(job)

    def end(self, job: Job, moment: float, outcome: Outcome) -> None:
        """End a job before its time."""
        job.end_with(moment, outcome)
        self._ended(job)

    def refuse_jobs(self, session: Session, now: float) -> None:
        """Close a session gracefully."""
        session.refuse_jobs()
        self._changed(session)
        self._close_if_done(session, now)

    def close(self, session: Session, moment: float, state: State, reason: str) -> None:
        """Close a session; its Queued jobs end in ``state``, its Running jobs continue."""
        if session.closed is not None:
            return
        # Close it first, so that ending its jobs below does not close it again.
        session.close(moment, reason)
        for job in self._jobs.unfinished() if session.waiting else ():
            if self._session(job) is session and job.started is None:
                self.end(job, moment, Outcome(state.value, reason, SESSION_CLOSED, "Open a new session."))
        self._changed(session)

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
        self._simulated.clear()
        self._lanes.clear()
        self.ledger.clear()

    def _push(self, name: str, moment: float | None, is_session: bool = False) -> None:
        if moment is not None:
            self._pushed += 1
            heapq.heappush(self._heap, (moment, self._pushed, name, is_session))

    def _due(self, job: Job) -> float | None:
        return None if job.final else job.due(self._devices[job.submission.backend].available_since)

    def _job_is_due(self, job: Job, moment: float, now: float) -> None:
        due = self._due(job)
        if due is None:
            return
        if due > moment:
            self._push(job.id, due)
        elif job.started is None and self._lanes.is_full(job):
            self._lanes.wait(job)
        elif job.started is None:
            self.start(job, due)
        elif job.finish(due, now):
            self._ended(job)

    def _fill(self, backend: str, moment: float) -> None:
        if self._devices[backend].available_since is None:
            self._lanes.forget(backend)
        while (job := self._lanes.next(backend, self._has_priority)) is not None:
            self.start(job, moment)

    def _has_priority(self, job: Job) -> bool:
        session = self._session(job)
        return session is not None and session.state == "active"

    def _session_is_due(self, session: Session, moment: float) -> None:
        if session.expired(moment):
            if session.activated is None:
                self.close(session, moment, State.CANCELLED, UNUSED)
            else:
                self.close(session, session.activated + session.max_ttl, State.FAILED, EXPIRED)
            return
        idle = session.idle_from()
        if idle is not None and moment >= idle:
            session.go_idle(idle)
            self._changed(session)
            self.watch_session(session)

    def _ended(self, job: Job) -> None:
        self._jobs.ended(job)
        self._changed(job)
        if job.calibrated and job.ended is not None:
            self._devices[job.submission.backend].calibrated.append(job.ended)
        session = self._session(job)
        present = job.submission.generation == Generation.PRESENT
        if present and not job.submission.is_mock and (session is None or not session.dedicated):
            self.ledger.charge(job.ended or 0.0, job.charged)
        if session is not None and job.ended is not None:
            session.job_ended(job.ended, job.started is not None, job.charged)
            self._changed(session)
            self._close_if_done(session, job.ended)
            self.watch_session(session)
        self._lanes.leave(job)
        if job.ended is not None:
            self._fill(job.submission.backend, job.ended)

    def _close_if_done(self, session: Session, moment: float) -> None:
        if session.expect_no_more():
            self.close(session, moment, State.CANCELLED, "Closed by the user.")

    def _session(self, job: Job) -> Session | None:
        """Return the session that a job takes part in; a dry run in another machine's session takes no part."""
        name = job.submission.session_id
        session = None if name is None else self._sessions.get(name)
        return session if session is not None and session.takes_part(job.submission.backend) else None
