"""Base of the retired API generations: the API is at the root of its host, and IBM no longer runs one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_qrt.client.channels.base import Channel
from airflow_provider_qrt.client.channels.interfaces import ServiceSettings
from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.client.reading import read

CLASSIC_HOST = "https://runtime-us-east.quantum-computing.ibm.com"
NAME_A_BACKEND = "Name a backend."


class OlderChannel(Channel):
    """A generation that IBM has retired, for services that still support it, and for the emulator."""

    @abstractmethod
    def former_base_url(self, settings: ServiceSettings) -> str:
        """Return the base URL that IBM used."""

    def default_base_url(self, settings: ServiceSettings) -> str:
        """Raise an error, since there is no default any more.

        Raises:
            InvalidSettingsError: Always.
        """
        raise InvalidSettingsError(
            f"The channel {self.name!r} needs a host: IBM has retired its own ({self.former_base_url(settings)}). Put "
            "the base URL of a service that still speaks it into the host field, or that of the emulator, without "
            "/api/v1; for IBM's present service set the channel to 'ibm_quantum_platform'."
        )

    def read_backends(self, settings: ServiceSettings, devices: Sequence[Any]) -> list[Backend]:  # noqa: ARG002
        """Read the backends' names; older services send nothing else."""
        return [
            Backend(name=device, status="unknown") if isinstance(device, str) else read(Backend.from_json, device)
            for device in devices
        ]


def project_of(settings: ServiceSettings) -> str:
    """Name hub, group, project and the service's host, for messages."""
    host = urlsplit(settings.base_url).netloc
    return f"project {settings.hub}/{settings.group}/{settings.project} at {host}"
