"""The service, as a loop reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_provider_qrt.client.channels.base import Channel
    from airflow_provider_qrt.client.client import QiskitRuntimeClient


class Service(Protocol):
    """The service of one connection; a hook is one."""

    @property
    def client(self) -> QiskitRuntimeClient:
        """The API."""

    @property
    def submit_client(self) -> QiskitRuntimeClient:
        """The API for submissions."""

    @property
    def channel(self) -> Channel:
        """Its generation."""

    def create_poll_client(self) -> QiskitRuntimeClient:
        """Return the API for somebody who judges errors."""

    def describe(self) -> str:
        """Return connection, instance and region for a message."""
