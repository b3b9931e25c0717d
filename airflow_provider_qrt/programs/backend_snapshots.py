"""How a backend is configured and calibrated now, read at most once for a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Backend
    from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot


@dataclass
class BackendSnapshots:
    """Reads backends.

    Attributes:
        client: The API.
    """

    client: QiskitRuntimeClient
    _last: BackendSnapshot | None = field(default=None, init=False)

    def read(self, backend: Backend) -> BackendSnapshot:
        """Return how the backend is configured and calibrated now."""
        from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot

        if self._last is None or self._last.name != backend.name:
            configuration = self.client.backend_configuration(backend.name)
            self._last = BackendSnapshot(backend.name, configuration, read_properties(self.client, backend.name))
        return self._last


def read_properties(
    client: QiskitRuntimeClient, name: str, *, updated_before: datetime | None = None
) -> Mapping[str, Any] | None:
    """Return how a backend is calibrated; None if it never was, or if this key may not know.

    Args:
        client: The API.
        name: Of the backend.
        updated_before: The calibration that was valid then; None: now.
    """
    try:
        return client.backend_properties(name, updated_before=updated_before)
    except errors.NotFoundError:
        # It was never calibrated.
        return None
    except errors.ForbiddenError:
        # The key may run circuits and not read calibrations, which are no more than a help.
        return None
