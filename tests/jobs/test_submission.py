"""Every job is submitted exactly once despite all faults. Against the emulator, over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pytest

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy, errors
from airflow_provider_qrt.client.limits import LIST_LAG
from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE
from airflow_provider_qrt.jobs.errors import InvalidTagsError, JobGoneError, LookUpFailedError
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin
from airflow_provider_qrt.jobs.submit.record import STORE_KEY, SubmissionRecord
from airflow_provider_qrt.jobs.submit.submitter import JobSubmitter

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
IDENTITY = JobIdentity("dag", "run", "task")
NEW_IN_THE_RECORD = {"clear_number", "connection", "place", "cancel", "unsure", "unread", "missing_since"}
"""Fields that records of earlier versions lack."""


def request(shots: int = 10, **others: Any) -> JobRequest:
    params = {"version": 2, "support_qiskit": True, "pubs": [[FLIP, None, shots]]}
    return JobRequest("sampler", "least_busy", ProgramInput(params), **others)


def choose(asked: JobRequest) -> JobRequest:
    return replace(asked, backend="ibm_fez")


class Store:
    def __init__(self) -> None:
        self.text: dict[str, str] = {}
        self.fails_on: Callable[[Any], bool] = lambda value: False

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.text[key]) if key in self.text else default

    def set(self, key: str, value: Any) -> None:
        if self.fails_on(value):
            raise RuntimeError("the worker died here")
        self.text[key] = json.dumps(value)


@dataclass
class Task:
    """A task instance: one store, many tries."""

    client: QiskitRuntimeClient
    store: Store | None = field(default_factory=Store)
    identity: JobIdentity = IDENTITY
    max_tries: int = 1
    try_number: int = 1
    clear_number: int | None = None
    slept: list[float] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    cancel_replaced: bool = True

    def submitter(self) -> JobSubmitter:
        return JobSubmitter(
            self.client,
            self.identity,
            try_number=self.try_number,
            max_tries=self.max_tries,
            clear_number=self.clear_number,
            store=self.store,
            cancel_replaced=self.cancel_replaced,
            sleep=self.slept.append,
            clock=self.clock,
        )

    def run(self, asked: JobRequest | None = None, prepare=choose):
        return self.submitter().obtain(asked or request(), prepare)

    def clear(self) -> None:
        self.max_tries += 2

    @property
    def record(self) -> SubmissionRecord:
        record = SubmissionRecord.read(self.store)
        assert record is not None
        return record

    def write(self, **changes: Any) -> None:
        replace(self.record, **changes).write(self.store)


@pytest.fixture
def client(emulator: Emulator, connection: None):
    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    with QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=2), sleep=lambda seconds: None) as client:
        yield client


@pytest.fixture
def task(client: QiskitRuntimeClient, emulator: Emulator) -> Task:
    emulator.configure(queue_seconds=600)
    return Task(client)


@pytest.fixture
def job_ids(emulator: Emulator):
    return lambda: [job["id"] for job in emulator.jobs()]


# The first try


def test_a_first_try_submits(task, job_ids):
    job = task.run()
    assert (job.how, [job.job_id]) == (JobOrigin.SUBMITTED, job_ids())


def test_the_record_holds_the_id_and_the_backend(task):
    job = task.run()
    assert (task.record.job_id, task.record.number, task.record.backend) == (job.job_id, 1, "ibm_fez")


def test_the_job_carries_the_identity_the_input_and_the_users_tags(task, emulator):
    asked = request(tags=("mine",))
    task.run(asked)
    tags = emulator.jobs()[0]["tags"]
    assert tags[0].startswith(f"{IDENTITY.tag(1, asked.fingerprint())}:c")
    assert {"dag:dag", "run:run", "mine"} <= set(tags)


def test_everything_asked_for_reaches_the_service(task, emulator):
    task.run(request(max_execution_seconds=77, private=True))
    job = emulator.jobs()[0]
    assert (job["cost"], job["private"], job["backend"]) == (77, True, "ibm_fez")


def test_the_intent_is_written_before_anything_is_sent(task, sent):
    def died(value: Any) -> bool:
        return True

    task.store.fails_on = died
    with pytest.raises(RuntimeError):
        task.run()
    assert sent("POST") == []


def test_bad_tags_are_found_before_an_intent_is_written(task):
    with pytest.raises(InvalidTagsError):
        task.run(request(tags=tuple("abcdefg")))
    assert task.store.text == {}


def test_a_failing_preparation_leaves_no_intent(task):
    def no_backend(asked: JobRequest) -> JobRequest:
        raise errors.InvalidSettingsError("no such backend")

    with pytest.raises(errors.InvalidSettingsError):
        task.run(prepare=no_backend)
    assert task.store.text == {}


def test_the_id_is_in_the_log_before_it_is_stored(task, job_ids, logged):
    task.store.fails_on = lambda value: value["job_id"] is not None
    with pytest.raises(RuntimeError):
        task.run()
    assert job_ids()[0] in logged()[-1]


# A retry


@pytest.mark.parametrize("state", ["active", "Completed"])
def test_a_retry_goes_on_with_the_job(task, emulator, job_ids, state):
    first = task.run()
    if state == "Completed":
        emulator.finish(first.job_id)
    again = task.run()
    assert (again.how, again.job_id, len(job_ids())) == (JobOrigin.REATTACHED, first.job_id, 1)


def test_a_retry_counts_from_the_first_submission(task):
    assert task.run().submitted_at == task.run().submitted_at


def test_a_retry_does_not_choose_a_backend_again(task):
    task.run()
    task.run(prepare=lambda asked: pytest.fail("asked for a backend"))


@pytest.mark.parametrize(("status", "code"), [("Failed", 5203), ("Cancelled", None)])
def test_a_retry_after_a_failure_that_may_pass_submits_the_next_job(task, emulator, status, code):
    first = task.run()
    emulator.finish(first.job_id, status, reason_code=code)
    second = task.run()
    assert (second.how, task.record.number) == (JobOrigin.SUBMITTED, 2)
    assert emulator.jobs()[1]["tags"][0].startswith(f"{IDENTITY.tag(2, request().fingerprint())}:")


@pytest.mark.parametrize(("status", "code"), [("Failed", 7001), ("Cancelled - Ran too long", 1305)])
def test_a_retry_after_a_permanent_failure_submits_nothing(task, emulator, job_ids, status, code):
    first = task.run()
    emulator.finish(first.job_id, status, reason_code=code)
    again = task.run()
    assert (again.job_id, again.job.status.is_final, len(job_ids())) == (first.job_id, True, 1)


def test_changed_input_is_another_job(task, job_ids):
    first = task.run(request(shots=10))
    second = task.run(request(shots=20))
    assert job_ids() == [first.job_id, second.job_id]
    assert task.record.number == 2


def test_a_job_that_other_input_replaces_is_cancelled(task, emulator):
    task.run(request(shots=10))
    task.run(request(shots=20))
    assert [job["cancelled"] for job in emulator.jobs()] == [True, False]


def test_a_job_the_service_does_not_know_any_more_is_waited_for_and_not_replaced(task, emulator, sent):
    first = task.run()
    emulator.reset()
    again = task.run()
    assert (again.job_id, again.how, again.job) == (first.job_id, JobOrigin.REATTACHED, None)
    assert sent("POST") == []


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_a_job_that_cannot_be_read_is_waited_for_and_not_replaced(task, emulator, job_ids, status):
    first = task.run()
    emulator.add_fault(method="GET", path="/jobs/*", status=status, times=None)
    again = task.run()
    assert ([again.job_id], again.job, job_ids()) == ([first.job_id], None, [first.job_id])


def test_a_job_in_another_instance_than_the_connection_names_is_not_replaced(task, emulator, sent):
    job = task.run()
    task.write(place="instance i of us-east at elsewhere")
    emulator.reset()
    with pytest.raises(JobGoneError, match=f"Job {job.job_id} was submitted to instance i of us-east at elsewhere"):
        task.run()
    assert sent("POST") == []


def test_two_tasks_do_not_share_a_job(client, job_ids, emulator):
    emulator.configure(queue_seconds=600)
    Task(client, identity=JobIdentity("dag", "run", "task", 0)).run()
    Task(client, identity=JobIdentity("dag", "run", "task", 1)).run()
    assert len(job_ids()) == 2


# A try that died between submitting and recording


@pytest.fixture
def died(task):
    """A task whose first try submitted a job and died before it could record its id."""
    task.store.fails_on = lambda value: value["job_id"] is not None
    with pytest.raises(RuntimeError):
        task.run()
    task.store.fails_on = lambda value: False
    return task


def test_a_job_whose_id_was_never_recorded_is_adopted(died, job_ids):
    again = died.run()
    assert ([again.job_id], again.how) == (job_ids(), JobOrigin.ADOPTED)


def test_an_adopted_job_is_recorded(died):
    again = died.run()
    assert (died.record.job_id, died.record.backend) == (again.job_id, "ibm_fez")


def test_an_adopted_job_that_failed_is_replaced(died, emulator, job_ids):
    emulator.finish(job_ids()[0], "Failed", reason_code=5203)
    assert died.run().how is JobOrigin.SUBMITTED
    assert died.record.number == 2


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 403}, {"drop": "before"}, {"html": "<p>", "status": 200}]
)
def test_a_look_up_that_fails_submits_nothing(died, emulator, job_ids, fault):
    emulator.add_fault(method="GET", path="/jobs", times=None, **fault)
    with pytest.raises(LookUpFailedError, match="No other job was submitted"):
        died.run()
    assert len(job_ids()) == 1


def test_after_a_failed_look_up_the_next_try_still_adopts(died, emulator, job_ids):
    emulator.add_fault(method="GET", path="/jobs", status=503, times=2)
    with pytest.raises(LookUpFailedError):
        died.run()
    assert [died.run().job_id] == job_ids()


def test_a_job_that_shows_in_the_list_only_later_is_found(died, emulator, job_ids):
    emulator.configure(visibility_seconds=5)
    died.slept = Passing(emulator)
    assert [died.run().job_id] == job_ids()


def test_the_job_of_a_deleted_run_of_the_same_name_is_not_adopted(task, emulator, job_ids):
    task.run()
    task.store.text.clear()
    emulator.advance(7200)
    task.clock = lambda: time.time() + 7200
    # With a token that is still good by then.
    list(task.client.jobs())
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    assert task.run().job_id == job_ids()[1]


class Passing(list):
    """Sleeping lets the emulator's time pass."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self.emulator = emulator

    def append(self, seconds: float) -> None:
        super().append(seconds)
        self.emulator.advance(seconds)


def test_an_intent_that_never_was_sent_is_sent_once(task, emulator, job_ids):
    emulator.add_fault(method="POST", path="/jobs", status=403)
    with pytest.raises(errors.ForbiddenError):
        task.run()
    again = task.run()
    assert (again.how, len(job_ids()), task.record.number) == (JobOrigin.SUBMITTED, 1, 1)


def test_nobody_is_told_there_is_no_job_before_it_must_be_listed(task):
    intent = SubmissionRecord(request().fingerprint(), 1, 1, time.time(), IDENTITY.tag(1, request().fingerprint()))
    intent.write(task.store)
    task.run()
    assert LIST_LAG - 1 <= sum(task.slept) <= LIST_LAG + 5


def test_an_intent_that_is_old_enough_is_looked_for_once(task, sent):
    before = time.time() - 2 * LIST_LAG
    SubmissionRecord(request().fingerprint(), 1, 1, before, IDENTITY.tag(1, request().fingerprint())).write(task.store)
    task.run()
    assert len(sent("GET /jobs")) == 1


def test_a_job_of_an_earlier_version_is_found_by_its_tag(died, job_ids, emulator):
    died.write(tag=emulator.jobs()[0]["tags"][0])
    old = {name: value for name, value in asdict(died.record).items() if name not in NEW_IN_THE_RECORD}
    died.store.set(STORE_KEY, old)
    assert [died.run().job_id] == job_ids()


# Answers that were lost


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": "after"},
        {"status": 503, "phase": "after"},
        {"status": 502, "html": "<h1>Bad gateway</h1>", "phase": "after"},
        {"status": 200, "html": "<h1>Sign in</h1>", "phase": "after"},
        {"status": 200, "body": {"no": "id"}, "phase": "after"},
    ],
    ids=["dropped", "503", "502 with HTML", "200 with HTML", "200 without an id"],
)
def test_a_lost_answer_does_not_submit_twice(task, emulator, job_ids, sent, fault):
    emulator.add_fault(method="POST", path="/jobs", **fault)
    job = task.run()
    assert (job.how, [job.job_id]) == (JobOrigin.ADOPTED, job_ids())
    assert len(sent("POST /jobs")) == 1


def test_the_job_of_a_lost_answer_is_recorded(task, emulator):
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    assert task.run().job_id == task.record.job_id


@pytest.mark.parametrize("fault", [{"drop": "before"}, {"status": 503}], ids=["dropped", "503"])
def test_what_the_service_never_acted_on_is_submitted_by_the_retry(task, emulator, job_ids, fault):
    emulator.add_fault(method="POST", path="/jobs", **fault)
    with pytest.raises(errors.SubmissionUnknownError, match="a retry, or a clear, looks once more"):
        task.run()
    assert sum(task.slept) >= LIST_LAG
    job = task.run()
    assert (job.how, [job.job_id]) == (JobOrigin.SUBMITTED, job_ids())


@pytest.mark.parametrize("lag", [5, 15, 29])
def test_a_lost_answer_and_a_list_that_lags_make_one_job(task, emulator, job_ids, lag):
    emulator.configure(visibility_seconds=lag)
    task.slept = Passing(emulator)
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    assert [task.run().job_id] == job_ids()


def test_of_two_jobs_with_the_tasks_tag_one_is_kept(task, emulator, job_ids, logged):
    emulator.configure(visibility_seconds=1000)
    emulator.add_fault(method="POST", path="/jobs", drop="after", times=2)
    for _ in range(2):
        with pytest.raises(errors.SubmissionUnknownError):
            task.run()
    assert len(job_ids()) == 2
    emulator.configure(visibility_seconds=0)
    kept = task.run()
    assert [job["id"] for job in emulator.jobs() if not job["cancelled"]] == [kept.job_id]
    assert any("carries this task's tag too" in line for line in logged())


def test_of_two_jobs_with_the_tasks_tag_the_one_that_completed_is_kept(task, emulator, job_ids):
    emulator.configure(visibility_seconds=1000)
    emulator.add_fault(method="POST", path="/jobs", drop="after", times=2)
    for _ in range(2):
        with pytest.raises(errors.SubmissionUnknownError):
            task.run()
    emulator.configure(visibility_seconds=0)
    emulator.finish(job_ids()[1])
    assert task.run().job_id == job_ids()[1]
    assert [job["cancelled"] for job in emulator.jobs()] == [True, False]


def test_a_job_that_shows_after_its_submission_was_repeated_is_cancelled(task, emulator, job_ids):
    emulator.configure(visibility_seconds=1000)
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    with pytest.raises(errors.SubmissionUnknownError):
        task.run()
    second = task.run()
    assert second.record.unsure
    emulator.configure(visibility_seconds=0)
    task.submitter().cancel_duplicates(second.record)
    assert [job["id"] for job in emulator.jobs() if not job["cancelled"]] == [second.job_id]


@pytest.mark.parametrize("age", [0, 1800])
def test_a_job_of_a_run_that_was_made_again_is_not_taken_for_the_new_one(task, emulator, job_ids, age):
    task.run()
    task.store.text.clear()
    emulator.advance(age)
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    assert task.run().job_id == job_ids()[1]


def test_a_lost_answer_that_cannot_be_looked_up_stays_an_intent(task, emulator, job_ids):
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    emulator.add_fault(method="GET", path="/jobs", status=503, times=2)
    with pytest.raises(LookUpFailedError):
        task.run()
    assert [task.run().job_id] == job_ids()


def test_without_a_store_a_lost_answer_is_an_error(client, emulator):
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    with pytest.raises(errors.SubmissionUnknownError):
        Task(client, store=None).run()


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_repeated(task, emulator, job_ids, sent, status):
    # A 401 is tried again with two fresh tokens.
    emulator.add_fault(method="POST", path="/jobs", status=status, times=3 if status == 401 else 1)
    with pytest.raises(errors.ApiError) as caught:
        task.run()
    assert (caught.value.status, job_ids()) == (status, [])


def test_a_used_up_instance_is_called_that(task, emulator):
    emulator.configure(usage_limit_seconds=0)
    with pytest.raises(errors.UsageLimitReachedError):
        task.run()


def test_a_submission_over_the_rate_limit_is_submitted_later_and_once(task, emulator, job_ids):
    emulator.add_fault(method="POST", path="/jobs", status=429, retry_after=1)
    assert [task.run().job_id] == job_ids()


# A clear


def test_a_cleared_task_gets_a_new_job(task, emulator, job_ids):
    first = task.run()
    task.clear()
    second = task.run()
    assert job_ids() == [first.job_id, second.job_id]


def test_a_job_that_still_runs_is_cancelled_when_its_task_was_cleared(task, emulator):
    task.run()
    task.clear()
    task.run()
    assert [job["cancelled"] for job in emulator.jobs()] == [True, False]


def test_a_job_whose_id_was_never_recorded_is_cancelled_when_its_task_was_cleared(died, emulator):
    died.clear()
    died.run()
    assert [job["cancelled"] for job in emulator.jobs()] == [True, False]


def test_a_job_whose_id_was_never_recorded_is_not_bought_again_by_a_clear(died, emulator, job_ids):
    emulator.finish(job_ids()[0])
    died.clear()
    assert [died.run().job_id] == job_ids() == [died.record.job_id]


def test_a_job_whose_id_was_handed_on_is_not_cancelled_by_a_clear(task, emulator):
    task.run()
    task.submitter().delivered()
    task.clear()
    task.run()
    assert [job["cancelled"] for job in emulator.jobs()] == [False, False]


def test_a_replaced_job_is_left_alone_if_asked_to(task, emulator, logged):
    task.run()
    task.clear()
    task.cancel_replaced = False
    task.run()
    assert [job["cancelled"] for job in emulator.jobs()] == [False, False]
    assert any("goes on and is charged" in line for line in logged())


def test_a_replaced_job_that_cannot_be_cancelled_is_named_and_replaced(task, emulator, job_ids, logged):
    first = task.run()
    emulator.add_fault(path="/jobs/*/cancel", status=403)
    task.clear()
    task.run()
    assert len(job_ids()) == 2
    assert any(first.job_id in line and "may still run and be charged" in line for line in logged())


@pytest.mark.parametrize(("status", "code"), [("Failed", 7001), ("Cancelled", None)])
def test_a_cleared_task_gets_a_new_job_after_any_failure(task, emulator, job_ids, status, code):
    emulator.finish(task.run().job_id, status, reason_code=code)
    task.clear()
    task.run()
    assert len(job_ids()) == 2


def test_a_clear_does_not_buy_again_what_was_paid_for_and_never_delivered(task, emulator, job_ids):
    first = task.run()
    emulator.finish(first.job_id)
    task.clear()
    again = task.run()
    assert (again.job_id, again.how, len(job_ids())) == (first.job_id, JobOrigin.REATTACHED, 1)


def test_a_retry_after_that_clear_goes_on_with_the_same_job(task, emulator, job_ids):
    emulator.finish(task.run().job_id)
    task.clear()
    task.run()
    task.run()
    assert len(job_ids()) == 1


def test_a_clear_after_delivery_buys_anew(task, emulator, job_ids):
    emulator.finish(task.run().job_id)
    task.submitter().delivered()
    task.clear()
    task.run()
    assert len(job_ids()) == 2


@pytest.mark.parametrize("number", [None, 1])
def test_a_clear_that_leaves_max_tries_as_it_was_buys_anew(task, emulator, job_ids, number):
    task.clear_number = None if number is None else 0
    emulator.finish(task.run().job_id)
    task.submitter().delivered()
    task.clear_number, task.try_number = number, 2
    task.run()
    assert len(job_ids()) == 2


def test_a_retry_that_airflow_makes_of_a_success_it_never_heard_of_buys_nothing(task, emulator, job_ids):
    task.clear_number = 0
    emulator.finish(task.run().job_id)
    task.submitter().delivered()
    task.try_number = 2
    task.run()
    assert (len(job_ids()), task.record.delivered) == (1, False)


def test_a_clear_of_another_task_of_the_run_buys_nothing(task, job_ids):
    task.clear_number = 0
    task.run()
    task.clear_number, task.try_number = 1, 2
    task.run()
    assert len(job_ids()) == 1


def test_a_job_that_could_not_be_read_is_gone_on_with_after_a_clear(task, emulator, job_ids):
    first = task.run()
    task.submitter().left_unread()
    task.clear()
    again = task.run()
    assert (again.job_id, again.how, len(job_ids())) == (first.job_id, JobOrigin.REATTACHED, 1)
    assert not task.record.unread


def test_a_clear_while_the_job_is_not_known_for_a_moment_buys_nothing(task, emulator, job_ids):
    emulator.finish(task.run().job_id)
    task.clear()
    emulator.add_fault(method="GET", path="^/jobs/[^/]+$", status=404, times=1)
    with pytest.raises(LookUpFailedError, match=r"is not known .* at the moment. No other job was submitted"):
        task.run()
    task.run()
    assert len(job_ids()) == 1


def test_a_clear_after_the_job_is_gone_for_long_buys_anew(task, emulator, job_ids, logged):
    emulator.finish(task.run().job_id)
    emulator.reset()
    task.clear()
    with pytest.raises(LookUpFailedError):
        task.run()
    task.clock = lambda: time.time() + DEFAULT_PATIENCE
    task.run()
    assert len(job_ids()) == 1
    assert any("is not known to" in line and "is charged there" in line for line in logged())


def test_delivery_keeps_the_rest_of_the_record(task):
    task.run()
    before = asdict(task.record)
    task.submitter().delivered()
    assert asdict(task.record) == {**before, "delivered": True}


def test_delivery_without_a_record_is_nothing(task):
    task.submitter().delivered()
    assert task.store.text == {}


# Without a store, and with a strange one


def test_without_a_store_every_try_submits(client, job_ids):
    task = Task(client, store=None)
    task.run()
    task.run()
    assert len(job_ids()) == 2


def test_what_somebody_else_left_under_the_key_is_no_record(task, job_ids):
    task.store.set(STORE_KEY, "something else")
    task.run()
    assert len(job_ids()) == 1


def test_a_record_of_a_later_version_is_read_as_far_as_it_is_known(task):
    task.run()
    task.store.set(STORE_KEY, {**task.store.get(STORE_KEY), "something_new": 1})
    assert task.run().how is JobOrigin.REATTACHED


def test_a_job_that_was_given_up_is_not_waited_for_again(task, job_ids):
    task.run()
    task.submitter().abandoned()
    assert task.run().how is JobOrigin.SUBMITTED
    assert len(job_ids()) == 2


def test_a_job_that_was_given_up_and_completed_all_the_same_is_not_bought_again(task, emulator):
    first = task.run()
    task.submitter().abandoned()
    emulator.finish(first.job_id)
    assert task.run().job_id == first.job_id
