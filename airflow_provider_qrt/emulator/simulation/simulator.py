"""Starts the simulation process and sends jobs to it; used by the process that serves.

Qiskit is never imported here. An emulator runs in a thread of its user's process, often a test. If that thread imports
Qiskit while the test imports it in another thread, both break: Python resolves the deadlock of the two module locks by
raising an error, and the allocator of Qiskit 2.6 (mimalloc) treats the thread that loads it as the main thread, so the
process dies of a segmentation fault after that thread has ended. So a child process imports Qiskit in its main thread.
All emulators of a process share this child; it ends with the process.
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
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError, Work
from airflow_provider_qrt.emulator.submission import Submission

NEEDED = ("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "qiskit_qasm3_import")
"""The packages of the extra ``emulator`` that are required here."""

CHILD = "airflow_provider_qrt.emulator.simulation.simulator_process"


def check_installed() -> None:
    """Check that the simulator is installed, without importing it.

    Raises:
        ModuleNotFoundError: A package is missing; the message says what to install.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"the emulator needs {', '.join(missing)}: pip install 'airflow-provider-qrt[emulator]'"
        )


class SimulatorLostError(Exception):
    """The simulation process ended before it answered."""


class _Process:
    """One child process, and the requests that it has not answered yet."""

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
                # The child must be able to import everything that this process can.
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self.is_lost = False
        threading.Thread(target=self._read, name="qrt-emulator-simulator", daemon=True).start()

    def ask(self, question: Any) -> Work:
        """Send a request and wait for the answer.

        Raises:
            SimulatorLostError: The child has ended.
        """
        answer: Future[Work] = Future()
        with self._lock:
            if self.is_lost:
                raise SimulatorLostError
            number = next(self._numbers)
            self._waiting[number] = answer
            try:
                self._connection.send((number, question))
            except OSError as error:
                raise SimulatorLostError from error
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
                answer.set_exception(SimulatorLostError())
            self._child.wait()


_process: _Process | None = None
_starting = threading.Lock()


def start() -> _Process:
    """Start the simulation process if it is not running, so that Qiskit is loaded when the first job needs it."""
    global _process
    with _starting:
        if _process is None or _process.is_lost or _process.owner != os.getpid():
            _process = _Process()
        return _process


def run(
    submission: Submission,
    device: Device,
    clock: Clock,
    seed: int | None,
    max_active: int,
    noise: bool = False,
    mock: bool = False,
) -> Work:
    """Run a job in the simulation process and wait for it.

    Args:
        submission: The job.
        device: The device to check it against.
        clock: Tells when the simulation has ended.
        seed: Seed of the samples.
        max_active: Largest group of coupled qubits that is simulated when it is not Clifford.
        noise: Whether the device has the noise in its calibration.
        mock: Whether it is a dry run, which checks the job and makes up the result.

    Returns:
        The result or the reason of the failure; nothing is raised.
    """
    # Pickled separately, so that the child recognizes a device and reads its snapshot only once.
    question = (submission, pickle.dumps(device), clock, seed, max_active, noise, mock)
    try:
        work = start().ask(question)
    except SimulatorLostError:
        failure = JobFailedError(
            "The emulator could not carry out this job: the process that simulates has ended.",
            INTERNAL_ERROR,
            "Look at what it wrote to standard error; it may have run out of memory.",
        )
        work = Work(0.0, failure=failure)
    return replace(work, finished=clock.now())
