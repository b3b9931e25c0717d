"""Folders and files that only their owner can have changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from airflow_provider_qrt.untrusted.files import read_up_to

_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def why_not_private(folder: Path) -> str | None:
    """Return why a folder's content may come from another user; None if it cannot.

    The folder must belong to this user, and nobody else may write to it or replace it: its parent folders, and every
    link on its path, must belong to this user or to root, and be writable only by them, or have the sticky bit.

    Raises:
        OSError: It cannot be accessed, or does not exist.
    """
    path = _absolute(folder)
    own = os.lstat(path)
    if stat.S_ISLNK(own.st_mode):
        return "it is a link"
    if own.st_uid != os.geteuid():
        return "it belongs to another user"
    for part in (path, *path.parents):
        if not _is_trusted_owner(os.lstat(part).st_uid):
            return f"{_named(part, path)} belongs to another user"
    real = Path(os.path.realpath(path))
    for part in (real, *real.parents):
        status = os.lstat(part)
        if not _is_trusted_owner(status.st_uid):
            return f"{_named(part, real)} belongs to another user"
        if part == real and status.st_mode & _BY_OTHERS:
            who = "every user of this machine" if status.st_mode & stat.S_IWOTH else "its group"
            return f"{who} may write there"
        if _others_may_replace(status):
            return f"others may write to {part}, which holds it"
    return None


def make_private(folder: Path) -> None:
    """Create a folder, and missing parent folders, with access for their owner only.

    Raises:
        OSError: It cannot be created.
    """
    missing = []
    part = _absolute(folder)
    while not os.path.lexists(part):
        missing.append(part)
        part = part.parent
    for each in reversed(missing):
        try:
            each.mkdir(mode=0o700)
        except FileExistsError:
            # Another process created it at the same time.
            continue


def read_private(path: Path, most: int) -> bytes | None:
    """Read a file that only this user can write; None if it is not one, or is larger than ``most`` bytes.

    Raises:
        OSError: It cannot be read, or does not exist.
    """
    with open(path, "rb", opener=_open_itself) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & _BY_OTHERS:
            return None
        content = read_up_to(file, most + 1)
    return content if len(content) <= most else None


def _open_itself(path: str, flags: int) -> int:
    """Open a file without following a link, and without blocking on a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _absolute(path: Path) -> Path:
    # Not resolve(), which follows links.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _is_trusted_owner(owner: int) -> bool:
    return owner in (0, os.geteuid())


def _others_may_replace(status: os.stat_result) -> bool:
    if status.st_mode & stat.S_ISVTX:
        return False
    # Many systems give each user their own group with write permission.
    own_group = status.st_gid == os.getegid()
    return bool(status.st_mode & (stat.S_IWOTH if own_group else _BY_OTHERS))


def _named(part: Path, whole: Path) -> str:
    return "it" if part == whole else f"{part}, which holds it,"
