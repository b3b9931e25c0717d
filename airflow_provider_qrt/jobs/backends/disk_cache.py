"""The service's descriptions of backends, kept on disk for the tasks of this worker.

A configuration and a calibration take two requests and a megabyte each time. They are kept by the backend and its
calibration: the list of backends, which a task reads anyway, tells the medians of the errors, which change with every
calibration. The entry of a named backend in that list is kept too, for a minute, if it runs jobs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.untrusted.private_cache import PrivateCache, default_directory

if TYPE_CHECKING:
    from airflow_provider_qrt.client.settings import ClientSettings

log = logging.getLogger(__name__)

MAX_BYTES = 64 * 1024 * 1024
"""Limit on the total size in bytes; a backend of 156 qubits takes about 100 kB, compressed."""
LISTED_FOR = 60.0
"""Seconds for which the entry of a backend in the list is good enough for a task that names it."""
DESCRIBED_FOR = 900.0
"""Seconds for which configuration and calibration are, at most: a qubit may go out of service in between."""


class BackendCache:
    """A directory of descriptions of backends, private to this user and bounded in size.

    It holds nothing of the account: the instance is part of a digest.

    Args:
        settings: Of the connection.
        directory: The directory; None: one in the user's cache directory.
    """

    def __init__(self, settings: ClientSettings, directory: str | os.PathLike[str] | None = None) -> None:
        self._place = [settings.base_url, str(settings.instance), settings.api_version]
        self._files = PrivateCache(directory or default_directory("backends"), kind="backend", max_bytes=MAX_BYTES)

    def listed(self, name: str) -> tuple[Backend, float] | None:
        """Return how the list showed a backend less than a minute ago, and how many seconds ago; None if it did not."""
        entry = self._get("list", name, LISTED_FOR)
        try:
            return None if entry is None else (Backend(**entry["backend"]), time.time() - entry["read_at"])
        except (KeyError, TypeError):
            return None

    def note_listed(self, backend: Backend) -> None:
        """Keep how the list shows a backend. One that is paused may be back at any moment, and is asked for again."""
        if backend.is_available:
            self._put("list", backend.name, {"backend": asdict(backend)})

    def description(self, backend: Backend) -> tuple[Mapping[str, Any], Mapping[str, Any] | None] | None:
        """Return configuration and calibration (None if it has none) of a backend; None if they must be read.

        Args:
            backend: As the list shows it.
        """
        entry = self._get("description", _calibration_of(backend), DESCRIBED_FOR)
        if entry is None or not isinstance(entry.get("configuration"), dict):
            return None
        properties = entry.get("properties")
        return entry["configuration"], properties if isinstance(properties, dict) else None

    def note_description(
        self, backend: Backend, configuration: Mapping[str, Any], properties: Mapping[str, Any] | None
    ) -> None:
        """Keep configuration and calibration of a backend.

        Args:
            backend: As the list shows it.
            configuration: As the service returns it.
            properties: The same; None if the backend was never calibrated.
        """
        kept = {"configuration": configuration, "properties": properties}
        self._put("description", _calibration_of(backend), kept)

    def _get(self, kind: str, what: Any, seconds: float) -> dict[str, Any] | None:
        content = self._files.get(self._key(kind, what))
        if content is None:
            return None
        try:
            entry = json.loads(content)
            age = time.time() - float(entry["read_at"])
        except (KeyError, TypeError, ValueError) as error:
            log.warning("A kept description of a backend cannot be used, it is read again: %s", type(error).__name__)
            return None
        return entry if 0 <= age < seconds else None

    def _put(self, kind: str, what: Any, entry: Mapping[str, Any]) -> None:
        self._files.put(self._key(kind, what), json.dumps({"read_at": time.time(), **entry}).encode())

    def _key(self, kind: str, what: Any) -> str:
        return hashlib.sha256(json.dumps([kind, what, *self._place], sort_keys=True).encode()).hexdigest()


def _calibration_of(backend: Backend) -> list[Any]:
    """Return the part of a backend's entry in the list that changes with its calibration, and with nothing else."""
    return [backend.name, backend.num_qubits, backend.processor_type, backend.performance_metrics]
