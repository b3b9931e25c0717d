"""How a system goes through the rows of the benchmark of faults, and what is counted."""

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
    NotMeasurable,
    ProgramFailed,
    is_bell_pair,
    run_program,
)

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator
    from tools.local_airflow import LocalAirflow

RUN_SECONDS = 1.0
RETRY_SECONDS = 1
KILL_AFTER_SECONDS = 1.5
"""From the moment the server has the job: by then its id is known to whoever submitted it."""


@dataclass(frozen=True)
class Tried:
    """What a system made of its job.

    Attributes:
        result: Whether the right counts were obtained.
        tries: How many it took.
        why_not: Its last word when there is no result.
    """

    result: bool
    tries: int
    why_not: str = ""


@dataclass(frozen=True)
class Outcome:
    """One cell of the table.

    Attributes:
        jobs: Created on the server.
        cancelled: Those of them that were cancelled.
        tried: What the system made of it.
    """

    jobs: int
    cancelled: int
    tried: Tried

    @property
    def left(self) -> int:
        """Jobs neither cancelled nor delivered."""
        return self.jobs - self.cancelled - self.tried.result

    def __str__(self) -> str:
        parts = [f"{self.jobs} {'job' if self.jobs == 1 else 'jobs'}"]
        if self.cancelled:
            parts.append(f"{self.cancelled} cancelled")
        if self.left:
            parts.append(f"{self.left} left behind")
        parts.append("result" if self.tried.result else "no result")
        return ", ".join(parts) + (f", {self.tried.tries} tries" if self.tried.tries > 1 else "")


class Stopped(Exception):
    """Another system's measurement broke, so this one ends too."""


Run = Callable[[Row], Tried]


class Lane:
    """One system on an emulator of its own.

    Args:
        emulator: Its emulator.
        stop: Set when the measurement is to end.
        say: Takes a line about each row.
    """

    def __init__(self, emulator: Emulator, stop: threading.Event, say: Callable[[str], None]) -> None:
        self._emulator = emulator
        self._stop = stop
        self._say = say

    def measure(self, rows: Sequence[Row], run: Run) -> dict[str, Outcome]:
        """Go through the rows.

        Raises:
            NotMeasurable: The system never got as far as to submit a job.
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
            raise NotMeasurable(f"it submitted nothing ({row.name}): {tried.why_not}")
        if row.rule is not None and not emulator.faults()[0]["applied"]:
            raise RuntimeError(f"{row.name}: the fault met no request")
        jobs = emulator.jobs()
        outcome = Outcome(len(jobs), sum(job["cancelled"] for job in jobs), tried)
        self._say(f"{row.name}: {outcome}{f' ({tried.why_not})' if tried.why_not else ''}")
        return outcome

    def kills(self) -> Callable[[int | None], bool]:
        """Return a function that SIGKILLs a process once, when a job has been in the queue for a moment.

        It takes the pid, or None when that is not known yet, and says whether it has killed.
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
        """End the measurement if it is to end."""
        if self._stop.is_set():
            raise Stopped


def in_processes(
    lane: Lane,
    emulator: Emulator,
    python: Path | str,
    name: str,
    folder: Path,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Return what runs a program, in a fresh process for each try.

    prefect-qiskit retries within its process, so for it a further process is started only when one was killed.
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
            except ProgramFailed as error:
                why_not = str(error)
                if own_retries and killed == was_killed:
                    break
                time.sleep(RETRY_SECONDS)
                continue
            return Tried(is_bell_pair(answer.counts), _prefect_tries(emulator) if own_retries else tries)
        return Tried(False, _prefect_tries(emulator) if own_retries else tries, why_not)

    return run


def _prefect_tries(emulator: Emulator) -> int:
    """Tries of prefect-qiskit's task: it asks once for the backend's state at the beginning of each."""
    asked = f"/backends/{BACKEND}/status"
    return sum(one["path"].endswith(asked) for one in emulator.requests())


def in_airflow(lane: Lane, airflow: LocalAirflow) -> Run:
    """Return what runs our DAGs."""

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
    """The message of the last exception in a task log of Airflow, which has JSON in each line."""
    lines = [json.loads(line) for line in task_log.splitlines() if line.startswith("{")]
    errors = [line["error_detail"][0]["exc_value"] for line in lines if line.get("error_detail")]
    return str((errors or ["without a message"])[-1])
