"""The simulation process: ``python -m airflow_provider_qrt.emulator.simulation.simulator_process FD``.

It answers requests over a pipe until its parent process closes the other end or ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.simulation import simulate

THREADS = 2
LOOK_AFTER_PARENT_SECONDS = 5.0


def main(connection: Connection) -> None:
    """Import Qiskit in this thread, the main one, and answer requests until the pipe closes."""
    parent = os.getppid()
    _load()
    answering = threading.Lock()
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            # Another process forked by the parent may keep the pipe open after the parent has ended.
            while not connection.poll(LOOK_AFTER_PARENT_SECONDS):
                if os.getppid() != parent:
                    os._exit(0)
            try:
                number, question = connection.recv()
            except (EOFError, OSError):
                # Nobody is left to receive the result of a running simulation.
                os._exit(0)
            pool.submit(_run, *question).add_done_callback(_answerer(connection, answering, number))


def _load() -> None:
    import qiskit_aer  # noqa: F401

    from airflow_provider_qrt.emulator.simulation.openqasm import loads

    # The first use also loads the parser.
    loads('OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;')


def _run(submission: Any, device: bytes, clock: Any, *rest: Any) -> Any:
    return simulate.run(submission, _device(device), clock, *rest)


@lru_cache(maxsize=32)
def _device(packed: bytes) -> Device:
    device: Device = pickle.loads(packed)  # noqa: S301 - from the process that started this one
    return device


def _answerer(connection: Connection, answering: threading.Lock, number: int) -> Any:
    def answer(done: Future[Any]) -> None:
        with answering:
            try:
                connection.send((number, done.result()))
            except OSError:
                os._exit(0)

    return answer


if __name__ == "__main__":
    # Ctrl-C is meant for the parent process; this process ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(Connection(int(sys.argv[1])))
