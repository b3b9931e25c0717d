"""The metrics of a task's jobs that a StatsD server receives."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from airflow.providers.common.compat.sdk import AirflowException, Stats, conf

from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.cancel import cancel_job
from airflow_provider_qrt.observability import best_effort
from tests.older_airflow import send_metrics

OF_TASK = "dag_id=the_dag,program_id=executor,backend=ibm_fez"
NOT_ISA = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; h $0; c[0] = measure $0;'
PREFIX = "airflow.qiskit_runtime."


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Send Airflow's metrics to a socket; call this for those that came since the last call, without polls."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.setblocking(False)
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(ear.getsockname()[1]))
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "True")
        assert conf.getboolean("metrics", "statsd_influxdb_enabled")
        send_metrics(to_statsd=True)

        def lines() -> list[str]:
            found = []
            while True:
                try:
                    found.append(ear.recv(65_536).decode())
                except BlockingIOError:
                    return sorted(one.removeprefix(PREFIX) for one in found if "poll_requests" not in one)

        yield lines
    send_metrics(to_statsd=False)


def names(lines: list[str]) -> list[str]:
    return [line.partition(",")[0] for line in lines]


def test_a_job_is_counted_when_it_is_submitted_and_when_it_has_completed(either_way, heard, emulator):
    emulator.configure(run_seconds=0.25)
    either_way.run()
    assert heard() == [
        f"completed,{OF_TASK}:1|c",
        f"qpu_seconds,{OF_TASK}:0.25|c",
        f"queue_duration,{OF_TASK}:0.000000|ms",
        f"submitted,{OF_TASK}:1|c",
    ]


def test_the_time_in_the_queue_is_that_of_the_service(task, heard, emulator):
    emulator.configure(queue_seconds=0.5)
    task.run()
    (line,) = [one for one in heard() if one.startswith("queue_duration")]
    assert line == f"queue_duration,{OF_TASK}:500.000000|ms"


def test_a_job_whose_answer_was_lost_is_adopted_and_not_submitted_again(either_way, heard, emulator):
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    either_way.run()
    assert names(heard()) == ["adopted", "completed", "qpu_seconds", "queue_duration"]


def test_a_failed_job_is_counted_with_what_it_cost(either_way, heard):
    with pytest.raises(AirflowException):
        either_way.run(circuits=NOT_ISA, check_isa=False)
    assert heard() == [
        f"failed,{OF_TASK},status=failed:1|c",
        f"qpu_seconds,{OF_TASK}:0.0|c",
        f"submitted,{OF_TASK}:1|c",
    ]


def test_a_result_that_took_two_tries_to_fetch_is_one_completed_job(task, heard, emulator):
    emulator.add_fault(method="GET", path="/jobs/*/results", status=403)
    with pytest.raises(AirflowException):
        task.run()
    assert names(heard()) == ["submitted"]
    emulator.clear_faults()
    task.context["ti"].try_number = 2
    task.run()
    assert names(heard()) == ["completed", "qpu_seconds", "queue_duration"]


def test_several_jobs_of_a_task_are_counted_one_by_one(task, heard, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_BODY_BYTES", "1")
    task.run(circuits=[task.defaults["circuits"]] * 3)
    assert heard().count(f"submitted,{OF_TASK}:1|c") == 3
    task.clear()
    task.run(circuits=[task.defaults["circuits"]] * 3)
    assert f"completed,{OF_TASK}:3|c" in heard()


def test_a_cancellation_counts_if_the_service_takes_it(task, heard, emulator, monkeypatch):
    emulator.configure(queue_seconds=600)
    job_id = task.execute(wait_for_completion=False)["job_id"]
    assert names(heard()) == ["submitted"]
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "the_dag")
    with QiskitRuntimeHook() as hook:
        cancel_job(hook.client, job_id)
        assert heard() == ["cancelled,conn_id=qiskit_runtime_default,dag_id=the_dag:1|c"]
        cancel_job(hook.client, job_id)
    assert heard() == []


@pytest.mark.parametrize("broken", ["incr", "timing"])
def test_a_metric_that_cannot_be_sent_costs_a_line_in_the_log(either_way, monkeypatch, caplog, broken):
    def fail(*_args, **_kwargs):
        raise RuntimeError("the metrics are down")

    monkeypatch.setattr(Stats, broken, fail)
    monkeypatch.setattr(best_effort, "_said", set())
    assert either_way.run()["results"][0]["counts"] == {"1": 20}
    (line,) = [one.getMessage() for one in caplog.records if "the metrics are down" in one.getMessage()]
    assert line.startswith("Metrics, traces or lineage of jobs are not complete")
