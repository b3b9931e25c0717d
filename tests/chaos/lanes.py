"""Runs scenarios side by side, each with a separate service, so that its faults affect no other scenario."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from airflow_provider_qrt.emulator import Emulator
from tools.local_airflow import LocalAirflow, TaskProcesses, wait_until

SHOTS = 200
LOOK = 0.1
"""Seconds between two looks for a moment that does not last."""
CALM = {
    "queue_seconds": 2,
    "run_seconds": 0.5,
    "visibility_seconds": 0,
    "rate_limit": False,
}
"""How a service behaves at the beginning of a scenario."""
PATIENCE = 480.0
"""Seconds to wait for what will surely come, on a machine that has other work too."""


@dataclass
class Lane:
    """One service, and the connection to it.

    Attributes:
        airflow: The Airflow that all lanes share.
        service: The emulator.
        connection: Id of the connection.
    """

    airflow: LocalAirflow
    service: Emulator
    connection: str

    def calm(self) -> None:
        """Lift faults and rules, and make the service quick."""
        self.service.clear_faults()
        self.service.clear_rules()
        self.service.configure(**CALM)

    def start(self, dag_id: str, *, connection: str | None = None) -> Run:
        """Start a run of one of the ``chaos_`` DAGs, by default with the connection to this lane's service."""
        self.service.clear_requests()
        return Run(self, dag_id, self.airflow.trigger(dag_id, {"service": connection or self.connection}))


@dataclass
class Run:
    """A DAG run with one task, ``measure``."""

    lane: Lane
    dag_id: str
    run_id: str

    @property
    def task(self) -> dict[str, Any]:
        """The task instance."""
        return self.lane.airflow.task(self.dag_id, self.run_id, "measure")

    @property
    def path(self) -> str:
        """The task instance in the REST API."""
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/measure"

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """The jobs on the server that belong to this run."""
        return [job for job in self.lane.service.jobs() if f"run:{self.run_id}"[:86] in job["tags"]]

    @property
    def log(self) -> str:
        """Everything the task has logged."""
        return self.lane.airflow.task_log(self.dag_id, self.run_id, "measure")

    def processes(self) -> TaskProcesses:
        """The processes of the running task."""
        return self.lane.airflow.task_processes(self.dag_id, self.run_id, "measure")

    def expire(self) -> None:
        """Let Airflow miss the task's worker, which sends no heartbeats any more, at once instead of in minutes."""
        self.lane.airflow.expire_task(self.dag_id, self.run_id, "measure")

    def clear(self) -> None:
        """Clear the task, as somebody does in the UI."""
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": ["measure"], "only_failed": False}
        self.lane.airflow.api("POST", f"/dags/{self.dag_id}/clearTaskInstances", json=body)

    def wait_for_state(self, *states: str) -> dict[str, Any]:
        """Wait until the task is in one of the states."""
        return self.lane.airflow.wait_for_task_state(self.dag_id, self.run_id, "measure", *states, seconds=PATIENCE)

    def wait_for_job(self) -> dict[str, Any]:
        """Wait until the server has the run's job."""
        jobs = wait_until(lambda: self.jobs, seconds=PATIENCE, what=f"A job of {self.dag_id}", pause=LOOK)
        return dict(jobs[0])

    def wait_for_status(self, *statuses: str, seconds: float = PATIENCE) -> None:
        """Wait until the run's job, of which there is one only, has come to one of the states."""
        wait_until(
            lambda: [job["status"] for job in self.jobs] in [[status] for status in statuses],
            seconds=seconds,
            what=f"The job of {self.dag_id} being {' or '.join(statuses)}",
            pause=LOOK,
        )

    def wait_for_request(self, method: str, ending: str, *, answered: bool = False) -> None:
        """Wait until the service has got a request whose path ends so, and answered it if that is asked for."""

        def there() -> bool:
            return any(
                one["method"] == method and one["path"].endswith(ending) and (one["status"] or not answered)
                for one in self.lane.service.requests()
            )

        wait_until(there, seconds=PATIENCE, what=f"{method} ...{ending} of {self.dag_id}", pause=LOOK)

    def wait_for_log(self, text: str) -> None:
        """Wait until the task has logged something."""
        wait_until(lambda: text in self.log, seconds=PATIENCE, what=f"{text!r} in the log of {self.dag_id}", pause=LOOK)

    def wait_for_trigger(self) -> None:
        """Wait until the task is deferred and the triggerer has its trigger: only then can anybody tell it to stop."""
        self.wait_for_state("deferred")
        self.wait_for_log("starting")

    def wait_for_end_of_process(self) -> None:
        """Wait until the scheduler has dealt with the end of the process that has deferred the task.

        On SQLite, which has no row locks, a task that is cleared meanwhile ends the scheduler.
        """
        told = f"TaskInstance Finished: dag_id={self.dag_id}, task_id=measure, run_id={self.run_id},"
        scheduler = self.lane.airflow.component_log
        wait_until(lambda: told in scheduler("scheduler"), seconds=PATIENCE, what=f"The end of a leg of {self.dag_id}")
        # It commits what it did a moment after it has said so.
        time.sleep(3)

    def expect_success(self, *, jobs: int = 1) -> None:
        """The run succeeds, with so many jobs on the server, and the counts are a Bell pair's."""
        self.lane.airflow.expect_end(self.dag_id, self.run_id, "success", seconds=PATIENCE)
        assert len(self.jobs) == jobs, f"{[job['status'] for job in self.jobs]}\n{self.log}"
        expect_bell_pair(self.lane.airflow.xcom(self.dag_id, self.run_id, "measure"), self.jobs[-1]["id"])


def expect_bell_pair(value: Any, job_id: str) -> None:
    """An XCom holds the counts of a Bell pair, from this job."""
    [result] = value["results"]
    assert value["job_id"] == job_id
    assert set(result["counts"]) <= {"00", "11"}
    assert sum(result["counts"].values()) == result["shots"] == SHOTS


def in_parallel(scenarios: Mapping[str, Callable[[], None]]) -> None:
    """Run scenarios at the same time; each is waited for, and each that fails is told of."""
    with ThreadPoolExecutor(len(scenarios)) as pool:
        running = {name: pool.submit(scenario) for name, scenario in scenarios.items()}
    errors = {name: error for name, one in running.items() if (error := one.exception())}
    told = [f"--- {name}:\n{''.join(traceback.format_exception(error))}" for name, error in errors.items()]
    assert not errors, "\n".join([f"{', '.join(errors)} of {', '.join(scenarios)} failed", *told])


Scenario = Callable[[Lane], None]


class Stage:
    """Plays scenarios at the same time, each in a lane of its own, and keeps what became of them.

    They mostly wait; one after the other they would take a quarter of an hour.
    """

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._free: SimpleQueue[Lane] = SimpleQueue()
        for lane in lanes:
            self._free.put(lane)
        self._pool = ThreadPoolExecutor(len(lanes))
        self._outcomes: dict[str, Future[None]] = {}

    def play(self, scenarios: Mapping[str, Scenario]) -> None:
        """Begin with those scenarios that are not on stage yet."""
        for name, scenario in scenarios.items():
            if name not in self._outcomes:
                self._outcomes[name] = self._pool.submit(self._play, scenario)

    def expect_success(self, name: str) -> None:
        """Wait for a scenario; raise what it raised."""
        self._outcomes[name].result()

    def wait(self) -> None:
        """Wait until nothing is on stage any more."""
        wait(self._outcomes.values())

    def close(self) -> None:
        """Drop what has not begun and wait for the rest."""
        self._pool.shutdown(cancel_futures=True)

    def _play(self, scenario: Scenario) -> None:
        lane = self._free.get()
        try:
            lane.calm()
            scenario(lane)
        finally:
            self._free.put(lane)
