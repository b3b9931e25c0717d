"""The secrets backend that Airflow's processes load."""

from __future__ import annotations

from pathlib import Path

from airflow.secrets import BaseSecretsBackend


class VaultBackend(BaseSecretsBackend):
    """Reads connections from files.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = Path(folder)

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """Return a connection's JSON."""
        return self._read(f"{conn_id}.json")

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """It has none."""
        return self._read("no variable")

    def get_config(self, key: str) -> str | None:
        """It has none."""
        return None

    def _read(self, name: str) -> str | None:
        if (self._folder / "away").exists():
            raise ConnectionError("The vault is away.")
        file = self._folder / name
        return file.read_text() if file.exists() else None
