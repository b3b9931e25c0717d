"""A secrets backend for Airflow that can be unavailable: a folder with a file for each connection."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VAULTED = "vaulted"
"""Id of the connection that only the secrets backend knows; it leads to the first service."""


class Vault:
    """The folder, as the test sees it.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Put a connection there."""
        self._folder.mkdir(exist_ok=True)
        (self._folder / f"{conn_id}.json").write_text(json.dumps(connection))

    def works(self, works: bool) -> None:
        """Let it fail, or work again."""
        away = self._folder / "away"
        if works:
            away.unlink(missing_ok=True)
        else:
            away.touch()

    def remove(self) -> None:
        """Delete it: it holds secrets."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def settings(self) -> dict[str, str]:
        """Return the Airflow settings for this backend."""
        return {
            "AIRFLOW__SECRETS__BACKEND": "vault_backend.VaultBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"folder": str(self._folder)}),
            "AIRFLOW__WORKERS__SECRETS_BACKEND": "vault_backend.VaultBackend",
            "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": json.dumps({"folder": str(self._folder)}),
            "PYTHONPATH": str(Path(__file__).parent / "airflow_modules"),
        }
