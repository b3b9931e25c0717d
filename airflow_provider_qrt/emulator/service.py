"""The state of one emulator, and all operations on it. Use it only from the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from airflow_provider_qrt.emulator.access import SubmissionLimit
from airflow_provider_qrt.emulator.calibrate import CALIBRATE, check_mode
from airflow_provider_qrt.emulator.clock import Clock
from airflow_provider_qrt.emulator.devices import Device, load_devices
from airflow_provider_qrt.emulator.errors import NOT_FOUND, RAN_TOO_LONG, ApiError, bad_request
from airflow_provider_qrt.emulator.faults import Faults
from airflow_provider_qrt.emulator.iam import Identity
from airflow_provider_qrt.emulator.jobs import RAN_TOO_LONG_STATUS, Job, Outcome, State, Ticket, new_id, pack
from airflow_provider_qrt.emulator.jobstore import JobStore
from airflow_provider_qrt.emulator.journal import Journal
from airflow_provider_qrt.emulator.ledger import Ledger
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.legacy.logins import Logins
from airflow_provider_qrt.emulator.legacy.machines import load_older_devices
from airflow_provider_qrt.emulator.legacy.submissions import read_older
from airflow_provider_qrt.emulator.mocks import Mock, mocks_of
from airflow_provider_qrt.emulator.rules import JobRules
from airflow_provider_qrt.emulator.sessions import Session, admit, open_session
from airflow_provider_qrt.emulator.settings import (
    MOCK_PLANS,
    OPEN_PLAN,
    PLAN_COST_SECONDS,
    USAGE_PERIOD_SECONDS,
    Settings,
)
from airflow_provider_qrt.emulator.simulation import simulator
from airflow_provider_qrt.emulator.simulation.outcome import Work
from airflow_provider_qrt.emulator.state import Keeper, open_keeper
from airflow_provider_qrt.emulator.submission import Submission, read_submission
from airflow_provider_qrt.emulator.timeline import Timeline

SIMULATION_THREADS = 2
NEVER = float("inf")


class Service:
    """One emulated Qiskit Runtime service.

    Attributes:
        settings: Its settings, which can change while it runs.
        clock: Its clock.
        identity: Its IAM.
        logins: The login of an older generation.
        devices: Its backends, by name.
        mocks: The machines for dry runs, by name; empty on a plan without them.
        all_devices: Its backends including these and those of the older generations. A name stands for the same device
            in every generation.
        jobs: Its jobs.
        sessions: Its sessions and batches, by id.
        timeline: The scheduled changes of jobs and sessions.
        limit: Its submission limit.
        faults: The fault rules.
        rules: The job rules.
        journal: The requests received.
    """

    def __init__(self, settings: Settings) -> None:
        simulator.check_installed()
        self.settings = settings
        self.devices = load_devices(settings.backends)
        self.mocks = mocks_of(self.devices) if settings.plan in MOCK_PLANS else {}
        self.all_devices = {**load_older_devices(), **self.devices, **self.mocks}
        self.jobs = JobStore()
        self.sessions: dict[str, Session] = {}
        self._keeper: Keeper = open_keeper(settings.state)
        self.timeline = Timeline(
            self.all_devices, self.jobs, self.sessions, self._keeper.changed, lambda: settings.lanes
        )
        self.clock = Clock(settings.speed, self._keeper.ahead() - settings.behind_seconds)
        self.identity = Identity(settings, self.clock)
        self.logins = Logins(settings, self.clock)
        self.limit = SubmissionLimit(settings, self.clock)
        self.faults = Faults()
        self.rules = JobRules()
        self.journal = Journal()
        self._pool = ThreadPoolExecutor(SIMULATION_THREADS, thread_name_prefix="qrt-emulator")
        self._go_on()

    def shut_down(self) -> None:
        """Wait for running simulations, as the interpreter would at exit; drop those that have not started."""
        self.save()
        self._keeper.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def settle(self) -> float:
        """Bring every job and session up to date, and return the present time."""
        now = self.clock.now()
        self.timeline.settle(now)
        return now

    def save(self) -> None:
        """Write all changes to the state file, if there is one."""
        self._keeper.save(self.clock.ahead, self.timeline.ledger.take_new(), self.jobs.accepted)

    def changed(self, one: Job | Session) -> None:
        """Mark a job or a session as changed since it was last saved."""
        self._keeper.changed(one)

    def session(self, session_id: str, generation: Generation = Generation.PRESENT) -> Session:
        """Return a session that is visible in a generation of the API.

        Raises:
            ApiError: 404 if there is no such session.
        """
        session = self._find_session(session_id, generation)
        if session is None:
            raise ApiError(404, NOT_FOUND, "Session not found.", "Check the session id and the instance.")
        return session

    def open_session(self, body: Any) -> Session:
        """Open a session or a batch.

        Raises:
            ApiError: It is refused.
        """
        session = open_session(body, list(self.machines), self.clock.now(), self.settings.plan)
        self.sessions[session.id] = session
        self.timeline.watch_session(session)
        self.changed(session)
        return session

    @property
    def machines(self) -> dict[str, Device]:
        """The backends that a job of the present API may name, by name: the real ones and those for dry runs."""
        return {**self.devices, **self.mocks}

    def sessions_of(self, generation: Generation) -> list[Session]:
        """Return the sessions that are visible in a generation of the API."""
        return [session for session in self.sessions.values() if session.generation == generation]

    def used_seconds(self, now: float) -> float:
        """Return the seconds charged in the 28 days until ``now``, after :meth:`settle`.

        Older generations charge nothing. A session counts as long as it has not ended before.
        """
        since = now - USAGE_PERIOD_SECONDS
        sessions = [one for one in self.sessions_of(Generation.PRESENT) if one.dedicated]
        wall_clock = sum(one.used(now) for one in sessions if one.closed is None or one.closed > since)
        return self.timeline.ledger.after(since) + wall_clock

    def set_limit(self, seconds: float | None) -> None:
        """Set the instance's usage limit; jobs that the old limit held back may run if there is usage left."""
        now = self.settle()
        self.settings.usage_limit_seconds = seconds
        if not self._at_limit(now):
            held = [job for job in self.jobs.unfinished() if job.held_until == NEVER]
            for job in held:
                job.held_until = now
                self.changed(job)
            self.timeline.wake(held)

    def _at_limit(self, now: float) -> bool:
        settings = self.settings
        # The allocation of a paid plan is not enforced, because an emulator may run for days.
        kept = settings.usage_limit_seconds is not None or settings.plan == OPEN_PLAN
        return kept and self.used_seconds(now) >= settings.limit_seconds

    def submit(self, body: Any, caller: str) -> Job:
        """Accept a job and start simulating it in the background.

        Raises:
            ApiError: The job is refused; nothing was created.
        """
        now = self.settle()
        body = self._with_backend(body)
        submission = read_submission(body, self.machines, self.settings.withdrawn_programs)
        return self._accept(submission, body, caller, now)

    def submit_older(self, body: Any, caller: str, generation: Generation) -> Job:
        """Accept a job of an older generation, and open a session with it if it asks for one.

        Raises:
            ApiError: The job is refused; nothing was created.
        """
        now = self.settle()
        return self._accept(read_older(body, generation), body, caller, now)

    def _accept(self, submission: Submission, body: Any, caller: str, now: float) -> Job:
        present = submission.generation is Generation.PRESENT
        held = present and submission.backend not in self.mocks and self._at_limit(now)
        if held and self.settings.usage_limit_mode == "refuse":
            raise ApiError(
                409,
                "usage_limit_reached",
                "The instance has reached its usage limit.",
                "Raise the instance's limit or wait for the next period.",
            )
        job_id = new_id()
        session = None
        if submission.starts_session:
            session = self._start_session(submission, job_id, now)
            submission = replace(submission, session_id=job_id)
        elif submission.session_id is not None:
            session = admit(self._find_session(submission.session_id, submission.generation), submission.backend)
            if submission.program_id == CALIBRATE:
                check_mode(session.mode)
        job = self._new_job(job_id, submission, body, caller, now)
        job.held_until = NEVER if held else 0.0
        if session is not None and session.takes_part(submission.backend):
            session.backend = submission.backend
            session.waiting += 1
            session.joined += 1
            self.changed(session)
        self.jobs.add(job)
        self._simulate(job, submission)
        self.timeline.watch(job)
        self.changed(job)
        return job

    def _start_session(self, submission: Submission, session_id: str, now: float) -> Session:
        session = Session(
            id=session_id,
            mode="dedicated",
            backend=submission.backend,
            max_ttl=submission.session_seconds,
            opened=now,
            generation=submission.generation.value,
        )
        self.sessions[session.id] = session
        return session

    def _find_session(self, session_id: str, generation: Generation) -> Session | None:
        session = self.sessions.get(session_id)
        return session if session is not None and session.generation == generation else None

    def _with_backend(self, body: Any) -> Any:
        # A job in a session may leave out the backend and use the session's.
        if not isinstance(body, dict) or body.get("backend") is not None or not isinstance(body.get("session_id"), str):
            return body
        session = self._find_session(body["session_id"], Generation.PRESENT)
        return body if session is None or session.backend is None else {**body, "backend": session.backend}

    def _new_job(self, job_id: str, submission: Submission, body: Any, caller: str, now: float) -> Job:
        device, settings = self.all_devices[submission.backend], self.settings
        queue = settings.queue_seconds if device.queue_seconds is None else device.queue_seconds
        run = settings.run_seconds if device.run_seconds is None else device.run_seconds
        if submission.program_id == CALIBRATE and settings.calibration_seconds is not None:
            run = settings.calibration_seconds
        job = Job(
            id=job_id,
            ordinal=self.jobs.accepted + 1,
            submission=Ticket.of(submission),
            body=pack(body),
            created=now,
            queue_seconds=queue,
            run_seconds=run,
            limit=min(submission.cost, PLAN_COST_SECONDS[settings.plan]),
            most_bytes=settings.max_result_bytes,
            tags=submission.tags,
            caller=caller,
        )
        rule = self.rules.take(submission)
        if rule is not None:
            job.queue_seconds = queue if rule.queue_seconds is None else rule.queue_seconds
            job.run_seconds = run if rule.run_seconds is None else rule.run_seconds
            job.outcome = rule.outcome()
        return job

    def _simulate(self, job: Job, submission: Submission) -> None:
        if submission.program_id == CALIBRATE:
            done: Future[Work] = Future()
            self.timeline.watch_work(job, done)
            done.set_result(Work(self.clock.now()))
            return
        seed, device = self.settings.seed, self.all_devices[submission.backend]
        work = self._pool.submit(
            simulator.run,
            submission,
            device.real if isinstance(device, Mock) else device,
            self.clock,
            None if seed is None else seed + job.ordinal,
            self.settings.max_active_qubits,
            self.settings.noise,
            isinstance(device, Mock),
        )
        self.timeline.watch_work(job, work)

    def _go_on(self) -> None:
        """Continue from the state that an earlier emulator saved.

        Raises:
            ValueError: A job that has not ended uses a backend that is not served.
        """
        kept = self._keeper.load()
        missing = {job.submission.backend for job, _ in kept.jobs if not job.final} - set(self.all_devices)
        if missing:
            self._keeper.close()
            raise ValueError(f"the state has jobs that have not ended on {', '.join(sorted(missing))}: serve these too")
        self.timeline.ledger = Ledger(kept.charges)
        for session in kept.sessions:
            self.sessions[session.id] = session
            self.timeline.watch_session(session)
        self.jobs.went_before(kept.accepted)
        for job, body in kept.jobs:
            self.jobs.add(job)
            if job.calibrated and job.ended is not None and job.submission.backend in self.all_devices:
                self.all_devices[job.submission.backend].calibrated.append(job.ended)
            if body is not None:
                self._simulate(job, self._read_again(job, body))
                self.timeline.watch(job)

    def _read_again(self, job: Job, body: Any) -> Submission:
        generation = Generation(job.submission.generation)
        if generation is Generation.PRESENT:
            return read_submission(body, self.machines)
        return read_older(body, generation)

    def revoke_tokens(self) -> int:
        """Expire every token and login issued so far, and return how many were still valid."""
        return self.identity.revoke() + self.logins.revoke()

    def cancel(self, job: Job) -> None:
        """Cancel a job that has not ended.

        Raises:
            ApiError: 409 if it has already ended.
        """
        now = self.settle()
        if job.final:
            raise ApiError(409, "conflict", f"The job is {job.state} and cannot be cancelled.", "Nothing needs doing.")
        self.timeline.end(job, now, Outcome(State.CANCELLED, "The job was cancelled by the user."))

    def delete(self, job: Job) -> None:
        """Forget a job that has ended.

        Raises:
            ApiError: 400 if it has not ended.
        """
        if not job.final:
            raise bad_request(f"The job is {job.state} and cannot be deleted.", "Cancel it first.")
        self.jobs.remove(job.id)
        self._keeper.removed(job)

    async def force(self, job: Job, status: str, reason: str | None, code: int | None, hint: str | None) -> None:
        """End a job immediately, for a test.

        ``Completed`` skips the waiting, but the simulation must finish; when it fails, so does the job.

        Raises:
            ApiError: 409 when the job has already ended, 400 for a status that is not final.
        """
        now = self.settle()
        if job.final:
            raise ApiError(409, "conflict", f"The job is already {job.state}.", "Force only unfinished jobs.")
        if status == State.COMPLETED:
            job.hurry(now)
            if job.started is None:
                self.timeline.start(job, now)
            else:
                self.timeline.watch(job)
            if job.work is not None:
                await asyncio.wait([asyncio.wrap_future(job.work)])
            self.settle()
        elif status == State.FAILED:
            outcome = Outcome(status, reason or "The job failed.", code or 5203, hint or "Submit it again.")
            self.timeline.end(job, now, outcome)
        elif status == State.CANCELLED:
            self.timeline.end(job, now, Outcome(status, reason or "The job was cancelled.", code, hint))
        elif status == RAN_TOO_LONG_STATUS:
            text = reason or "The job exceeded its maximum execution time."
            self.timeline.end(job, now, Outcome(status, text, code or RAN_TOO_LONG, hint or "Raise the limit."))
        else:
            ends = ", ".join([State.COMPLETED, State.FAILED, State.CANCELLED, RAN_TOO_LONG_STATUS])
            raise bad_request(f"status must be one of: {ends}.")

    def reset(self) -> None:
        """Forget jobs, sessions, faults, rules, requests and submission counts; settings and tokens stay.

        The clock goes back to the machine's time.
        """
        self.jobs.clear()
        self.sessions.clear()
        self.timeline.clear()
        self._keeper.clear()
        self.faults.clear()
        self.rules.clear()
        self.journal.clear()
        self.limit.forget()
        self.clock.set_right()
        for device in self.all_devices.values():
            device.restore()
