"""QPU seconds of a DAG, added up from its jobs. Against the emulator."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.budget.spending import Spending
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput, job_tags
from airflow_provider_qrt.primitives import sampler_params
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.pubs import coerce_pubs
from tools.local_airflow import wait_until

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
NAME = "AIRFLOW__QISKIT_RUNTIME__AIRFLOW_NAME"


@pytest.fixture(autouse=True)
def our_name(monkeypatch):
    monkeypatch.setenv(NAME, "ours")


@pytest.fixture
def submit(emulator, connection):
    """Submits a job as a task of a DAG run does, and sees it end."""
    client = QiskitRuntimeHook().client
    params = sampler_params(coerce_pubs(FLIP, shots=10))

    def one(run_id: str, *, dag_id: str = "the_dag", task_id: str = "t", airflow: str = "ours") -> str:
        identity = JobIdentity(dag_id, run_id, task_id, airflow=airflow)
        tags = job_tags(identity, 1, JobRequest("sampler", "ibm_fez", ProgramInput(params)))
        job = client.submit_job(program_id="sampler", backend="ibm_fez", params=params, tags=tags)
        wait_until(lambda: client.job(job.id).status.is_final, seconds=30, what="The end of the job", pause=0.02)
        return job.id

    return one


@pytest.fixture
def two_runs(submit):
    """A DAG's two runs, of one job and of two, and jobs of another DAG and another Airflow."""
    for run_id, task_id, dag_id, airflow in (
        ("first", "t", "the_dag", "ours"),
        ("second", "t", "the_dag", "ours"),
        ("second", "u", "the_dag", "ours"),
        ("first", "t", "another_dag", "ours"),
        ("first", "t", "the_dag", "another Airflow"),
    ):
        submit(run_id, task_id=task_id, dag_id=dag_id, airflow=airflow)


def test_a_dags_jobs_are_counted_and_nobody_elses(two_runs):
    used = QiskitRuntimeHook().seconds_used
    assert used(dag_id="the_dag").jobs == 3
    assert used(dag_id="the_dag", run_id="first").jobs == 1
    assert used(dag_id="the_dag", run_id="second").jobs == 2
    assert used(dag_id="no_such_dag") == Spending(0.0, 0.0, 0)


def test_what_was_charged_is_added_up(submit, emulator):
    emulator.configure(run_seconds=0.2)
    submit("first")
    submit("second")
    found = QiskitRuntimeHook().seconds_used(dag_id="the_dag")
    assert (found.charged_seconds, found.expected_seconds, found.jobs) == (pytest.approx(0.4), 0.0, 2)


def test_a_bill_that_is_open_counts_as_expected(submit, emulator):
    emulator.configure(usage_pending_seconds=600)
    submit("first")
    found = QiskitRuntimeHook().seconds_used(dag_id="the_dag", run_id="first")
    assert (found.charged_seconds, found.total) == (0.0, pytest.approx(2.0035, abs=0.001))


@pytest.mark.parametrize("window", [3600, timedelta(hours=1)], ids=str)
def test_a_window_leaves_out_what_is_older(submit, emulator, window):
    submit("first")
    used = QiskitRuntimeHook().seconds_used
    assert used(dag_id="the_dag", window=window).jobs == 1
    asked = [one["query"] for one in emulator.requests() if one["path"].endswith("/jobs") and one["method"] == "GET"]
    assert "created_after" in asked[-1]
    assert used(dag_id="the_dag", run_id="first", window=1e-6).jobs == 0


def test_all_jobs_of_a_run_count_and_those_of_a_dag_in_four_weeks(submit, emulator):
    submit("first")
    used = QiskitRuntimeHook().seconds_used
    emulator.clear_requests()
    used(dag_id="the_dag", run_id="first")
    used(dag_id="the_dag")
    of_run, of_dag = [one["query"] for one in emulator.requests() if one["path"].endswith("/jobs")]
    assert "created_after" not in of_run
    assert "created_after" in of_dag


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"dag_id": ""}, "dag_id is empty"),
        ({"dag_id": "d", "run_id": ""}, "run_id is empty"),
        ({"dag_id": "d", "window": 0}, "window: expected seconds"),
        ({"dag_id": "d", "window": "a week"}, "window: expected seconds"),
        ({"dag_id": "d", "window": timedelta(days=-1)}, "window: expected seconds"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_before_anything_is_asked(connection, sent, arguments, says):
    with pytest.raises(InvalidInputError, match=says):
        QiskitRuntimeHook().seconds_used(**arguments)
    assert sent() == []
