"""Finding and cancelling orphans on an instance, with a supervisor that answers like Airflow's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import (
    DRCount,
    ErrorResponse,
    GetDRCount,
    GetTaskStates,
    GetXCom,
    MaskSecret,
    TaskStatesResult,
    XComResult,
)

from airflow_provider_qrt.hooks.orphans import (
    AirflowNameMissingError,
    AirflowUnavailableError,
    OrphansNotCancelledError,
    cancel_orphans,
)
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput, job_tags

NAME = "production"
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
RUN = "scheduled__2026-11-21T00:00:00+00:00"
TASK = JobIdentity("dag", RUN, "task", airflow=NAME)
MAPPED = JobIdentity("dag", RUN, "mapped", 2, NAME)


class Supervisor:
    """Answers a task's questions about DAG runs, task instances and XComs."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], str] = {}
        self.tasks: dict[JobIdentity, str | None] = {}
        self.xcoms: dict[JobIdentity, str] = {}
        self.more_xcoms: dict[JobIdentity, list[str]] = {}
        self.fails_on: type | None = None
        self.asked: list[object] = []
        self.before_first_answer = lambda: None

    def has(self, task: JobIdentity, state: str | None, run: str = "running") -> None:
        self.runs[task.dag_id, task.run_id] = run
        self.tasks[task] = state

    def send(self, msg):
        if isinstance(msg, MaskSecret):
            return None
        if not self.asked:
            self.before_first_answer()
        self.asked.append(msg)
        if self.fails_on is not None and isinstance(msg, self.fails_on):
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 500}))
        if isinstance(msg, GetTaskStates):
            states: dict[str, dict[str, str | None]] = {}
            for task, state in self.tasks.items():
                if (
                    task.dag_id == msg.dag_id
                    and task.run_id in msg.run_ids
                    and (msg.task_ids is None or task.task_id in msg.task_ids)
                    and msg.map_index in (None, task.map_index)
                ):
                    key = task.task_id if task.map_index < 0 else f"{task.task_id}_{task.map_index}"
                    states.setdefault(task.run_id, {})[key] = state
            return TaskStatesResult(task_states=states)
        if isinstance(msg, GetDRCount):
            state = next((self.runs[msg.dag_id, run] for run in msg.run_ids if (msg.dag_id, run) in self.runs), None)
            return DRCount(count=int(state is not None and (msg.states is None or state in msg.states)))
        assert isinstance(msg, GetXCom)
        of = JobIdentity(msg.dag_id, msg.run_id, msg.task_id, msg.map_index, NAME)
        published = {"job_id": self.xcoms, "job_ids": self.more_xcoms}.get(msg.key, {})
        return XComResult(key=msg.key, value=published.get(of))


@pytest.fixture
def supervisor(monkeypatch) -> Supervisor:
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__AIRFLOW_NAME", NAME)
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


@pytest.fixture
def hook(emulator, connection) -> QiskitRuntimeHook:
    emulator.configure(queue_seconds=600)
    return QiskitRuntimeHook()


@pytest.fixture
def submit(hook):
    def submit(task: JobIdentity | None = TASK, session_id: str | None = None) -> str:
        request = JobRequest("sampler", "ibm_fez", ProgramInput({"version": 2, "pubs": [[FLIP, None, 5]]}))
        return hook.client.submit_job(
            program_id="sampler",
            backend="ibm_fez",
            params=request.input.params,
            tags=() if task is None else job_tags(task, 1, request),
            session_id=session_id,
        ).id

    return submit


@pytest.fixture
def status(emulator):
    return lambda job_id: next(job["status"] for job in emulator.jobs() if job["id"] == job_id)


def found(hook, **arguments) -> list[tuple[str, str]]:
    return [(one.kind, one.id) for one in hook.find_orphans(**{"older_than": 0, **arguments})]


# Finding


def test_the_jobs_of_tasks_that_are_over_are_found_and_no_others(hook, supervisor, submit):
    supervisor.has(TASK, "failed")
    supervisor.has(MAPPED, "deferred")
    orphan = submit(TASK)
    submit(MAPPED)
    submit(None)
    submit(JobIdentity("dag", RUN, "task", airflow="staging"))
    [one] = hook.find_orphans(older_than=0)
    assert (one.kind, one.id, one.reason, one.certain) == ("job", orphan, "its task is failed", True)
    assert (one.dag_id, one.run_id, one.task, one.backend, one.status) == ("dag", RUN, "task", "ibm_fez", "Queued")
    assert one.created is not None


def test_the_job_of_a_deleted_run_is_found(hook, supervisor, submit):
    orphan = submit(MAPPED)
    [one] = hook.find_orphans(older_than=0)
    assert (one.id, one.task, one.reason) == (orphan, "mapped[2]", "its DAG run does not exist any more")


@pytest.mark.parametrize(
    ("run", "orphan"), [("queued", False), ("running", False), ("success", True), ("failed", True)]
)
def test_what_a_task_has_submitted_without_waiting_is_an_orphan_once_its_run_has_ended(
    hook, supervisor, submit, run, orphan
):
    supervisor.has(TASK, "success", run)
    job_id = submit()
    assert found(hook) == ([("job", job_id)] if orphan else [])


@pytest.mark.parametrize("task", [TASK, MAPPED], ids=["one task", "a mapped one"])
def test_a_job_that_its_task_has_replaced_is_found(hook, supervisor, submit, task):
    supervisor.has(task, "running")
    former, present = submit(task), submit(task)
    supervisor.xcoms[task] = present
    assert found(hook) == [("job", former)]


@pytest.mark.parametrize("task", [TASK, MAPPED], ids=["one task", "a mapped one"])
def test_the_jobs_of_a_task_that_has_several_are_none_and_the_one_it_has_replaced_is(hook, supervisor, submit, task):
    supervisor.has(task, "deferred")
    parts = [replace(task, part=part) for part in (1, 2)]
    former, first, second = submit(parts[0]), submit(parts[0]), submit(parts[1])
    supervisor.xcoms[task], supervisor.more_xcoms[task] = first, [first, second]
    assert found(hook) == [("job", former)]


def test_jobs_that_have_ended_are_none(hook, supervisor, submit, emulator):
    supervisor.has(TASK, "failed")
    emulator.finish(submit())
    assert found(hook) == []


def test_a_job_that_ends_while_airflow_is_asked_is_none(hook, supervisor, submit, emulator):
    supervisor.has(TASK, "success", "success")
    job_id = submit()
    supervisor.before_first_answer = lambda: emulator.finish(job_id, status="Cancelled")
    assert found(hook) == []
    assert supervisor.asked


@pytest.mark.parametrize("older_than", [{}, {"older_than": 600}, {"older_than": timedelta(minutes=10)}], ids=str)
def test_young_jobs_and_sessions_are_left_out(emulator, hook, supervisor, submit, older_than):
    submit(session_id=hook.client.create_session(mode="batch", backend="ibm_fez").id)
    assert hook.find_orphans(**older_than) == []
    assert len(hook.find_orphans(older_than=0)) == 2


def test_unknown_ones_are_listed_on_request_only(hook, supervisor, submit):
    job_id = submit(JobIdentity("d" * 90, RUN, "task", airflow=NAME))
    assert found(hook) == []
    [one] = hook.find_orphans(older_than=0, include_unknown=True)
    assert (one.id, one.certain) == (job_id, False)


@pytest.mark.parametrize("exclude_dags", [["dag"], "dag"], ids=["a list", "one text"])
def test_dags_can_be_left_out(hook, supervisor, submit, exclude_dags):
    submit()
    assert found(hook, exclude_dags=exclude_dags) == []
    assert len(found(hook)) == 1


# Sessions


@pytest.mark.parametrize(("mode", "kind"), [("dedicated", "session"), ("batch", "batch")])
@pytest.mark.parametrize("running", [False, True], ids=["not begun", "active"])
def test_a_session_is_found_when_no_run_goes_on(emulator, hook, supervisor, submit, mode, kind, running):
    supervisor.has(TASK, "failed", "failed")
    session_id = hook.client.create_session(mode=mode, backend="ibm_fez").id
    if running:
        emulator.configure(queue_seconds=0, run_seconds=600)
    job_id = submit(session_id=session_id)
    assert found(hook) == [("job", job_id), (kind, session_id)]
    one = hook.find_orphans(older_than=0)[1]
    assert (one.backend, one.dag_id, one.run_id) == ("ibm_fez", "dag", RUN)


def test_a_session_whose_jobs_have_all_ended_is_found(emulator, hook, supervisor, submit):
    session_id = hook.client.create_session(mode="batch", backend="ibm_fez").id
    emulator.finish(submit(session_id=session_id))
    assert found(hook) == [("batch", session_id)]


def test_sessions_that_are_in_use_not_ours_empty_or_closed_are_none(hook, supervisor, submit):
    supervisor.has(TASK, "success")
    used, shared, _, closed = (hook.client.create_session(mode="batch", backend="ibm_fez").id for _ in range(4))
    submit(TASK, used)
    gone = JobIdentity("dag", "deleted", "task", airflow=NAME)
    orphan = submit(gone, shared)
    submit(None, shared)
    submit(gone, closed)
    hook.client.cancel_session(closed)
    assert found(hook) == [("job", orphan)]


def test_a_session_that_is_closed_while_airflow_is_asked_is_none(emulator, hook, supervisor, submit):
    session_id = hook.client.create_session(mode="batch", backend="ibm_fez").id
    emulator.finish(submit(session_id=session_id))
    supervisor.before_first_answer = lambda: hook.client.cancel_session(session_id)
    assert found(hook) == []
    assert supervisor.asked


# When something cannot be had


@pytest.mark.parametrize("question", [GetTaskStates, GetDRCount, GetXCom], ids=lambda kind: kind.__name__)
def test_nothing_is_called_an_orphan_without_airflows_answer(hook, supervisor, submit, question):
    supervisor.has(TASK, "deferred")
    submit()
    assert found(hook) == []
    supervisor.fails_on = question
    with pytest.raises(AirflowUnavailableError, match=r"orphans cannot be told.*status_code"):
        hook.find_orphans(older_than=0)


def test_outside_of_a_task_it_is_said_where_to_call_it(hook, submit, emulator):
    submit()
    emulator.clear_requests()
    assert not hasattr(task_runner, "SUPERVISOR_COMMS")
    with pytest.raises(AirflowUnavailableError, match=r"in a task, as the example DAG find_orphans\.py does"):
        hook.find_orphans()
    assert emulator.requests() == []


def test_a_service_that_does_not_answer_is_no_reason_to_find_nothing(hook, supervisor, submit, emulator):
    submit()
    emulator.add_fault(path="/workloads", status=403, times=None)
    with pytest.raises(Exception, match="403"):
        hook.find_orphans(older_than=0)


# Cancelling


def test_orphans_are_cancelled_and_what_lives_is_not(hook, supervisor, submit, status):
    supervisor.has(TASK, "failed")
    supervisor.has(MAPPED, "deferred")
    gone = JobIdentity("dag", "deleted", "task", airflow=NAME)
    session_id = hook.client.create_session(mode="dedicated", backend="ibm_fez").id
    orphan, living, inside = submit(TASK), submit(MAPPED), submit(gone, session_id)
    lines: list[str] = []
    outcomes = cancel_orphans(hook.client, hook.find_orphans(older_than=0), log=lines.append)
    assert outcomes == {
        orphan: f"Job {orphan} was cancelled.",
        inside: f"Job {inside} was cancelled.",
        session_id: f"Session {session_id} was closed.",
    }
    assert sorted(lines) == sorted(outcomes.values())
    assert [status(job_id) for job_id in (orphan, inside, living)] == ["Cancelled", "Cancelled", "Queued"]
    assert hook.client.session(session_id).state == "closed"
    assert found(hook) == []


def test_what_has_ended_in_between_is_fine(hook, supervisor, submit, emulator):
    job_id = submit()
    session_id = hook.client.create_session(mode="batch", backend="ibm_fez").id
    emulator.finish(submit(session_id=session_id))
    orphans = hook.find_orphans(older_than=0)
    assert {one.id for one in orphans} == {job_id, session_id}
    emulator.finish(job_id)
    emulator.add_fault(method="DELETE", path="/sessions/*/close", status=404)
    outcomes = cancel_orphans(hook.client, orphans, log=print)
    assert outcomes[job_id] == f"Job {job_id} has ended or was cancelled already."
    assert outcomes[session_id] == f"Batch {session_id} has been closed already."


def test_one_whose_owner_is_unknown_is_left_alone(hook, supervisor, submit, status):
    job_id = submit(JobIdentity("d" * 90, RUN, "task", airflow=NAME))
    outcomes = cancel_orphans(hook.client, hook.find_orphans(older_than=0, include_unknown=True), log=print)
    assert "was left alone: which task it belongs to cannot be told" in outcomes[job_id]
    assert status(job_id) == "Queued"


def test_one_that_cannot_be_cancelled_does_not_keep_the_others_from_it(hook, supervisor, submit, emulator, status):
    jobs = [submit(), submit()]
    orphans = hook.find_orphans(older_than=0)
    emulator.add_fault(method="POST", path=f"/jobs/{orphans[0].id}/cancel", status=403, times=None)
    lines: list[str] = []
    with pytest.raises(OrphansNotCancelledError, match=f"^1 of 2 orphans could not be cancelled.*: {orphans[0].id}"):
        cancel_orphans(hook.client, orphans, log=lines.append)
    assert "could not be cancelled and may still run and be charged: " in lines[0]
    assert "403" in lines[0]
    assert {status(job_id) for job_id in jobs} == {"Queued", "Cancelled"}


def test_an_airflow_without_a_name_lists_with_a_warning_and_cancels_nothing(
    hook, supervisor, submit, status, monkeypatch, caplog
):
    monkeypatch.delenv("AIRFLOW__QISKIT_RUNTIME__AIRFLOW_NAME")
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    job_id = submit(JobIdentity("dag", RUN, "task"))
    orphans = hook.find_orphans(older_than=0)
    assert [one.id for one in orphans] == [job_id]
    assert "this Airflow has no name" in caplog.text
    with pytest.raises(AirflowNameMissingError, match=r"Set \[qiskit_runtime\] airflow_name"):
        cancel_orphans(hook.client, orphans, log=print)
    assert status(job_id) == "Queued"


def test_neither_key_nor_account_is_in_what_is_said_of_an_orphan(hook, supervisor, submit, emulator):
    submit(session_id=hook.client.create_session(mode="batch", backend="ibm_fez").id)
    orphans = hook.find_orphans(older_than=0)
    assert len(orphans) == 2
    said = " ".join(f"{one!r} {one.describe()} {json.dumps(one.to_json())}" for one in orphans)
    assert emulator.api_key not in said
    assert emulator.instance.split(":")[6] not in said
