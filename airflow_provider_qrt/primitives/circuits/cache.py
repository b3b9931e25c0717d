"""The disk cache of transpiled circuits, so that a retry does not repeat minutes of computation."""

from __future__ import annotations

import os

from airflow_provider_qrt.untrusted.private_cache import PrivateCache, default_directory

MAX_BYTES = 256 * 1024 * 1024
"""Default limit on the total size in bytes; enough for a thousand circuits of 127 qubits and 50,000 gates."""


class CircuitCache(PrivateCache):
    """A directory of transpiled circuits as compressed QPY.

    Args:
        directory: The directory; None: one in the user's cache directory.
        max_bytes: Limit on the total size of all entries in bytes.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(directory or default_directory("circuits"), kind="circuit", max_bytes=max_bytes)
