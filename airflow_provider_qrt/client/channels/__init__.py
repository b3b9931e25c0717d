"""The supported API generations (channels), one module each. Names in ``__all__`` are public."""

from __future__ import annotations

from airflow_provider_qrt.client.channels.base import Channel, Feature
from airflow_provider_qrt.client.channels.legacy.api_token import ApiToken
from airflow_provider_qrt.client.channels.legacy.classic import Classic
from airflow_provider_qrt.client.channels.legacy.cloud import Cloud
from airflow_provider_qrt.client.channels.platform import Platform
from airflow_provider_qrt.client.errors import InvalidSettingsError

__all__ = ["CHANNELS", "Channel", "Feature"]

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (Platform(), Cloud(), Classic(), ApiToken())}
"""All channels by name, the current one first."""


def find_channel(name: str) -> Channel:
    """Return a channel by its name.

    Raises:
        InvalidSettingsError: If there is no channel of that name.
    """
    if name not in CHANNELS:
        raise InvalidSettingsError(f"The channel {name!r} is not known; write one of {', '.join(CHANNELS)}.")
    return CHANNELS[name]
