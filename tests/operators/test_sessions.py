"""Sessions and batches as tasks. Against the emulator."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.jobs.errors import NoBackendAvailableError
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import (
    QiskitRuntimeCloseSessionOperator,
    QiskitRuntimeCreateSessionOperator,
    qiskit_runtime_session,
)

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@pytest.fixture
def client(connection):
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    return QiskitRuntimeHook().client


@pytest.fixture
def run(context, connection):
    """Execute an operator as the task runner does after its templates were rendered."""

    def execute(kind: type, **arguments: Any) -> Any:
        return kind(task_id="the_task", **arguments).execute(context)

    return execute


def test_a_batch_is_what_one_gets_and_its_id_is_returned(run, client, ti):
    session_id = run(QiskitRuntimeCreateSessionOperator, backend="ibm_fez")
    session = client.session(session_id)
    assert (session.mode, session.backend, session.accepting_jobs) == ("batch", "ibm_fez", True)
    assert ti.pushed["session_id"] == session_id


def test_least_busy_is_resolved(run, client, emulator):
    # Neither the first by name nor the first in the list.
    queues = {"ibm_boston": 7, "ibm_fez": 9, "ibm_marrakesh": 2, "ibm_miami": 5}
    emulator.configure(backends={name: {"queue_length": length} for name, length in queues.items()})
    session_id = run(QiskitRuntimeCreateSessionOperator)
    assert client.session(session_id).backend == "ibm_marrakesh"


def test_least_busy_keeps_to_the_filters(run, client, emulator):
    emulator.configure(backends={"ibm_boston": {"queue_length": 3}, "ibm_fez": {"queue_length": 9}})
    filters = {"min_qubits": "150", "exclude": ["ibm_marrakesh"]}
    session_id = run(QiskitRuntimeCreateSessionOperator, backend_filters=filters)
    assert client.session(session_id).backend == "ibm_boston"


def test_the_shorter_wait_goes_before_the_shorter_queue(run, client, emulator):
    emulator.configure(backends={"ibm_fez": {"queue_length": 1, "run_seconds": 600}, "ibm_boston": {"queue_length": 5}})
    session_id = run(QiskitRuntimeCreateSessionOperator, backend_filters={"names": ["ibm_fez", "ibm_boston"]})
    assert client.session(session_id).backend == "ibm_boston"


def test_the_context_manager_hands_the_filters_on(context, connection, client):
    with DAG("the_dag", schedule=None), qiskit_runtime_session(backend_filters={"names": "{{ params.on }}"}) as session:
        pass
    session.open.render_template_fields({"params": {"on": "ibm_miami"}, **context})
    assert client.session(session.open.execute(context)).backend == "ibm_miami"


def test_filters_that_no_backend_can_meet_are_not_retried(run, sent):
    with pytest.raises(AirflowFailException, match="ibm_fez has 156 qubits < 1000"):
        run(QiskitRuntimeCreateSessionOperator, backend_filters={"min_qubits": 1000})
    assert sent("POST /sessions") == []


def test_when_no_backend_is_available_now_a_retry_may_help(run, sent, emulator):
    emulator.configure(backends={"ibm_fez": {"status": "paused"}})
    with pytest.raises(NoBackendAvailableError, match="ibm_fez is paused"):
        run(QiskitRuntimeCreateSessionOperator, backend_filters={"names": ["ibm_fez"]})
    assert sent("POST /sessions") == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"mode": "session"}, "write 'batch' or 'dedicated'"),
        ({"backend": "ibm_fezz"}, "Did you mean 'ibm_fez'"),
        ({"backend_filters": {"min_qubit": 3}}, "did you mean 'min_qubits'"),
        ({"max_ttl": "soon"}, "max_ttl: expected seconds"),
        ({"max_ttl": 0}, "max_ttl: must be at least 1"),
    ],
    ids=["mode", "backend", "filters", "max_ttl", "no time"],
)
def test_bad_input_opens_nothing(run, sent, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        run(QiskitRuntimeCreateSessionOperator, **arguments)
    assert sent("POST /sessions") == []


def test_the_open_plan_offers_a_batch_instead_of_a_session(context, monkeypatch, connect):
    with Emulator(plan="open") as small:
        connect(host=small.url, password=small.api_key, extra={"instance": small.instance, "iam_url": small.iam_url})
        with pytest.raises(AirflowFailException, match="use mode='batch'"):
            QiskitRuntimeCreateSessionOperator(task_id="open", mode="dedicated", backend="ibm_fez").execute(context)


def test_closing_lets_queued_jobs_run_and_refuses_new_ones(run, client, emulator):
    emulator.configure(queue_seconds=600)
    session_id = run(QiskitRuntimeCreateSessionOperator, backend="ibm_fez")
    run(QiskitRuntimeSamplerOperator, circuits=FLIP, session_id=session_id, wait_for_completion=False)
    value = run(QiskitRuntimeCloseSessionOperator, session_id=session_id)
    assert [job["status"] for job in emulator.jobs()] == ["Queued"]
    assert not client.session(session_id).accepting_jobs
    assert (value["session_id"], value["jobs"], value["mode"]) == (session_id, 1, "batch")


@pytest.mark.parametrize("flag", [True, "True"])
def test_closing_with_cancel_queued_jobs_runs_none(run, emulator, flag):
    emulator.configure(queue_seconds=600)
    session_id = run(QiskitRuntimeCreateSessionOperator, backend="ibm_fez")
    run(QiskitRuntimeSamplerOperator, circuits=FLIP, session_id=session_id, wait_for_completion=False)
    run(QiskitRuntimeCloseSessionOperator, session_id=session_id, cancel_queued_jobs=flag)
    assert emulator.jobs()[0]["final"]


@pytest.mark.parametrize("hard", [False, True])
def test_closing_twice_is_fine_and_so_is_nothing(run, hard):
    session_id = run(QiskitRuntimeCreateSessionOperator, backend="ibm_fez")
    for _ in range(2):
        run(QiskitRuntimeCloseSessionOperator, session_id=session_id, cancel_queued_jobs=hard)
    run(QiskitRuntimeCloseSessionOperator, session_id="00000000-0000-0000-0000-000000000000", cancel_queued_jobs=hard)
    assert run(QiskitRuntimeCloseSessionOperator, session_id=None) is None


def test_seconds_a_session_stood_idle_are_reported(run, emulator, caplog):
    session_id = run(QiskitRuntimeCreateSessionOperator, mode="dedicated", backend="ibm_fez")
    run(QiskitRuntimeSamplerOperator, circuits=FLIP, session_id=session_id)
    emulator.advance(30)
    value = run(QiskitRuntimeCloseSessionOperator, session_id=session_id)
    assert value["idle_seconds"] == pytest.approx(30, abs=5)
    assert value["active_seconds"] >= value["idle_seconds"]


# Joining


def test_a_job_takes_the_sessions_backend(run, client, emulator):
    session_id = run(QiskitRuntimeCreateSessionOperator, backend="ibm_boston")
    run(QiskitRuntimeSamplerOperator, circuits=FLIP, session_id=session_id)
    assert [job["backend"] for job in emulator.jobs()] == ["ibm_boston"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"backend": "ibm_boston"}, "is on ibm_fez"),
        ({"max_execution_time": 600}, r"600 s is longer than batch .* may live"),
    ],
    ids=["backend", "too long"],
)
def test_a_job_that_cannot_join_is_refused_before_it_is_submitted(run, emulator, arguments, says):
    session_id = run(QiskitRuntimeCreateSessionOperator, backend="ibm_fez", max_ttl=300)
    with pytest.raises(AirflowFailException, match=says):
        run(QiskitRuntimeSamplerOperator, circuits=FLIP, session_id=session_id, **arguments)
    assert emulator.jobs() == []


def test_a_job_cannot_join_a_closed_session(run, emulator):
    session_id = run(QiskitRuntimeCreateSessionOperator, backend="ibm_fez")
    run(QiskitRuntimeCloseSessionOperator, session_id=session_id)
    with pytest.raises(AirflowFailException, match="Open a new one"):
        run(QiskitRuntimeSamplerOperator, circuits=FLIP, session_id=session_id)
    assert emulator.jobs() == []


# Around other tasks


def test_the_tasks_inside_stand_between_setup_and_teardown():
    with DAG("the_dag", schedule=None) as dag:
        with qiskit_runtime_session(mode="batch", backend="ibm_fez", retries=2) as session:
            one = QiskitRuntimeSamplerOperator(task_id="one", circuits=FLIP, session_id=session.id)
            many = QiskitRuntimeSamplerOperator.partial(task_id="many", session_id=session.id).expand(circuits=["a"])
            one >> many
            # Leads out of the session before it ends.
            one >> QiskitRuntimeSamplerOperator(task_id="alone", circuits=FLIP)
        after = QiskitRuntimeSamplerOperator(task_id="after", circuits=FLIP)
        many >> after
    opening, closing = dag.get_task("open_session"), dag.get_task("close_session")
    assert opening.is_setup
    assert closing.is_teardown
    assert opening.downstream_task_ids >= {"one", "many", "close_session"}
    assert closing.upstream_task_ids >= {"many", "alone", "open_session"}
    assert "close_session" not in after.upstream_task_ids
    assert (opening.retries, closing.retries) == (2, 2)


def test_a_session_may_stand_in_another():
    with DAG("the_dag", schedule=None) as dag, qiskit_runtime_session(name="outer") as outer:
        QiskitRuntimeSamplerOperator(task_id="a", circuits=FLIP, session_id=outer.id)
        with qiskit_runtime_session(name="inner") as inner:
            QiskitRuntimeSamplerOperator(task_id="b", circuits=FLIP, session_id=inner.id)
    assert "open_outer" in dag.get_task("open_inner").upstream_task_ids
    assert dag.get_task("close_outer").upstream_task_ids >= {"a", "close_inner"}


def test_outside_of_a_dag_there_is_no_session():
    with pytest.raises(RuntimeError, match="where a DAG is being defined"), qiskit_runtime_session():
        pass


def test_a_dag_may_have_several():
    with DAG("the_dag", schedule=None) as dag:
        for name in ("first", "second"):
            with qiskit_runtime_session(name=name) as session:
                QiskitRuntimeSamplerOperator(task_id=f"in_{name}", circuits=FLIP, session_id=session.id)
    assert dag.get_task("in_first").upstream_task_ids == {"open_first"}
