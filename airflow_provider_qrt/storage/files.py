"""Writing and reading files at any path that ``ObjectStoragePath`` understands."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

WHOLE_OR_NOT_AT_ALL = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "az", "wasb", "wasbs"})
"""Object stores in which an object is there only when its upload has been completed."""


def write_file(path: str, write: Callable[[IO[bytes]], object], *, private: bool = False) -> None:
    """Write to any path that ``ObjectStoragePath`` understands, making folders as needed.

    Whoever reads the path finds the whole file, what was there before, or nothing, even when this process is killed.

    Args:
        path: The file.
        write: Writes what it holds. Nothing is written to the path before this has returned.
        private: Let nobody but the worker's user read a local file, whatever the umask. In an object store the bucket's
            rights decide.
    """
    from airflow.sdk import ObjectStoragePath

    content = io.BytesIO()
    write(content)
    target = ObjectStoragePath(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.protocol in WHOLE_OR_NOT_AT_ALL:
        with target.open("wb") as file:
            file.write(content.getbuffer())
        return
    beside = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
    try:
        with _open_new(beside, private=private) as file:
            file.write(content.getbuffer())
        if _is_local(target):
            Path(beside.path).replace(target.path)
        else:
            target.fs.mv(beside.path, target.path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _is_local(path: ObjectStoragePath) -> bool:
    return path.protocol in ("", "file", "local")


def _open_new(path: ObjectStoragePath, *, private: bool) -> IO[bytes]:
    if not _is_local(path):
        return path.open("wb")  # type: ignore[no-any-return]
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path.path, flags, 0o600 if private else 0o666), "wb")


def write_text(path: str, text: str, *, private: bool = False) -> None:
    """Write a text as :func:`write_file` does."""
    write_file(path, lambda file: file.write(text.encode()), private=private)


def read_text(path: str) -> str | None:
    """Read a file that :func:`write_text` wrote; None if there is none."""
    from airflow.sdk import ObjectStoragePath

    source = ObjectStoragePath(path)
    if not source.exists():
        return None
    with source.open("rb") as file:
        return bytes(file.read()).decode()
