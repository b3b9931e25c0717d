"""The lines that jobs log, and a client that answers from memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from airflow_provider_qrt.client import ClientSettings, errors
from airflow_provider_qrt.client.models import Job, Session, SubmittedJob, Workload
from airflow_provider_qrt.client.states import JobState, JobStatus

NOWHERE = "https://quantum.invalid/api/v1"
CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/account:the-instance::"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what the package ``jobs`` has logged."""
    caplog.set_level(logging.INFO)
    return lambda: [one.getMessage() for one in caplog.records if one.name.startswith("airflow_provider_qrt.jobs")]


class Service:
    """Answers as the client does, without HTTP.

    Attributes:
        held: Its jobs, by id.
        sessions: Its sessions and batches, by id.
        listed: Its workloads.
        unlisted: Ids of jobs that are not in its list yet.
        failing: Errors by method. One of ``submit_job`` makes no job; one of ``answer`` comes when there is a job.
        calls: The methods that were called, with their arguments.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.channel = settings.generation
        self.held: dict[str, Job] = {}
        self.sessions: dict[str, Session] = {}
        self.listed: list[Workload] = []
        self.unlisted: set[str] = set()
        self.failing: dict[str, Exception] = {}
        self.calls: list[tuple[str, Any]] = []

    def holds(self, *jobs: Job) -> None:
        self.held.update({job.id: job for job in jobs})

    def asked(self, method: str) -> list[Any]:
        return [arguments for name, arguments in self.calls if name == method]

    def end(self, job_id: str, status: JobStatus = JobStatus.COMPLETED, code: int | None = None) -> None:
        self.held[job_id] = replace(self.held[job_id], state=JobState(status, status.value, reason_code=code))

    def _note(self, method: str, arguments: Any) -> None:
        self.calls.append((method, arguments))
        if method in self.failing:
            raise self.failing[method]

    def job(self, job_id: str) -> Job:
        self._note("job", job_id)
        return self._known("jobs", self.held, job_id)

    def jobs(
        self,
        *,
        pending: bool | None = None,
        tags: Any = (),
        session_id: str | None = None,
        created_after: datetime | None = None,
        newest_first: bool = True,
        include_mocks: bool = False,
    ) -> Iterator[Job]:
        filters = {"pending": pending, "tags": tags, "session_id": session_id, "created_after": created_after}
        # As the service's own defaults are not repeated.
        said = {name: value for name, value in filters.items() if value not in (None, ())}
        if include_mocks:
            said["include_mocks"] = True
        self._note("jobs", said if newest_first else {**said, "newest_first": False})
        found = [
            job
            for job in self.held.values()
            if job.id not in self.unlisted
            and (pending is None or job.status.is_final is not pending)
            and set(tags) <= set(job.tags)
            and session_id in (None, job.session_id)
        ]
        return iter(found[::-1] if newest_first else found)

    def job_logs(self, job_id: str) -> str:
        self._note("job_logs", job_id)
        return f"the log of {job_id}"

    def cancel_job(self, job_id: str) -> None:
        self._note("cancel_job", job_id)
        if self._known("jobs", self.held, job_id).status.is_final:
            raise errors.ConflictError(409, errors.ErrorBody(), request=f"POST /jobs/{job_id}/cancel")
        self.end(job_id, JobStatus.CANCELLED)

    def submit_job(self, **asked: Any) -> SubmittedJob:
        self._note("submit_job", asked)
        made = JobState(JobStatus.QUEUED, "Queued")
        given = {"backend": asked["backend"], "tags": tuple(asked["tags"]), "session_id": asked["session_id"]}
        job = Job(f"job-{len(self.held) + 1}", made, **given)
        self.holds(job)
        self._note("answer", job.id)
        return SubmittedJob(job.id)

    def session(self, session_id: str) -> Session:
        self._note("session", session_id)
        return self._known("sessions", self.sessions, session_id)

    def create_session(self, **asked: Any) -> Session:
        self._note("create_session", asked)
        made = Session(f"s{len(self.sessions) + 1}", asked["mode"], "open", True, asked["backend"], asked["max_ttl"])
        self.sessions[made.id] = made
        return made

    def close_session(self, session_id: str) -> None:
        self._note("close_session", session_id)
        self._known("sessions", self.sessions, session_id)

    def cancel_session(self, session_id: str) -> None:
        self._note("cancel_session", session_id)
        self._known("sessions", self.sessions, session_id)

    def workloads(self, **filters: Any) -> Iterator[Workload]:
        self._note("workloads", filters)
        wanted = filters.get("status")
        return (one for one in self.listed if one.mode == filters["mode"] and (not wanted or one.status in wanted))

    def close(self) -> None:
        self._note("close", None)

    @staticmethod
    def _known(kind: str, known: dict[str, Any], one: str) -> Any:
        if one not in known:
            raise errors.NotFoundError(404, errors.ErrorBody(message="no such thing"), request=f"GET /{kind}/{one}")
        return known[one]


@pytest.fixture
def service() -> Service:
    """The present platform, with nothing in it."""
    return Service(ClientSettings.create(api_key="key", instance=CRN, base_url=NOWHERE, iam_url=NOWHERE))


@pytest.fixture
def service_without_tags() -> Service:
    """The oldest generation, whose jobs carry no tags and which lists nothing."""
    project = {"hub": "a-hub", "group": "a-group", "project": "a-project"}
    settings = ClientSettings.create(
        api_key="key", instance=None, base_url="https://quantum.invalid", channel="api_token", **project
    )
    return Service(settings)
