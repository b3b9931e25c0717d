"""The mock twin of a backend: it checks a job and says what the job would be charged, and runs nothing.

Source: https://quantum.cloud.ibm.com/docs/guides/dry-run-jobs, and the official client since 0.51.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend

_BEFORE_THE_FIRST_UNDERSCORE = re.compile(r"^[^_]+")


def mock_name(backend: str) -> str:
    """Return the name of a backend's twin: ``ibm_boston`` has ``mock_boston``."""
    return _BEFORE_THE_FIRST_UNDERSCORE.sub("mock", backend)


def has_twin(backends: Iterable[Backend], backend: str) -> bool:
    """Return whether a backend's twin is among those that the service lists for this instance.

    Args:
        backends: Listed with ``include_mocks``.
        backend: Name of the real backend.
    """
    return any(one.is_mock and one.name == mock_name(backend) for one in backends)
