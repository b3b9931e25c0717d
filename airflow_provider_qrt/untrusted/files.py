"""Read files safely: only regular files of limited size, and untrusted names only within permitted folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO

_PIECE = 1024 * 1024
MOST_BYTES = 256 * 1024 * 1024
"""Maximum file size in bytes; a circuit of a hundred thousand gates takes a few million."""


def read_up_to(file: IO[bytes], most: int) -> bytes:
    """Read up to ``most`` bytes of an open file; ``read(most)`` would allocate that memory at once."""
    pieces: list[bytes] = []
    left = most
    while left > 0 and (piece := file.read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a regular file.

    Raises:
        OSError: It cannot be read, is not a regular file (a device or pipe may never end), or is larger than ``most``
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
    """Open a file without blocking, even if it is a pipe without a writer."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def within(name: str, folders: Iterable[str | os.PathLike[str]]) -> Path | None:
    """Return the path of a file name if it is within one of the folders; None if it is not.

    Nothing outside the folders is accessed, so the answer does not reveal what exists there. A link that leads out of a
    folder does not count as within it.

    Args:
        name: An absolute path, or one relative to the folders.
        folders: Permitted folders.
    """
    if "\0" in name:
        return None
    missing = None
    for folder in folders:
        # Not resolve(), which accesses the disk: nothing outside the folders must be accessed.
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
