"""Runs a system through the rows of the fault benchmark and counts its jobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchmarks.fault_rows import Row
from benchmarks.running import (
    BACKEND,
    RUN_TIMEOUT_SECONDS,
    TASK,
    NotMeasurableError,
    ProgramFailedError,
    is_bell_pair,
    run_program,
)

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator
    from tools.local_airflow import LocalAirflow

RUN_SECONDS = 1.0
RETRY_SECONDS = 1
KILL_AFTER_SECONDS = 1.5
"""Seconds from the arrival of the job at the server; by then the submitting process knows its id."""


@dataclass(frozen=True)
class Tried:
    """The outcome of a job in a system.

    Attributes:
        result: Whether the system obtained the right counts.
        tries: Number of tries.
        why_not: Its last message if there is no result.
    """

    result: bool
    tries: int
    why_not: str = ""


@dataclass(frozen=True)
class Outcome:
    """One cell of the table.

    Attributes:
        jobs: Number of jobs created on the server.
        cancelled: Number of these jobs that were cancelled.
        tried: The outcome in the system.
    """

    jobs: int
    cancelled: int
    tried: Tried

    @property
    def left(self) -> int:
        """Number of jobs that were neither cancelled nor delivered."""
        return self.jobs - self.cancelled - self.tried.result

    def __str__(self) -> str:
        parts = [f"{self.jobs} {'job' if self.jobs == 1 else 'jobs'}"]
        if self.cancelled:
            parts.append(f"{self.cancelled} cancelled")
        if self.left:
            parts.append(f"{self.left} left behind")
        parts.append("result" if self.tried.result else "no result")
        return ", ".join(parts) + (f", {self.tried.tries} tries" if self.tried.tries > 1 else "")


class StoppedError(Exception):
    """The measurement of another system failed, so this one ends too."""


Run = Callable[[Row], Tried]


class Lane:
    """One system with a separate emulator.

    Args:
        emulator: Its emulator.
        stop: The event that ends the measurement.
        say: A function that prints a line about each row.
    """

    def __init__(self, emulator: Emulator, stop: threading.Event, say: Callable[[str], None]) -> None:
        self._emulator = emulator
        self._stop = stop
        self._say = say

    def measure(self, rows: Sequence[Row], run: Run) -> dict[str, Outcome]:
        """Measure all rows.

        Raises:
            NotMeasurableError: The system never submitted a job.
        """
        return {row.name: self._observe(row, run) for row in rows}

    def _observe(self, row: Row, run: Run) -> Outcome:
        emulator = self._emulator
        emulator.reset()
        emulator.configure(
            queue_seconds=row.queue_seconds, run_seconds=RUN_SECONDS, visibility_seconds=row.visibility_seconds
        )
        if row.rule is not None:
            emulator.add_fault(**row.rule)
        tried = run(row)
        if not any(one["method"] == "POST" and one["path"].endswith("/jobs") for one in emulator.requests()):
            raise NotMeasurableError(f"it submitted nothing ({row.name}): {tried.why_not}")
        if row.rule is not None and not emulator.faults()[0]["applied"]:
            raise RuntimeError(f"{row.name}: the fault met no request")
        jobs = emulator.jobs()
        outcome = Outcome(len(jobs), sum(job["cancelled"] for job in jobs), tried)
        self._say(f"{row.name}: {outcome}{f' ({tried.why_not})' if tried.why_not else ''}")
        return outcome

    def kills(self) -> Callable[[int | None], bool]:
        """Return a function that SIGKILLs a process once, shortly after a job has entered the queue.

        It takes the pid, or None when the pid is not known yet, and returns whether it has killed the process.
        """
        due: float | None = None
        done = False

        def kill(pid: int | None) -> bool:
            nonlocal due, done
            jobs = [] if done else self._emulator.jobs()
            if jobs and due is None:
                due = time.monotonic() + KILL_AFTER_SECONDS
            if not done and due is not None and time.monotonic() > due and pid is not None:
                if jobs[0]["status"] != "Queued":
                    raise RuntimeError(f"the job is {jobs[0]['status']}: too late to kill the process that waits")
                os.kill(pid, signal.SIGKILL)
                done = True
            return done

        return kill

    def check_stop(self) -> None:
        """End the measurement if the stop event is set."""
        if self._stop.is_set():
            raise StoppedError


def in_processes(
    lane: Lane,
    emulator: Emulator,
    python: Path | str,
    name: str,
    folder: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Return a function that runs a program, in a new process for each try.

    prefect-qiskit retries within its process, so it gets a new process only if one was killed.
    """
    own_retries = name == "prefect_flow"

    def run(row: Row) -> Tried:
        wishes = {} if row.timeout is None else {"timeout": row.timeout}
        if own_retries:
            wishes |= {"retries": row.retries, "retry_delay": RETRY_SECONDS}
        kill = lane.kills()
        killed = False
        why_not = ""

        def watch(process: subprocess.Popen[bytes]) -> None:
            nonlocal killed
            lane.check_stop()
            if row.kill and not killed:
                killed = kill(process.pid)

        tries = 0
        while tries <= row.retries:
            tries += 1
            was_killed = killed
            try:
                answer = run_program(python, name, emulator, folder, watch=watch, environment=environment, **wishes)
            except ProgramFailedError as error:
                why_not = str(error)
                if own_retries and killed == was_killed:
                    break
                time.sleep(RETRY_SECONDS)
                continue
            return Tried(is_bell_pair(answer.counts), _prefect_tries(emulator) if own_retries else tries)
        return Tried(False, _prefect_tries(emulator) if own_retries else tries, why_not)

    return run


def _prefect_tries(emulator: Emulator) -> int:
    """Return the number of tries of prefect-qiskit's task, which reads the backend's state once in each try."""
    asked = f"/backends/{BACKEND}/status"
    return sum(one["path"].endswith(asked) for one in emulator.requests())


def in_airflow(lane: Lane, airflow: LocalAirflow) -> Run:
    """Return a function that runs our DAGs."""

    def run(row: Row) -> Tried:
        run_id = airflow.trigger(row.dag)
        kill = lane.kills()
        killed = not row.kill
        end = time.monotonic() + RUN_TIMEOUT_SECONDS
        while (state := airflow.run_state(row.dag, run_id)) not in ("success", "failed"):
            if time.monotonic() > end:
                raise RuntimeError(f"{row.name}: the DAG run had not ended after {RUN_TIMEOUT_SECONDS} s")
            if not killed:
                task = airflow.task(row.dag, run_id, TASK)
                killed = kill(task["pid"] if task["state"] == "running" else None)
            time.sleep(0.5)
        tries = airflow.task(row.dag, run_id, TASK)["try_number"]
        if state == "failed":
            return Tried(False, tries, _last_error(airflow.task_log(row.dag, run_id, TASK)))
        return Tried(is_bell_pair(airflow.xcom(row.dag, run_id, TASK)["results"][0]["counts"]), tries)

    return run


def _last_error(task_log: str) -> str:
    """Return the message of the last exception in an Airflow task log, which has JSON in each line."""
    lines = [json.loads(line) for line in task_log.splitlines() if line.startswith("{")]
    errors = [line["error_detail"][0]["exc_value"] for line in lines if line.get("error_detail")]
    return str((errors or ["without a message"])[-1])
