"""``api_token``: the first Qiskit Runtime, 2021. The API token is the bearer token; job state comes from the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature, Submission, quoted
from airflow_provider_qrt.client.channels.interfaces import Http, ServiceSettings
from airflow_provider_qrt.client.channels.legacy.older import CLASSIC_HOST, OlderChannel, project_of
from airflow_provider_qrt.client.models import Job, Program
from airflow_provider_qrt.client.reading import read
from airflow_provider_qrt.client.states import JobState, JobStatus

_NO_SESSIONS = "Submit the jobs one by one, without session_id."
_NO_PRIMITIVES = (
    "Run one of its programs with QiskitRuntimeSubmitJobOperator; QiskitRuntimeHook.list_programs() lists them."
)


class ApiToken(OlderChannel):
    """A channel without login, tags or sessions; programs take one JSON text and return plain text."""

    name = "api_token"
    features = frozenset({Feature.ANY_PROGRAM, Feature.PROGRAMS})
    instead: ClassVar[Mapping[Feature, str]] = {
        Feature.BACKENDS: "Name a backend in the task, such as 'ibmq_montreal'.",
        Feature.BACKEND_DETAILS: "Name a backend in the task, such as 'ibmq_montreal'.",
        Feature.PUBS: _NO_PRIMITIVES,
        Feature.CIRCUITS: _NO_PRIMITIVES,
        Feature.TAGS: "Leave your own tags out, and keep the job's id, which the task returns as XCom job_id.",
        Feature.SESSIONS: _NO_SESSIONS,
        Feature.BATCHES: _NO_SESSIONS,
        Feature.START_SESSION: "Submit the jobs one by one, or use a connection with the channel 'ibm_cloud'.",
        Feature.EXECUTION_LIMIT: "Leave max_execution_time out, and set timeout to have a late job cancelled.",
    }
    needs_project = True
    key_missing = "The connection has no API token. Put the API token of your account into the password field."
    unauthorized = "Check that the API token in the connection's password is valid"

    def former_base_url(self, settings: ServiceSettings) -> str:  # noqa: ARG002
        """Return the single host that IBM had."""
        return CLASSIC_HOST

    def default_login_url(self, settings: ServiceSettings) -> str:  # noqa: ARG002
        """Return an empty text: there is no login."""
        return ""

    def place(self, settings: ServiceSettings) -> str:
        """Name hub, group, project and host."""
        return project_of(settings)

    def headers(self, settings: ServiceSettings) -> dict[str, str]:  # noqa: ARG002
        """Return no headers: only the token is sent."""
        return {}

    def login(self, settings: ServiceSettings) -> None:  # noqa: ARG002
        """Return None: the API token is sent with each request."""
        return

    def submission(self, settings: ServiceSettings, job: Submission) -> dict[str, Any]:
        """Build the body, with ``params`` as a list that holds the input as JSON text.

        Raises:
            NotOfferedError: See the base class.
            ValueError: If the input cannot be serialised as JSON; nothing was sent.
        """
        self.check(job)
        try:
            text = json.dumps(job.params, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"POST /jobs: params cannot be written as JSON ({error}); nothing was sent.") from None
        return {
            "programId": job.program_id,
            "hub": settings.hub,
            "group": settings.group,
            "project": settings.project,
            "backend": job.backend,
            "params": [text],
        }

    def read_job(self, http: Http, job_id: str, *, exclude_params: bool) -> Job:  # noqa: ARG002
        """Request the result: 204 means that the job is running, 200 that it has completed, 400 that it has failed."""
        try:
            response = http.send("GET", f"/jobs/{quoted(job_id)}/results", large=True)
        except errors.ResultsNotReadyError:
            return Job(job_id, _state(JobStatus.RUNNING))
        except errors.BadRequestError as error:
            if error.status != 400:
                raise
            return Job(job_id, _failure(error.body))
        return Job(job_id, _state(JobStatus.RUNNING if response.status_code == 204 else JobStatus.COMPLETED))

    def programs(self, http: Http) -> list[Program]:
        """List the programs with details; this needs a token."""
        answer = http.get_json("/programs")
        if not isinstance(answer, list):
            raise errors.UnexpectedAnswerError("GET /programs: the answer is not a list.")
        return [read(Program.from_json, one) for one in answer]


def _state(status: JobStatus, reason: str | None = None) -> JobState:
    return JobState(status, status.value, reason)


def _failure(body: errors.ErrorBody) -> JobState:
    """Return the state of a job without a result. The code is that of the request, so it only goes into the reason."""
    said = body.message or "no reason given"
    status = JobStatus.CANCELLED if "cancel" in said.lower() else JobStatus.FAILED
    reason = f"{said} (code {body.code})" if body.code else said
    return JobState(status, status.value, reason, reason_solution=body.solution)
