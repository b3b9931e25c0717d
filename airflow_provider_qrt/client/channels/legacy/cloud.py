"""``ibm_cloud``: Qiskit Runtime on IBM Cloud, 2022 to 2025. IAM and CRN as today, primitives of version 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_qrt import __version__
from airflow_provider_qrt.client import crn
from airflow_provider_qrt.client.channels.base import QUICKEST_WAY, Feature, Submission, quoted
from airflow_provider_qrt.client.channels.iam import iam_login
from airflow_provider_qrt.client.channels.interfaces import Http, ServiceSettings
from airflow_provider_qrt.client.channels.legacy.older import NAME_A_BACKEND, OlderChannel
from airflow_provider_qrt.client.errors import UnauthorizedError

if TYPE_CHECKING:
    from airflow_provider_qrt.client.login import Login

APPLICATION_PREFIX = "qiskit-version-2/0.39.2/"
"""Required start of the application header; the service rejected jobs without it."""


class Cloud(OlderChannel):
    """Channel whose sessions begin with a job (``start_session``) and end with ``DELETE /sessions/{id}/close``."""

    name = "ibm_cloud"
    features = frozenset(
        {
            Feature.CIRCUITS,
            Feature.ANY_PROGRAM,
            Feature.BACKENDS,
            Feature.START_SESSION,
            Feature.TAGS,
            Feature.EXECUTION_LIMIT,
            Feature.METRICS,
            Feature.LOGS,
            Feature.STREAM,
        }
    )
    instead: ClassVar[Mapping[Feature, str]] = {
        Feature.BACKEND_DETAILS: NAME_A_BACKEND,
        Feature.SESSIONS: "Set start_session=True on the first sampler task, and give its session_id to the others.",
        Feature.BATCHES: (
            "Set start_session=True on the first sampler task, and give its session_id to the others, or submit them "
            "one by one."
        ),
        Feature.PROGRAMS: "Its programs are sampler and estimator.",
        Feature.PUBS: f"Give circuits without parameter values. {QUICKEST_WAY}",
    }
    needs_instance = True
    key_missing = (
        "The connection has no API key. Put the IBM Cloud API key that the service's IAM knows into the password field."
    )
    unauthorized = UnauthorizedError.what_to_do

    def former_base_url(self, settings: ServiceSettings) -> str:
        """Return the host that IBM had for the region."""
        return f"https://{settings.crn.region}.quantum-computing.cloud.ibm.com"

    def default_login_url(self, settings: ServiceSettings) -> str:  # noqa: ARG002
        """Return the URL of IBM Cloud IAM."""
        return crn.iam_url()

    def place(self, settings: ServiceSettings) -> str:
        """Name the instance and its region."""
        return str(settings.instance)

    def headers(self, settings: ServiceSettings) -> dict[str, str]:
        """Return the headers for the instance and the calling application."""
        return {
            "Service-CRN": settings.crn.value,
            "x-qx-client-application": (
                f"{APPLICATION_PREFIX}airflow_provider_qrt-{__version__}/{settings.application}"
            ),
        }

    def login(self, settings: ServiceSettings) -> Login:
        """Return the token exchange of IAM."""
        return iam_login(settings)

    def submission(self, settings: ServiceSettings, job: Submission) -> dict[str, Any]:  # noqa: ARG002
        """Build the body: ``program_id``, ``backend``, ``params``, tags, and the session to start or join."""
        self.check(job)
        return older_submission(job) | ({"start_session": True} if job.start_session else {})

    def close_session(self, http: Http, session_id: str) -> None:
        """Close the session; this channel has only one way to do so."""
        http.send("DELETE", f"/sessions/{quoted(session_id)}/close")

    def cancel_session(self, http: Http, session_id: str) -> None:
        """Close the session like :meth:`close_session`."""
        self.close_session(http, session_id)


def older_submission(job: Submission) -> dict[str, Any]:
    """Build the fields of a job that ``ibm_cloud`` and ``ibm_quantum`` have in common."""
    body: dict[str, Any] = {"program_id": job.program_id, "backend": job.backend, "params": job.params}
    if job.session_id is not None:
        body["session_id"] = job.session_id
    if job.tags:
        body["tags"] = list(job.tags)
    if job.max_execution_seconds is not None:
        body["cost"] = job.max_execution_seconds
    if job.log_level is not None:
        body["log_level"] = job.log_level
    return body
