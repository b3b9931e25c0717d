"""Importing the simulator: once for the process, in the background, in a thread that never ends.

Qiskit 2.6 brings an allocator of its own (mimalloc), which takes the thread that loads it for the main thread. When
that thread ends, the next thread that comes to Qiskit for the first time dies of a segmentation fault, and the process
with it. So no worker thread may be the one that imports Qiskit.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec

NEEDED = ("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "qiskit_qasm3_import")
"""What the extra ``emulator`` brings and nothing here works without."""

_lock = threading.Lock()
_loaded = threading.Event()
_thread: threading.Thread | None = None


def check_installed() -> None:
    """Look for the simulator without importing it.

    Raises:
        ModuleNotFoundError: Something of it is not installed; says what to install.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"the emulator needs {', '.join(missing)}: pip install 'airflow-provider-qrt[emulator]'"
        )


def start_loading() -> None:
    """Begin to import the simulator, unless that was done before."""
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_load, name="qrt-emulator-simulator", daemon=True)
            _thread.start()


def wait_until_loaded() -> None:
    """Return when Qiskit may be used in this thread.

    An import that failed fails again, with its own error, where Qiskit is used.
    """
    start_loading()
    _loaded.wait()


def _load() -> None:
    try:
        import qiskit_aer  # noqa: F401
        from qiskit import qasm3

        # The first use loads the parser as well.
        qasm3.loads('OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;')
    finally:
        _loaded.set()
    threading.Event().wait()
