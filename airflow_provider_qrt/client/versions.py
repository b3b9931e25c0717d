"""Sunset dates of the versions of the current API.

``GET /versions`` lists the versions; the dates are those of
https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest/tags/versions, read in November 2026. A version may stop on
any day after its date.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.client.limits import API_VERSION

if TYPE_CHECKING:
    from airflow_provider_qrt.client.settings import ClientSettings

SUNSETS = {
    "2024-01-01": date(2027, 1, 1),
    "2025-01-01": date(2027, 1, 1),
    "2025-05-01": date(2027, 1, 1),
    "2026-02-01": date(2027, 2, 1),
    "2026-02-15": date(2027, 2, 15),
    "2026-03-15": date(2027, 3, 15),
}
"""Sunset dates. :data:`~airflow_provider_qrt.client.limits.API_VERSION` has none."""


def sunset_warning(settings: ClientSettings) -> str | None:
    """Return a warning with the sunset date of a connection's API version, and what to set instead.

    Returns:
        None if no date is known, or if the channel has no versions.
    """
    sunset = SUNSETS.get(settings.api_version)
    if sunset is None or not settings.generation.offers(Feature.VERSIONS):
        return None
    return (
        f"IBM may stop serving the API version {settings.api_version} on any day after {sunset.isoformat()}. Set "
        f"api_version in the connection to {API_VERSION}, or leave it empty."
    )
