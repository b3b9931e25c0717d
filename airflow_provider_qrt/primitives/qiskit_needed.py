"""Using Qiskit where it cannot be done without."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_qrt.primitives.errors import InvalidInput


class QiskitMissing(InvalidInput):
    """What was asked for needs Qiskit, and it is not installed."""


@contextmanager
def qiskit_needed(what: str) -> Iterator[None]:
    """Turn a failed import of Qiskit, or of what belongs to the extra, into an error that says what to install.

    Qiskit 2.6 brings an allocator of its own (mimalloc), which takes the thread that loads it for the main thread.
    After that thread has ended, other threads die in Qiskit of a segmentation fault. So another thread than the main
    one may not be the first to import Qiskit.

    Args:
        what: The argument that cannot be served without Qiskit, for the message.

    Raises:
        QiskitMissing: An import failed inside.
        RuntimeError: This would import Qiskit for the first time, and not in the main thread.
    """
    if "qiskit" not in sys.modules and threading.current_thread() is not threading.main_thread():
        raise RuntimeError("Import qiskit in the main thread before other threads use it: Qiskit needs that thread.")
    try:
        # The official client imports Aer where it is installed, which runs passes at once.
        with quiet_passes():
            yield
    except ImportError as error:
        raise QiskitMissing(
            f"{what}: this needs Qiskit, of which something is not installed ({error}). Install it with the workers: "
            "pip install 'airflow-provider-qrt[qiskit]'"
        ) from error


@contextmanager
def quiet_passes() -> Iterator[None]:
    """Keep back the line that Qiskit logs for each of its passes, unless somebody has set the level of its logger."""
    logger = logging.getLogger("qiskit")
    if logger.level != logging.NOTSET:
        yield
        return
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(logging.NOTSET)
