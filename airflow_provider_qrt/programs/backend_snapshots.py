"""How a backend is configured and calibrated now, read at most once for a task, and kept on disk for the next ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import config
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
            self._last = BackendSnapshot(backend.name, *self._describe(backend))
        return self._last

    def _describe(self, backend: Backend) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
        cache = config.backend_cache(self.client.settings)
        known = cache.description(backend) if cache is not None else None
        if known is not None:
            return known
        configuration = self.client.backend_configuration(backend.name)
        try:
            properties = _calibration(self.client, backend.name)
        except errors.ForbiddenError:
            # Not kept: another connection's key may be allowed to read it.
            return configuration, None
        if cache is not None:
            cache.note_description(backend, configuration, properties)
        return configuration, properties


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
        return _calibration(client, name, updated_before)
    except errors.ForbiddenError:
        # The key may run circuits and not read calibrations, which are no more than a help.
        return None


def _calibration(
    client: QiskitRuntimeClient, name: str, updated_before: datetime | None = None
) -> Mapping[str, Any] | None:
    try:
        return client.backend_properties(name, updated_before=updated_before)
    except errors.NotFoundError:
        # It was never calibrated.
        return None
