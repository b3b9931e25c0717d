"""Versions of the present API: which of them end, and when.

``GET /versions`` lists the versions; the dates are those of
https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest/tags/versions, read in November 2026. A version may stop on
any day after its date.
"""

from __future__ import annotations

from datetime import date

from airflow_provider_qrt.client.limits import API_VERSION

SUNSETS = {
    "2024-01-01": date(2027, 1, 1),
    "2025-01-01": date(2027, 1, 1),
    "2025-05-01": date(2027, 1, 1),
    "2026-02-01": date(2027, 2, 1),
    "2026-02-15": date(2027, 2, 15),
    "2026-03-15": date(2027, 3, 15),
}
"""The version that is not here, :data:`~airflow_provider_qrt.client.limits.API_VERSION`, has no such date."""


def sunset_warning(version: str) -> str | None:
    """Say that an API version ends, on which date and what to set; None if it does not, as far as is known."""
    sunset = SUNSETS.get(version)
    if sunset is None:
        return None
    return (
        f"IBM may stop serving the API version {version} on any day after {sunset.isoformat()}. Set api_version in the "
        f"connection to {API_VERSION}, or leave it empty."
    )
