"""The page Result: all jobs of a run, what is known of a wait, and the circuits as they were sent."""

from __future__ import annotations

import base64
import io
import pickle
import zlib

import pytest

from airflow_provider_qrt.plugins.draw import describe
from airflow_provider_qrt.plugins.sent import MOST_CHARACTERS, MOST_CIRCUITS, described, qpy_source, sent_circuits
from tests.plugins.conftest import FLIP, LINK, RUN

OF_RUN = {"dag_id": "a_dag", "run_id": RUN}
OF_TASK = {**OF_RUN, "task_id": "measure"}


@pytest.fixture
def run(database, connection):
    database.add_dag("a_dag")
    return database


def is_whole(page):
    summary = page["summary"]
    return (
        summary and summary["complete"] and summary["fresh"] and not any(bar["to_be_read"] for bar in summary["bars"])
    )


# All jobs of a run


def test_jobs_of_all_tries_and_tasks_are_added_up(browser, run, submit, emulator):
    emulator.configure(run_seconds=0.1, usage_pending_seconds=0)
    first = submit("a_dag")
    emulator.finish(first, "Failed", reason="broken")
    second, other = submit("a_dag"), submit("a_dag", "another", map_index=2)
    submit("a_dag", run_id="another_run")
    submit("another_dag")
    run.add_task("a_dag", job_id=second, **{LINK: "https://x"})

    def is_over(page):
        return is_whole(page) and all(bar["finished"] and bar["settled"] for bar in page["summary"]["bars"])

    summary = browser().until(is_over, "/api/result", **OF_RUN)["summary"]

    assert [bar["id"] for bar in summary["bars"]] == [first, second, other]
    assert [bar["task"] for bar in summary["bars"]] == ["measure", "measure", "another[2]"]
    assert summary["states"] == {"Failed": 1, "Completed": 2}
    assert summary["jobs"] == 3
    assert 0 < summary["charged"] == pytest.approx(sum(bar["seconds"] for bar in summary["bars"]))
    done = summary["bars"][1]
    assert done["created"] <= done["running"] <= done["finished"]


@pytest.mark.parametrize("mode", ["dedicated", "batch"])
def test_a_session_is_counted_and_charged_once(browser, run, submit, mode):
    job_id = submit("a_dag", session_mode=mode)
    run.add_task("a_dag", job_id=job_id, **{LINK: "https://x"})

    summary = browser().until(is_whole, "/api/result", **OF_RUN)["summary"]

    assert len(summary["sessions"]) == 1
    assert summary["bars"][0]["in_session"] == (mode == "dedicated")
    assert (summary["bars"][0]["cost"] is None) == (mode == "dedicated" or not summary["bars"][0]["settled"])


def test_one_task_has_no_summary_of_the_run(browser, run, submit):
    run.add_task("a_dag", job_id=submit("a_dag"), **{LINK: "https://x"})
    assert browser().read("/api/result", **OF_TASK)["summary"] is None


# Waiting


def test_what_is_known_of_a_wait_is_told(browser, run, submit, emulator):
    emulator.configure(queue_seconds=1000.0, backends={"ibm_fez": {"queue_length": 7}})
    run.add_task("a_dag", state="deferred", job_id=submit("a_dag"), **{LINK: "https://x"})

    def is_told(page):
        waiting = page["tasks"][0]["jobs"][0]["waiting"]
        return waiting and waiting["queue"] is not None

    [job] = browser().until(is_told, "/api/result", **OF_RUN)["tasks"][0]["jobs"]

    assert job["waiting"]["queue"] >= 7
    assert job["waiting"]["wait_seconds"] is not None
    assert job["waiting"]["ends"] is None


def test_a_running_job_has_an_expected_end(browser, run, submit, emulator):
    emulator.configure(queue_seconds=0.0, run_seconds=1000.0)
    run.add_task("a_dag", state="deferred", job_id=submit("a_dag"), **{LINK: "https://x"})

    def runs(page):
        return page["tasks"][0]["jobs"][0]["state"] == "Running"

    [job] = browser().until(runs, "/api/result", **OF_RUN)["tasks"][0]["jobs"]

    assert job["timeline"]["running"] is not None
    assert (job["waiting"]["ends"] is None) == (job["waiting"]["expected_seconds"] is None)


def test_a_job_that_has_ended_waits_for_nothing(browser, run, submit):
    run.add_task("a_dag", job_id=submit("a_dag"), **{LINK: "https://x"})
    page = browser().until(lambda page: page["tasks"][0]["jobs"][0]["state"] == "Completed", "/api/result", **OF_RUN)
    assert page["tasks"][0]["jobs"][0]["waiting"] is None


# Circuits as they were sent


def test_the_circuits_of_a_job_are_shown_as_they_were_sent(browser, run, submit):
    job_id = submit("a_dag")
    run.add_task("a_dag", job_id=job_id, **{LINK: "https://x"})
    somebody = browser()

    found = somebody.until(lambda page: page["state"] != "reading", "/api/result/sent", **OF_TASK, job_id=job_id)
    assert found["circuits"] == [{"text": FLIP}]

    drawn = somebody.until(
        lambda page: page["state"] != "drawing", "/api/result/sent", **OF_TASK, job_id=job_id, index=0
    )
    assert drawn["backend"] == "ibm_fez"
    assert drawn["facts"]["gates"] == {"x": 1, "measure": 1}
    assert (drawn["facts"]["depth"], drawn["facts"]["qubits"], drawn["facts"]["is_physical"]) == (2, [0], True)
    assert somebody.get("/api/result/sent", **OF_TASK, job_id=job_id, index=7).status_code == 404

    somebody.until(lambda page: page["tasks"][0]["jobs"][0]["state"], "/api/result", **OF_RUN)
    placed = somebody.until(lambda page: page["state"] != "reading", "/api/result/map", **OF_TASK, name="ibm_fez")
    assert len(placed["qubits"]) == 156
    assert somebody.get("/api/result/map", **OF_TASK, name="ibm_boston").status_code == 404


def test_the_circuits_of_another_dags_job_are_not_shown(browser, run, submit):
    job_id = submit("another_dag")
    run.add_task("a_dag", job_id=job_id, **{LINK: "https://x"})

    found = browser().until(lambda page: page["state"] != "reading", "/api/result/sent", **OF_TASK, job_id=job_id)

    assert found["circuits"] == []
    assert "another DAG" in found["text"]
    assert "OPENQASM" not in str(found)


def test_a_job_that_xcom_does_not_name_is_not_shown(browser, run, submit):
    run.add_task("a_dag", job_id=submit("a_dag"), **{LINK: "https://x"})
    assert browser().get("/api/result/sent", **OF_TASK, job_id=submit("a_dag")).status_code == 404


def qpy(*circuits):
    from qiskit import qpy as writer

    file = io.BytesIO()
    writer.dump(list(circuits), file)
    return base64.b64encode(zlib.compress(file.getvalue())).decode()


@pytest.mark.parametrize(
    ("params", "sources"),
    [
        (None, []),
        ({}, []),
        ({"pubs": "x"}, []),
        ({"pubs": [[FLIP, None, 5], ["x"], 3, []]}, [FLIP, "x"]),
        ({"pubs": [[{"__type__": "QuantumCircuit", "__value__": "abc"}]]}, ["qpy:0:abc"]),
        ({"quantum_program": {"circuits": {"data": [FLIP, {"__value__": "d"}, None]}}}, [FLIP, "qpy:0:d"]),
        ({"quantum_program": {"circuits": {"b64_data": "f", "num_programs": 2}}}, ["qpy:0:f", "qpy:1:f"]),
        ({"quantum_program": {"circuits": {"b64_data": "f", "num_programs": -3}}}, ["qpy:0:f"]),
        ({"quantum_program": {"circuits": 7}}, []),
    ],
)
def test_circuits_are_found_in_the_inputs_of_all_programs(params, sources):
    found = sent_circuits(params)
    assert list(found) == sources
    assert len(described(found)) == len(sources)


def test_a_file_of_many_circuits_is_kept_once():
    file = "f" * 1_000_000
    found = sent_circuits({"quantum_program": {"circuits": {"b64_data": file, "num_programs": 100}}})
    assert (len(found), found[99][:7]) == (100, "qpy:99:")
    assert len(pickle.dumps(found)) < 2 * len(file)


def test_a_source_that_nobody_would_read_is_not_sent_to_the_page():
    assert described(["x" * (MOST_CHARACTERS + 1), FLIP]) == [{"text": None}, {"text": FLIP}]


def test_no_more_circuits_are_offered_than_anybody_looks_at():
    assert len(sent_circuits({"pubs": [[FLIP]] * 1000})) == MOST_CIRCUITS
    assert (
        len(sent_circuits({"quantum_program": {"circuits": {"b64_data": "f", "num_programs": 10**9}}})) == MOST_CIRCUITS
    )


def test_a_circuit_of_a_file_is_described():
    from qiskit import QuantumCircuit

    first, second = QuantumCircuit(1), QuantumCircuit(3, 1)
    first.h(0)
    second.cz(1, 2)
    second.measure(2, 0)
    data = qpy(first, second)

    found = describe(sent_circuits({"quantum_program": {"circuits": {"b64_data": data, "num_programs": 2}}})[1])

    assert (found["depth"], found["gates"], found["qubits"]) == (2, {"cz": 1, "measure": 1}, [1, 2])
    assert "■" in found["drawing"]


def test_a_long_circuit_is_counted_and_not_drawn():
    text = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q;' + "h q[0]; cx q[0], q[1];" * 1200
    found = describe(text)
    assert (found["drawing"], found["operations"], found["depth"]) == (None, 2400, 2400)


@pytest.mark.parametrize("source", ["qpy:x:abc", "qpy:0:not base64", "qpy:9:", "nothing"])
def test_what_is_no_circuit_is_refused(source):
    assert qpy_source("OPENQASM") is None
    with pytest.raises(Exception):  # noqa: B017
        describe(source)
