"""The content of metrics, traces and OpenLineage events that a real Airflow sends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.listening import SpanListener, StatsdListener, otlp, statsd
from tools.demo import connection
from tools.local_airflow import LocalAirflow, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

DAG_ID = "watched"


@dataclass
class Watched:
    """A run of the DAG, and what was heard of it."""

    airflow: LocalAirflow
    run_id: str
    lineage: Path
    statsd: StatsdListener
    spans: SpanListener

    def job_id(self, task_id: str) -> str:
        return str(self.airflow.xcom(DAG_ID, self.run_id, task_id, "job_id"))

    def events(self, task_id: str, kind: str) -> list[dict[str, Any]]:
        """The lineage events of a task."""
        events = map(json.loads, self.lineage.read_text().splitlines())
        return [one for one in events if (one["job"]["name"], one["eventType"]) == (f"{DAG_ID}.{task_id}", kind)]

    def event(self, task_id: str, kind: str) -> dict[str, Any]:
        """The one event of a kind; a task tells of its end after Airflow knows it."""
        wait_until(lambda: self.events(task_id, kind), seconds=300, what=f"The {kind} event of {task_id}")
        (event,) = self.events(task_id, kind)
        return event

    def spans_of(self, name: str, task_id: str) -> list[Any]:
        """The spans of a name that know the task's job."""
        job_id = self.job_id(task_id)
        found = lambda: self.spans.named(name, job_id=job_id)  # noqa: E731
        wait_until(found, seconds=300, what=f"The span {name} of {task_id}")
        return found()


@pytest.fixture(scope="module")
def watched(service, tmp_path_factory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    shutil.copytree(Path(__file__).parent / "watched_dags", folder / "dags")
    with statsd() as metrics, otlp() as spans:
        settings = {
            "AIRFLOW__QISKIT_RUNTIME__DEFER_AFTER": "0",
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_PORT": str(metrics.port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
            "AIRFLOW__TRACES__OTEL_ON": "True",
            "OTEL_TRACES_EXPORTER": "otlp_proto_http",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": spans.url,
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(folder / "lineage.jsonl"), "append": True}
            ),
        }
        connections = {"qiskit_runtime_default": connection(service)}
        with LocalAirflow(folder, folder / "dags", connections=connections, settings=settings) as airflow:
            service.configure(queue_seconds=2, run_seconds=0.5, backends={"ibm_boston": {"queue_seconds": 600}})
            try:
                run_id = airflow.run_dag(DAG_ID, {"folder": str(folder)}, expect="failed")
            finally:
                service.configure(backends={"ibm_boston": {"queue_seconds": None}})
            yield Watched(airflow, run_id, folder / "lineage.jsonl", metrics, spans)


def facet(event: dict[str, Any]) -> dict[str, Any]:
    return dict(event["run"]["facets"]["qiskitRuntime_job"])


@pytest.mark.parametrize("task_id", ["on_the_worker", "deferred"])
def test_openlineage_hears_of_a_completed_job(watched, task_id):
    event = watched.event(task_id, "COMPLETE")
    told, job_id = facet(event), watched.job_id(task_id)
    assert (told["job_id"], told["job_ids"], told["status"]) == (job_id, [job_id], "Completed")
    assert (told["backend"], told["program_id"], told["usage_seconds"]) == ("ibm_fez", "executor", 0.5)
    assert told["usage_complete"] is True
    assert len(told["input_fingerprint"]) == 16
    assert event["run"]["facets"]["externalQuery"]["externalQueryId"] == job_id
    (backend,) = event["inputs"]
    assert backend["name"] == "ibm_fez"
    assert backend["facets"]["version"]["datasetVersion"] == told["calibrated"] != ""


def test_the_file_of_a_result_is_an_output(watched):
    (output,) = watched.event("on_the_worker", "COMPLETE")["outputs"]
    path = watched.airflow.xcom(DAG_ID, watched.run_id, "on_the_worker")["result_path"]
    assert (output["namespace"], output["name"]) == ("file", path)


def test_openlineage_hears_of_a_failed_job_and_why(watched):
    event = watched.event("failing", "FAIL")
    told = facet(event)
    assert (told["job_id"], told["status"], told["backend"]) == (watched.job_id("failing"), "Failed", "ibm_fez")
    assert told["usage_seconds"] == 0
    assert "reason code 7000" in event["run"]["facets"]["errorMessage"]["message"]


def test_openlineage_hears_of_a_job_that_was_given_up(watched):
    told = facet(watched.event("late", "FAIL"))
    assert (told["job_id"], told["backend"]) == (watched.job_id("late"), "ibm_boston")


@pytest.mark.parametrize("task_id", ["on_the_worker", "deferred", "failing"])
def test_the_circuit_stands_in_the_first_event_and_the_last(watched, task_id):
    ends = [*watched.events(task_id, "COMPLETE"), *watched.events(task_id, "FAIL")]
    for event in [*watched.events(task_id, "START"), *ends]:
        source = event["job"]["facets"]["sourceCode"]
        assert source["language"] == "openqasm3"
        assert source["sourceCode"].startswith("OPENQASM 3.0;")


def test_a_statsd_server_hears_what_became_of_the_jobs(watched):
    of_program = {"dag_id": DAG_ID, "program_id": "executor", "backend": "ibm_fez"}
    total = watched.statsd.total
    assert total("qiskit_runtime.submitted", **of_program) == 3
    assert total("qiskit_runtime.submitted", dag_id=DAG_ID) == 4
    assert total("qiskit_runtime.completed", **of_program) == 2
    assert total("qiskit_runtime.failed", status="failed", **of_program) == 1
    assert total("qiskit_runtime.qpu_seconds", **of_program) == pytest.approx(1.0)
    assert total("qiskit_runtime.queue_duration", **of_program) == pytest.approx(4000.0)


def test_what_the_triggerer_does_is_counted_too(watched):
    assert watched.statsd.total("qiskit_runtime.cancelled", dag_id=DAG_ID, conn_id="qiskit_runtime_default") == 1
    assert watched.statsd.total("qiskit_runtime.poll_requests", conn_id="qiskit_runtime_default") >= 3


def test_spans_are_those_of_the_task(watched):
    for task_id, legs in (("on_the_worker", 1), ("deferred", 2)):
        tasks = {span.span_id for span in watched.spans_of(f"worker.{task_id}", task_id)}
        assert len(tasks) == legs
        (submit,) = watched.spans_of("qiskit_runtime.submit", task_id)
        (result,) = watched.spans_of("qiskit_runtime.result", task_id)
        assert {submit.parent_span_id, result.parent_span_id} == tasks
    assert watched.spans_of("trigger.deferred", "deferred")


def test_no_secret_is_sent(watched, platform_secrets):
    sent = [watched.lineage.read_text(), *watched.statsd.lines, *map(str, watched.spans.spans)]
    assert not [secret for secret in platform_secrets if any(secret in one for one in sent)]
