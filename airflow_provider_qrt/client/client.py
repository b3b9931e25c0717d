"""Client of the REST API of one instance, with one method per endpoint.

The API is described at https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest. Every method raises the errors of
:mod:`airflow_provider_qrt.client.errors`. Requests that are safe to repeat are retried after temporary errors.

Older generations of the API are supported too: the settings' channel describes them. A feature that the channel lacks
raises :class:`~airflow_provider_qrt.client.errors.NotOfferedError` before anything is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

import requests

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.bounds import MEBIBYTE, AnswerLimits, BodyReader
from airflow_provider_qrt.client.channels.base import Channel, Feature, Submission, quoted
from airflow_provider_qrt.client.limits import (
    JOBS_PAGE_SIZE,
    PROGRAM_NOT_FOUND,
    READ_TIMEOUT,
    SESSION_CLOSED,
    SUBMIT_TIMEOUT,
    WORKLOADS_PAGE_SIZE,
)
from airflow_provider_qrt.client.models import (
    Backend,
    BackendStatus,
    Instance,
    InstanceUsage,
    Job,
    JobMetrics,
    Program,
    Session,
    SubmittedJob,
    Workload,
)
from airflow_provider_qrt.client.paging import Pages
from airflow_provider_qrt.client.reading import read, read_list, read_object, read_tags, read_text
from airflow_provider_qrt.client.retry import RetryPolicy
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.client.transport import OnRequest, Transport
from airflow_provider_qrt.untrusted.blotter import readable

Reader = TypeVar("Reader", bound=BodyReader)

LONGEST_LOG = MEBIBYTE
"""Number of characters kept of a job's log: the last ones, which say why a job failed."""


class QiskitRuntimeClient:
    """Client of the Qiskit Runtime REST API (IBM Quantum Compute Service).

    Clients are cheap: all clients of a process share the bearer token, and nothing is sent before the first call.
    Several threads may use one client.

    Args:
        settings: Service address and credentials.
        retry: When to retry; ``RetryPolicy(attempts=1)`` never retries.
        sleep: Called with the seconds to wait between two attempts.
        read_timeout: Seconds to wait for an answer; submissions always have 900 s.
        limits: Limits for the size and total time of an answer.
        on_request: Called for each request with its method, its path, and the HTTP status of the answer, or None if
            there was no answer. It must not raise anything.
        shared_connections: Whether to share connections with all clients of the process.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        read_timeout: float = READ_TIMEOUT,
        limits: AnswerLimits | None = None,
        on_request: OnRequest | None = None,
        shared_connections: bool = True,
    ) -> None:
        self.settings = settings
        self.channel: Channel = settings.generation
        self._http = Transport(
            settings.endpoint,
            retry=retry or RetryPolicy(),
            sleep=sleep,
            read_timeout=read_timeout,
            limits=limits,
            on_request=on_request,
            shared_connections=shared_connections,
        )

    def __enter__(self) -> QiskitRuntimeClient:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def prepare(self) -> None:
        """Get a token now, if one is needed.

        Raises:
            QiskitRuntimeError: If the token cannot be obtained.
        """
        self._http.headers()

    def close(self) -> None:
        """Close the HTTP connections; the last client of the process logs out, if the channel has a logout.

        A closed client may be used again, and must then be closed again.
        """
        self._http.close()

    # Backends

    def backends(self, *, fields: Sequence[str] = (), include_mocks: bool = False) -> list[Backend]:
        """List the instance's backends.

        Args:
            fields: Extra fields to request; ``wait_time_seconds`` is the documented one.
            include_mocks: List the mock twins too, which check jobs and run none.

        Raises:
            ApiVersionNotHonouredError: If the service lists names only, as the oldest API version did.
        """
        self.channel.require(Feature.BACKENDS, "Listing backends")
        if fields:
            self.channel.require(Feature.BACKEND_DETAILS, "Choosing or waiting for a backend ('least_busy')")
        params = _given(fields=",".join(fields) or None, include_mocks=_flag(include_mocks or None))
        answer = self._http.get_json("/backends", params=params or None)
        return self.channel.read_backends(self.settings, read_list(answer, "devices", "GET /backends"))

    def backend_status(self, name: str) -> BackendStatus:
        """Read whether a backend runs jobs now, and its queue length."""
        self.channel.require(Feature.BACKEND_DETAILS, f"The status of {name}")
        return read(BackendStatus.from_json, self._http.get_json(f"/backends/{quoted(name)}/status"))

    def backend_configuration(self, name: str, *, calibration_id: str | None = None) -> Mapping[str, Any]:
        """Read qubits, basis gates, coupling map and so on, as the service returns them."""
        self.channel.require(Feature.BACKEND_DETAILS, f"The configuration of {name}")
        return read_object(
            self._http.get_json(f"/backends/{quoted(name)}/configuration", params=_given(calibration_id=calibration_id))
        )

    def backend_properties(
        self, name: str, *, calibration_id: str | None = None, updated_before: datetime | None = None
    ) -> Mapping[str, Any]:
        """Read calibration data (T1, T2, gate and readout errors), as the service returns them."""
        self.channel.require(Feature.BACKEND_DETAILS, f"The calibration of {name}")
        params = _given(calibration_id=calibration_id, updated_before=updated_before)
        return read_object(self._http.get_json(f"/backends/{quoted(name)}/properties", params=params))

    # Jobs

    def submit_job(
        self,
        *,
        program_id: str,
        backend: str,
        params: Mapping[str, Any],
        tags: Sequence[str] = (),
        session_id: str | None = None,
        max_execution_seconds: int | None = None,
        log_level: str | None = None,
        calibration_id: str | None = None,
        private: bool = False,
        start_session: bool = False,
    ) -> SubmittedJob:
        """Submit a job. The request is not repeated if its outcome is unknown: the service has no idempotency key.

        Args:
            program_id: ``sampler``, ``estimator``, ``executor``, ...
            backend: Name of the backend.
            params: The program's input.
            tags: At most 8, each at most 86 characters.
            session_id: Session or batch to join.
            max_execution_seconds: QPU seconds after which the job is stopped (``cost``), at most 10800.
            log_level: ``critical``, ``error``, ``warning``, ``info`` or ``debug``.
            calibration_id: Run on a given calibration.
            private: IBM never returns the input, and returns the result only once.
            start_session: Start a session with this job, on a channel that has such sessions; the answer names it.

        Raises:
            NotOfferedError: The channel lacks a feature that the job needs; nothing was sent.
            SubmissionUnknownError: The request was sent but got no usable answer; the job may exist.
            UsageLimitReachedError: The instance's QPU time is used up; nothing was created.
            ProgramUnavailableError: The service does not know the program, or has withdrawn it; nothing was created.
        """
        job = Submission(
            program_id,
            backend,
            params,
            tags=tags,
            session_id=session_id,
            start_session=start_session,
            max_execution_seconds=max_execution_seconds,
            log_level=log_level,
            calibration_id=calibration_id,
            private=private,
        )
        body = self.channel.submission(self.settings, job)
        try:
            return self._http.submit(
                "/jobs", body=body, reader=self.channel.read_submitted, read_timeout=SUBMIT_TIMEOUT
            )
        except errors.ConflictError as error:
            if error.code == SESSION_CLOSED:
                raise
            raise errors.UsageLimitReachedError(error.status, error.body, request=error.request) from error
        except (errors.NotFoundError, errors.BadRequestError) as error:
            if not _is_about_program(error):
                raise
            raise errors.ProgramUnavailableError(error.status, error.body, request=error.request) from error

    def job(self, job_id: str, *, exclude_params: bool = True) -> Job:
        """Read a job, without its input unless ``exclude_params=False``, since the input may be megabytes.

        On ``api_token`` only id and state are known, which are derived from the result.
        """
        return self.channel.read_job(self._http, job_id, exclude_params=exclude_params)

    def jobs(
        self,
        *,
        pending: bool | None = None,
        program_id: str | None = None,
        backend: str | None = None,
        session_id: str | None = None,
        tags: Sequence[str] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        newest_first: bool = True,
        exclude_params: bool = True,
        include_mocks: bool = False,
        page_size: int = JOBS_PAGE_SIZE,
    ) -> Iterator[Job]:
        """Iterate over the matching jobs, page by page, each job once.

        An endless list raises ``InvalidAnswerError``.

        Args:
            pending: True for queued and running jobs, False for finished ones.
            program_id: Only jobs of this program.
            backend: Only jobs on this backend.
            session_id: Only jobs in this session.
            tags: Only jobs that have all of these tags.
            created_after: Inclusive.
            created_before: Inclusive.
            newest_first: Order by creation.
            exclude_params: Leave the inputs out.
            include_mocks: List jobs on mock twins too.
            page_size: Jobs per request, at most 200.
        """
        self.channel.require(Feature.TAGS, "Looking for jobs")
        params = _given(
            pending=_flag(pending),
            program=program_id,
            backend=backend,
            session_id=session_id,
            tags=list(tags) or None,
            created_after=created_after,
            created_before=created_before,
            include_mocks=_flag(include_mocks or None),
        )
        params |= {
            "exclude_params": _flag(exclude_params),
            "sort": "DESC" if newest_first else "ASC",
            "limit": page_size,
        }
        pages = Pages("GET /jobs")
        offset = 0
        while True:
            answer = self._http.get_json("/jobs", params={**params, "offset": offset}, large=not exclude_params)
            page = read_list(answer, "jobs", "GET /jobs")
            for data in page:
                # A job created between two pages shifts the rest, so an id can occur twice.
                job = read(Job.from_json, data)
                if pages.is_new(job.id):
                    yield job
            offset += len(page)
            count = answer.get("count")
            if not page or (isinstance(count, int) and offset >= count):
                return
            pages.end_page()

    def job_result(self, job_id: str) -> str:
        """Return the result of a completed job as text (JSON for primitives).

        Read the state first: a failed job's result may be an error text with status 200. The result of a private job
        can be read only once.

        Raises:
            ResultsNotReadyError: If the job has not ended.
        """
        response = self._result_answer(job_id)
        response.encoding = "utf-8"
        return response.text

    def receive_result(self, job_id: str, new_reader: Callable[[], Reader]) -> Reader:
        """Give the result of a completed job to a reader while it arrives; see :meth:`job_result`.

        Args:
            job_id: The job.
            new_reader: Called for each attempt; its value takes the body, in pieces of bytes, with ``write``.

        Returns:
            The reader that has taken the whole result.

        Raises:
            ResultsNotReadyError: If the job has not ended.
        """
        readers: list[Reader] = []

        def begin() -> Reader:
            # Of an attempt that failed, nothing is kept.
            readers[:] = [new_reader()]
            return readers[0]

        response = self._result_answer(job_id, begin)
        if response.status_code != 200:
            begin().write(response.content)
        return readers[0]

    def _result_answer(self, job_id: str, new_reader: Callable[[], BodyReader] | None = None) -> requests.Response:
        path = f"/jobs/{quoted(job_id)}/results"
        response = self._http.send("GET", path, large=True, new_reader=new_reader)
        if response.status_code == 204:
            raise errors.ResultsNotReadyError(
                204, errors.ErrorBody(message="The job has no results yet"), request=f"GET {path}"
            )
        return response

    def cancel_job(self, job_id: str) -> None:
        """Request a job's cancellation; it takes effect after a moment.

        Raises:
            ConflictError: If the job has already ended.
        """
        self._http.send("POST", f"/jobs/{quoted(job_id)}/cancel")

    def delete_job(self, job_id: str) -> None:
        """Remove the record of a job that has ended. Use :meth:`cancel_job` to stop a job."""
        self._http.send("DELETE", f"/jobs/{quoted(job_id)}")

    def job_metrics(self, job_id: str) -> JobMetrics:
        """Read when the job was created, picked up and finished, and its usage."""
        self.channel.require(Feature.METRICS, f"The metrics of job {job_id}")
        return read(JobMetrics.from_json, self._http.get_json(f"/jobs/{quoted(job_id)}/metrics"))

    def job_logs(self, job_id: str) -> str:
        """Read the job's log; empty if there is none (the service answers 404), or the channel has no logs."""
        if not self.channel.offers(Feature.LOGS):
            return ""
        try:
            response = self._http.send("GET", f"/jobs/{quoted(job_id)}/logs")
        except errors.NotFoundError:
            return ""
        text = response.content.decode("utf-8", "replace")
        # Drop the first line after the cut: it may start with part of a secret, which would not be redacted.
        return readable(text if len(text) <= LONGEST_LOG else text[-LONGEST_LOG:].partition("\n")[2], LONGEST_LOG)

    def set_job_tags(self, job_id: str, tags: Sequence[str]) -> None:
        """Replace the job's tags."""
        self.channel.require(Feature.TAGS, f"The tags of job {job_id}")
        self._http.send("PUT", f"/jobs/{quoted(job_id)}/tags", body={"tags": list(tags)})

    def tags(self, search: str) -> list[str]:
        """List tags of jobs that contain ``search`` (3 to 100 characters)."""
        self.channel.require(Feature.WORKLOADS, "A search for tags")
        answer = self._http.get_json("/tags", params={"type": "job", "search": search})
        return list(read_tags(read_list(answer, "tags", "GET /tags")))

    # Live status

    def stream_url(self, job_id: str) -> str | None:
        """Return the URL of a job's status stream (``ws`` or ``wss``); None if the channel has no stream."""
        return self.channel.stream_url(self.settings, job_id)

    def stream_headers(self) -> dict[str, str]:
        """Return the headers for the stream request, including credentials; may fetch a token."""
        return self._http.headers()

    # Programs

    def programs(self) -> list[Program]:
        """List the programs that can be run, if the channel has such a list."""
        return self.channel.programs(self._http)

    def program(self, program_id: str) -> Program:
        """Find a program in that list.

        Raises:
            NoSuchProgramError: If it is not in the list; the message names those that are.
        """
        listed = self.programs()
        for program in listed:
            if program.id == program_id:
                return program
        raise errors.NoSuchProgramError(
            f"The service has no program {program_id!r}; it offers {', '.join(one.id for one in listed) or 'none'}."
        )

    # Sessions and batches

    def create_session(
        self,
        *,
        mode: Literal["batch", "dedicated"],
        backend: str | None = None,
        max_ttl: int | None = None,
    ) -> Session:
        """Open a session (``dedicated``) or batch. The request is not repeated if its outcome is unknown.

        Args:
            mode: A dedicated session is charged for the time it is open, a batch for its jobs only.
            backend: Backend that all its jobs run on.
            max_ttl: Maximum lifetime in seconds; the plan's limit applies.

        Raises:
            SubmissionUnknownError: The request was sent but got no usable answer; the session may exist.
        """
        self.channel.require(
            Feature.BATCHES if mode == "batch" else Feature.SESSIONS,
            f"Opening a {'batch' if mode == 'batch' else 'session'}",
        )
        body = {"mode": mode, **_given(backend=backend, max_ttl=max_ttl)}
        return self._http.submit("/sessions", body=body, reader=partial(read, Session.from_json))

    def session(self, session_id: str) -> Session:
        """Read a session or batch."""
        self.channel.require(Feature.SESSIONS, f"Reading session {session_id}")
        return read(Session.from_json, self._http.get_json(f"/sessions/{quoted(session_id)}"))

    def close_session(self, session_id: str) -> None:
        """Stop accepting jobs, let queued and running ones finish, then close. ``ibm_cloud`` has one way to close."""
        self.channel.close_session(self._http, session_id)

    def cancel_session(self, session_id: str) -> None:
        """Close at once: queued jobs do not run, the running one finishes."""
        self.channel.cancel_session(self._http, session_id)

    # Instance, usage, workloads, versions

    def instance(self) -> Instance:
        """Read the instance's backends and plan."""
        self.channel.require(Feature.WORKLOADS, "The instance")
        return read(Instance.from_json, self._http.get_json("/instance"))

    def instance_usage(self) -> InstanceUsage:
        """Read the QPU seconds used and allowed in the current period."""
        self.channel.require(Feature.USAGE, "The QPU time used")
        return read(InstanceUsage.from_json, self._http.get_json("/instances/usage"))

    def workloads(
        self,
        *,
        mode: Literal["job", "session", "batch"] | None = None,
        status: Sequence[str] = (),
        backend: str | None = None,
        search: str | None = None,
        tags: Sequence[str] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        mine: bool = False,
        newest_first: bool = True,
        page_size: int = WORKLOADS_PAGE_SIZE,
    ) -> Iterator[Workload]:
        """Iterate over jobs, sessions and batches, page by page with the service's cursors.

        Args:
            mode: Only this kind. This is the only way to list sessions.
            status: ``pending``, ``in_progress``, ``completed``, ``failed``, ``canceled``.
            backend: Only workloads on this backend.
            search: An id or a tag.
            tags: Only workloads with these tags.
            created_after: Inclusive.
            created_before: Inclusive.
            mine: Only workloads of the API key's user.
            newest_first: Order by creation.
            page_size: Items per request, at most 50.
        """
        self.channel.require(Feature.WORKLOADS, "Looking for sessions and other workloads")
        params = _given(
            mode=mode,
            status=list(status) or None,
            backend=backend,
            search=search,
            tags=list(tags) or None,
            created_after=created_after,
            created_before=created_before,
            user="me" if mine else None,
        )
        params |= {"sort": "-createdAt" if newest_first else "createdAt", "limit": page_size}
        cursor: str | None = None
        followed: set[str] = set()
        pages = Pages("GET /workloads")
        while True:
            answer = self._http.get_json("/workloads", params={**params, **_given(next=cursor)})
            for data in read_list(answer, "workloads", "GET /workloads"):
                workload = read(Workload.from_json, data)
                if pages.is_new(workload.id):
                    yield workload
            cursor = _next_cursor(answer.get("next"))
            if not cursor or cursor in followed:
                return
            followed.add(cursor)
            pages.end_page()

    def versions(self) -> list[str]:
        """List the API versions that the service offers; this needs no credentials."""
        self.channel.require(Feature.VERSIONS, "The API versions")
        answer = self._http.get_json("/versions", authenticated=False)
        return [read_text(version) or "" for version in read_list(answer, "versions", "GET /versions")]


def _is_about_program(error: errors.ApiError) -> bool:
    """Return whether the service refused a submission because of its program and not because of anything else."""
    if error.code == PROGRAM_NOT_FOUND:
        return True
    # IBM documents neither the code nor the words for this.
    return error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE) and "program" in error.body.message.lower()


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _given(**values: Any) -> dict[str, Any]:
    """Return the values that are not None, with times formatted for the API."""
    return {
        name: _timestamp(value) if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None
    }


def _timestamp(moment: datetime) -> str:
    """Format a time as RFC 3339, which requires an offset; a time without one is taken as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _next_cursor(link: Any) -> str | None:
    """Return the cursor in ``{"href": "...?next=..."}``, or None on the last page."""
    href = link.get("href") if isinstance(link, Mapping) else link
    if not isinstance(href, str):
        return None
    return next(iter(parse_qs(urlsplit(href).query).get("next", ())), None)
