"""A cache on disk that only this user can read and write.

An entry can be lost without harm, because it can be made again. So the cache never fails a task. Errors of the file
system are logged and treated as "not found".
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
from airflow_provider_qrt.untrusted.inflate import TooLargeError, inflate

log = logging.getLogger(__name__)

MAX_ENTRY_BYTES = 256 * 1024 * 1024
"""Maximum uncompressed size of one entry in bytes."""
STALE_SECONDS = 3600.0
"""Age in seconds after which an unfinished file is left over from a dead process; writing one takes far less."""

_DIGEST_BYTES = hashlib.sha256().digest_size
_UNFINISHED = ".unfinished"

_warned_of: set[tuple[str, str]] = set()
"""Directories and reasons that this process has warned of."""


def default_directory(name: str) -> Path:
    """Return a directory in the user's cache directory, and not in Airflow's home.

    It is under ``$XDG_CACHE_HOME`` or ``~/.cache`` (XDG Base Directory Specification); a user without a home directory
    gets a private directory among the temporary files.
    """
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "airflow-provider-qrt" / name
    try:
        return Path.home() / ".cache" / "airflow-provider-qrt" / name
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"airflow-provider-qrt-{os.geteuid()}" / name


class PrivateCache:
    """A directory of compressed entries, each under a digest of everything that it depends on.

    Any number of processes can read and write at the same time without locks:

    - A file is written under a temporary name and then renamed, which is atomic. A reader sees no file, the old file or
      the new file. Two writers of one key leave the last file.
    - A file ends with a SHA-256 digest of its key and its content. A file that was truncated by a full disk or a power
      failure, damaged, or renamed does not match; it counts as missing and is replaced.
    - A file that is removed while a process reads it stays readable for that process (POSIX).

    The digest protects against accidents, but not against attackers. Therefore only the owner has access to the
    directory, and it is used only if nobody but this user and root could have written to it or replaced it. Files in it
    that are links or belong to other users are ignored.

    When the entries exceed ``max_bytes``, the least recently used ones are removed.

    Args:
        directory: The directory. Workers on several machines can share one.
        kind: Names an entry in log lines, and is the end of its file's name, such as ``circuit``.
        max_bytes: Limit on the total size of all entries in bytes.
    """

    def __init__(self, directory: str | os.PathLike[str], *, kind: str, max_bytes: int) -> None:
        self.directory = Path(directory)
        self.kind = kind
        self.max_bytes = max_bytes

    def get(self, key: str) -> bytes | None:
        """Return the bytes stored under a key (hexadecimal digits), or None; finding an entry marks it as used."""
        path = self._path(key)
        try:
            if not self._is_trusted():
                return None
            content = read_private(path, self.max_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("The cached %s %s cannot be read: %s", self.kind, path, error)
            return None
        if content is None:
            log.warning("The cached %s %s is a link or belongs to another user; it is made again.", self.kind, path)
            return None
        packed, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if digest != _digest(key, packed):
            log.warning("The cached %s %s is damaged; it is made again.", self.kind, path)
            return None
        with suppress(OSError):
            os.utime(path, follow_symlinks=False)
        try:
            return inflate(packed, MAX_ENTRY_BYTES)
        except (TooLargeError, zlib.error) as error:
            log.warning("The cached %s %s cannot be unpacked; it is made again: %s", self.kind, path, error)
            return None

    def put(self, key: str, data: bytes) -> None:
        """Store bytes under a key, replacing any earlier entry."""
        packed = zlib.compress(data)
        content = packed + _digest(key, packed)
        if len(content) > self.max_bytes:
            log.warning("A %s of %d bytes is larger than the whole cache and is not kept.", self.kind, len(content))
            return
        try:
            make_private(self.directory)
            if not self._is_trusted():
                return
            self._write(self._path(key), content)
            self._trim()
        except OSError as error:
            self._warn_once("Nothing can be kept in the cache %s: %s", error)

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}.{self.kind}"

    def _is_trusted(self) -> bool:
        reason = why_not_private(self.directory)
        if reason is None:
            return True
        self._warn_once("The cache %s is not used: %s.", reason)
        return False

    def _warn_once(self, message: str, reason: object) -> None:
        """Warn of the directory, once in each process for each reason."""
        what = (str(self.directory), str(reason))
        if what not in _warned_of:
            _warned_of.add(what)
            log.warning(message, self.directory, reason)

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
        """Remove stale unfinished files, and the least recently used entries above the limit."""
        entries: list[tuple[float, int, str]] = []
        with os.scandir(self.directory) as files:
            for file in files:
                with suppress(FileNotFoundError):  # Another process may be removing files too.
                    status = file.stat(follow_symlinks=False)
                    if file.name.endswith(f".{self.kind}"):
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
