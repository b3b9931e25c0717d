"""The generations of the API that a connection may speak to, one module each."""

from __future__ import annotations

from airflow_provider_qrt.client.channels.api_token import ApiToken
from airflow_provider_qrt.client.channels.base import Channel, Feature
from airflow_provider_qrt.client.channels.classic import Classic
from airflow_provider_qrt.client.channels.cloud import Cloud
from airflow_provider_qrt.client.channels.platform import Platform
from airflow_provider_qrt.client.errors import InvalidSettings

__all__ = ["CHANNELS", "Channel", "Feature", "find_channel"]

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (Platform(), Cloud(), Classic(), ApiToken())}
"""All of them by name, the present one first."""


def find_channel(name: str) -> Channel:
    """Return a channel by its name.

    Raises:
        InvalidSettings: If there is none of that name.
    """
    if name not in CHANNELS:
        raise InvalidSettings(f"The channel {name!r} is not known; write one of {', '.join(CHANNELS)}.")
    return CHANNELS[name]
