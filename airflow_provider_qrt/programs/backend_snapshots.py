"""How a backend is configured and calibrated now, read at most once for a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors

if TYPE_CHECKING:
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
            self._last = BackendSnapshot(backend.name, configuration, self._properties(backend.name))
        return self._last

    def _properties(self, name: str) -> Mapping[str, Any] | None:
        try:
            return self.client.backend_properties(name)
        except errors.NotFoundError:
            # It was never calibrated.
            return None
        except errors.ForbiddenError:
            # The key may run circuits and not read calibrations, which are no more than a help.
            return None
