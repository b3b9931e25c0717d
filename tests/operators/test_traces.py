"""The information about jobs in a task's spans."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from airflow_provider_qrt.observability import traces


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Spans are recorded, in memory."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", lambda name, *_, **__: provider.get_tracer(name))
    return exporter


def found(recorded: InMemorySpanExporter) -> dict:
    return {span.name: span for span in recorded.get_finished_spans()}


def test_submission_and_result_are_spans_of_the_tasks_own(task, recorded, emulator):
    with trace.get_tracer("airflow").start_as_current_span("worker.the_task"):
        value = task.execute()
    spans = found(recorded)
    assert set(spans) == {"qiskit_runtime.submit", "qiskit_runtime.result", "worker.the_task"}
    parent = spans.pop("worker.the_task")
    assert {span.parent.span_id for span in spans.values()} == {parent.context.span_id}
    assert spans["qiskit_runtime.submit"].attributes["qiskit_runtime.job_id"] == value["job_id"]
    assert spans["qiskit_runtime.result"].attributes["qiskit_runtime.job_id"] == value["job_id"]
    assert dict(parent.attributes) == {
        "qiskit_runtime.submission": "submitted",
        "qiskit_runtime.job_id": value["job_id"],
        "qiskit_runtime.program_id": "executor",
        "qiskit_runtime.backend": "ibm_fez",
        "qiskit_runtime.status": "Completed",
        "qiskit_runtime.usage_seconds": 0.0,
    }


def test_a_deferred_task_tells_of_its_job_in_the_trigger_and_in_the_second_leg(task, recorded):
    deferred = task.defer()
    recorded.clear()
    with trace.get_tracer("airflow").start_as_current_span("the_rest"):
        value = task.resume(deferred)
    spans = found(recorded)
    assert set(spans) == {"qiskit_runtime.result", "the_rest"}
    assert spans["the_rest"].attributes["qiskit_runtime.job_id"] == value["job_id"]


def test_a_refused_submission_is_a_span_that_failed(task, recorded, emulator):
    emulator.add_fault(method="POST", path="/jobs", status=403)
    with pytest.raises(Exception, match="403"):
        task.execute()
    assert not found(recorded)["qiskit_runtime.submit"].status.is_ok


def test_what_is_wrong_with_the_tracing_is_not_the_tasks_business(task, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("the traces are down")

    monkeypatch.setattr(trace, "get_tracer", fail)
    monkeypatch.setattr(trace, "get_current_span", fail)
    assert task.execute()["results"][0]["counts"] == {"1": 20}


def test_without_opentelemetry_there_are_no_spans(task, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry", None)
    assert traces.current() is None
    assert task.execute()["results"][0]["counts"] == {"1": 20}
