"""A triggerer begins to clean up only after it has forked the process of its triggers."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, threading, time
from airflow_provider_qrt.cleanup import runner

NAME = "qiskit-runtime-cleanup"

class Job:
    pass

def threads():
    return [one.name for one in threading.enumerate()].count(NAME)

def fork():
    "Returns how many there are in the fork."
    child = os.fork()
    if child == 0:
        again = os.fork()
        if again == 0:
            os._exit(threads())
        found = threads() + os.waitstatus_to_exitcode(os.waitpid(again, 0)[1])
        os._exit(found)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

job = Job()
runner.start(job)
before = threads()
early = fork() + threads()
job.job_type = sys.argv[1]
told = threads()
late = fork()
print(before, early, told, late, threads())
fork()
print(threads())
"""


@pytest.mark.parametrize(("kind", "number"), [("TriggererJob", 1), ("SchedulerJob", 0)])
def test_it_begins_with_the_first_fork_of_a_triggerer_and_in_no_fork(kind, number):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, timeout=120, check=True
    )
    # Airflow 3.4 warns of forks, in the log.
    told = [line for line in done.stdout.splitlines() if line and "[warning" not in line]
    assert told[:2] == [f"0 0 0 0 {number}", str(number)]


def test_it_does_not_begin_where_the_deployment_wants_none(monkeypatch):
    from airflow_provider_qrt.cleanup import runner

    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CLEANUP_INTERVAL", "0")
    registered = []
    monkeypatch.setattr(runner.os, "register_at_fork", lambda **hooks: registered.append(hooks))
    runner.start(object())
    assert not registered
