"""The sampler operator, end to end against the emulator."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowTaskTimeout, TaskDeferred
from airflow.sdk.bases.operator import TriggerFailureReason

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.compat import TaskDeferralError, TaskDeferralTimeout
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.errors import LookUpFailedError, NoBackendAvailableError
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.primitives import SamplerResult

TWO = 'OPENQASM 3.0; include "stdgates.inc"; bit[2] c; x $1; c[0] = measure $0; c[1] = measure $1;'
NOT_ISA = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; h $0; c[0] = measure $0;'
LINK = "_link_QiskitRuntimeJobLink"
ONE_JOB = r"^/jobs/[^/]+$"
USAGE_WAIT = "AIRFLOW__QISKIT_RUNTIME__USAGE_WAIT_SECONDS"
MAX_BYTES = "AIRFLOW__QISKIT_RUNTIME__MAX_XCOM_BYTES"


@pytest.fixture
def jobs(emulator):
    return emulator.jobs


@pytest.fixture
def slow(emulator):
    """Jobs stay in the queue until somebody ends them."""
    emulator.configure(queue_seconds=600)
    return emulator


# The result


def test_the_task_returns_the_counts_and_says_where_they_come_from(either_way, jobs):
    value = either_way.run()
    job = jobs()[0]
    assert {key: value[key] for key in value if key not in ("created", "finished", "usage_seconds", "results")} == {
        "job_id": job["id"],
        "backend": "ibm_fez",
        "program_id": "executor",
        "status": "Completed",
        "session_id": None,
        "result_path": None,
        "usage_complete": True,
    }
    assert value["results"] == [
        {
            "shots": 20,
            "counts": {"1": 20},
            "registers": {"c": {"num_bits": 1, "index": 0, "counts": {"1": 20}}},
            "metadata": value["results"][0]["metadata"],
        }
    ]


def test_both_ways_of_waiting_give_the_same_xcom(task):
    blocking, deferred = task.run(durable=False), task.run(durable=False, deferrable=True)
    changing = dict.fromkeys(("job_id", "created", "finished", "usage_seconds"))
    assert {**blocking, **changing} == {**deferred, **changing}


def test_the_xcom_is_plain_strict_json(either_way):
    value = either_way.run()
    assert json.loads(json.dumps(value, allow_nan=False)) == value


def test_times_and_usage_are_those_of_the_service(task, emulator):
    emulator.configure(run_seconds=0.2)
    value = task.run()
    assert value["usage_seconds"] == pytest.approx(0.2)
    assert value["created"] < value["finished"]
    assert value["finished"].endswith("+00:00")


def test_usage_that_is_not_settled_in_time_is_null_and_not_zero(task, emulator, monkeypatch, sent):
    monkeypatch.setenv(USAGE_WAIT, "0.3")
    emulator.configure(usage_pending_seconds=600)
    value = task.run()
    assert (value["usage_seconds"], value["usage_complete"]) == (None, False)
    assert len([line for line in sent("GET") if line.endswith("/metrics")]) == 2


def test_a_bill_that_is_settled_a_moment_after_the_end_is_waited_for(either_way, emulator):
    emulator.configure(run_seconds=0.2, usage_pending_seconds=1.5)
    value = either_way.run()
    assert (value["usage_seconds"], value["usage_complete"]) == (pytest.approx(0.2), True)


def test_a_bill_is_asked_for_once_if_nobody_wants_to_wait(task, emulator, monkeypatch, sent):
    monkeypatch.setenv(USAGE_WAIT, "0")
    emulator.configure(usage_pending_seconds=600)
    task.run()
    assert len([line for line in sent("GET") if line.endswith("/metrics")]) == 1


@pytest.mark.parametrize("program_id", ["executor", "sampler"])
def test_a_bill_that_is_settled_is_not_asked_for(task, sent, emulator, program_id):
    emulator.configure(run_seconds=0.2)
    value = task.run(program_id=program_id, options={}, shots=20)
    assert [line for line in sent("GET") if line.endswith("/metrics")] == []
    [job] = emulator.jobs()
    # The result tells when the job ran, and the job what it was charged.
    told = datetime.fromisoformat(value["finished"]) - datetime.fromisoformat(job["ended"])
    assert abs(told.total_seconds()) < 0.001
    assert value["usage_seconds"] >= 0.2
    assert value["usage_complete"] is True


def test_the_metrics_of_a_private_job_are_read_before_its_result(task, sent):
    value = task.run(program_id="sampler", private=True)
    assert value["finished"] is not None
    assert len([line for line in sent("GET") if line.endswith("/metrics")]) == 1


def test_the_metrics_tell_when_the_backend_was_calibrated(task, sent, tmp_path):
    task.run(result_path=str(tmp_path))
    assert len([line for line in sent("GET") if line.endswith("/metrics")]) == 1


def test_a_misspelt_waiting_time_costs_no_result(task, emulator, monkeypatch):
    monkeypatch.setenv(USAGE_WAIT, "a while")
    assert task.run()["usage_complete"] is True


def test_a_service_that_fails_while_a_bill_is_waited_for_costs_no_result(task, emulator, monkeypatch):
    emulator.configure(usage_pending_seconds=600)
    emulator.add_fault(path="/jobs/*/metrics", status=403, skip=1, times=None)
    value = task.run()
    assert value["finished"] is not None
    assert value["usage_complete"] is False


def test_metrics_that_cannot_be_read_do_not_cost_the_result(task, emulator):
    emulator.configure(usage_pending_seconds=600)
    emulator.add_fault(path="/jobs/*/metrics", status=403, times=None)
    value = task.run()
    assert (value["finished"], value["results"][0]["counts"]) == (None, {"1": 20})


def test_the_value_can_be_read_back_as_an_object(task):
    assert SamplerResult.from_xcom(task.run(circuits=TWO)).get_counts() == {"10": 20}


def test_a_list_of_circuits_becomes_one_job(task, jobs, emulator):
    value = task.run(circuits=[(TWO, None, 5), TWO])
    assert len(jobs()) == 1
    assert [one["shots"] for one in value["results"]] == [5, 20]


def test_the_job_carries_the_users_tags_and_the_tasks_name(task, jobs):
    task.run(tags=["mine", "yours"])
    assert {"mine", "yours", "dag:the_dag", "task:the_task"} <= set(jobs()[0]["tags"])


def test_tags_may_be_none(task, jobs):
    task.run(tags=None)
    assert len(jobs()) == 1


def test_a_job_may_join_a_batch(task, ti, jobs):
    session = QiskitRuntimeHook().client.create_session(mode="batch", backend="ibm_fez")
    value = task.run(session_id=session.id)
    assert (value["session_id"], ti.pushed["session_id"], jobs()[0]["session_id"]) == (session.id,) * 3


# Before the wait


def test_the_job_id_and_the_link_are_known_before_the_wait(task, slow, ti):
    deferred = task.defer()
    job_id = slow.jobs()[0]["id"]
    [tag] = [tag for tag in slow.jobs()[0]["tags"] if tag.startswith("qrt:")]
    to_cancel = {"qiskit_runtime_conn_id": "qiskit_runtime_default", "tags": [tag], "cancel": True}
    link = f"{slow.url}/jobs/{job_id}"
    assert ti.pushed == {"job_id": job_id, LINK: link, "qiskit_runtime_cancel": to_cancel}
    assert deferred.trigger.job_id == job_id


def test_a_blocking_task_too_makes_its_job_known_before_the_wait(task, slow, ti):
    with pytest.raises(AirflowException):
        task.run(timeout=0.1, cancel_on_timeout=False)
    assert ti.pushed["job_id"] == slow.jobs()[0]["id"]


def test_a_task_that_does_not_wait_returns_at_once(task, slow):
    value = task.execute(wait_for_completion=False)
    assert value == {
        "job_id": slow.jobs()[0]["id"],
        "backend": "ibm_fez",
        "program_id": "executor",
        "status": "Queued",
        "session_id": None,
    }


def test_a_task_that_does_not_wait_has_delivered_and_a_clear_buys_anew(task, slow):
    task.run(wait_for_completion=False)
    slow.finish(slow.jobs()[0]["id"])
    task.clear()
    task.run(wait_for_completion=False)
    assert len(slow.jobs()) == 2


def test_nothing_secret_is_handed_to_the_triggerer_or_to_xcom(task, slow, ti):
    deferred = task.defer()
    handed = json.dumps([deferred.trigger.serialize(), deferred.kwargs, ti.pushed])
    for secret in (slow.api_key, slow.instance.split(":")[6], "OPENQASM"):
        assert secret not in handed.replace(slow.url, "")


def test_airflows_own_timeout_comes_after_ours(task, slow):
    deferred = task.defer(timeout=100)
    assert 100 < deferred.timeout.total_seconds() < 200
    assert deferred.trigger.deadline == pytest.approx(time.time() + 100, abs=5)


def test_a_job_that_is_found_completed_is_fetched_without_deferring(task, slow):
    task.defer()
    slow.finish(slow.jobs()[0]["id"])
    assert task.execute(deferrable=True)["job_id"] == slow.jobs()[0]["id"]


# Templates


def test_numbers_may_come_as_text(task, emulator):
    value = task.run(shots="1024", poll_interval="0.02", timeout="60", max_execution_time="77")
    assert (value["results"][0]["shots"], emulator.jobs()[0]["cost"]) == (1024, 77)


def test_nothing_may_come_as_the_text_none(task, emulator):
    value = task.run(shots="None", max_execution_time="None", session_id="None", result_path="None")
    assert (value["results"][0]["shots"], value["result_path"]) == (4096, None)


def test_arguments_are_templates(task, jobs):
    value = task.run(shots="{{ params.shots }}", backend="{{ params.backend }}", tags=["{{ ti.run_id }}"])
    assert (value["results"][0]["shots"], value["backend"]) == (33, "ibm_boston")
    assert "manual__2026-01-01" in jobs()[0]["tags"]


def test_a_timeout_may_be_a_timedelta(task, slow):
    assert task.defer(timeout=timedelta(hours=1)).timeout > timedelta(hours=1)


def test_a_circuit_may_stand_in_a_file_beside_the_dag(task):
    (task.folder / "two.qasm").write_text(TWO)
    assert task.run(circuits="two.qasm")["results"][0]["counts"] == {"10": 20}


def test_several_files_make_one_job(task, jobs):
    (task.folder / "two.qasm").write_text(TWO)
    (task.folder / "other.qasm3").write_text(TWO.replace("x $1", "x $0"))
    value = task.run(circuits=["two.qasm", ("other.qasm3", None, 7)])
    assert [one["counts"] for one in value["results"]] == [{"10": 20}, {"01": 7}]
    assert len(jobs()) == 1


def test_a_file_is_a_template(task):
    (task.folder / "two.qasm").write_text(TWO.replace("$1;", "${{ params.shots - 32 }};"))
    assert task.run(circuits="two.qasm")["results"][0]["counts"] == {"10": 20}


BLOCKS = """OPENQASM 3.0;
include "stdgates.inc";
gate flip q { x q; }
bit[2] c;
for uint i in [0:1] { flip $0; }
c[0] = measure $0;
if (c[0] == 1) { x $1; } else { x $0; }
c[1] = measure $1;
"""


@pytest.mark.parametrize("kind", ["inline", "file", "list"])
def test_the_braces_of_openqasm_survive_the_templates(task, kind):
    (task.folder / "blocks.qasm").write_text(BLOCKS)
    circuits = {"inline": BLOCKS, "file": "blocks.qasm", "list": [(BLOCKS,)]}[kind]
    rendered = task.operator(circuits=circuits).circuits
    while isinstance(rendered, list | tuple):
        rendered = rendered[0]
    assert rendered.strip() == BLOCKS.strip()


def test_braces_that_belong_to_jinja_get_the_remedy(task):
    with pytest.raises(AirflowFailException, match="put a space between the braces"):
        task.operator(circuits=BLOCKS.replace("{ x q; }", "{{ x q; }}"))


@pytest.mark.parametrize("circuits", ["missing.qasm", ["missing.qasm3"]], ids=str)
def test_a_missing_file_is_named_with_the_remedy(task, circuits):
    with pytest.raises(AirflowFailException, match=r"'missing\.qasm3?' was not found.*template_searchpath"):
        task.operator(circuits=circuits)


# What is refused before it costs anything


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"circuits": ""}, "circuit is empty"),
        ({"circuits": []}, "list is empty"),
        ({"circuits": "OPENQASM 2.0; qreg q[1]; creg c[1]; measure q -> c;"}, "this is OpenQASM 2"),
        ({"circuits": "OPENQASM 3.0; bit[1] c; x $0 c[0] = measure $0;"}, "line 1, column .*unexpected"),
        ({"circuits": "OPENQASM 3.0; x $0;"}, "no classical bits"),
        ({"shots": 0}, "shots: must be at least 1"),
        ({"shots": "many"}, "shots: expected a whole number, got 'many'"),
        ({"shots": 2.5}, "shots: expected a whole number"),
        ({"options": {"dynamical_decoupling": {"enabel": True}}}, "enabel: unknown.*'enable'"),
        ({"options": {"twirling": {"enable_gates": "yes"}}}, "expected true or false"),
        ({"backend": "ibm_fezz"}, "'ibm_fezz' is not among the backends of .*Did you mean 'ibm_fez'"),
        ({"backend": ""}, "backend: name one"),
        ({"tags": list("abcdefg")}, "7 given, at most 5"),
        ({"tags": "single"}, r"write \['single'\]"),
        ({"tags": 7}, "expected a list"),
        ({"max_execution_time": 0}, "max_execution_time: must be at least 1"),
        ({"max_execution_time": 10_801}, "max_execution_time: must be at most 10800"),
        ({"poll_interval": 0}, "poll_interval: must be more than 0"),
        ({"poll_interval": "often"}, "poll_interval: expected seconds"),
        ({"timeout": -1}, "timeout: must be more than 0"),
        ({"timeout": "nan"}, "timeout: must be more than 0"),
    ],
    ids=str,
)
def test_bad_input_fails_at_once_and_submits_nothing(task, sent, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        task.run(**arguments)
    assert sent("POST") == []


@pytest.mark.parametrize(
    ("extra", "parts", "says"),
    [
        ({}, {"password": None}, "has no API key"),
        ({}, {"password": "not-the-right-one"}, "BXNIM0415E.*Create an API key"),
        ({"instance": ""}, {}, "has no instance CRN"),
        ({"instance": "crn:v1:bluemix"}, {"host": ""}, "CRN is malformed"),
        ({"instance": "crn:v1:bluemix"}, {}, "The Service-CRN header does not hold the CRN"),
        ({"channel": "ibm_quantum"}, {}, "has no hub, group, project"),
        ({"channel": "ibm_q"}, {}, "The channel 'ibm_q' is not known; write one of ibm_quantum_platform"),
    ],
    ids=["no key", "wrong key", "no CRN", "malformed CRN", "no CRN of the service", "no project", "no such channel"],
)
def test_a_bad_connection_fails_at_once_and_submits_nothing(task, connect, sent, extra, parts, says):
    connect(extra, **parts)
    with pytest.raises(AirflowFailException, match=says):
        task.run()
    assert sent("POST") == []


def test_the_crn_of_another_region_fails_at_once_and_names_the_region(task, connect, emulator, sent):
    connect({"instance": emulator.instance.replace("us-east", "eu-de")})
    with pytest.raises(AirflowFailException, match=r"not found in this region.*qiskit_runtime_default.* in eu-de"):
        task.run()
    assert sent("POST") == []


def test_a_refused_submission_fails_at_once(task, emulator, jobs):
    emulator.add_fault(method="POST", path="/jobs", status=403)
    with pytest.raises(AirflowFailException, match="Ask for an access policy"):
        task.run()
    assert jobs() == []


def test_a_service_that_is_down_is_worth_a_retry(task, emulator):
    emulator.add_fault(method="POST", path="/jobs", status=503, times=None)
    with pytest.raises(errors.SubmissionUnknownError):
        task.run()


# Backends


def test_least_busy_takes_the_shortest_queue_among_those_online(task, emulator):
    emulator.configure(
        backends={
            "ibm_fez": {"queue_length": 5},
            "ibm_marrakesh": {"queue_length": 1, "status": "offline"},
            "ibm_boston": {"queue_length": 2},
            "ibm_miami": {"queue_length": 9},
        }
    )
    assert task.run(backend="least_busy")["backend"] == "ibm_boston"


def test_when_no_backend_is_online_nothing_is_submitted_and_a_retry_may_help(task, emulator, sent):
    names = ("ibm_fez", "ibm_marrakesh", "ibm_boston", "ibm_miami")
    emulator.configure(backends={name: {"status": "offline"} for name in names})
    with pytest.raises(NoBackendAvailableError, match="ibm_fez is offline"):
        task.run(backend="least_busy")
    assert sent("POST") == []


def test_a_named_backend_is_used_though_it_is_offline(task, emulator):
    emulator.configure(backends={"ibm_fez": {"status": "offline"}})
    deferred = task.defer(backend="ibm_fez")
    assert emulator.jobs()[0]["id"] == deferred.trigger.job_id


def test_a_retry_does_not_move_to_another_backend(task, slow):
    task.defer(backend="least_busy")
    slow.configure(backends={slow.jobs()[0]["backend"]: {"queue_length": 99}})
    task.defer(backend="least_busy")
    assert len(slow.jobs()) == 1


# Large results


def test_a_result_goes_to_result_path_and_to_xcom(task):
    value = task.run(result_path=str(task.folder / "results"))
    written = json.loads((task.folder / "results" / f"{value['job_id']}.json").read_text())
    assert written == {**value, "metadata": written["metadata"], "provenance": written["provenance"]}
    assert written["results"][0]["counts"] == {"1": 20}


def test_result_path_may_name_the_file(task):
    value = task.run(result_path=str(task.folder / "new" / "whole.json"))
    assert value["result_path"] == str(task.folder / "new" / "whole.json")
    assert (task.folder / "new" / "whole.json").exists()


def test_of_a_large_result_xcom_keeps_a_manifest(task, monkeypatch):
    monkeypatch.setenv(MAX_BYTES, "10")
    value = task.run(result_path=str(task.folder))
    assert (value["results"][0]["counts"], value["results"][0]["shots"]) == (None, 20)
    whole = json.loads((task.folder / f"{value['job_id']}.json").read_text())
    assert SamplerResult.from_xcom(whole).get_counts() == {"1": 20}


@pytest.mark.parametrize("way", ["shots", "options"])
def test_a_result_that_may_be_too_large_is_refused_before_anything_is_submitted(task, monkeypatch, sent, way):
    monkeypatch.setenv(MAX_BYTES, "1000")
    wide = 'OPENQASM 3.0; include "stdgates.inc"; bit[20] c; x $0; c[0] = measure $0;'
    shots = {"shots": 100} if way == "shots" else {"shots": None, "options": {"default_shots": 100}}
    with pytest.raises(AirflowFailException, match=r"may take 5,816 bytes, more than the 1,000 .* Set result_path"):
        task.run(circuits=wide, **shots)
    assert sent("POST") == []


def test_a_result_that_cannot_be_too_large_needs_no_result_path(task, monkeypatch):
    monkeypatch.setenv(MAX_BYTES, "1000")
    assert task.run(shots=1_000_000)["results"][0]["shots"] == 1_000_000


def encoded_circuit():
    """A circuit in the form the service takes, which says nothing of its registers before the result is there."""
    from qiskit import QuantumCircuit

    from airflow_provider_qrt.primitives.circuits.qpy import encode_circuit

    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return encode_circuit(circuit, "circuits[0]")[0]


def test_a_large_result_without_result_path_names_the_remedy_and_the_job(task, monkeypatch, jobs):
    monkeypatch.setenv(MAX_BYTES, "10")
    with pytest.raises(AirflowFailException, match="Set result_path on the task") as caught:
        task.run(circuits=encoded_circuit())
    assert jobs()[0]["id"] in str(caught.value)


def test_clearing_the_task_with_a_result_path_fetches_the_same_job(either_way, monkeypatch, jobs):
    monkeypatch.setenv(MAX_BYTES, "10")
    circuit = encoded_circuit()
    with pytest.raises(AirflowFailException):
        either_way.run(circuits=circuit)
    either_way.clear()
    value = either_way.execute(circuits=circuit, result_path=str(either_way.folder))
    assert [value["job_id"]] == [job["id"] for job in jobs()]


def test_the_one_read_of_a_private_result_is_never_wasted_on_a_limit(task, monkeypatch):
    monkeypatch.setenv(MAX_BYTES, "10")
    assert task.run(circuits=encoded_circuit(), private=True)["results"][0]["counts"] == {"1": 20}


def test_the_one_read_of_a_private_result_is_never_wasted_on_a_path(task):
    (task.folder / "a file").write_text("not a folder")
    value = task.run(private=True, result_path=str(task.folder / "a file" / "results"))
    assert (value["results"][0]["counts"], value["result_path"]) == ({"1": 20}, None)


def test_a_result_that_could_not_be_written_is_fetched_again_by_a_retry(task, jobs):
    (task.folder / "a file").write_text("not a folder")
    with pytest.raises(OSError, match="a file"):
        task.run(result_path=str(task.folder / "a file" / "results"))
    assert task.run(result_path=str(task.folder))["results"][0]["counts"] == {"1": 20}
    assert len(jobs()) == 1


# Submitting once


def test_a_try_that_died_after_submitting_is_gone_on_with(task, ti, jobs, monkeypatch):
    def dies(key, value):
        raise RuntimeError("the worker died here")

    with monkeypatch.context() as patch:
        patch.setattr(ti, "xcom_push", dies, raising=False)
        with pytest.raises(RuntimeError):
            task.run(retries=1)
    assert task.run(retries=1)["job_id"] == ti.pushed["job_id"]
    assert len(jobs()) == 1


def test_a_lost_answer_does_not_submit_twice(either_way, emulator, jobs):
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    assert [either_way.run()["job_id"]] == [job["id"] for job in jobs()]


def test_when_nobody_knows_whether_the_job_exists_the_task_fails_and_its_retry_finds_out(task, emulator, jobs):
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    emulator.add_fault(method="GET", path="/jobs", status=403)
    with pytest.raises(LookUpFailedError):
        task.run(retries=1)
    assert [task.run(retries=1)["job_id"]] == [job["id"] for job in jobs()]


def test_a_clear_after_success_buys_anew(either_way, jobs):
    either_way.run()
    either_way.clear()
    either_way.run()
    assert len(jobs()) == 2


def test_a_retry_after_a_result_that_could_not_be_fetched_fetches_it(task, emulator, jobs):
    emulator.add_fault(path="/jobs/*/results", status=403)
    with pytest.raises(AirflowFailException):
        task.run()
    assert task.run()["results"][0]["counts"] == {"1": 20}
    assert len(jobs()) == 1


@pytest.mark.parametrize("answer", [{"status": 204}, {"status": 400, "body": {"errors": [{"code": 1234}]}}], ids=str)
def test_a_result_that_is_late_is_left_to_a_retry(task, emulator, jobs, answer):
    emulator.add_fault(path="/jobs/*/results", **answer)
    with pytest.raises(errors.ResultsNotReadyError):
        task.run()
    assert task.run()["results"][0]["counts"] == {"1": 20}
    assert len(jobs()) == 1


def test_a_task_that_is_not_durable_submits_at_every_try(task, jobs):
    task.run(durable=False)
    task.run(durable=False)
    assert len(jobs()) == 2


def test_a_deleted_job_fails_the_task_after_some_time_and_is_not_bought_again(either_way, believing, slow, sent):
    task = either_way
    with pytest.raises(TaskDeferred):
        task.operator(deferrable=True).execute(task.context)
    slow.reset()
    with pytest.raises(AirflowException, match=r"could not be read.*HTTP 404"):
        task.run()
    assert sent("POST") == []


def test_the_record_outlives_airflows_default_retention(task, store):
    from airflow_provider_qrt.compat import never_expire

    task.run()
    assert set(store.retentions) == {never_expire()}


# Jobs that fail


def test_a_circuit_the_machine_cannot_carry_out_fails_without_a_retry(either_way, emulator):
    with pytest.raises(AirflowFailException, match="failed") as caught:
        either_way.run(circuits=NOT_ISA, check_isa=False)
    job = emulator.jobs()[0]
    assert f"(reason code {job['reason_code']}): {job['reason']}" in str(caught.value)
    assert "IBM's solution: " in str(caught.value)


def ends_as(task, emulator, **end):
    deferred = task.defer()
    emulator.finish(emulator.jobs()[-1]["id"], **end)
    with pytest.raises(AirflowException) as caught:
        task.resume(deferred)
    return caught.value


def test_a_failure_that_may_pass_is_left_to_airflows_retries(task, slow):
    error = ends_as(task, slow, status="Failed", reason_code=5203, reason="A hiccup", reason_solution="Again")
    assert not isinstance(error, AirflowFailException)
    for part in ("A hiccup", "5203", "IBM's solution: Again", "A retry submits a new job."):
        assert part in str(error)


def test_a_permanent_failure_is_not_retried(task, slow):
    error = ends_as(task, slow, status="Failed", reason_code=7001, reason="Not ISA")
    assert isinstance(error, AirflowFailException)


def test_a_job_that_ran_too_long_is_not_retried(task, slow):
    error = ends_as(task, slow, status="Cancelled - Ran too long")
    assert isinstance(error, AirflowFailException)
    assert "Raise max_execution_time" in str(error)


def test_a_job_somebody_cancelled_is_submitted_anew_by_a_retry(task, slow):
    error = ends_as(task, slow, status="Cancelled")
    assert not isinstance(error, AirflowFailException)
    task.defer()
    assert [job["cancelled"] for job in slow.jobs()] == [True, False]


def test_a_log_that_cannot_be_read_does_not_hide_the_failure(task, slow):
    slow.add_fault(path="/jobs/*/logs", status=403, times=None)
    error = ends_as(task, slow, status="Failed", reason_code=7001, reason="Not ISA")
    assert "Not ISA" in str(error)


# Timeouts


def test_a_timeout_cancels_the_job(either_way, slow):
    with pytest.raises(AirflowException, match=r"is still queued after its timeout of 0 s.*was cancelled"):
        either_way.run(timeout=0.2)
    assert slow.jobs()[0]["cancelled"]


def test_a_timeout_leaves_the_job_alone_if_asked_to(either_way, slow):
    with pytest.raises(AirflowException, match="cancel_on_timeout is off"):
        either_way.run(timeout=0.2, cancel_on_timeout=False)
    assert not slow.jobs()[0]["cancelled"]


def test_a_job_that_cannot_be_cancelled_is_said_to_go_on(task, slow):
    slow.add_fault(method="POST", path="/jobs/*/cancel", status=403)
    with pytest.raises(AirflowException, match="may still run and be charged"):
        task.run(timeout=0.1)


def test_a_retry_after_a_timeout_submits_a_new_job(task, slow):
    with pytest.raises(AirflowException):
        task.run(timeout=0.1)
    task.defer()
    assert len(slow.jobs()) == 2


def test_a_retry_asks_again_for_a_cancellation_that_failed(task, slow):
    slow.add_fault(method="POST", path="/jobs/*/cancel", status=403)
    with pytest.raises(AirflowException, match="may still run and be charged"):
        task.run(timeout=0.1, retries=1, cancel_on_kill=False)
    task.defer(cancel_on_kill=False)
    assert [job["cancelled"] for job in slow.jobs()] == [True, False]


GAVE_UP = ("__fail__", {"error": TriggerFailureReason.TRIGGER_TIMEOUT})


@pytest.mark.parametrize("durable", [True, False])
def test_when_airflow_gives_up_waiting_the_job_is_cancelled(task, slow, durable):
    task.defer(durable=durable)
    with pytest.raises(AirflowException, match="had not ended when its timeout passed"):
        task.operator(durable=durable).resume_execution(*GAVE_UP, task.context)
    assert slow.jobs()[0]["cancelled"]


def test_when_airflow_gives_up_waiting_a_completed_job_is_fetched(task, slow):
    deferred = task.defer()
    slow.finish(deferred.trigger.job_id)
    value = task.operator().resume_execution(*GAVE_UP, task.context)
    assert value["job_id"] == deferred.trigger.job_id


def test_when_airflow_gives_up_waiting_a_job_may_be_left_alone(task, slow):
    task.defer()
    with pytest.raises(AirflowException):
        task.operator(cancel_on_timeout=False).resume_execution(*GAVE_UP, task.context)
    assert not slow.jobs()[0]["cancelled"]


def test_when_airflow_gives_up_on_a_task_without_a_job_that_is_all(task):
    with pytest.raises(TaskDeferralTimeout):
        task.operator().resume_execution(*GAVE_UP, task.context)


def test_a_trigger_that_broke_is_left_to_a_retry(task, slow):
    task.defer()
    with pytest.raises(TaskDeferralError, match="a retry goes on with it"):
        task.operator(retries=1).resume_execution("__fail__", {"error": "Trigger failure"}, task.context)
    task.defer()
    assert [job["cancelled"] for job in slow.jobs()] == [False]


@pytest.mark.parametrize("event", [None, {}, {"ending": "victory", "job_id": "j", "job": None}], ids=str)
def test_an_event_that_is_not_understood_is_no_success(task, event):
    with pytest.raises(ValueError, match="not understood"):
        task.operator().execute_complete(task.context, event)


# Being killed


@pytest.fixture
def killed(task, slow):
    """Kill a task whose job is in the queue, and return what it cost."""

    def kill(**arguments) -> float:
        operator = task.operator(deferrable=True, **arguments)
        with pytest.raises(TaskDeferred):
            operator.execute(task.context)
        slow.clear_requests()
        before = time.monotonic()
        operator.on_kill()
        return time.monotonic() - before

    return kill


def test_a_kill_cancels_the_job_with_one_request(killed, slow, sent):
    killed()
    assert slow.jobs()[0]["cancelled"]
    assert sent() == [f"POST /jobs/{slow.jobs()[0]['id']}/cancel"]


def test_a_kill_leaves_the_job_alone_if_asked_to(killed, sent):
    killed(cancel_on_kill=False)
    assert sent() == []


@pytest.mark.parametrize(
    ("fault", "tries"), [({"status": 404}, 1), ({"status": 409}, 1), ({"status": 503}, 2), ({"drop": "before"}, 2)]
)
def test_a_kill_never_raises_and_tries_twice_at_most(killed, slow, sent, fault, tries):
    slow.add_fault(path="/jobs/*/cancel", times=None, **fault)
    killed()
    assert len(sent("POST")) == tries


def test_a_kill_does_not_wait_for_a_service_that_does_not_answer(killed, slow):
    slow.add_fault(path="/jobs/*/cancel", delay=5)
    assert killed() < 4


def test_a_timeout_of_the_task_during_the_submission_cancels_the_job_found_by_its_tag(task, slow):
    operator = task.operator()

    client = operator.hook.submit_client
    submit = client.submit_job

    def submit_and_be_interrupted(**arguments):
        submit(**arguments)
        raise AirflowTaskTimeout("execution_timeout")

    client.submit_job = submit_and_be_interrupted
    with pytest.raises(AirflowTaskTimeout):
        operator.execute(task.context)
    operator.on_kill()
    assert [job["status"] for job in slow.jobs()] == ["Cancelled"]


def test_a_kill_before_there_is_a_job_is_nothing(task, sent):
    task.operator().on_kill()
    assert sent() == []


def test_a_kill_during_the_submission_cancels_the_job_as_soon_as_it_is_known(task, slow, monkeypatch):
    operator = task.operator(deferrable=True)
    submit = operator.hook.submit_client.submit_job

    def interrupted(**arguments):
        answer = submit(**arguments)
        operator.on_kill()  # As after SIGTERM: the interrupted code goes on.
        return answer

    monkeypatch.setattr(operator.hook.submit_client, "submit_job", interrupted)
    with pytest.raises(AirflowException, match="was killed"):
        operator.execute(task.context)
    assert [job["cancelled"] for job in slow.jobs()] == [True]


def test_after_a_kill_nothing_is_submitted(task, slow):
    operator = task.operator(deferrable=True)
    operator.on_kill()
    with pytest.raises(AirflowException, match="was killed"):
        operator.execute(task.context)
    assert slow.jobs() == []


def test_a_task_killed_while_it_fetches_the_result_leaves_its_job_alone(task, emulator):
    deferred = task.defer()
    emulator.add_fault(path="/jobs/*/results", status=403)
    operator = task.operator()
    with pytest.raises(AirflowFailException):
        operator.execute_complete(task.context, task.in_the_triggerer(deferred.trigger))
    emulator.clear_requests()
    operator.on_kill()
    # It has completed: there is nothing to cancel.
    assert emulator.requests() == []
    assert operator.job_is_settled


# Troubles while waiting


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 502, "html": "<h1>Bad gateway</h1>"},
        {"status": 429, "retry_after": 0},
        {"drop": "before"},
        {"drop": "after"},
        {"status": 200, "html": "<h1>Sign in</h1>"},
        {"status": 200, "body": []},
    ],
    ids=["500", "502 with HTML", "429", "dropped before", "dropped after", "200 with HTML", "200 with a list"],
)
def test_no_hiccup_ends_the_wait(either_way, emulator, jobs, fault):
    emulator.add_fault(method="GET", path=ONE_JOB, times=4, **fault)
    assert either_way.run()["results"][0]["counts"] == {"1": 20}
    assert (emulator.faults()[0]["applied"], len(jobs())) == (4, 1)


def test_a_token_that_lapses_while_waiting_is_replaced(either_way, emulator):
    emulator.add_fault(method="GET", path=ONE_JOB, status=401)
    assert either_way.run()["status"] == "Completed"


def test_tokens_revoked_during_the_deferral_are_replaced(task, emulator):
    deferred = task.defer()
    emulator.revoke_tokens()
    assert task.resume(deferred)["status"] == "Completed"


def test_a_token_that_is_revoked_between_login_and_use_does_not_end_the_wait(either_way, emulator, jobs):
    # Before the request, and before each of its repetitions with a fresh token.
    emulator.add_fault(method="GET", path=ONE_JOB, effect="revoke_tokens", times=3)
    assert either_way.run()["status"] == "Completed"
    assert (emulator.faults()[0]["applied"], len(jobs())) == (3, 1)


@pytest.mark.parametrize(("method", "path"), [("POST", "/jobs"), ("GET", "/jobs/*/results")])
def test_a_token_that_is_revoked_between_login_and_use_fails_no_task(either_way, emulator, jobs, method, path):
    emulator.add_fault(method=method, path=path, effect="revoke_tokens", times=2)
    assert either_way.run()["status"] == "Completed"
    assert (emulator.faults()[0]["applied"], len(jobs())) == (2, 1)


def test_a_token_that_cannot_be_renewed_for_a_moment_does_not_end_the_wait(task, emulator):
    deferred = task.defer()
    emulator.revoke_tokens()
    emulator.add_fault(path="/identity/token", status=503, times=2)
    assert task.resume(deferred)["status"] == "Completed"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_that_goes_on_ends_the_wait_and_says_whose(either_way, believing, slow, status):
    slow.add_fault(method="GET", path=ONE_JOB, status=status, times=None)
    with pytest.raises(AirflowException, match=r"qiskit_runtime_default.*in us-east") as caught:
        either_way.run()
    assert "a retry goes on with it" in str(caught.value)
    assert not slow.jobs()[0]["cancelled"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_that_passes_ends_nothing(either_way, emulator, status):
    emulator.add_fault(method="GET", path=ONE_JOB, status=status, times=4)
    assert either_way.run()["status"] == "Completed"


def test_a_completed_job_is_not_bought_again_after_a_refusal(task, believing, slow):
    slow.add_fault(method="GET", path=ONE_JOB, status=403, times=3)
    with pytest.raises(AirflowException):
        task.run()
    slow.finish(slow.jobs()[0]["id"])
    task.clear()
    assert task.run()["job_id"] == slow.jobs()[0]["id"]
    assert len(slow.jobs()) == 1


def test_a_state_nobody_knows_fails_the_task_and_leaves_the_job_to_a_retry(either_way, slow):
    body = {"id": "j", "state": {"status": "Pondering"}}
    slow.add_fault(method="GET", path=ONE_JOB, status=200, body=body, times=None)
    with pytest.raises(AirflowException, match=r"'Pondering'.*a retry goes on with it") as caught:
        either_way.run(retries=1)
    assert not isinstance(caught.value, AirflowFailException)
    assert not slow.jobs()[0]["cancelled"]


def test_a_state_nobody_knows_for_a_moment_is_waited_out(either_way, emulator):
    body = {"id": "j", "state": {"status": "Pondering"}}
    emulator.add_fault(method="GET", path=ONE_JOB, status=200, body=body, times=4)
    assert either_way.run()["status"] == "Completed"


# What a DAG author sees


def test_everything_a_user_may_vary_is_a_template():
    assert set(QiskitRuntimeSamplerOperator.template_fields) >= {
        "circuits",
        "backend",
        "shots",
        "options",
        "session_id",
        "tags",
        "max_execution_time",
        "poll_interval",
        "timeout",
        "result_path",
        "qiskit_runtime_conn_id",
    }


def test_a_circuit_built_anew_for_a_retry_is_the_same_input(task, slow):
    from qiskit import QuantumCircuit

    def build():
        circuit = QuantumCircuit(1, 1, name="flip")
        circuit.x(0)
        circuit.measure(0, 0)
        return circuit

    task.defer(circuits=build())
    task.defer(circuits=build())
    assert len(slow.jobs()) == 1


def test_a_quantum_circuit_built_anew_for_a_retry_is_the_same_input(task, slow):
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    def build():
        circuit = QuantumCircuit(1, 1)
        circuit.rz(Parameter("theta"), 0)
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(0)
        return (circuit, [0.5])

    task.defer(circuits=[build()])
    task.defer(circuits=[build()])
    assert len(slow.jobs()) == 1
