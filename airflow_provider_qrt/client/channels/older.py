"""What the generations before the present platform have in common: an API at the root of its host, and no IBM host."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_qrt.client.channels.base import Channel
from airflow_provider_qrt.client.errors import InvalidSettings
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.client.reading import read

if TYPE_CHECKING:
    from airflow_provider_qrt.client.settings import ClientSettings

CLASSIC_HOST = "https://runtime-us-east.quantum-computing.ibm.com"
NAME_A_BACKEND = "Name a backend."


class OlderChannel(Channel):
    """A generation that IBM has retired, for services that still speak it, and for the emulator."""

    @abstractmethod
    def former_base_url(self, settings: ClientSettings) -> str:
        """Where IBM had it."""

    def default_base_url(self, settings: ClientSettings) -> str:
        """There is none any more.

        Raises:
            InvalidSettings: Always.
        """
        raise InvalidSettings(
            f"The channel {self.name!r} needs a host: IBM has retired its own ({self.former_base_url(settings)}). Put "
            "the base URL of a service that still speaks it into the host field, or that of the emulator, without "
            "/api/v1; for IBM's present service set the channel to 'ibm_quantum_platform'."
        )

    def read_backends(self, settings: ClientSettings, devices: Sequence[Any]) -> list[Backend]:  # noqa: ARG002
        """Names; nothing else is known of them."""
        return [
            Backend(name=device, status="unknown") if isinstance(device, str) else read(Backend.from_json, device)
            for device in devices
        ]


def project_of(settings: ClientSettings) -> str:
    """Hub, group and project, and the service's host, for messages."""
    host = urlsplit(settings.base_url).netloc
    return f"project {settings.hub}/{settings.group}/{settings.project} at {host}"
