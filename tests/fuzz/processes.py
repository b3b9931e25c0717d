"""Starts a simulated process, with the memory of earlier processes cleared."""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from collections.abc import Callable
from typing import Any

from airflow.sdk.execution_time import task_runner

from tests.fuzz.points import Killed, Process
from tests.fuzz.supervisor import Supervisor
from tests.fuzz.world import World

LONGEST_JOIN = 2.0
"""Seconds. A thread that belongs to a library's pool does not end."""


def begin_process(world: World, process: Process, run: Callable[[], Any]) -> bool:
    """Run something as a process of its own; say whether it came to its end, rather than be killed."""
    forget()
    world.process = process
    task_runner.SUPERVISOR_COMMS = Supervisor(world)  # type: ignore[assignment]
    if process.forked:
        return _fork(world, run)
    threads = set(threading.enumerate())
    try:
        run()
    except Killed:
        return False
    else:
        return not process.dead
    finally:
        # No thread outlives its process.
        process.dead = True
        for thread in set(threading.enumerate()) - threads:
            if not thread.name.startswith("qrt-emulator"):
                thread.join(LONGEST_JOIN)
        forget()


def forget() -> None:
    """Be a process that has just begun: no token, no connection, nobody who waits, nothing that was said before."""
    from airflow_provider_qrt.client import connections, tokens
    from airflow_provider_qrt.hooks import airflow_name, qiskit_runtime
    from airflow_provider_qrt.jobs.wait import progress
    from airflow_provider_qrt.jobs.wait import shared_poller as sharing
    from airflow_provider_qrt.observability import best_effort
    from airflow_provider_qrt.triggers import cancelling, submission

    tokens._slots.clear()
    connections._forget()
    sharing._pollers.clear()
    progress._lengths.clear()
    airflow_name._stored.clear()
    qiskit_runtime._warned_of.clear()
    best_effort._said.clear()
    submission._queues.clear()
    cancelling._cancellations.clear()


def _fork(world: World, run: Callable[[], Any]) -> bool:
    """Run it in a process that SIGKILL really ends. The clock is shared; all else comes back through a file."""
    file = world.folder / "child"
    world.child_file = file
    world.keep()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            run()
            code = 0
        except BaseException:
            world.trace(traceback.format_exc())
        finally:
            world.keep()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    world.child_file = None
    vars(world.airflow).update(vars(pickle.loads(file.read_bytes())))
    code = os.waitstatus_to_exitcode(status)
    if code > 0:
        raise RuntimeError(f"A forked process ended with {code}.")
    return code == 0
