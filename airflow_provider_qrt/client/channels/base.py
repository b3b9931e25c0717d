"""Base class of the channels: each describes how one generation of the API differs from the others.

The client knows what the user wants, and the transport knows HTTP. The channel determines the URLs, headers, login and
JSON shapes of its generation. If a generation lacks a feature, the channel raises an error before anything is sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.interfaces import Http, ServiceSettings
from airflow_provider_qrt.client.models import Backend, Job, Program, SubmittedJob
from airflow_provider_qrt.client.reading import read

if TYPE_CHECKING:
    from airflow_provider_qrt.client.login import Login

QUICKEST_WAY = "Use a connection with the channel 'ibm_quantum_platform'."


class Feature(StrEnum):
    """A feature that a channel may offer; the value names it in messages."""

    PUBS = "primitives of version 2 (PUBs)"
    CIRCUITS = "primitives of version 1 (circuits)"
    ANY_PROGRAM = "programs other than the primitives"
    EXECUTOR = "program executor"
    CALIBRATION = "program that calibrates a backend"
    PROGRAMS = "list of programs"
    BACKENDS = "list of backends"
    BACKEND_DETAILS = "details of its backends (status, queue, configuration, calibration)"
    SESSIONS = "sessions that are opened on their own"
    BATCHES = "batches"
    START_SESSION = "sessions that begin with their first job"
    TAGS = "tags on jobs, by which jobs are found"
    EXECUTION_LIMIT = "limit of a job's QPU time"
    PRIVATE = "private jobs"
    METRICS = "metrics of jobs"
    LOGS = "logs of jobs"
    STREAM = "live status of jobs"
    USAGE = "account of the QPU time used"
    WORKLOADS = "list of workloads"
    VERSIONS = "versions of its API"


@dataclass(frozen=True)
class Submission:
    """A requested job, independent of the channel's JSON shape. See ``QiskitRuntimeClient.submit_job``."""

    program_id: str
    backend: str
    params: Mapping[str, Any] = field(repr=False)
    tags: Sequence[str] = ()
    session_id: str | None = None
    start_session: bool = False
    max_execution_seconds: int | None = None
    log_level: str | None = None
    calibration_id: str | None = None
    private: bool = False

    def wants(self) -> dict[Feature, str]:
        """Return the features that the job needs, each with the argument that requests it."""
        asked = {
            Feature.TAGS: (self.tags, "tags"),
            Feature.START_SESSION: (self.start_session, "start_session"),
            Feature.EXECUTION_LIMIT: (self.max_execution_seconds is not None, "max_execution_time"),
            Feature.LOGS: (self.log_level is not None, "log_level"),
            Feature.PRIVATE: (self.private, "private"),
            Feature.BACKEND_DETAILS: (self.calibration_id is not None, "calibration_id"),
        }
        return {feature: name for feature, (wanted, name) in asked.items() if wanted}


class Channel(ABC):
    """One generation of the API.

    Attributes:
        name: The value of the connection's ``channel``.
        features: The features it offers.
        instead: Alternatives to features it does not offer.
        api_path: Path of the API on its host.
        needs_instance: Whether a connection must name an instance (CRN).
        needs_project: Whether it must name hub, group and project.
        auth_header: Header that carries the token.
        auth_prefix: Text before the token in that header.
        key_missing: What to do when the connection has no API key.
        unauthorized: What to do about a 401.
    """

    name: ClassVar[str]
    features: ClassVar[frozenset[Feature]]
    instead: ClassVar[Mapping[Feature, str]] = {}
    api_path: ClassVar[str] = ""
    needs_instance: ClassVar[bool] = False
    needs_project: ClassVar[bool] = False
    auth_header: ClassVar[str] = "Authorization"
    auth_prefix: ClassVar[str] = "Bearer "
    key_missing: ClassVar[str]
    unauthorized: ClassVar[str]

    def __repr__(self) -> str:
        return f"<channel {self.name}>"

    # Features

    def offers(self, feature: Feature) -> bool:
        """Return whether the channel has a feature."""
        return feature in self.features

    def require(self, feature: Feature, what: str) -> None:
        """Check that the channel has a feature, before anything is sent.

        Args:
            feature: The feature.
            what: What the caller requested, in the user's words, such as ``backend='least_busy'``.

        Raises:
            NotOfferedError: If it does not.
        """
        if feature not in self.features:
            raise self.lacks(feature, what)

    def lacks(self, feature: Feature, what: str) -> errors.NotOfferedError:
        """Return the error that names the channel and the missing feature, and says what to do instead."""
        instead = self.instead.get(feature, QUICKEST_WAY)
        return errors.NotOfferedError(
            f"{what}: the channel {self.name!r} has no {feature.value}. {instead} Nothing was sent."
        )

    def require_sessions(self, what: str) -> None:
        """Check that the channel has sessions of any kind, as :meth:`require` does.

        Raises:
            NotOfferedError: If it has none.
        """
        if Feature.START_SESSION not in self.features:
            self.require(Feature.SESSIONS, what)

    # Addresses and credentials

    @abstractmethod
    def default_base_url(self, settings: ServiceSettings) -> str:
        """Return the API's base URL for a connection that does not set one.

        Raises:
            InvalidSettingsError: If there is no default any more. Says what to enter where.
        """

    @abstractmethod
    def default_login_url(self, settings: ServiceSettings) -> str:
        """Return the login server's default base URL; empty if the channel has no login."""

    @abstractmethod
    def place(self, settings: ServiceSettings) -> str:
        """Name the connection's instance or project, for messages; never the account."""

    @abstractmethod
    def headers(self, settings: ServiceSettings) -> dict[str, str]:
        """Return the headers of every request, without the token."""

    @abstractmethod
    def login(self, settings: ServiceSettings) -> Login | None:
        """Return how the API key is exchanged for a token; None if the key is the token."""

    # Jobs

    @abstractmethod
    def submission(self, settings: ServiceSettings, job: Submission) -> dict[str, Any]:
        """Build the body of ``POST /jobs``.

        Raises:
            NotOfferedError: If the job needs a feature that the channel lacks.
        """

    def check(self, job: Submission) -> None:
        """Check that the channel has all features that a job needs.

        Raises:
            NotOfferedError: If it does not.
        """
        for feature, name in job.wants().items():
            self.require(feature, name)
        if job.session_id is not None:
            self.require_sessions("session_id")

    def read_submitted(self, answer: Any) -> SubmittedJob:
        """Read the answer to ``POST /jobs``."""
        return read(SubmittedJob.from_json, answer)

    def read_job(self, http: Http, job_id: str, *, exclude_params: bool) -> Job:
        """Read a job."""
        params = {"exclude_params": str(exclude_params).lower()}
        return read(Job.from_json, http.get_json(f"/jobs/{quoted(job_id)}", params=params, large=not exclude_params))

    def stream_url(self, settings: ServiceSettings, job_id: str) -> str | None:
        """Return the URL of the job's status stream; None if the channel has no stream."""
        if Feature.STREAM not in self.features:
            return None
        parts = urlsplit(settings.base_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/stream/jobs/{quoted(job_id)}"

    # Backends and programs

    @abstractmethod
    def read_backends(self, settings: ServiceSettings, devices: Sequence[Any]) -> list[Backend]:
        """Read ``devices`` of ``GET /backends``."""

    def programs(self, http: Http) -> list[Program]:  # noqa: ARG002
        """List the programs that can be run.

        Raises:
            NotOfferedError: If the channel has no such list.
        """
        raise self.lacks(Feature.PROGRAMS, "A list of programs")

    # Sessions

    def close_session(self, http: Http, session_id: str) -> None:  # noqa: ARG002
        """Stop accepting jobs, let the others finish, then close.

        Raises:
            NotOfferedError: If the channel has no sessions.
        """
        raise self.lacks(Feature.SESSIONS, f"Closing session {session_id}")

    def cancel_session(self, http: Http, session_id: str) -> None:  # noqa: ARG002
        """Close at once.

        Raises:
            NotOfferedError: If the channel has no sessions.
        """
        raise self.lacks(Feature.SESSIONS, f"Closing session {session_id}")


def quoted(name: str) -> str:
    """Encode a name as a segment of a path.

    Raises:
        InvalidSettingsError: If it would change the path: it is empty, or one or two dots.
    """
    if name in ("", ".", ".."):
        raise errors.InvalidSettingsError(f"{name!r} is no id or name of the service. Nothing was sent.")
    return quote(name, safe="")
