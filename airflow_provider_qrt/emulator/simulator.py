"""The process that simulates, as seen from the one that serves.

Qiskit is never imported here. An emulator serves from a thread of its user's process, often a test's, and importing
Qiskit in one thread while the test imports it in another breaks both: Python resolves the deadlock of two module locks
by an error, and Qiskit 2.6 brings an allocator (mimalloc) that takes the thread which loads it for the main thread, so
that the process dies of a segmentation fault after that thread has ended. So Qiskit lives in a child process, in whose
main thread it is imported. All emulators of a process share that child; it ends with the process.
"""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing import Pipe
from typing import Any

from airflow_provider_qrt.emulator.clock import Clock
from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.errors import INTERNAL_ERROR
from airflow_provider_qrt.emulator.outcome import JobFailure, Work
from airflow_provider_qrt.emulator.submission import Submission

NEEDED = ("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "qiskit_qasm3_import")
"""What the extra ``emulator`` brings and nothing here works without."""

CHILD = "airflow_provider_qrt.emulator.simulator_process"


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


class SimulatorLost(Exception):
    """The process that simulates has ended before it answered."""


class _Process:
    """One child, and the questions that it has not answered yet."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Work]] = {}
        self._lock = threading.Lock()
        self._connection, theirs = Pipe()
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603 - this Python, on a module of this package
                [sys.executable, "-P", "-m", CHILD, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # What this process can import, the other can.
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self.is_lost = False
        threading.Thread(target=self._read, name="qrt-emulator-simulator", daemon=True).start()

    def ask(self, question: Any) -> Work:
        """Send a question and wait for the answer.

        Raises:
            SimulatorLost: The child has ended.
        """
        answer: Future[Work] = Future()
        with self._lock:
            if self.is_lost:
                raise SimulatorLost
            number = next(self._numbers)
            self._waiting[number] = answer
            try:
                self._connection.send((number, question))
            except OSError as error:
                raise SimulatorLost from error
        return answer.result()

    def _read(self) -> None:
        try:
            while True:
                number, work = self._connection.recv()
                self._waiting.pop(number).set_result(work)
        except (EOFError, OSError):
            with self._lock:
                self.is_lost = True
                unanswered = list(self._waiting.values())
                self._waiting.clear()
            for answer in unanswered:
                answer.set_exception(SimulatorLost())
            self._child.wait()


_process: _Process | None = None
_starting = threading.Lock()


def start() -> _Process:
    """Start the process that simulates, unless it runs, so that Qiskit is there when the first job needs it."""
    global _process
    with _starting:
        if _process is None or _process.is_lost or _process.owner != os.getpid():
            _process = _Process()
        return _process


def run(
    submission: Submission, device: Device, clock: Clock, seed: int | None, max_active: int, noise: bool = False
) -> Work:
    """Have a job carried out and wait for it.

    Args:
        submission: What to run.
        device: What to check it against.
        clock: Says when the work was done.
        seed: Makes the samples repeatable.
        max_active: Widest group of coupled qubits that is simulated when it is not Clifford.
        noise: Whether the device makes the errors of its calibration.

    Returns:
        A result or the reason for which there is none; nothing is raised.
    """
    # Packed on its own, a device is known again and its snapshot read once.
    question = (submission, pickle.dumps(device), clock, seed, max_active, noise)
    try:
        work = start().ask(question)
    except SimulatorLost:
        failure = JobFailure(
            "The emulator could not carry out this job: the process that simulates has ended.",
            INTERNAL_ERROR,
            "Look at what it wrote to standard error; it may have run out of memory.",
        )
        work = Work(0.0, failure=failure)
    return replace(work, finished=clock.now())
