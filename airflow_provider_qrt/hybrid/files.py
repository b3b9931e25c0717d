"""Files of a journal: large answers, below ``journal_path``."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_qrt.storage.files import write_file


@dataclass(frozen=True)
class JournalFiles:
    """The folder of one loop.

    Attributes:
        folder: A path or URL that ``ObjectStoragePath`` understands.
    """

    folder: str

    def write(self, name: str, content: bytes) -> str:
        """Write a file, whole or not at all, and return its name.

        Raises:
            OSError: It cannot be written.
        """
        write_file(self._path(name), lambda file: file.write(content), private=True)
        return name

    def read(self, name: str) -> bytes:
        """Read a file.

        Raises:
            FileNotFoundError: It is gone.
        """
        from airflow.sdk import ObjectStoragePath

        with ObjectStoragePath(self._path(name)).open("rb") as file:
            return bytes(file.read())

    def _path(self, name: str) -> str:
        return f"{self.folder.rstrip('/')}/{name}"
