"""Warnings about insecure settings, for the log and the connection test."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow_provider_qrt.client.settings import ClientSettings


def cautions(settings: ClientSettings) -> list[str]:
    """List warnings about settings that expose a connection's secrets on the network. This machine is exempt."""
    said = []
    for name, url in (("host", settings.base_url), ("iam_url", settings.iam_url)):
        parts = urlsplit(url)
        if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
            what = "the token, circuits and results cross" if name == "host" else "the API key crosses"
            said.append(
                f"The connection's {name} begins with http://: {what} the network unencrypted, and anybody on the way "
                "can read and change what is sent. Use https://."
            )
    if settings.verify is False:
        said.append(
            "The connection's verify is false: anybody on the way can pose as the service and read the API key. Set it "
            "to true, or to the path of your CA bundle."
        )
    return said


def is_this_machine(host: str) -> bool:
    """Return whether a host name is this machine's, so that nothing crosses a network."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
