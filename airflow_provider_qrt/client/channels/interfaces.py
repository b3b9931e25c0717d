"""Protocols that channels depend on: the settings they read, and how they send requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import requests

    from airflow_provider_qrt.client.crn import InstanceCrn


class ServiceSettings(Protocol):
    """The client settings that channels read; ``ClientSettings`` describes the fields."""

    @property
    def api_key(self) -> str:
        """The API key or token."""

    @property
    def instance(self) -> InstanceCrn | None:
        """The instance; None on a channel without instances."""

    @property
    def crn(self) -> InstanceCrn:
        """The instance, on a channel that has instances."""

    @property
    def base_url(self) -> str:
        """Base URL of the API; empty means the channel's default."""

    @property
    def iam_url(self) -> str:
        """Base URL of the login server; empty means the channel's default."""

    @property
    def api_version(self) -> str:
        """Version of the API."""

    @property
    def private_endpoint(self) -> bool:
        """Whether to use the region's private endpoint."""

    @property
    def application(self) -> str:
        """Name of the calling application."""

    @property
    def hub(self) -> str:
        """Hub that jobs are charged to."""

    @property
    def group(self) -> str:
        """As ``hub``."""

    @property
    def project(self) -> str:
        """As ``hub``."""


class Http(Protocol):
    """Sends requests for channels; ``Transport`` describes the methods."""

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        large: bool = False,
    ) -> requests.Response:
        """Send a request that is safe to repeat."""

    def get_json(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        authenticated: bool = True,
        large: bool = False,
    ) -> Any:
        """Send a GET request and return its JSON."""
