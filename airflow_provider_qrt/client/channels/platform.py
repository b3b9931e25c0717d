"""``ibm_quantum_platform``: the current API, see https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_qrt import __version__
from airflow_provider_qrt.client import crn, errors
from airflow_provider_qrt.client.channels.base import Channel, Feature, Submission, quoted
from airflow_provider_qrt.client.channels.iam import iam_login
from airflow_provider_qrt.client.channels.interfaces import Http, ServiceSettings
from airflow_provider_qrt.client.limits import API_VERSION, FIRST_VERSION_WITH_DEVICE_OBJECTS
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.client.reading import read

if TYPE_CHECKING:
    from airflow_provider_qrt.client.login import Login


class Platform(Channel):
    """IBM Quantum Platform since 2025: IAM token, CRN and API version on each request."""

    name = "ibm_quantum_platform"
    features = frozenset(Feature) - {
        Feature.CIRCUITS,
        Feature.PROGRAMS,
        Feature.START_SESSION,
        Feature.STREAM,
    }
    instead: ClassVar[Mapping[Feature, str]] = {
        Feature.CIRCUITS: "Give PUBs: circuits for the sampler, circuits with observables for the estimator.",
        Feature.PROGRAMS: "Its programs are sampler, estimator, executor and noise-learner.",
        Feature.START_SESSION: (
            "Open the session with qiskit_runtime_session() or QiskitRuntimeCreateSessionOperator, and give its id as "
            "session_id."
        ),
        Feature.STREAM: "The job is polled.",
    }
    api_path = "/api/v1"
    needs_instance = True
    key_missing = (
        "The connection has no API key. Create one at https://cloud.ibm.com/iam/apikeys and put it in the password "
        "field."
    )
    unauthorized = errors.UnauthorizedError.what_to_do

    def default_base_url(self, settings: ServiceSettings) -> str:
        """Derive the URL from the region in the CRN."""
        return crn.base_url(settings.crn.region, private=settings.private_endpoint)

    def default_login_url(self, settings: ServiceSettings) -> str:
        """Return the URL of IBM Cloud IAM, public or private."""
        return crn.iam_url(private=settings.private_endpoint)

    def place(self, settings: ServiceSettings) -> str:
        """Name the instance and its region."""
        return str(settings.instance)

    def headers(self, settings: ServiceSettings) -> dict[str, str]:
        """Return the headers for instance, API version and the calling application."""
        return {
            "Service-CRN": settings.crn.value,
            "IBM-API-Version": settings.api_version,
            "X-Qx-Client-Application": f"qiskit-version-2/airflow_provider_qrt-{__version__}/{settings.application}",
        }

    def login(self, settings: ServiceSettings) -> Login:
        """Return the token exchange of IAM."""
        return iam_login(settings)

    def submission(self, settings: ServiceSettings, job: Submission) -> dict[str, Any]:  # noqa: ARG002
        """Build the body: ``program_id``, ``backend``, ``params`` and the optional fields that were set."""
        self.check(job)
        body: dict[str, Any] = {"program_id": job.program_id, "backend": job.backend, "params": job.params}
        optional = {
            "tags": list(job.tags) or None,
            "session_id": job.session_id,
            "cost": job.max_execution_seconds,
            "log_level": job.log_level,
            "calibration_id": job.calibration_id,
            "private": job.private or None,
        }
        return body | {name: value for name, value in optional.items() if value is not None}

    def read_backends(self, settings: ServiceSettings, devices: Sequence[Any]) -> list[Backend]:
        """Read the backend objects.

        Raises:
            ApiVersionNotHonouredError: If the service lists names only, as the oldest API version did.
        """
        if devices and isinstance(devices[0], str):
            raise errors.ApiVersionNotHonouredError(
                f"The service did not honour the API version {settings.api_version!r}: it lists backends by name "
                f"only, as before {FIRST_VERSION_WITH_DEVICE_OBJECTS}. Set api_version in the connection to "
                f"{API_VERSION}."
            )
        return [read(Backend.from_json, device) for device in devices]

    def close_session(self, http: Http, session_id: str) -> None:
        """Stop accepting jobs; the session closes when the last job has ended."""
        http.send("PATCH", f"/sessions/{quoted(session_id)}", body={"accepting_jobs": False})

    def cancel_session(self, http: Http, session_id: str) -> None:
        """Send ``DELETE /sessions/{id}/close``."""
        http.send("DELETE", f"/sessions/{quoted(session_id)}/close")
