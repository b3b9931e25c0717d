"""Imports Qiskit where it is required, with errors that say what to install."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_qrt.primitives.errors import InvalidInputError

__all__ = ["QiskitMissingError"]

CHATTY = ("qiskit", "qiskit_ibm_runtime")
"""Loggers that write a line for each pass, or each PUB."""


class QiskitMissingError(InvalidInputError):
    """The request needs Qiskit, which is not installed."""


@contextmanager
def qiskit_needed(what: str) -> Iterator[None]:
    """Turn a failed import of Qiskit or of a package of the extra into an error that says what to install.

    Qiskit 2.6 uses its own allocator (mimalloc), which treats the thread that loads it as the main thread. After that
    thread has ended, other threads crash in Qiskit with a segmentation fault. So only the main thread may be the first
    to import Qiskit.

    Args:
        what: The argument that needs Qiskit, for the message.

    Raises:
        QiskitMissingError: An import in the ``with`` block failed.
        RuntimeError: Qiskit is not imported yet, and this is not the main thread.
    """
    if "qiskit" not in sys.modules and threading.current_thread() is not threading.main_thread():
        raise RuntimeError("Import qiskit in the main thread before other threads use it: Qiskit needs that thread.")
    try:
        # The official client imports Aer if it is installed, and that import runs passes immediately.
        with quiet_passes():
            yield
    except ImportError as error:
        raise QiskitMissingError(
            f"{what}: this needs Qiskit, of which something is not installed ({error}). Install it with the workers: "
            "pip install 'airflow-provider-qrt[qiskit]'"
        ) from error


@contextmanager
def quiet_passes() -> Iterator[None]:
    """Suppress the log line of each pass and step of Qiskit and the official client, unless their level has been set.

    The official client writes to the standard error stream, whose lines Airflow shows as errors.
    """
    quieted = [logger for logger in map(logging.getLogger, CHATTY) if logger.level == logging.NOTSET]
    for logger in quieted:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger in quieted:
            logger.setLevel(logging.NOTSET)


# Former names, which still work for one release.
QiskitMissing = QiskitMissingError
