"""Every example DAG gives the same result in a real Airflow, in ``dag.test()`` and, for its tasks, in ``tasks test``.

Each run gets one answer 429, and loses the answer to one submission.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from airflow_provider_qrt.emulator import Emulator
from tests.ways.examples import CONF, copy_dags
from tools.demo import connection
from tools.local_airflow import LocalAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

NO_JOBS = ("calibration_record",)


@pytest.fixture(scope="module")
def own_service() -> Iterator[Emulator]:
    """An emulator of this module's own: it is reset before each run, and budgets begin anew."""
    with Emulator(rate_limit=False) as running:
        yield running


@pytest.fixture(scope="module")
def real(own_service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    home = tmp_path_factory.mktemp("real")
    with LocalAirflow(
        home, copy_dags(home / "dags"), connections={"qiskit_runtime_default": connection(own_service)}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def alone(own_service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """A database and no component: ``dag.test()`` needs no other."""
    home = tmp_path_factory.mktemp("alone")
    airflow = LocalAirflow(
        home, copy_dags(home / "dags"), connections={"qiskit_runtime_default": connection(own_service)}
    )
    (home / "logs").mkdir()
    airflow.run("db", "migrate")
    airflow.run("dags", "reserialize")
    yield airflow
    airflow.stop()


@pytest.fixture(autouse=True)
def one_of_each_fault(own_service: Emulator) -> None:
    _prepare(own_service)


def _prepare(service: Emulator) -> None:
    service.reset()
    service.configure(queue_seconds=1, run_seconds=0.2, rate_limit=False)
    service.add_fault(method="POST", path="/jobs", status=429, times=1)
    service.add_fault(method="POST", path="/jobs", drop="after", times=1)


def shape(value: Any) -> Any:
    """Return the structure of a value without its numbers."""
    if isinstance(value, dict):
        # Outcomes differ from run to run.
        return {key: shape(one) for key, one in value.items() if not set(key) <= {"0", "1"}}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "a number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def outcome(airflow: LocalAirflow, service: Emulator, dag_id: str) -> dict[str, Any]:
    """Return the outcome of the DAG's newest run: its tasks, their return values, and the jobs on the server."""
    address = f"file:{airflow.home}/airflow.db?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as database:
        run_id, state = database.execute(
            "SELECT run_id, state FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1", (dag_id,)
        ).fetchone()
        tasks = database.execute(
            "SELECT task_id, map_index, state, try_number FROM task_instance WHERE dag_id = ? AND run_id = ?",
            (dag_id, run_id),
        ).fetchall()
        returned = database.execute(
            "SELECT task_id, map_index, value FROM xcom WHERE dag_id = ? AND run_id = ? AND key = 'return_value'",
            (dag_id, run_id),
        ).fetchall()
    jobs = sorted(
        (next(tag for tag in job["tags"] if tag.startswith("task:")), job["status"]) for job in service.jobs()
    )
    return {
        "state": state,
        "tasks": {(task, index): (state, tries) for task, index, state, tries in tasks},
        "returned": {
            (task, index): shape(json.loads(value) if isinstance(value, str) else value)
            for task, index, value in returned
        },
        "jobs": jobs,
    }


@pytest.mark.parametrize("name", CONF)
def test_a_dag_comes_to_the_same_in_both(own_service, real, alone, name):
    dag_id = f"qiskit_runtime_{name}"
    airflow_run = real.trigger(dag_id, conf=CONF[name])
    real.expect_end(dag_id, airflow_run, seconds=600)
    in_airflow = outcome(real, own_service, dag_id)
    if name not in NO_JOBS:
        assert all(fault["times"] == 0 for fault in own_service.faults()), own_service.faults()

    _prepare(own_service)
    alone.run("dags", "test", dag_id, *(["--conf", json.dumps(CONF[name])] if CONF[name] else []))
    in_test = outcome(alone, own_service, dag_id)

    assert in_test["state"] == in_airflow["state"] == "success"
    assert in_test["tasks"] == in_airflow["tasks"]
    assert in_test["jobs"] == in_airflow["jobs"]
    assert in_test["returned"] == in_airflow["returned"]


@pytest.mark.parametrize(("name", "task_id"), [("bell_pair", "measure"), ("ising_energy", "estimate")])
def test_a_task_comes_to_the_same_in_tasks_test(own_service, real, alone, name, task_id):
    dag_id = f"qiskit_runtime_{name}"
    real.expect_end(dag_id, real.trigger(dag_id), seconds=600)
    in_airflow = outcome(real, own_service, dag_id)

    _prepare(own_service)
    alone.run("tasks", "test", dag_id, task_id)

    jobs = [(next(tag for tag in job["tags"] if tag.startswith("task:")), job["status"]) for job in own_service.jobs()]
    assert jobs == [job for job in in_airflow["jobs"] if job[0] == f"task:{task_id}"]
    assert all(fault["times"] == 0 for fault in own_service.faults())
