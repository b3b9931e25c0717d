"""Transpiled circuits kept on disk, so that a retry does not pay for the same minutes of computing again.

Nothing is lost when an entry is: a circuit that is not found is transpiled again, with the same outcome. So the cache
never fails a task. Whatever the file system refuses is written to the log and treated as "not found".
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
import zlib
from contextlib import suppress
from pathlib import Path

from airflow_provider_qrt.untrusted.folders import make_private, read_private, why_not_private
from airflow_provider_qrt.untrusted.inflate import TooLarge, inflate

log = logging.getLogger(__name__)

MAX_BYTES = 256 * 1024 * 1024
"""Default bound on all entries together, in bytes: a thousand circuits of 127 qubits and 50,000 gates."""
MAX_QPY_BYTES = 256 * 1024 * 1024
"""Bytes of one entry, unpacked."""
STALE_SECONDS = 3600.0
"""Age after which an unfinished file belongs to a process that is gone; writing one takes far less."""

_DIGEST_BYTES = hashlib.sha256().digest_size
_ENTRY = ".circuit"
_UNFINISHED = ".unfinished"


def default_directory() -> Path:
    """Where circuits are kept when no directory is named: under the user's cache, apart from Airflow's home.

    ``$XDG_CACHE_HOME`` or ``~/.cache`` (XDG Base Directory Specification); a user without a home gets a place of
    their own among the temporary files.
    """
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "airflow-provider-qrt" / "circuits"
    try:
        return Path.home() / ".cache" / "airflow-provider-qrt" / "circuits"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"airflow-provider-qrt-{os.geteuid()}" / "circuits"


class CircuitCache:
    """A directory of compressed QPY, each file a transpiled circuit under the digest of everything it follows from.

    Any number of processes may read and write at once, without locks:

    - A file is written under a name of its own and then renamed, which is atomic. A reader sees no file, the old one
      or the new one. Two writers of one key write the same circuit, and the last one stays.
    - A file ends with a SHA-256 digest of its key and its content. One that was cut short by a full disk or a power
      cut, damaged, or moved to another name does not match; it counts as not there, and is replaced.
    - A file that is removed while it is read stays readable for that reader (POSIX).

    The digest guards against accidents, not against people. Therefore the directory is made for its owner only, and it
    is used only if nobody but this user and root can have written to it or put another in its place; files in it that
    are links or belong to others do not count.

    When the entries outgrow ``max_bytes``, those that were not used for the longest time go.

    Args:
        directory: Where to keep them; None: see :func:`default_directory`. Workers on several machines may share one.
        max_bytes: Bound on the size of all entries together, in bytes.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self.directory = default_directory() if directory is None else Path(directory)
        self.max_bytes = max_bytes

    def get(self, key: str) -> bytes | None:
        """Return the QPY bytes kept under a key (hexadecimal digits), or None; one that is found counts as used."""
        path = self._path(key)
        try:
            if not self._is_trusted():
                return None
            content = read_private(path, self.max_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("The cached circuit %s cannot be read: %s", path, error)
            return None
        if content is None:
            log.warning("The cached circuit %s is a link or belongs to another user; it is transpiled again.", path)
            return None
        packed, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if digest != _digest(key, packed):
            log.warning("The cached circuit %s is damaged; it is transpiled again.", path)
            return None
        with suppress(OSError):
            os.utime(path, follow_symlinks=False)
        try:
            return inflate(packed, MAX_QPY_BYTES)
        except (TooLarge, zlib.error) as error:
            log.warning("The cached circuit %s cannot be unpacked; it is transpiled again: %s", path, error)
            return None

    def put(self, key: str, data: bytes) -> None:
        """Keep QPY bytes under a key, in place of what was there."""
        packed = zlib.compress(data)
        content = packed + _digest(key, packed)
        if len(content) > self.max_bytes:
            log.warning("A circuit of %d bytes is larger than the whole cache and is not kept.", len(content))
            return
        try:
            make_private(self.directory)
            if not self._is_trusted():
                return
            self._write(self._path(key), content)
            self._trim()
        except OSError as error:
            log.warning("The transpiled circuit cannot be kept in %s: %s", self.directory, error)

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}{_ENTRY}"

    def _is_trusted(self) -> bool:
        reason = why_not_private(self.directory)
        if reason is None:
            return True
        log.warning("Transpiled circuits are not kept in %s: %s.", self.directory, reason)
        return False

    def _write(self, path: Path, content: bytes) -> None:
        handle, unfinished = tempfile.mkstemp(dir=self.directory, suffix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(unfinished).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(unfinished).unlink()
            raise

    def _trim(self) -> None:
        """Remove what processes left unfinished, and the entries that were not used for the longest time."""
        entries: list[tuple[float, int, str]] = []
        with os.scandir(self.directory) as files:
            for file in files:
                with suppress(FileNotFoundError):  # Another process tidies up as well.
                    status = file.stat(follow_symlinks=False)
                    if file.name.endswith(_ENTRY):
                        entries.append((status.st_mtime, status.st_size, file.path))
                    elif file.name.endswith(_UNFINISHED) and status.st_mtime < time.time() - STALE_SECONDS:
                        Path(file.path).unlink()
        excess = sum(size for _, size, _ in entries) - self.max_bytes
        for _, size, path in sorted(entries):
            if excess <= 0:
                break
            Path(path).unlink(missing_ok=True)
            excess -= size


def _digest(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + data).digest()
