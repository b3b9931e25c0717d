"""Cached readings of the service, shared by all users of a connection and made in a background thread.

No request waits for the service: it gets the last reading, and starts a new one if that is not fresh. Nothing is read
while no page is open.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.client.reading import is_id
from airflow_provider_qrt.jobs.backends.select import WAIT_TIME
from airflow_provider_qrt.jobs.cancel import cancel_job
from airflow_provider_qrt.jobs.sessions.usage import dedicated_sessions
from airflow_provider_qrt.plugins.backend_readings import BackendDetails, BackendReadings
from airflow_provider_qrt.plugins.job_list import BILL_PATIENCE, JobList, ListedJob
from airflow_provider_qrt.plugins.rates import A_SECOND, BURST, Allowance
from airflow_provider_qrt.plugins.sent import sent_circuits

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Backend, InstanceUsage, Job, JobMetrics, Session
    from airflow_provider_qrt.client.states import JobStatus
    from airflow_provider_qrt.plugins.machine_data import Calibration

log = logging.getLogger(__name__)

Value = TypeVar("Value")
Key = TypeVar("Key")

FRESH_SECONDS = 5.0
"""Seconds for which a reading counts as fresh."""
REST = 4
"""Pause after a slow reading, as a multiple of its duration."""
KEPT_DETAILS = 20_000
"""Maximum number of jobs whose times are kept in memory."""
KEPT_QUEUES = 288
"""Lengths of each queue that are kept."""
QUEUE_SPACING = 300.0
"""Seconds between two of them: all of them are a day."""
_JOB_ID = re.compile(r"/jobs/([^/?:\s]+)")
KEPT_INPUTS = 32
"""Maximum number of jobs whose circuits are kept in memory."""
NO_INPUT = "IBM does not return the circuits of this job; those of private jobs are never returned."
UNEXPECTED = "The connection could not be read. The log of Airflow's API server says why."


@dataclass(frozen=True)
class Reading:
    """The current data of a connection.

    Attributes:
        jobs: This Airflow's jobs, newest first.
        backends: The backends; None if they have not been or cannot be read.
        usage: The instance's QPU time in its current period; None likewise.
        sessions: The dedicated sessions of the jobs, by id.
        problems: Error messages by part: ``connection``, ``jobs``, ``backends``, ``usage``, ``sessions``.
        read_at: End of the last reading, epoch seconds; None before the first.
        busy_since: Start of the reading in progress, epoch seconds; None if there is none.
        complete: Whether ``jobs`` is the whole list.
        cut: Whether the instance has more jobs than were read.
        base_url: Base URL of the API; empty until the connection was read.
    """

    jobs: Sequence[ListedJob] = ()
    backends: Sequence[Backend] | None = None
    usage: InstanceUsage | None = None
    sessions: Mapping[str, Session] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    read_at: float | None = None
    busy_since: float | None = None
    complete: bool = False
    cut: bool = False
    base_url: str = ""


@dataclass(frozen=True)
class JobDetails:
    """The data of a single job.

    Attributes:
        job: The job; None if it could not be read.
        metrics: Its times; None likewise.
        problem: The reason why it could not be read.
        read_at: Epoch seconds.
        in_session: Whether it ran in a dedicated session, which is charged for the time that it holds the backend.
    """

    job: Job | None
    metrics: JobMetrics | None
    problem: str | None
    read_at: float
    in_session: bool = False


@dataclass(frozen=True)
class JobInput:
    """The circuits of a job as they were sent.

    Attributes:
        job: The job; None if it could not be read.
        circuits: Their sources; see :mod:`~airflow_provider_qrt.plugins.sent`.
        problem: Why there are none.
    """

    job: Job | None
    circuits: Sequence[str] = field(default=(), repr=False)
    problem: str = ""


class ConnectionReader:
    """Reads the data that the pages show about one connection.

    Args:
        connect: Builds a client; called in the reader's thread, before each reading.
        airflow: Name of this Airflow in the identity of its jobs.
        look_back: Maximum age of listed jobs.
        clock: Returns epoch seconds.
    """

    def __init__(
        self,
        connect: Callable[[], QiskitRuntimeClient],
        airflow: str,
        look_back: timedelta,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connect = connect
        self._airflow = airflow
        self._look_back = look_back
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None
        self._due_at = 0.0
        self._wants_all = False
        self._wanted_times: dict[str, JobStatus] = {}
        self._wanted_jobs: dict[str, None] = {}
        self._times: dict[str, tuple[JobStatus, JobMetrics | None]] = {}
        self._details: dict[str, JobDetails] = {}
        self._modes: dict[str, str | None] = {}
        self._wanted_backends: dict[tuple[str, bool], None] = {}
        self._wanted_days: dict[tuple[str, str], None] = {}
        self._wanted_ends: dict[str, None] = {}
        self._wanted_inputs: dict[str, None] = {}
        self._inputs: dict[str, JobInput] = {}
        self._calibrations = BackendReadings()
        self._fates: dict[str, str] = {}
        self._failed_ends: set[str] = set()
        self._queues: dict[str, deque[tuple[float, int]]] = {}
        self._settings: object = None
        self._list = JobList(airflow, look_back)
        self._pace = Allowance(BURST, A_SECOND)
        self._backends: Sequence[Backend] | None = None
        self._usage: InstanceUsage | None = None
        self._sessions: Mapping[str, Session] = {}
        self._problems: dict[str, str] = {}
        self._read_at: float | None = None
        self._base_url = ""

    def look(self, *, ask: bool = True) -> Reading:
        """Return the current data, and start a new reading if it is not fresh and ``ask`` allows it."""
        if ask and self._busy_since is None and self._clock() >= self._due_at:
            with self._lock:
                self._wants_all = True
            self._begin()
        jobs = self._list
        return Reading(
            jobs=jobs.jobs,
            backends=self._backends,
            usage=self._usage,
            sessions=self._sessions,
            problems=dict(self._problems),
            read_at=self._read_at,
            busy_since=self._busy_since,
            complete=jobs.complete,
            cut=jobs.cut,
            base_url=self._base_url,
        )

    def times(self, jobs: Iterable[Job], *, ask: bool = True) -> dict[str, JobMetrics | None]:
        """Return the known times of jobs, and start to read those of the others.

        The value is None for a job that cannot be read; a job that is still to be read is missing.
        """
        found: dict[str, JobMetrics | None] = {}
        wanted: dict[str, JobStatus] = {}
        for job in jobs:
            known = self._times.get(job.id)
            if known is not None:
                found[job.id] = known[1]
            if known is None or known[0] is not job.status:
                wanted[job.id] = job.status
        if wanted and ask:
            with self._lock:
                # Only read the jobs of the page that is shown now, not of earlier ones.
                self._wanted_times = wanted
            self._begin()
        return found

    def job(self, job_id: str, *, ask: bool = True) -> JobDetails | None:
        """Return the data of a job; None if it is still to be read."""
        known = self._details.get(job_id)
        if not ask:
            return known
        if known is None or (not _is_over(known) and self._clock() - known.read_at > FRESH_SECONDS):
            with self._lock:
                self._wanted_jobs[job_id] = None
            self._begin()
        return known

    def input(self, job_id: str, *, ask: bool = True) -> JobInput | None:
        """Return the circuits of a job as they were sent; None if they are still to be read."""
        known = self._inputs.get(job_id)
        if known is None and ask:
            with self._lock:
                self._wanted_inputs[job_id] = None
            self._begin()
        return known

    def backend(self, name: str, *, wholly: bool = False, ask: bool = True) -> BackendDetails | None:
        """Return the calibration of a backend; None if it is still to be read.

        Args:
            name: The backend.
            wholly: Whether its map and its past are wanted, too.
            ask: Whether the service may be asked.
        """
        if ask and self._calibrations.is_due(name, self._clock(), wholly=wholly):
            with self._lock:
                self._wanted_backends[name, wholly] = None
            self._begin()
        known = self._calibrations.get(name)
        return None if wholly and known is not None and not known.is_whole else known

    def calibrations(
        self, asked: Iterable[tuple[str, str]], *, ask: bool = True
    ) -> dict[tuple[str, str], Calibration | None]:
        """Return the calibrations of backends on days, and start to read those that are missing.

        Args:
            asked: Names of backends, each with a day, ISO 8601.
            ask: Whether the service may be asked.
        """
        found: dict[tuple[str, str], Calibration | None] = {}
        missing: dict[tuple[str, str], None] = {}
        for name, day in asked:
            is_known, calibration = self._calibrations.known_past(name, day, self._clock())
            if is_known:
                found[name, day] = calibration
            else:
                missing[name, day] = None
        if missing and ask:
            with self._lock:
                self._wanted_days = missing
            self._begin()
        return found

    def cancel(self, job_id: str) -> None:
        """Cancel a job soon; :attr:`fates` tells what became of it."""
        with self._lock:
            self._wanted_ends[job_id] = None
            self._failed_ends.discard(job_id)
        _keep(self._fates, job_id, "It is being cancelled.")
        self._begin()

    @property
    def fates(self) -> Mapping[str, str]:
        """The outcomes of cancellations, by the ids of jobs."""
        return dict(self._fates)

    @property
    def failed_cancellations(self) -> frozenset[str]:
        """The jobs that could not be cancelled, so that somebody may try again."""
        with self._lock:
            return frozenset(self._failed_ends)

    def queue_history(self, name: str) -> list[tuple[float, int]]:
        """Return the lengths of a backend's queue as they were read: epoch seconds and number of jobs."""
        return list(self._queues.get(name, ()))

    @property
    def problem(self) -> str | None:
        """Why the connection cannot be used, or the service did not answer; None if no problem is known."""
        return self._problems.get("connection")

    @property
    def base_url(self) -> str:
        """Base URL of the API; empty until the connection was read."""
        return self._base_url

    def forget(self) -> None:
        """Give up what is still to be read, for tests."""
        self._give_up("")

    def wait(self, seconds: float) -> None:
        """Wait until no reading is in progress, for tests and benchmarks."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _begin(self) -> None:
        with self._lock:
            if self._busy_since is not None:
                return
            self._busy_since = self._clock()
            self._thread = threading.Thread(target=self._run, name="qiskit-runtime-pages", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            # No more threads: the next request tries again.
            with self._lock:
                self._busy_since = None
            self._give_up(UNEXPECTED)

    def _run(self) -> None:
        try:
            with self._connect() as client:
                self._look_at_settings(client)
                while (work := self._next()) is not None:
                    self._pace.wait()
                    work(client)
            self._problems.pop("connection", None)
        except errors.QiskitRuntimeError as error:
            self._give_up(_for_all(error))
        except Exception:
            # Not in the message, since the error of a secrets backend may contain anything.
            log.exception("The connection's jobs could not be read for the pages.")
            self._give_up(UNEXPECTED)
        finally:
            with self._lock:
                self._busy_since = None
                forgotten = bool(self._wanted_ends)
            if forgotten:
                # Somebody has asked for it just now, and may not ask again.
                self._begin()

    def _give_up(self, problem: str) -> None:
        with self._lock:
            self._problems["connection"] = problem
            self._wants_all = False
            self._wanted_times.clear()
            self._wanted_jobs.clear()
            self._wanted_inputs.clear()
            self._wanted_backends.clear()
            self._wanted_days.clear()
            for job_id in self._wanted_ends:
                self._fates[job_id] = f"It was not cancelled. {problem}"
                self._failed_ends.add(job_id)
            self._wanted_ends.clear()
            self._due_at = self._clock() + FRESH_SECONDS * 2

    def _look_at_settings(self, client: QiskitRuntimeClient) -> None:
        """Reset everything if the connection was changed, since it may name another instance."""
        settings = client.settings
        if settings != self._settings:
            self._settings = settings
            self._list = JobList(self._airflow, self._look_back)
            self._times, self._details, self._modes = {}, {}, {}
            self._calibrations, self._queues, self._inputs = BackendReadings(), {}, {}
            self._backends = self._usage = self._read_at = None
            self._sessions = {}
            self._problems = {}
            self._base_url = settings.base_url

    def _next(self) -> Callable[[QiskitRuntimeClient], None] | None:
        """Return what is most urgent: cancel a job, read what a page shows, the list, and calibrations at last."""
        with self._lock:
            if (job_id := _pop(self._wanted_ends)) is not None:
                return partial(self._cancel, job_id=job_id)
            if (job_id := _pop(self._wanted_jobs)) is not None:
                return partial(self._keep_job, job_id=job_id)
            if (job_id := _pop(self._wanted_inputs)) is not None:
                return partial(self._keep_input, job_id=job_id)
            if (job_id := next(iter(self._wanted_times), None)) is not None:
                return partial(self._keep_times, job_id=job_id, status=self._wanted_times.pop(job_id))
            if self._wants_all:
                self._wants_all = False
                return self._read_all
            if (backend := _pop(self._wanted_backends)) is not None:
                return partial(self._keep_backend, name=backend[0], wholly=backend[1])
            if (wanted := _pop(self._wanted_days)) is not None:
                return partial(self._keep_day, name=wanted[0], day=wanted[1])
        return None

    def _keep_job(self, client: QiskitRuntimeClient, job_id: str) -> None:
        _keep(self._details, job_id, self._read_job(client, job_id))

    def _keep_input(self, client: QiskitRuntimeClient, job_id: str) -> None:
        _keep(self._inputs, job_id, _read_input(client, job_id), most=KEPT_INPUTS)

    def _keep_times(self, client: QiskitRuntimeClient, job_id: str, status: JobStatus) -> None:
        _keep(self._times, job_id, (status, _metrics(client, job_id)))

    def _keep_backend(self, client: QiskitRuntimeClient, name: str, wholly: bool) -> None:
        if self._calibrations.is_due(name, self._clock(), wholly=wholly):
            self._calibrations.read(client, name, self._clock(), wholly=wholly)

    def _keep_day(self, client: QiskitRuntimeClient, name: str, day: str) -> None:
        self._calibrations.past(client, name, datetime.fromisoformat(day).replace(tzinfo=UTC), self._clock())

    def _cancel(self, client: QiskitRuntimeClient, job_id: str) -> None:
        try:
            fate = cancel_job(client, job_id)
        except errors.QiskitRuntimeError as error:
            fate = f"It could not be cancelled, and may run and be charged. {error}"
            with self._lock:
                self._failed_ends.add(job_id)
        _keep(self._fates, job_id, fate)
        with self._lock:
            self._wants_all = True

    def _read_job(self, client: QiskitRuntimeClient, job_id: str) -> JobDetails:
        if not is_id(job_id):
            # The id comes from XCom, which is untrusted.
            return JobDetails(None, None, "This is no id of a job.", self._clock())
        try:
            job = client.job(job_id)
        except errors.InvalidAnswerError as error:
            return JobDetails(None, None, str(error), self._clock())
        except errors.TRANSIENT:
            raise
        except errors.ApiError as error:
            return JobDetails(None, None, str(error), self._clock())
        return JobDetails(job, _metrics(client, job_id), None, self._clock(), self._is_in_session(client, job))

    def _is_in_session(self, client: QiskitRuntimeClient, job: Job) -> bool:
        if job.session_id is None or not client.channel.offers(Feature.SESSIONS):
            return False
        if job.session_id not in self._modes:
            try:
                _keep(self._modes, job.session_id, client.session(job.session_id).mode)
            except errors.TRANSIENT:
                raise
            except errors.ApiError:
                return False
        return self._modes[job.session_id] == "dedicated"

    def _read_all(self, client: QiskitRuntimeClient) -> None:
        began = self._clock()
        now = datetime.fromtimestamp(began, UTC)
        channel = client.channel
        self._part("backends", lambda: self._take_backends(_backends(client), began))
        if channel.offers(Feature.USAGE):
            self._part("usage", lambda: setattr(self, "_usage", client.instance_usage()))
        self._part("jobs", lambda: self._list.refresh(client, now))
        self._part("sessions", lambda: self._read_sessions(client))
        ended = self._clock()
        self._read_at = ended
        self._due_at = ended + max(FRESH_SECONDS, REST * (ended - began))

    def _take_backends(self, backends: Sequence[Backend], now: float) -> None:
        self._backends = backends
        for backend in backends:
            history = self._queues.setdefault(backend.name, deque(maxlen=KEPT_QUEUES))
            if not history or now - history[-1][0] >= QUEUE_SPACING:
                history.append((now, backend.queue_length))

    def _read_sessions(self, client: QiskitRuntimeClient) -> None:
        self._sessions = dedicated_sessions(client, [one.job for one in self._list.jobs], self._sessions)

    def _part(self, name: str, read: Callable[[], None]) -> None:
        """Read one part; an error that concerns only this part does not prevent reading the others."""
        try:
            read()
        except errors.InvalidAnswerError as error:
            self._problems[name] = _for_all(error)
        except errors.TRANSIENT:
            raise
        except (errors.InvalidApiKeyError, errors.UnauthorizedError):
            raise
        except errors.QiskitRuntimeError as error:
            self._problems[name] = _for_all(error)
        else:
            self._problems.pop(name, None)


def _for_all(error: errors.QiskitRuntimeError) -> str:
    """Return an error's text without job ids, since not every viewer may see the job."""
    text = str(error)
    for job_id in set(_JOB_ID.findall(text)):
        text = text.replace(job_id, "…")
    return text


def _backends(client: QiskitRuntimeClient) -> Sequence[Backend]:
    detailed = client.channel.offers(Feature.BACKEND_DETAILS)
    return client.backends(fields=WAIT_TIME if detailed else ())


def _metrics(client: QiskitRuntimeClient, job_id: str) -> JobMetrics | None:
    if not client.channel.offers(Feature.METRICS):
        return None
    try:
        return client.job_metrics(job_id)
    except errors.InvalidAnswerError:
        return None
    except errors.TRANSIENT:
        raise
    except errors.ApiError:
        return None


def _is_over(known: JobDetails) -> bool:
    """Return whether a job will not change any more: it has ended, and its usage is settled or overdue."""
    job, metrics = known.job, known.metrics
    if job is None or metrics is None or not job.status.is_final:
        return False
    usage = metrics.usage or job.usage
    if usage is None or usage.complete or job.created is None:
        return True
    return known.read_at - job.created.timestamp() > BILL_PATIENCE.total_seconds()


def _read_input(client: QiskitRuntimeClient, job_id: str) -> JobInput:
    if not is_id(job_id):
        return JobInput(None, problem="This is no id of a job.")
    try:
        job = client.job(job_id, exclude_params=False)
    except errors.InvalidAnswerError as error:
        return JobInput(None, problem=str(error))
    except errors.TRANSIENT:
        raise
    except errors.QiskitRuntimeError as error:
        return JobInput(None, problem=str(error))
    circuits = sent_circuits(job.params)
    return JobInput(replace(job, params=None), circuits, "" if circuits else NO_INPUT)


def _pop(wanted: dict[Key, None]) -> Key | None:
    """Take the first key out of a dictionary; None if there is none."""
    key = next(iter(wanted), None)
    if key is not None:
        del wanted[key]
    return key


def _keep(kept: dict[str, Value], key: str, value: Value, *, most: int = KEPT_DETAILS) -> None:
    """Store a value in a cache of limited size, and drop the oldest entries."""
    kept[key] = value
    while len(kept) > most:
        del kept[next(iter(kept))]
