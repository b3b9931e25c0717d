"""``ibm_quantum``: the classic platform until 2025, with a login by API token, and hub, group and project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_qrt.client.channels.base import QUICKEST_WAY, Feature, Submission
from airflow_provider_qrt.client.channels.interfaces import Http, ServiceSettings
from airflow_provider_qrt.client.channels.legacy.cloud import older_submission
from airflow_provider_qrt.client.channels.legacy.older import CLASSIC_HOST, NAME_A_BACKEND, OlderChannel, project_of
from airflow_provider_qrt.client.login import DAY, Login
from airflow_provider_qrt.client.models import Program
from airflow_provider_qrt.client.reading import read, read_list

LOGIN_HOST = "https://auth.quantum-computing.ibm.com"
_NO_SESSIONS = "Submit the jobs one by one, without session_id."


class Classic(OlderChannel):
    """The classic platform; the client logs out when the token is no longer used."""

    name = "ibm_quantum"
    features = frozenset(
        {
            Feature.CIRCUITS,
            Feature.ANY_PROGRAM,
            Feature.PROGRAMS,
            Feature.BACKENDS,
            Feature.TAGS,
            Feature.EXECUTION_LIMIT,
            Feature.METRICS,
            Feature.LOGS,
            Feature.STREAM,
        }
    )
    instead: ClassVar[Mapping[Feature, str]] = {
        Feature.BACKEND_DETAILS: NAME_A_BACKEND,
        Feature.SESSIONS: _NO_SESSIONS,
        Feature.BATCHES: _NO_SESSIONS,
        Feature.START_SESSION: "Submit the jobs one by one, or use a connection with the channel 'ibm_cloud'.",
        Feature.PUBS: f"Give circuits without parameter values. {QUICKEST_WAY}",
    }
    needs_project = True
    auth_header = "x-access-token"
    auth_prefix = ""
    key_missing = "The connection has no API token. Put the API token of your account into the password field."
    unauthorized = (
        "Check that the API token in the connection's password is valid and that its account belongs to the hub, "
        "group and project"
    )

    def former_base_url(self, settings: ServiceSettings) -> str:  # noqa: ARG002
        """Return the single host that IBM had."""
        return CLASSIC_HOST

    def default_login_url(self, settings: ServiceSettings) -> str:  # noqa: ARG002
        """Return the login server of the classic platform."""
        return LOGIN_HOST

    def place(self, settings: ServiceSettings) -> str:
        """Name hub, group, project and host."""
        return project_of(settings)

    def headers(self, settings: ServiceSettings) -> dict[str, str]:  # noqa: ARG002
        """Return no headers: only the token is sent."""
        return {}

    def login(self, settings: ServiceSettings) -> Login:
        """Return ``loginWithToken``; its answer does not give the token's lifetime, so a day is assumed."""
        return Login(
            server="the login server",
            base_url=settings.iam_url,
            path="/api/users/loginWithToken",
            body={"apiToken": settings.api_key},
            as_form=False,
            token_field="id",  # noqa: S106
            lifetime_field=None,
            lifetime=DAY,
            logout_path="/api/users/logout",
            refused="Put a valid API token of your account into the connection's password",
        )

    def submission(self, settings: ServiceSettings, job: Submission) -> dict[str, Any]:
        """Build the body as on ``ibm_cloud``, with hub, group and project instead of the instance."""
        self.check(job)
        project = {"hub": settings.hub, "group": settings.group, "project": settings.project}
        return older_submission(job) | project

    def programs(self, http: Http) -> list[Program]:
        """List the programs' ids; this needs no login."""
        answer = http.get_json("/programs", authenticated=False)
        return [read(Program.from_json, one) for one in read_list(answer, "programs", "GET /programs")]
