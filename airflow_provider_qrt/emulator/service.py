"""The state of one emulator, and what can be done to it. Used from the event loop only."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_qrt.emulator import simulate
from airflow_provider_qrt.emulator.access import SubmissionLimit
from airflow_provider_qrt.emulator.clock import Clock
from airflow_provider_qrt.emulator.devices import load_devices
from airflow_provider_qrt.emulator.errors import NOT_FOUND, RAN_TOO_LONG, ApiError, bad_request
from airflow_provider_qrt.emulator.faults import Faults
from airflow_provider_qrt.emulator.iam import Identity
from airflow_provider_qrt.emulator.jobs import RAN_TOO_LONG_STATUS, Job, JobStore, State, new_id
from airflow_provider_qrt.emulator.journal import Journal
from airflow_provider_qrt.emulator.sessions import Session, admit
from airflow_provider_qrt.emulator.settings import Settings
from airflow_provider_qrt.emulator.submission import read_submission

SIMULATION_THREADS = 2


class Service:
    """One emulated Qiskit Runtime service.

    Attributes:
        settings: How it behaves; may change while it runs.
        clock: Its time.
        identity: Its IAM.
        devices: Its backends, by name.
        jobs: Its jobs.
        sessions: Its sessions and batches, by id.
        limit: Its submission limit.
        faults: The fault rules.
        journal: The requests that came.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.identity = Identity(settings, self.clock)
        self.devices = load_devices(settings.backends)
        self.jobs = JobStore()
        self.sessions: dict[str, Session] = {}
        self.limit = SubmissionLimit(settings, self.clock)
        self.faults = Faults()
        self.journal = Journal()
        self._pool = ThreadPoolExecutor(SIMULATION_THREADS, thread_name_prefix="qrt-emulator")

    def shut_down(self) -> None:
        """Wait for the simulations under way, as the interpreter would at its end; those not begun are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def settle(self) -> float:
        """Bring every job and session up to the present, and return the present."""
        now = self.clock.now()
        by_session: dict[str, list[Job]] = {}
        for job in self.jobs:
            if job.submission.session_id is None:
                self._settle(job, now)
            else:
                by_session.setdefault(job.submission.session_id, []).append(job)
        for session in self.sessions.values():
            jobs = by_session.get(session.id, [])
            # Twice, for the start of its first job moves the session's own end.
            for _ in range(2):
                for job in jobs:
                    limit = session.expiry() if session.closed is None else session.closed
                    self._settle(job, min(now, limit) if job.started is None else now)
                session.settle(min(now, session.expiry() - 1e-6), jobs)
            session.settle(now, jobs)
            for job in jobs:
                self._settle(job, now)
        return now

    def _settle(self, job: Job, now: float) -> None:
        job.settle(now, self.devices[job.submission.backend].available_since)

    def session_jobs(self, session_id: str) -> list[Job]:
        """Return the jobs of a session."""
        return [job for job in self.jobs if job.submission.session_id == session_id]

    def session(self, session_id: str) -> Session:
        """Return a session.

        Raises:
            ApiError: 404.
        """
        session = self.sessions.get(session_id)
        if session is None:
            raise ApiError(404, NOT_FOUND, "Session not found.", "Check the session id and the instance.")
        return session

    def used_seconds(self) -> float:
        """Return the QPU seconds charged so far. Jobs must have been settled."""
        return sum(job.charged for job in self.jobs)

    def submit(self, body: Any, caller: str) -> Job:
        """Accept a job and start simulating it in the background.

        Raises:
            ApiError: The job is refused; nothing was created.
        """
        submission = read_submission(body, self.devices)
        now = self.settle()
        limit = self.settings.usage_limit_seconds
        if limit is not None and self.used_seconds() >= limit:
            raise ApiError(
                409,
                "usage_limit_reached",
                "The instance has reached its usage limit.",
                "Raise the instance's limit or wait for the next period.",
            )
        if submission.session_id is not None:
            admit(self.sessions.get(submission.session_id), submission.backend)
        job = Job(
            id=new_id(),
            ordinal=self.jobs.next_ordinal(),
            submission=submission,
            created=now,
            queue_seconds=self.settings.queue_seconds,
            run_seconds=self.settings.run_seconds,
            limit=submission.cost,
            tags=submission.tags,
            caller=caller,
        )
        seed = self.settings.seed
        job.work = self._pool.submit(
            simulate.run,
            submission,
            self.devices[submission.backend],
            self.clock,
            None if seed is None else seed + job.ordinal,
            self.settings.max_active_qubits,
            self.settings.noise,
        )
        self.jobs.add(job)
        return job

    def cancel(self, job: Job) -> None:
        """Cancel a job that has not ended.

        Raises:
            ApiError: 409 when it has.
        """
        now = self.settle()
        if job.final:
            raise ApiError(409, "conflict", f"The job is {job.state} and cannot be cancelled.", "Nothing needs doing.")
        job.end(now, State.CANCELLED, "The job was cancelled by the user.")

    async def force(self, job: Job, status: str, reason: str | None, code: int | None, hint: str | None) -> None:
        """End a job at once, as a test wants it.

        ``Completed`` skips the waiting, but the simulation must finish; when it fails, so does the job.

        Raises:
            ApiError: 409 when the job has already ended, 400 for a status that is no end.
        """
        now = self.settle()
        if job.final:
            raise ApiError(409, "conflict", f"The job is already {job.state}.", "Force only unfinished jobs.")
        if status == State.COMPLETED:
            job.hurry(now)
            await asyncio.wait([asyncio.wrap_future(job.work)])
            self.settle()
        elif status == State.FAILED:
            job.end(now, State.FAILED, reason or "The job failed.", code or 5203, hint or "Submit it again.")
        elif status == State.CANCELLED:
            job.end(now, State.CANCELLED, reason or "The job was cancelled.", code, hint)
        elif status == RAN_TOO_LONG_STATUS:
            text = reason or "The job exceeded its maximum execution time."
            job.end(now, State.CANCELLED, text, code or RAN_TOO_LONG, hint or "Raise the limit.")
            job.status = RAN_TOO_LONG_STATUS
        else:
            ends = ", ".join([State.COMPLETED, State.FAILED, State.CANCELLED, RAN_TOO_LONG_STATUS])
            raise bad_request(f"status must be one of: {ends}.")

    def reset(self) -> None:
        """Forget jobs, sessions, faults, requests and submission counts; settings and tokens stay."""
        self.jobs.clear()
        self.sessions.clear()
        self.faults.clear()
        self.journal.clear()
        self.limit.forget()
        now = self.clock.now()
        for device in self.devices.values():
            device.set_status("online", None, now)
            device.base_queue_length = 0
