"""Files that a task reads: ordinary ones of a bounded size, and those that data names only from folders for them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO

_PIECE = 1024 * 1024
MOST_BYTES = 256 * 1024 * 1024
"""Bytes of a file; a circuit of a hundred thousand gates takes a few million."""


def read_up_to(file: IO[bytes], most: int) -> bytes:
    """Read an open file to its end, or the first ``most`` bytes; ``read(most)`` would take that memory at once."""
    pieces: list[bytes] = []
    left = most
    while left > 0 and (piece := file.read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read an ordinary file.

    Raises:
        OSError: It cannot be read, is no ordinary file (a device or a pipe would never end), or is larger than ``most``
            bytes; ``strerror`` says which.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "it is no ordinary file", str(path))
        data = read_up_to(file, most + 1)
    if len(data) > most:
        raise OSError(0, f"it is larger than {most:,} bytes", str(path))
    return data


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for somebody to write into a pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def within(name: str, folders: Iterable[str | os.PathLike[str]]) -> Path | None:
    """Return the file that a name stands for, if it lies in one of the folders or below; None if it does not.

    Nothing is looked at outside of the folders, so nobody learns from the answer what exists there. Links that lead out
    of a folder do not count as lying in it.

    Args:
        name: An absolute path, or one below the folders.
        folders: Where files may be read.
    """
    if "\0" in name:
        return None
    missing = None
    for folder in folders:
        # Not resolve(), which looks at the disk: what lies outside must not be looked at.
        root = os.path.abspath(folder)  # noqa: PTH100
        path = os.path.normpath(os.path.join(root, name))  # noqa: PTH118
        if not path.startswith(root.rstrip(os.sep) + os.sep) or not os.path.isdir(root):  # noqa: PTH112
            continue
        real = os.path.realpath(path)
        if real.startswith(os.path.realpath(root).rstrip(os.sep) + os.sep):
            if os.path.lexists(real):
                return Path(real)
            missing = missing or Path(real)
    return missing
