"""A task that finally fails leaves no job running, and its last message says what happened to the job."""

from __future__ import annotations

import dataclasses
import os

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import DAG

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.execution.failure_callback import cancel_jobs_of_failed_task
from airflow_provider_qrt.execution.run import TaskRun
from airflow_provider_qrt.jobs.errors import LookUpFailedError
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.programs.sampler import SamplerProgram
from tests.conftest import CONNECTION

ONE_JOB = "^/jobs/[^/]+$"
UNKNOWN_STATE = {"status": 200, "body": {"id": "j", "state": {"status": "Pondering"}}, "times": None}


@pytest.fixture
def slow(emulator):
    emulator.configure(queue_seconds=600)
    return emulator


def cancelled(emulator) -> list[bool]:
    return [job["cancelled"] for job in emulator.jobs()]


@pytest.fixture
def api_server_away(monkeypatch):
    """Airflow takes no XCom, so that a task fails whose job is in the queue."""

    def send_away(task):
        def refuse(key, value):
            if key == "job_id":
                raise RuntimeError("The API server is away.")

        monkeypatch.setattr(task.context["ti"], "xcom_push", refuse)

    return send_away


@pytest.mark.parametrize(("try_number", "max_tries"), [(1, 0), (3, 2)], ids=["none configured", "none left"])
def test_without_retries_left_the_job_is_cancelled(either_way, slow, api_server_away, try_number, max_tries):
    either_way.context["ti"].try_number, either_way.context["ti"].max_tries = try_number, max_tries
    api_server_away(either_way)
    with pytest.raises(RuntimeError, match=r"is away\. No retry will go on with the job: Job \w+ was cancelled"):
        either_way.run()
    assert cancelled(slow) == [True]


def test_what_is_not_ours_to_cancel_goes_on_and_the_failure_says_so(either_way, slow, api_server_away):
    either_way.context["ti"].max_tries = 0
    api_server_away(either_way)
    with pytest.raises(RuntimeError, match="goes on and is charged: cancel_on_kill is off"):
        either_way.run(cancel_on_kill=False)
    assert cancelled(slow) == [False]


def test_a_job_that_no_retry_can_find_again_is_cancelled_though_there_will_be_one(either_way, slow, api_server_away):
    api_server_away(either_way)
    with pytest.raises(RuntimeError, match="was cancelled"):
        either_way.run(durable=False)
    assert cancelled(slow) == [True]


# What could not be read is not cancelled


@pytest.mark.parametrize("max_tries", [0, 2])
def test_a_state_that_nobody_knows_leaves_the_job(either_way, slow, max_tries):
    either_way.context["ti"].max_tries = max_tries
    slow.add_fault(method="GET", path=ONE_JOB, **UNKNOWN_STATE)
    what = "clear the task to go on with it" if max_tries == 0 else "a retry goes on with it"
    with pytest.raises(AirflowException, match=f"was not cancelled and goes on.*{what}"):
        either_way.run()
    either_way.fail()
    assert cancelled(slow) == [False]


@pytest.mark.parametrize("max_tries", [0, 2])
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_that_goes_on_leaves_the_job_and_may_be_retried(either_way, believing, slow, status, max_tries):
    either_way.context["ti"].max_tries = max_tries
    slow.add_fault(method="GET", path=ONE_JOB, status=status, times=None)
    with pytest.raises(AirflowException, match=rf"HTTP {status}.*was not cancelled and goes on") as failed:
        either_way.run()
    assert not isinstance(failed.value, AirflowFailException)
    either_way.fail()
    assert cancelled(slow) == [False]


def test_after_that_a_clear_goes_on_with_the_job(task, believing, slow):
    task.context["ti"].max_tries = 0
    slow.add_fault(method="GET", path=ONE_JOB, status=403, times=3)
    with pytest.raises(AirflowException):
        task.run()
    task.clear()
    [job] = slow.jobs()
    deferred = task.defer()
    slow.finish(job["id"])
    assert task.resume(deferred)["job_id"] == job["id"]
    assert len(slow.jobs()) == 1


@pytest.mark.parametrize("max_tries", [0, 2])
@pytest.mark.parametrize("mistake", [AttributeError, TypeError, NameError, ImportError])
def test_a_mistake_of_ours_ends_the_wait_at_once_and_leaves_the_job(either_way, slow, monkeypatch, mistake, max_tries):
    either_way.context["ti"].max_tries = max_tries

    def broken(self, job_id):
        raise mistake("a mistake")

    deferred = either_way.defer() if either_way.arguments["deferrable"] else None
    monkeypatch.setattr("airflow_provider_qrt.client.client.QiskitRuntimeClient.job", broken)
    with pytest.raises(Exception, match="a mistake") as failed:
        either_way.resume(deferred) if deferred is not None else either_way.run()
    assert not isinstance(failed.value, AirflowFailException)
    either_way.fail()
    assert "was not cancelled and goes on" in str(failed.value)
    assert cancelled(slow) == [False]


@pytest.mark.parametrize("max_tries", [0, 2])
def test_a_trigger_that_broke_leaves_the_job(task, slow, max_tries):
    task.context["ti"].max_tries = max_tries
    task.defer()
    with pytest.raises(AirflowException, match=r"Trigger failure.*was not cancelled and goes on"):
        task.operator().resume_execution("__fail__", {"error": "Trigger failure"}, task.context)
    task.fail()
    assert cancelled(slow) == [False]


def test_a_connection_that_leads_elsewhere_leaves_the_job_and_says_where_it_is(task, slow, connect):
    deferred = task.defer()
    with Emulator(queue_seconds=0, rate_limit=False) as other:
        connect(host=other.url, password=other.api_key, extra={"instance": other.instance, "iam_url": other.iam_url})
        with pytest.raises(AirflowFailException, match=r"was submitted to .*, and the connection leads to") as failed:
            task.resume(deferred)
        task.fail()
        assert "was not cancelled: it goes on where it is" in str(failed.value)
        assert cancelled(slow) == [False]
        task.clear()
        task.run()
        assert (len(slow.jobs()), len(other.jobs())) == (1, 1)


def test_a_job_that_should_be_cancelled_but_is_elsewhere_is_said_to_be_there(task, slow, connect):
    task.context["ti"].max_tries = 0
    task.defer()
    with Emulator(queue_seconds=0, rate_limit=False) as other:
        connect(host=other.url, password=other.api_key, extra={"instance": other.instance, "iam_url": other.iam_url})
        with pytest.raises(
            ValueError, match=r"No retry will go on with the job: Job \w+ was not cancelled: it was submitted to "
        ):
            task.operator().execute_complete(task.context, {"ending": "victory"})
    assert cancelled(slow) == [False]


def test_an_event_that_is_not_understood_leaves_no_job(task, slow):
    task.context["ti"].max_tries = 0
    task.defer()
    with pytest.raises(ValueError, match=r"not understood.*was cancelled"):
        task.operator().execute_complete(task.context, {"ending": "victory"})
    assert cancelled(slow) == [True]


def test_a_job_that_may_have_been_submitted_is_looked_for_and_cancelled(task, slow):
    task.context["ti"].max_tries = 0
    slow.add_fault(method="POST", path="/jobs", drop="after")
    slow.add_fault(method="GET", path="/jobs", status=403)
    with pytest.raises(LookUpFailedError, match="was cancelled"):
        task.run()
    assert cancelled(slow) == [True]


def test_a_task_that_cannot_make_its_job_known_does_not_leave_it(task, slow, monkeypatch):
    def refuse(key, value):
        raise RuntimeError("The API server is away.")

    monkeypatch.setattr(task.context["ti"], "xcom_push", refuse)
    with pytest.raises(RuntimeError, match=r"is away\."):
        task.run()
    # It is told what is needed to cancel the job before there is one.
    assert cancelled(slow) == []


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
    task.context["ti"].max_tries = 0
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


def last_resort(task, **more):
    """Run the callback like the DAG processor, with the operator from the DAG file and the task instance."""
    with DAG("the_dag", schedule=None):
        operator = QiskitRuntimeSamplerOperator(
            task_id="the_task", circuits="{{ nobody }}", qiskit_runtime_conn_id="{{ renders_this }}", **more
        )
    cancel_jobs_of_failed_task({"task": operator, "ti": task.context["ti"]})


def test_the_last_resort_cancels_the_jobs_of_the_task_and_no_other(task, slow):
    task.defer()
    task.context["ti"] = dataclasses.replace(task.context["ti"], task_id="another_task", pushed={})
    task.context["task_state_store"] = None
    task.defer()
    last_resort(task)
    assert cancelled(slow) == [False, True]


@pytest.mark.parametrize("tries_left", [True, False])
def test_the_last_resort_leaves_its_job_to_a_task_that_is_tried_again(task, slow, tries_left):
    """An older Airflow calls it whenever the process of a task was killed."""
    task.defer()
    task.context["ti"].max_tries = task.context["ti"].try_number - (not tries_left)
    last_resort(task, retries=2)
    assert cancelled(slow) == [not tries_left]


def test_the_last_resort_needs_nothing_of_the_unrendered_operator(task, slow, connect, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ANOTHER", os.environ[CONNECTION])
    monkeypatch.delenv(CONNECTION)
    task.defer(qiskit_runtime_conn_id="{{ 'another' }}")
    last_resort(task)
    assert cancelled(slow) == [True]


def test_the_last_resort_of_another_airflow_does_not_touch_the_job(task, slow):
    task.defer()
    task.context["ti"] = dataclasses.replace(task.context["ti"], pushed={})
    task.context["task_state_store"] = None
    with pytest.raises(AirflowFailException):
        task.run(shots=-1)
    task.fail()
    assert cancelled(slow) == [False]


def test_the_last_resort_finds_a_job_whose_id_was_never_known(task, slow, monkeypatch):
    class Killed(BaseException):
        """SIGKILL, right after the submission."""

    def killed(self, *arguments):
        raise Killed

    monkeypatch.setattr("airflow_provider_qrt.jobs.submit.submitter.JobSubmitter._record", killed)
    with pytest.raises(Killed):
        task.execute()
    last_resort(task)
    assert cancelled(slow) == [True]


def test_the_last_resort_is_not_needed_where_the_task_has_seen_to_its_job(task, slow, sent):
    operator = task.operator()
    slow.add_fault(method="GET", path=ONE_JOB, **UNKNOWN_STATE)
    with pytest.raises(AirflowException):
        operator.execute(task.context)
    before = len(sent())
    cancel_jobs_of_failed_task({"task": operator, "ti": task.context["ti"]})
    assert len(sent()) == before


def test_the_last_resort_is_for_a_job_left_to_a_retry_that_a_retry_policy_refuses(task, slow, monkeypatch):
    operator = task.operator(retries=2)

    def deferral_fails(**arguments):
        raise RuntimeError("The API server is away.")

    monkeypatch.setattr(TaskRun, "_conclude", lambda *_: deferral_fails())
    with pytest.raises(RuntimeError, match="a retry goes on with it"):
        operator.execute_complete(task.context, WaitOutcome(Ending.TIMED_OUT, task.defer().trigger.job_id).to_event())
    cancel_jobs_of_failed_task({"task": operator, "ti": task.context["ti"]})
    assert cancelled(slow) == [True]


@pytest.mark.parametrize("circuits", [1, 3])
def test_a_result_that_airflow_could_not_take_is_not_bought_again_by_a_clear(task, emulator, monkeypatch, circuits):
    monkeypatch.setattr(SamplerProgram, "max_executions", 20)
    task.arguments["circuits"] = [task.defaults["circuits"]] * circuits
    operator = task.operator()
    operator.execute(task.context)
    # The push of what was returned fails, and Airflow calls the callbacks.
    cancel_jobs_of_failed_task({"task": operator, "ti": task.context["ti"]})
    task.clear()
    task.execute()
    assert len(emulator.jobs()) == circuits


def test_the_last_resort_keeps_to_cancel_on_kill(task, slow):
    task.defer(cancel_on_kill=False)
    last_resort(task)
    assert cancelled(slow) == [False]


def test_the_last_resort_leaves_the_job_of_a_task_that_does_not_wait(task, slow):
    task.execute(wait_for_completion=False)
    last_resort(task)
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
    either_way.context["ti"].max_tries = retries
    with pytest.raises(AirflowException, match=r"still queued after its timeout .*was cancelled\.") as caught:
        either_way.run(timeout=0.2, retries=retries)
    assert cancelled(slow) == [True]
    assert "already" not in str(caught.value)
    assert ("A retry submits a new job" in str(caught.value)) is (retries > 0)
