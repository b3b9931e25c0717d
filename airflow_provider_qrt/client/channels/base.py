"""What a channel is: everything in which one generation of the API differs from the others, in one place.

The client above knows what a user wants; the transport below knows HTTP. Between them a channel says how its generation
spells it: where, with which headers and login, in which shape. What a generation does not have, it says before anything
is sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Backend, Job, Program, SubmittedJob
from airflow_provider_qrt.client.reading import read

if TYPE_CHECKING:
    from airflow_provider_qrt.client.login import Login
    from airflow_provider_qrt.client.settings import ClientSettings
    from airflow_provider_qrt.client.transport import Transport

QUICKEST_WAY = "Use a connection with the channel 'ibm_quantum_platform'."


class Feature(StrEnum):
    """What a channel may offer; the value names it in messages."""

    PUBS = "primitives of version 2 (PUBs)"
    CIRCUITS = "primitives of version 1 (circuits)"
    ANY_PROGRAM = "programs other than the primitives"
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
    """A job as it is asked for, before a channel gives it its shape. See ``QiskitRuntimeClient.submit_job``."""

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
        """The features it needs of a channel, each with the argument that asks for it."""
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
        name: As the connection's ``channel`` says it.
        features: What it offers.
        instead: What to do instead of what it does not offer.
        api_path: Path of the API on its host.
        needs_instance: Whether a connection must name an instance (CRN).
        needs_project: Whether it must name hub, group and project.
        auth_header: Header that carries the token.
        auth_prefix: What stands before the token there.
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

    # What there is

    def offers(self, feature: Feature) -> bool:
        """Whether the channel has this."""
        return feature in self.features

    def require(self, feature: Feature, what: str) -> None:
        """See that the channel has this, before anything is sent.

        Args:
            feature: What is needed.
            what: What the caller wanted, as the user says it, such as ``backend='least_busy'``.

        Raises:
            NotOffered: If it has not.
        """
        if feature not in self.features:
            raise self.lacks(feature, what)

    def lacks(self, feature: Feature, what: str) -> errors.NotOffered:
        """The error that names the channel and what it has not, and says what to do instead."""
        instead = self.instead.get(feature, QUICKEST_WAY)
        return errors.NotOffered(
            f"{what}: the channel {self.name!r} has no {feature.value}. {instead} Nothing was sent."
        )

    def require_sessions(self, what: str) -> None:
        """See that the channel has sessions of any kind, as :meth:`require` does.

        Raises:
            NotOffered: If it has none.
        """
        if Feature.START_SESSION not in self.features:
            self.require(Feature.SESSIONS, what)

    # Where, and as whom

    @abstractmethod
    def default_base_url(self, settings: ClientSettings) -> str:
        """Base URL of the API for a connection that names none.

        Raises:
            InvalidSettings: If there is none any more. Says what to put where.
        """

    @abstractmethod
    def default_login_url(self, settings: ClientSettings) -> str:
        """Base URL of the login server for a connection that names none; empty if the channel has no login."""

    @abstractmethod
    def place(self, settings: ClientSettings) -> str:
        """Name what the connection leads to, for messages; never the account."""

    @abstractmethod
    def headers(self, settings: ClientSettings) -> dict[str, str]:
        """Headers of every request, without the token."""

    @abstractmethod
    def login(self, settings: ClientSettings) -> Login | None:
        """How the API key becomes a token; None: it is the token."""

    # Jobs

    @abstractmethod
    def submission(self, settings: ClientSettings, job: Submission) -> dict[str, Any]:
        """Body of ``POST /jobs``.

        Raises:
            NotOffered: If the job wants something that the channel has not.
        """

    def check(self, job: Submission) -> None:
        """See that the channel has what a job wants.

        Raises:
            NotOffered: If it has not.
        """
        for feature, name in job.wants().items():
            self.require(feature, name)
        if job.session_id is not None:
            self.require_sessions("session_id")

    def read_submitted(self, answer: Any) -> SubmittedJob:
        """Read the answer to ``POST /jobs``."""
        return read(SubmittedJob.from_json, answer)

    def read_job(self, http: Transport, job_id: str, *, exclude_params: bool) -> Job:
        """Ask how a job stands."""
        params = {"exclude_params": str(exclude_params).lower()}
        return read(Job.from_json, http.get_json(f"/jobs/{quoted(job_id)}", params=params, large=not exclude_params))

    def stream_url(self, settings: ClientSettings, job_id: str) -> str | None:
        """Where the job's status can be followed; None if the channel has no stream."""
        if Feature.STREAM not in self.features:
            return None
        parts = urlsplit(settings.base_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/stream/jobs/{quoted(job_id)}"

    # Backends and programs

    @abstractmethod
    def read_backends(self, settings: ClientSettings, devices: Sequence[Any]) -> list[Backend]:
        """Read ``devices`` of ``GET /backends``."""

    def programs(self, http: Transport) -> list[Program]:  # noqa: ARG002
        """List the programs that can be run.

        Raises:
            NotOffered: If there is no such list.
        """
        raise self.lacks(Feature.PROGRAMS, "A list of programs")

    # Sessions

    def close_session(self, http: Transport, session_id: str) -> None:  # noqa: ARG002
        """Refuse new jobs, let the others finish, then close.

        Raises:
            NotOffered: If there are no sessions.
        """
        raise self.lacks(Feature.SESSIONS, f"Closing session {session_id}")

    def cancel_session(self, http: Transport, session_id: str) -> None:  # noqa: ARG002
        """Close at once.

        Raises:
            NotOffered: If there are no sessions.
        """
        raise self.lacks(Feature.SESSIONS, f"Closing session {session_id}")


def quoted(name: str) -> str:
    """A name as a segment of a path.

    Raises:
        InvalidSettings: It would be another path: nothing at all, or one or two dots.
    """
    if name in ("", ".", ".."):
        raise errors.InvalidSettings(f"{name!r} is no id or name of the service. Nothing was sent.")
    return quote(name, safe="")
