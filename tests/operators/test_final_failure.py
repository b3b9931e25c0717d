"""A task that fails for good leaves no job running, and its last words say what became of the job."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralError

from airflow_provider_qrt.jobs.submission import LookUpFailed
from airflow_provider_qrt.operators.last_resort import cancel_jobs_of_failed_task
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

ONE_JOB = "^/jobs/[^/]+$"
UNKNOWN_STATE = {"status": 200, "body": {"id": "j", "state": {"status": "Pondering"}}, "times": None}


@pytest.fixture
def slow(emulator):
    emulator.configure(queue_seconds=600)
    return emulator


def cancelled(emulator) -> list[bool]:
    return [job["cancelled"] for job in emulator.jobs()]


@pytest.mark.parametrize("retries", [0, 2], ids=["none configured", "none left"])
def test_without_retries_left_the_job_is_cancelled(either_way, slow, retries):
    either_way.context["ti"].try_number = 3
    slow.add_fault(method="GET", path=ONE_JOB, **UNKNOWN_STATE)
    with pytest.raises(AirflowException, match=r"No retry will go on with the job: Job \w+ was cancelled"):
        either_way.run(retries=retries)
    assert cancelled(slow) == [True]


def test_what_is_not_ours_to_cancel_goes_on_and_the_failure_says_so(either_way, slow):
    slow.add_fault(method="GET", path=ONE_JOB, **UNKNOWN_STATE)
    with pytest.raises(AirflowException, match="goes on and is charged: cancel_on_kill is off"):
        either_way.run(cancel_on_kill=False)
    assert cancelled(slow) == [False]


def test_a_job_that_no_retry_can_find_again_is_cancelled_though_there_will_be_one(either_way, slow):
    slow.add_fault(method="GET", path=ONE_JOB, **UNKNOWN_STATE)
    with pytest.raises(AirflowException, match="was cancelled"):
        either_way.run(retries=1, durable=False)
    assert cancelled(slow) == [True]


def test_a_trigger_that_broke_on_the_last_try_leaves_no_job(task, slow):
    task.defer()
    with pytest.raises(TaskDeferralError, match="was cancelled"):
        task.operator().resume_execution("__fail__", {"error": "Trigger failure"}, task.context)
    assert cancelled(slow) == [True]


def test_an_event_that_is_not_understood_leaves_no_job(task, slow):
    task.defer()
    with pytest.raises(ValueError, match=r"not understood.*was cancelled"):
        task.operator().execute_complete(task.context, {"ending": "victory"})
    assert cancelled(slow) == [True]


def test_a_job_that_may_have_been_submitted_is_looked_for_and_cancelled(task, slow):
    slow.add_fault(method="POST", path="/jobs", drop="after")
    slow.add_fault(method="GET", path="/jobs", status=403)
    with pytest.raises(LookUpFailed, match="was cancelled"):
        task.run()
    assert cancelled(slow) == [True]


def test_a_task_that_cannot_make_its_job_known_does_not_leave_it(task, slow, monkeypatch):
    def refuse(key, value):
        raise RuntimeError("The API server is away.")

    monkeypatch.setattr(task.context["ti"], "xcom_push", refuse)
    with pytest.raises(RuntimeError, match=r"is away\. No retry will go on with the job"):
        task.run()
    assert cancelled(slow) == [True]


def test_a_result_that_cannot_be_read_is_promised_to_a_retry(either_way, emulator):
    emulator.add_fault(path="/jobs/*/results", status=403)
    with pytest.raises(AirflowFailException, match=r"has completed: a retry, or a clear, fetches its result"):
        either_way.run()
    either_way.clear()
    either_way.run()
    assert len(emulator.jobs()) == 1


def test_without_a_record_no_retry_is_promised_to_fetch_the_result(either_way, emulator):
    emulator.add_fault(path="/jobs/*/results", status=403)
    with pytest.raises(AirflowFailException, match=r"has completed; no record is kept .* a retry submits a new job"):
        either_way.run(durable=False, retries=1)


def test_an_airflow_that_keeps_nothing_any_more_hides_neither_the_timeout_nor_keeps_the_job(either_way, slow, failing):
    failing(lambda value: value.get("abandoned"))
    with pytest.raises(AirflowException, match=r"after its timeout of 0 s.*was cancelled"):
        either_way.run(timeout=0.2)
    assert cancelled(slow) == [True]


def test_an_airflow_that_keeps_nothing_any_more_leaves_no_job_on_the_last_try(task, slow, failing):
    failing(lambda value: value.get("job_id"))
    with pytest.raises(RuntimeError, match=r"is away\. No retry will go on with the job"):
        task.run()
    assert cancelled(slow) == [True]


def test_a_job_cancelled_under_a_retry_is_replaced_in_the_same_try(either_way, slow):
    slow.add_fault(method="GET", path=ONE_JOB, **UNKNOWN_STATE)
    with pytest.raises(AirflowException):
        either_way.run(retries=3)
    slow.clear_faults()
    either_way.context["ti"].try_number = 2
    [first] = slow.jobs()
    # As seen by a retry that is quicker than the cancellation: queued, then cancelled.
    queued = {"id": first["id"], "backend": first["backend"], "state": {"status": "Queued"}}
    slow.add_fault(method="GET", path=ONE_JOB, status=200, body=queued, times=1)
    slow.finish(first["id"], status="Cancelled")
    slow.configure(queue_seconds=0)
    if either_way.arguments["deferrable"]:
        deferred = either_way.defer(retries=3)
        with pytest.raises(BaseException) as second_wait:
            either_way.resume(deferred, retries=3)
        again = either_way.resume(second_wait.value, retries=3)
    else:
        again = either_way.run(retries=3)
    assert again["status"] == "Completed"
    assert again["job_id"] == slow.jobs()[1]["id"]
    assert len(slow.jobs()) == 2


# When the task itself could not see to it


def test_the_last_resort_cancels_the_active_jobs_of_the_task_and_no_other(task, slow):
    task.defer()
    task.context["ti"].task_id = "another_task"
    task.context["task_state_store"] = None
    task.defer()
    cancel_jobs_of_failed_task({"task": task.operator(), "ti": task.context["ti"]})
    assert cancelled(slow) == [False, True]


def test_the_last_resort_is_not_needed_where_the_task_has_seen_to_its_job(task, slow, sent):
    operator = task.operator()
    slow.add_fault(method="GET", path=ONE_JOB, **UNKNOWN_STATE)
    with pytest.raises(AirflowException):
        operator.execute(task.context)
    before = len(sent())
    cancel_jobs_of_failed_task({"task": operator, "ti": task.context["ti"]})
    assert len(sent()) == before


def test_the_last_resort_is_for_a_job_left_to_a_retry_that_a_retry_policy_refuses(task, slow):
    operator = task.operator(retries=2)
    slow.add_fault(method="GET", path=ONE_JOB, **UNKNOWN_STATE)
    with pytest.raises(AirflowException, match="a retry goes on with it"):
        operator.execute(task.context)
    cancel_jobs_of_failed_task({"task": operator, "ti": task.context["ti"]})
    assert cancelled(slow) == [True]


@pytest.mark.parametrize("circuits", [1, 3])
def test_a_result_that_airflow_could_not_take_is_not_bought_again_by_a_clear(task, emulator, monkeypatch, circuits):
    monkeypatch.setattr(QiskitRuntimeSamplerOperator, "max_executions", 20)
    task.arguments["circuits"] = [task.defaults["circuits"]] * circuits
    operator = task.operator()
    operator.execute(task.context)
    # The push of what was returned fails, and Airflow calls the callbacks.
    cancel_jobs_of_failed_task({"task": operator, "ti": task.context["ti"]})
    task.clear()
    task.execute()
    assert len(emulator.jobs()) == circuits


def test_the_last_resort_keeps_to_cancel_on_kill(task, slow):
    task.defer()
    cancel_jobs_of_failed_task({"task": task.operator(cancel_on_kill=False), "ti": task.context["ti"]})
    assert cancelled(slow) == [False]


def mine(context):
    """A user's callback."""


@pytest.mark.parametrize("where", ["argument", "default_args", "nowhere"])
@pytest.mark.parametrize("mapped", [False, True], ids=["plain", "mapped"])
def test_a_users_callbacks_come_first_and_ours_once(where, mapped):
    own = {"on_failure_callback": mine}
    with DAG("the_dag", schedule=None, default_args=own if where == "default_args" else {}) as dag:
        given = own if where == "argument" else {}
        if mapped:
            QiskitRuntimeSamplerOperator.partial(task_id="the_task", **given).expand(circuits=["a", "b"])
        else:
            QiskitRuntimeSamplerOperator(task_id="the_task", circuits="a", **given)
    expected = [cancel_jobs_of_failed_task] if where == "nowhere" else [mine, cancel_jobs_of_failed_task]
    assert list(dag.get_task("the_task").on_failure_callback) == expected


def test_the_last_resort_knows_a_mapped_task(task, slow):
    task.context["ti"].map_index = 1
    task.defer()
    with DAG("the_dag", schedule=None) as dag:
        QiskitRuntimeSamplerOperator.partial(task_id="the_task").expand(circuits=["a", "b"])
    cancel_jobs_of_failed_task({"task": dag.get_task("the_task"), "ti": task.context["ti"]})
    assert cancelled(slow) == [True]


@pytest.mark.parametrize("retries", [0, 2])
def test_a_late_job_was_cancelled_and_the_failure_says_just_that(either_way, slow, retries):
    with pytest.raises(AirflowException, match=r"still queued after its timeout .*was cancelled\.") as caught:
        either_way.run(timeout=0.2, retries=retries)
    assert cancelled(slow) == [True]
    assert "already" not in str(caught.value)
    assert ("A retry submits a new job" in str(caught.value)) is (retries > 0)
