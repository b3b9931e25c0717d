from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_qrt.client.models import (
    Backend,
    BackendStatus,
    Instance,
    InstanceUsage,
    Job,
    JobMetrics,
    Program,
    Session,
    SubmittedJob,
    Usage,
    Workload,
    parse_time,
)
from airflow_provider_qrt.client.states import JobState, JobStatus

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00.000Z",
        "2026-11-21T12:00:00.000000000Z",
        "2026-11-21T14:00:00+02:00",
        "2026-11-21T12:00:00",
    ],
)
def test_a_time_is_read_as_utc(text):
    assert (parse_time(text), str(parse_time(text).tzinfo)) == (NOON, "UTC")


@pytest.mark.parametrize("value", [None, "", "soon", 1763726400, "0001-01-01T00:00:00+02:00"])
def test_what_is_no_time_is_none(value):
    assert parse_time(value) is None


@given(st.text())
def test_no_text_makes_reading_a_time_fail(text):
    parse_time(text)


@pytest.mark.parametrize(
    ("owner", "usage"),
    [
        ({"usage": {"qpu_charge_time_seconds": 2.1, "status": "complete"}}, Usage(2.1, True)),
        ({"usage": {"qpu_charge_time_seconds": 2.1}}, Usage(2.1, True)),
        ({"usage": {"qpu_charge_time_seconds": 0, "status": "complete"}}, Usage(0.0, True)),
        ({"usage": {"quantum_seconds": 3, "seconds": 7}}, Usage(3.0, True)),
        ({"usage": {"seconds": 7}}, Usage(7.0, True)),
        ({"bss": {"seconds": 4}}, Usage(4.0, True)),
        ({"usage": {}}, None),
        ({"usage": None}, None),
        ({}, None),
    ],
    ids=["new", "new without status", "free", "old", "old, seconds only", "oldest", "empty", "null", "absent"],
)
def test_usage_is_read_in_the_shape_of_every_api_version(owner, usage):
    assert Usage.from_json(owner) == usage


@pytest.mark.parametrize("figure", [{}, {"qpu_charge_time_seconds": 0}, {"qpu_charge_time_seconds": 1.5}])
@pytest.mark.parametrize("status", ["pending", "PENDING"])
def test_a_pending_bill_is_not_a_price(figure, status):
    assert Usage.from_json({"usage": {**figure, "status": status}}) == Usage(None, False)


def test_a_job_is_read_whole():
    job = Job.from_json(
        {
            "id": "job-1",
            "backend": "ibm_fez",
            "state": {"status": "Completed"},
            "status": "Completed",
            "program": {"id": "sampler"},
            "created": "2026-11-21T12:00:00Z",
            "cost": 600,
            "tags": ["a", "b"],
            "session_id": "session-1",
            "usage": {"qpu_charge_time_seconds": 2, "status": "complete"},
            "estimated_running_time_seconds": 4.558,
            "private": True,
            "params": {"pubs": []},
            "field_of_tomorrow": 1,
        }
    )
    assert (job.id, job.backend, job.program_id, job.status.value, job.created) == (
        "job-1",
        "ibm_fez",
        "sampler",
        "Completed",
        NOON,
    )
    assert (job.tags, job.session_id, job.usage, job.private) == (("a", "b"), "session-1", Usage(2.0, True), True)
    assert (job.max_execution_seconds, job.estimated_running_seconds) == (600, 4.558)


def test_a_job_needs_no_more_than_its_id():
    job = Job.from_json({"id": "job-1", "tags": None, "cost": None})
    assert (job.tags, job.usage, job.created, job.private, job.params) == ((), None, None, False, None)


def test_a_jobs_input_is_not_in_its_repr():
    assert "OPENQASM" not in repr(Job.from_json({"id": "job-1", "params": {"pubs": [["OPENQASM 3.0;"]]}}))


@pytest.mark.parametrize(
    "data",
    [
        {"circuits_execution_time_ns": 812, "usage": {"qpu_charge_time_seconds": 2.1, "status": "complete"}},
        {"usage": {"qpu_charge_time_seconds": 2.1, "status": "complete", "circuits_execution_time_ns": 812}},
    ],
    ids=["from 2026-04-15", "before"],
)
def test_the_time_of_the_circuits_is_found_in_both_places(data):
    metrics = JobMetrics.from_json(data)
    assert (metrics.circuits_execution_ns, metrics.usage) == (812, Usage(2.1, True))


def test_metrics_of_a_running_job_have_no_end():
    times = {"created": "2026-11-21T12:00:00Z", "running": "2026-11-21T12:00:00Z", "finished": None}
    metrics = JobMetrics.from_json({"caller": "qrt", "timestamps": times})
    assert (metrics.created, metrics.running, metrics.finished, metrics.caller) == (NOON, NOON, None, "qrt")


def test_a_backend_is_read_whole():
    backend = Backend.from_json(
        {
            "name": "ibm_fez",
            "status": {"name": "online", "reason": "available"},
            "is_simulator": False,
            "qubits": 156,
            "queue_length": 7,
            "processor_type": {"family": "Heron", "revision": "2"},
            "performance_metrics": {"two_q_error_best": {"value": 0.001}},
            "wait_time_seconds": {"average": 10, "p50": 5, "p95": 60},
        }
    )
    assert (backend.name, backend.num_qubits, backend.queue_length) == ("ibm_fez", 156, 7)
    assert backend.is_available
    assert backend.wait_time_seconds == {"average": 10, "p50": 5, "p95": 60}
    assert (backend.processor_type["family"], backend.is_simulator) == ("Heron", False)


def test_the_other_name_for_qubits_is_read():
    assert Backend.from_json({"name": "b", "physical_qubits": 127}).num_qubits == 127


@pytest.mark.parametrize(
    "status",
    [
        {"name": "paused", "reason": "available"},
        {"name": "offline"},
        {"name": "online", "reason": "calibrating"},
        None,
    ],
)
def test_a_backend_that_is_not_online_and_available_takes_no_jobs(status):
    assert not Backend.from_json({"name": "b", "status": status}).is_available


def test_a_backends_nulls_are_read():
    nulls = dict.fromkeys(("qubits", "queue_length", "processor_type", "performance_metrics"))
    backend = Backend.from_json({"name": "b", **nulls})
    assert (backend.num_qubits, backend.queue_length, backend.processor_type) == (None, 0, {})


def test_a_backends_status_is_read():
    data = {"state": True, "status": "active", "message": "available", "length_queue": 3, "backend_version": "1.2"}
    assert BackendStatus.from_json(data) == BackendStatus(True, "available", 3, "1.2")


def test_a_session_is_read_whole():
    session = Session.from_json(
        {
            "id": "session-1",
            "backend_name": "ibm_fez",
            "mode": "dedicated",
            "state": "closed",
            "state_reason": "asked for",
            "accepting_jobs": False,
            "max_ttl": 28800,
            "interactive_ttl": 60,
            "started_at": "2026-11-21T12:00:00Z",
            "activated_at": "2026-11-21T12:00:00Z",
            "closed_at": "2026-11-21T12:00:00Z",
            "elapsed_time": 12.5,
        }
    )
    assert session == Session(
        "session-1", "dedicated", "closed", False, "ibm_fez", 28800, 60, "asked for", NOON, NOON, NOON, 12.5
    )


def test_an_open_session_has_no_backend_and_no_bill_yet():
    session = Session.from_json({"id": "s", "backend_name": None, "elapsed_time": None, "accepting_jobs": True})
    assert (session.backend, session.elapsed_seconds, session.accepting_jobs) == (None, None, True)


def test_an_instances_numbers_come_as_text():
    data = {
        "backends": ["ibm_fez", {"name": "ibm_kingston"}],
        "plan_id": "plan",
        "instance_limit_seconds": "600",
        "usage_allocation_seconds": "1200.5",
    }
    assert Instance.from_json(data) == Instance(("ibm_fez", "ibm_kingston"), "plan", 600.0, 1200.5)


def test_usage_of_an_instance_is_read():
    usage = InstanceUsage.from_json(
        {
            "instance_id": "i",
            "plan_id": "plan",
            "usage_period": {"start_time": "2026-11-21T12:00:00Z", "end_time": "2026-11-21T12:00:00Z"},
            "usage_consumed_seconds": 100,
            "usage_limit_seconds": 600,
            "usage_allocation_seconds": 500,
            "usage_limit_reached": False,
        }
    )
    assert usage == InstanceUsage(100.0, 600.0, 500.0, False, NOON, NOON, "plan")


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"usage_limit_seconds": 600, "usage_allocation_seconds": 500}, 400.0),
        ({"usage_limit_seconds": 600}, 500.0),
        ({"usage_limit_seconds": 50}, 0.0),
        ({}, None),
    ],
)
def test_what_is_left_is_counted_from_the_lower_limit(limits, left):
    assert InstanceUsage.from_json({"usage_consumed_seconds": 100, **limits}).remaining_seconds == left


@pytest.mark.parametrize(
    ("given", "usage"),
    [
        ({"usage_seconds": 5}, Usage(5.0, True)),
        ({"usage": {"qpu_charge_time_seconds": 6, "status": "complete"}, "usage_seconds": 5}, Usage(6.0, True)),
        ({}, None),
    ],
)
def test_a_workloads_usage_is_read_old_or_new(given, usage):
    assert Workload.from_json({"id": "w", **given}).usage == usage


def test_a_workload_is_read_whole():
    workload = Workload.from_json(
        {
            "id": "w",
            "mode": "session",
            "status": "in_progress",
            "created": "2026-11-21T12:00:00Z",
            "ended": None,
            "backend": "ibm_fez",
            "tags": ["a"],
            "status_reason": "because",
            "accepting_jobs": True,
        }
    )
    assert workload == Workload("w", "session", "in_progress", NOON, None, "ibm_fez", ("a",), "because", True)


# All fields


WHOLE_JOB = {
    "id": "job-1",
    "backend": "ibm_fez",
    "state": {"status": "Failed", "reason": "Bad.", "reason_code": 1517, "reason_solution": "Mend it."},
    "program": {"id": "sampler"},
    "created": "2026-11-21T12:00:00Z",
    "cost": 600,
    "tags": ["a", "b"],
    "session_id": "session-1",
    "usage": {"qpu_charge_time_seconds": 2.5, "status": "complete"},
    "estimated_running_time_seconds": 4.5,
    "private": True,
    "params": {"pubs": []},
}
JOB = Job(
    "job-1",
    JobState(JobStatus.FAILED, "Failed", "Bad.", 1517, "Mend it."),
    "ibm_fez",
    "sampler",
    NOON,
    ("a", "b"),
    "session-1",
    Usage(2.5, True),
    4.5,
    600,
    True,
    {"pubs": []},
)


def test_every_field_of_a_job_is_read():
    assert Job.from_json(WHOLE_JOB) == JOB
    assert Job.from_json({**WHOLE_JOB, "program": "estimator"}).program_id == "estimator"
    assert Job.from_json({"id": "job-1", "params": ["pubs"]}) == Job("job-1", JobState(JobStatus.UNKNOWN, ""))


def test_a_job_is_written_as_it_is_read():
    written = JOB.to_json()
    assert written == {
        "id": "job-1",
        "backend": "ibm_fez",
        "state": {"status": "Failed", "reason": "Bad.", "reason_code": 1517, "reason_solution": "Mend it."},
        "program": {"id": "sampler"},
        "created": "2026-11-21T12:00:00+00:00",
        "cost": 600,
        "tags": ["a", "b"],
        "session_id": "session-1",
        "usage": {"qpu_charge_time_seconds": 2.5, "status": "complete"},
        "estimated_running_time_seconds": 4.5,
        "private": True,
    }
    assert Job.from_json(json.loads(json.dumps(written))) == replace(JOB, params=None)


@pytest.mark.parametrize("usage", [None, Usage(None, False), Usage(0.0, True)])
def test_a_job_that_says_little_is_written_too(usage):
    job = Job("job-1", JobState(JobStatus.QUEUED, "Queued"), usage=usage)
    written = job.to_json()
    assert (written["created"], written["tags"], written["private"]) == (None, [], False)
    assert Job.from_json(json.loads(json.dumps(written))) == job


def test_the_answer_to_a_submission_is_read():
    answer = {"id": "job-1", "backend": "b", "session_id": "s", "private": True}
    assert SubmittedJob.from_json(answer) == SubmittedJob("job-1", "b", "s", True)
    assert SubmittedJob.from_json({"id": 7, "session_id": ""}) == SubmittedJob("7", None, None, False)


def test_every_field_of_a_backend_is_read():
    backend = Backend.from_json(
        {
            "name": "ibm_fez",
            "status": {"name": "paused", "reason": "calibrating"},
            "is_simulator": True,
            "qubits": 156,
            "physical_qubits": 127,
            "queue_length": 7,
            "processor_type": {"family": "Heron"},
            "performance_metrics": {"two_q_error_best": {"value": 0.001}},
            "wait_time_seconds": {"average": 10, "p50": "soon"},
        }
    )
    assert backend == Backend(
        "ibm_fez",
        "paused",
        "calibrating",
        7,
        156,
        {"family": "Heron"},
        {"average": 10},
        {"two_q_error_best": {"value": 0.001}},
        True,
    )


def test_a_backend_that_says_little_is_read_too():
    assert Backend.from_json({"name": "b"}) == Backend("b", "unknown")
    assert Backend.from_json({"name": "b", "status": "online"}) == Backend("b", "online")
    assert Backend.from_json({"name": "b", "status": "online"}).is_available
    assert BackendStatus.from_json({}) == BackendStatus(False, "", 0, None)


def test_every_field_of_a_jobs_metrics_is_read():
    at = {"created": "2026-11-21T12:00:00Z", "running": "2026-11-21T12:00:01Z", "finished": "2026-11-21T12:00:02Z"}
    metrics = JobMetrics.from_json(
        {"timestamps": at, "usage": {"quantum_seconds": 3}, "circuits_execution_time_ns": 0, "caller": "us"}
    )
    later = [NOON + timedelta(seconds=seconds) for seconds in range(3)]
    assert metrics == JobMetrics(*later, usage=Usage(3.0, True), circuits_execution_ns=0, caller="us")
    assert JobMetrics.from_json({"timestamps": "none", "usage": "none"}) == JobMetrics()


def test_a_workload_that_says_little_is_read_too():
    assert Workload.from_json({"id": "w"}) == Workload("w", None, None)
    ended = Workload.from_json({"id": "w", "ended": "2026-11-21T12:00:00Z", "accepting_jobs": False})
    assert (ended.ended, ended.accepting_jobs) == (NOON, False)


@pytest.mark.parametrize("data", [{"id": "s"}, {"id": "s", "accepting_jobs": None}])
def test_a_session_that_says_little_is_read_too(data):
    assert Session.from_json(data) == Session("s", None, None, False)


def test_an_instance_that_says_little_is_read_too():
    assert Instance.from_json({}) == Instance((), None, None, None)
    assert Instance.from_json({"backends": []}) == Instance((), None, None, None)
    assert InstanceUsage.from_json({"usage_period": "none"}) == InstanceUsage(0.0, None, None, False, None, None)
    assert InstanceUsage.from_json({"usage_limit_reached": True}).limit_reached


@pytest.mark.parametrize(
    ("owner", "usage"),
    [
        ({"usage": {"status": "complete"}}, Usage(None, True)),
        ({"usage": {"status": "pending"}}, Usage(None, False)),
        ({"usage": {"quantum_seconds": 3}, "bss": {"seconds": 4}}, Usage(3.0, True)),
        ({"usage": {"seconds": 0}, "bss": {"seconds": 4}}, Usage(0.0, True)),
        ({"usage": {}, "bss": {"seconds": 4}}, Usage(4.0, True)),
        ({"bss": {}}, None),
        ({"bss": 4}, None),
        ({"usage": 3}, None),
    ],
)
def test_usage_is_found_where_it_is(owner, usage):
    assert Usage.from_json(owner) == usage


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("1969-12-31T23:59:59Z", None),
        ("1970-01-01T00:00:00Z", 1970),
        ("2500-12-31T23:59:59Z", 2500),
        ("2501-01-01T00:00:00Z", None),
    ],
)
def test_a_year_is_plausible_or_no_time(text, year):
    moment = parse_time(text)
    assert (moment.year if moment else None) == year


def test_every_field_of_a_program_is_read():
    program = Program.from_json(
        {
            "id": "circuit-runner",
            "name": "Circuit runner",
            "description": " Runs circuits. ",
            "cost": 600,
            "version": 2,
            "creationDate": "2026-11-21T12:00:00Z",
            "parameters": '{"shots": 1}',
        }
    )
    assert program == Program("circuit-runner", "Circuit runner", "Runs circuits.", 600.0, "2", NOON, {"shots": 1})


def test_a_program_that_says_little_is_read_too():
    assert Program.from_json({"id": "sampler"}) == Program("sampler", "sampler")
    assert Program.from_json({"id": "sampler", "creation_date": "2026-11-21T12:00:00Z"}).created == NOON


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"shots": 1}, {"shots": 1}),
        ("[1]", {}),
        ("no json", {}),
        ("[" * 70 + "]" * 70, {}),
        ([1], {}),
        (None, {}),
    ],
)
def test_a_programs_parameters_are_an_object_or_the_text_of_one(given, read):
    assert Program.from_json({"id": "p", "parameters": given}).parameters == read
