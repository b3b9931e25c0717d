"""A real Airflow waits for a backend that is paused, and runs on it when it has come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

NAMES = ("ibm_fez", "ibm_marrakesh", "ibm_boston", "ibm_miami")


@pytest.fixture
def backends(service) -> Iterator[Callable[..., None]]:
    """Sets how backends stand; afterwards all are free again, for the other tests."""

    def change(**changes: dict) -> None:
        service.configure(backends=changes)

    yield change
    change(**{name: {"status": "online", "reason": "available", "queue_length": 0} for name in NAMES})


def test_a_paused_backend_that_comes_back_while_the_sensor_is_deferred_gets_the_job(
    airflow, service, submissions, backends
):
    dag_id = "backend_comes_back"
    backends(ibm_boston={"status": "paused", "reason": "calibrating", "queue_length": 2})
    run_id = airflow.trigger(dag_id)
    airflow.wait_for_task_state(dag_id, run_id, "ready", "deferred")
    assert "No backend is ready: ibm_boston is paused (calibrating)." in airflow.task_log(dag_id, run_id, "ready")
    assert submissions(run_id) == []
    backends(ibm_boston={"status": "online", "reason": "available"})
    airflow.expect_end(dag_id, run_id)
    found = airflow.xcom(dag_id, run_id, "ready")
    assert found == {
        "backend": "ibm_boston",
        "queue_length": 2,
        "wait_time_seconds": found["wait_time_seconds"],
        "qubits": 156,
        "processor": "Heron r3",
        "status": "online",
    }
    assert found["wait_time_seconds"] > 0
    assert [job["backend"] for job in submissions(run_id)] == ["ibm_boston"]
    assert service.api_key not in airflow.task_log(dag_id, run_id, "ready")


def test_a_queue_that_grows_shorter_is_noticed_in_every_mode(airflow, backends):
    dag_id = "backend_modes"
    backends(ibm_boston={"queue_length": 4})
    run_id = airflow.trigger(dag_id)
    airflow.wait_for_task_state(dag_id, run_id, "poke", "running")
    airflow.wait_for_task_state(dag_id, run_id, "reschedule", "up_for_reschedule")
    airflow.wait_for_task_state(dag_id, run_id, "deferred", "deferred")
    backends(ibm_boston={"queue_length": 3})
    airflow.expect_end(dag_id, run_id)
    for task_id in ("poke", "reschedule", "deferred"):
        seen = airflow.xcom(dag_id, run_id, task_id)
        assert (seen["backend"], seen["queue_length"]) == ("ibm_boston", 3), task_id


def test_the_example_dag_runs_on_the_least_busy_backend_that_fits(airflow, submissions, backends):
    # The one without a queue is no Heron, the next is paused.
    backends(
        ibm_fez={"queue_length": 9},
        ibm_marrakesh={"queue_length": 3},
        ibm_boston={"queue_length": 1, "status": "paused"},
    )
    run_id = airflow.run_dag("qiskit_runtime_wait_for_backend")
    assert [job["backend"] for job in submissions(run_id)] == ["ibm_marrakesh"]
