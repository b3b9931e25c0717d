"""The decision whether a job is an orphan, from Airflow's states of runs and tasks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels import CHANNELS
from airflow_provider_qrt.client.models import Job, Session, Workload
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.orphans.finding import Orphan, OrphanJudge, find_orphans
from airflow_provider_qrt.jobs.orphans.ownership import RunState
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput, job_tags

NAME = "production"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OLD = NOW - timedelta(hours=1)
TASK = JobIdentity("dag", "run", "task", airflow=NAME)
FINAL = ["success", "failed", "skipped", "upstream_failed", "removed"]
IDLE = [None, "scheduled", "up_for_retry", "up_for_reschedule"]
BUSY = ["queued", "running", "deferred", "restarting", "awaiting_input", "a_state_of_a_later_airflow"]


class Airflow:
    """Answers as Airflow's API does, with the task's map index written behind its id."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], RunState] = {}
        self.tasks: dict[JobIdentity, str | None] = {}
        self.published: dict[JobIdentity, str] = {}
        self.published_more: dict[JobIdentity, list[str]] = {}

    def has(self, task: JobIdentity, state: str | None, run: RunState = RunState.GOES_ON) -> Airflow:
        self.runs[task.dag_id, task.run_id] = run
        self.tasks[task] = state
        return self

    def run_state(self, dag_id, run_id):
        return self.runs.get((dag_id, run_id), RunState.GONE)

    def task_states(self, dag_id, run_id, task_id=None, map_index=-1):
        return {
            task.task_id if task.map_index < 0 else f"{task.task_id}_{task.map_index}": state
            for task, state in self.tasks.items()
            if (task.dag_id, task.run_id) == (dag_id, run_id)
            and task_id in (None, task.task_id)
            and map_index in (-1, task.map_index)
        }

    def published_job_id(self, dag_id, run_id, task_id, map_index):
        return self.published.get(JobIdentity(dag_id, run_id, task_id, map_index, NAME))

    def published_job_ids(self, dag_id, run_id, task_id, map_index):
        return self.published_more.get(JobIdentity(dag_id, run_id, task_id, map_index, NAME), [])


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


@pytest.fixture
def judge(airflow):
    def make(**arguments) -> OrphanJudge:
        return OrphanJudge(airflow, NAME, created_before=NOW - timedelta(minutes=10), **arguments)

    return make


def tags_of(task: JobIdentity, own: tuple[str, ...] = (), number: int = 1) -> tuple[str, ...]:
    return job_tags(task, number, JobRequest("sampler", "ibm_fez", ProgramInput({}), tags=own))


def job(tags: tuple[str, ...], created: datetime | None = OLD, job_id: str = "j1") -> Job:
    return Job.from_json(
        {
            "id": job_id,
            "backend": "ibm_fez",
            "state": {"status": "Queued"},
            "tags": list(tags),
            "created": created.isoformat() if created else None,
        }
    )


# Tasks that live, and tasks that do not


@pytest.mark.parametrize("state", [*IDLE, *BUSY])
def test_the_job_of_a_task_that_is_not_over_is_no_orphan(airflow, judge, state):
    airflow.has(TASK, state)
    assert judge().judge_job(job(tags_of(TASK))) is None


@pytest.mark.parametrize("state", ["failed", "skipped", "upstream_failed", "removed"])
def test_the_job_of_a_task_that_is_over_is_an_orphan_while_its_run_goes_on(airflow, judge, state):
    airflow.has(TASK, state)
    orphan = judge().judge_job(job(tags_of(TASK)))
    assert (orphan.certain, orphan.reason) == (True, f"its task is {state}")


def test_the_job_of_a_task_that_succeeded_may_be_awaited_by_another_task_of_the_run(airflow, judge):
    airflow.has(TASK, "success")
    assert judge().judge_job(job(tags_of(TASK))) is None


@pytest.mark.parametrize("state", [*FINAL, *IDLE])
def test_a_job_whose_run_has_ended_is_an_orphan(airflow, judge, state):
    airflow.has(TASK, state, RunState.ENDED)
    orphan = judge().judge_job(job(tags_of(TASK)))
    assert orphan.certain
    assert orphan.reason == "its DAG run has ended" + (f", its task is {state}" if state else "")


@pytest.mark.parametrize("state", BUSY)
def test_a_task_that_is_at_work_keeps_its_job_even_when_its_run_has_ended(airflow, judge, state):
    airflow.has(TASK, state, RunState.ENDED)
    assert judge().judge_job(job(tags_of(TASK))) is None


@pytest.mark.parametrize("own", [(), tuple("abcde")], ids=["with task tag", "without task tag"])
def test_a_job_whose_run_was_deleted_is_an_orphan(judge, own):
    orphan = judge().judge_job(job(tags_of(TASK, own)))
    assert orphan.certain
    assert orphan.reason == "its DAG run does not exist any more"
    assert (orphan.dag_id, orphan.run_id, orphan.task) == ("dag", "run", None if own else "task")


@pytest.mark.parametrize("state", ["deferred", "success", "up_for_retry"])
def test_a_job_that_its_task_has_replaced_is_an_orphan(airflow, judge, state):
    airflow.has(TASK, state).published[TASK] = "j2"
    assert judge().judge_job(job(tags_of(TASK))).reason == "its task has gone on to job j2"
    assert judge().judge_job(job(tags_of(TASK, number=2), job_id="j2")) is None


@pytest.mark.parametrize("state", ["running", "deferred"])
def test_each_of_the_jobs_of_a_task_that_lives_is_its_own(airflow, judge, state):
    airflow.has(TASK, state).published[TASK] = "j1"
    airflow.published_more[TASK] = ["j1", "j2"]
    part = replace(TASK, part=2)
    assert judge().judge_job(job(tags_of(part), job_id="j2")) is None
    assert judge().judge_job(job(tags_of(part), job_id="j3")).reason == "its task has gone on to job j1"


def test_a_task_whose_instance_is_gone_leaves_doubt_as_long_as_the_run_goes_on(airflow, judge):
    airflow.has(JobIdentity("dag", "run", "other", airflow=NAME), "running")
    why = "its DAG run goes on, and none of its tasks is the one on the job's tag"
    whose = {"dag_id": "dag", "run_id": "run", "task": "task"}
    known = {"backend": "ibm_fez", "status": "Queued", "created": OLD, **whose}
    assert judge().judge_job(job(tags_of(TASK))) == Orphan("job", "j1", why, False, **known)
    airflow.runs["dag", "run"] = RunState.ENDED
    assert judge().judge_job(job(tags_of(TASK))) == Orphan("job", "j1", "its DAG run has ended", True, **known)


# Which task it is


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (JobIdentity("dag", "run", "task", 3, NAME), JobIdentity("dag", "run", "task", 4, NAME)),
        (JobIdentity("dag", "run", "task", 3, NAME), JobIdentity("dag", "run", "task_3", airflow=NAME)),
        (JobIdentity("dag", "run", "task_3", airflow=NAME), JobIdentity("dag", "run", "task", 3, NAME)),
        (JobIdentity("dag", "run", "task_3", 0, NAME), JobIdentity("dag", "run", "task", 3, NAME)),
    ],
    ids=["another map index", "a task called like the instance", "an instance called like the task", "both"],
)
def test_mapped_tasks_are_told_apart(airflow, judge, mine, other):
    for one, another in ((mine, other), (other, mine)):
        airflow.tasks.clear()
        airflow.has(one, "failed").has(another, "deferred")
        orphan = judge().judge_job(job(tags_of(one)))
        assert orphan.reason == "its task is failed"
        assert orphan.task == (one.task_id if one.map_index < 0 else f"{one.task_id}[{one.map_index}]")
        assert judge().judge_job(job(tags_of(another))) is None


@pytest.mark.parametrize("gone", [False, True])
def test_tags_of_the_users_own_that_look_like_ours_do_not_mislead(airflow, judge, gone):
    if not gone:
        airflow.has(TASK, "deferred")
    tags = tags_of(TASK, ("dag:mine", "run:mine", "task:mine"))
    for order in (tags, tags[::-1]):
        orphan = judge().judge_job(job(order))
        if gone:
            assert (orphan.certain, orphan.dag_id, orphan.run_id, orphan.task) == (True, "dag", "run", "task")
        else:
            assert orphan is None


def test_several_runs_on_the_tags_and_no_way_to_tell_leave_doubt(judge):
    orphan = judge().judge_job(job(tags_of(TASK, ("run:mine", "a", "b", "c", "d"))))
    assert not orphan.certain


@pytest.mark.parametrize(
    ("dag_id", "run_id"), [("d" * 90, "run"), ("dag", "r" * 90)], ids=["a long DAG id", "a long run id"]
)
@pytest.mark.parametrize("state", ["deferred", "failed"])
def test_names_that_were_cut_leave_doubt(airflow, judge, dag_id, run_id, state):
    task = JobIdentity(dag_id, run_id, "task", airflow=NAME)
    airflow.has(task, state)
    orphan = judge().judge_job(job(tags_of(task)))
    assert not orphan.certain
    assert orphan.reason == "which task it belongs to cannot be told from its tags"
    assert (orphan.dag_id, orphan.run_id, orphan.task) == (None, None, None)


def test_names_that_just_fit_are_as_good_as_others(airflow, judge):
    task = JobIdentity("d" * 82, "r" * 82, "t" * 200, airflow=NAME)
    airflow.has(task, "failed")
    assert judge().judge_job(job(tags_of(task))).certain
    airflow.has(task, "deferred")
    assert judge().judge_job(job(tags_of(task))) is None


@pytest.mark.parametrize("missing", ["dag:", "run:"])
def test_a_job_that_has_lost_a_tag_leaves_doubt(airflow, judge, missing):
    airflow.has(TASK, "failed")
    tags = tuple(tag for tag in tags_of(TASK) if not tag.startswith(missing))
    assert not judge().judge_job(job(tags)).certain


def test_a_job_with_the_identities_of_two_tasks_leaves_doubt(airflow, judge):
    airflow.has(TASK, "failed")
    other = JobIdentity("dag", "run", "other", airflow=NAME)
    assert not judge().judge_job(job((*tags_of(TASK), tags_of(other)[0]))).certain


@pytest.mark.parametrize(
    "tags",
    [(), ("qrt:mine",), ("dag:dag", "run:run"), tags_of(JobIdentity("dag", "run", "task", airflow="staging"))],
    ids=["none", "the user's", "no identity", "another Airflow's"],
)
def test_what_another_has_submitted_is_no_orphan_of_ours(judge, tags):
    assert judge().judge_job(job(tags)) is None


# What is left out


@pytest.mark.parametrize(
    ("created", "found"),
    [
        (NOW - timedelta(minutes=10), True),
        (NOW - timedelta(minutes=9, seconds=59), False),
        (NOW + timedelta(minutes=1), False),
        (None, False),
    ],
    ids=["old enough", "too young", "from a clock that is ahead", "of unknown age"],
)
def test_young_jobs_are_left_out(judge, created, found):
    assert (judge().judge_job(job(tags_of(TASK), created)) is not None) is found


def test_dags_can_be_left_out(judge):
    assert judge(exclude_dags=["dag"]).judge_job(job(tags_of(TASK))) is None
    assert judge(exclude_dags=["other"]).judge_job(job(tags_of(TASK))) is not None


def test_an_answer_that_airflow_does_not_give_is_not_guessed(airflow, judge):
    def no_answer(*_):
        raise ConnectionError("no answer")

    for question in ("task_states", "run_state", "published_job_id"):
        airflow.has(TASK, "deferred")
        setattr(airflow, question, no_answer)
        with pytest.raises(ConnectionError):
            judge().judge_job(job(tags_of(TASK)))
        delattr(airflow, question)


# Sessions

OTHER = JobIdentity("other_dag", "run", "task", airflow=NAME)


def session(mode: str = "session", created: datetime = OLD) -> Workload:
    return Workload("s1", mode, "in_progress", created=created, backend="ibm_fez")


@pytest.mark.parametrize("mode", ["session", "batch"])
def test_a_session_is_an_orphan_when_no_run_of_its_jobs_goes_on(airflow, judge, mode):
    airflow.has(TASK, "success", RunState.ENDED)
    orphan = judge().judge_session(session(mode), [job(tags_of(TASK)), job(tags_of(OTHER))])
    assert (orphan.certain, orphan.kind, orphan.dag_id, orphan.status) == (True, mode, "dag", "in_progress")
    assert orphan.reason == "each of the 2 DAG runs whose jobs it held has ended or was deleted"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("state", ["success", "failed", "deferred"])
def test_a_session_is_none_while_a_run_of_one_of_its_jobs_goes_on(airflow, judge, state, order):
    airflow.has(TASK, "failed", RunState.ENDED).has(OTHER, state)
    assert judge().judge_session(session(), [job(tags_of(TASK)), job(tags_of(OTHER))][::order]) is None


def test_a_session_is_none_while_a_task_with_a_job_in_it_is_at_work(airflow, judge):
    airflow.has(TASK, "running", RunState.ENDED)
    assert judge().judge_session(session(), [job(tags_of(TASK))]) is None


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("tags", [("mine",), tags_of(JobIdentity("dag", "run", "task", airflow="staging"))])
def test_a_session_that_holds_a_job_of_somebody_else_is_not_ours(judge, tags, order):
    assert judge().judge_session(session(), [job(tags_of(TASK)), job(tags)][::order]) is None


def test_nobody_can_tell_whose_an_empty_session_is(judge):
    assert judge().judge_session(session(), []) is None


@pytest.mark.parametrize("order", [1, -1])
def test_a_session_with_a_job_whose_owner_is_unknown_leaves_doubt(judge, order):
    cut = JobIdentity("d" * 90, "run", "task", airflow=NAME)
    orphan = judge().judge_session(session(), [job(tags_of(TASK)), job(tags_of(cut))][::order])
    why = "which tasks its jobs belong to cannot be told from all of their tags"
    whose = {"dag_id": "dag", "run_id": "run", "task": "task"}
    known = {"backend": "ibm_fez", "status": "in_progress", "created": OLD}
    assert orphan == Orphan("session", "s1", why, False, **known, **whose)
    orphan = judge().judge_session(session("batch"), [job(tags_of(cut))])
    assert orphan == Orphan("batch", "s1", why, False, **known)


def test_a_session_of_several_jobs_of_one_run_says_so_and_names_the_task_of_the_newest(judge):
    jobs = [job(tags_of(replace(TASK, task_id="newest"))), job(tags_of(TASK))]
    orphan = judge().judge_session(session(), jobs)
    assert orphan.reason == "the DAG run whose jobs it held has ended or was deleted"
    assert (orphan.dag_id, orphan.run_id, orphan.task) == ("dag", "run", "newest")


def test_a_session_that_is_young_or_holds_a_young_job_is_left_out(judge):
    young = NOW - timedelta(minutes=1)
    assert judge().judge_session(session(), [job(tags_of(TASK), young), job(tags_of(TASK))]) is None
    assert judge().judge_session(session(created=young), [job(tags_of(TASK))]) is None
    assert judge().judge_session(session(), [job(tags_of(TASK))]) is not None


def test_a_session_with_a_job_of_a_dag_to_leave_out_is_left_out(judge):
    jobs = [job(tags_of(TASK)), job(tags_of(OTHER))]
    assert judge(exclude_dags=["other_dag"]).judge_session(session(), jobs) is None


# What is said of it


def test_an_orphan_is_described_in_one_line_and_in_json(airflow, judge):
    airflow.has(TASK, "failed")
    orphan = judge().judge_job(job(tags_of(TASK)))
    assert orphan.describe() == (
        "job j1 on ibm_fez, Queued, created 2026-11-21 11:00 UTC, of DAG dag, run run, task task: its task is failed"
    )
    assert json.loads(json.dumps(orphan.to_json())) == {
        "kind": "job",
        "id": "j1",
        "backend": "ibm_fez",
        "status": "Queued",
        "created": "2026-11-21T11:00:00+00:00",
        "dag_id": "dag",
        "run_id": "run",
        "task": "task",
        "reason": "its task is failed",
        "certain": True,
    }


def test_an_orphan_of_which_little_is_known_is_described_all_the_same():
    assert Orphan("batch", "s1", "why").describe() == (
        "batch s1 on no backend yet, state unknown, of an unknown DAG: why"
    )
    assert Orphan("batch", "s1", "why").to_json()["created"] is None


# Finding them all


@pytest.fixture
def find(service, airflow):
    def found(**arguments) -> list[Orphan]:
        return find_orphans(service, airflow, NAME, **{"now": NOW, **arguments})

    return found


def ids(orphans: list[Orphan]) -> list[str]:
    return [one.id for one in orphans]


def holds_sessions(service, *listed: Workload, state: str = "active") -> None:
    service.listed = list(listed)
    for one in listed:
        service.sessions[one.id] = Session(one.id, one.mode, state, True)
        service.holds(replace(job(tags_of(TASK), job_id=f"in-{one.id}"), session_id=one.id))
        service.end(f"in-{one.id}")


def test_jobs_come_before_sessions_and_those_before_batches(service, find):
    holds_sessions(service, Workload("b", "batch", "pending", OLD), Workload("s", "session", "in_progress", OLD))
    service.holds(job(tags_of(TASK)))
    assert [(one.kind, one.id, one.reason) for one in find()] == [
        ("job", "j1", "its DAG run does not exist any more"),
        ("session", "s", "the DAG run whose jobs it held has ended or was deleted"),
        ("batch", "b", "the DAG run whose jobs it held has ended or was deleted"),
    ]


def test_a_session_is_judged_by_its_own_jobs_whether_they_have_ended_or_not(service, airflow, find):
    airflow.has(OTHER, "running")
    holds_sessions(service, Workload("s", "session", "in_progress", OLD), Workload("t", "session", "pending", OLD))
    service.holds(replace(job(tags_of(OTHER), job_id="k"), session_id="t"))
    assert ids(find()) == ["s"]


def test_what_has_ended_is_not_looked_at(service, find):
    holds_sessions(service, Workload("s", "session", "completed", OLD), Workload("b", "batch", "canceled", OLD))
    assert find() == []
    assert service.asked("session") == []


def test_the_job_of_another_airflow_is_no_reason_to_ask_ours(service, airflow, find):
    airflow.task_states = lambda *_: pytest.fail("asked")
    service.holds(job(tags_of(replace(TASK, airflow="staging"))), job(("mine",), job_id="j2"))
    assert find() == []


def test_those_in_doubt_are_told_only_on_demand(service, find):
    service.holds(job(tags_of(JobIdentity("d" * 90, "run", "task", airflow=NAME))))
    assert find() == []
    assert [(one.id, one.certain) for one in find(include_unknown=True)] == [("j1", False)]


def test_from_which_age_and_of_which_dags_can_be_said(service, find):
    service.holds(
        job(tags_of(TASK), NOW - timedelta(minutes=10), "old"),
        job(tags_of(OTHER), NOW - timedelta(minutes=9), "young"),
    )
    assert ids(find()) == ["old"]
    assert ids(find(older_than=timedelta(0))) == ["young", "old"]
    assert ids(find(older_than=timedelta(0), exclude_dags=["dag"])) == ["young"]


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.COMPLETED, None], ids=str)
def test_a_job_that_has_ended_or_gone_meanwhile_is_none(service, airflow, find, status):
    service.holds(job(tags_of(TASK)))

    def ended_meanwhile(*_) -> RunState:
        if status is None:
            service.held.clear()
        else:
            service.end("j1", status)
        return RunState.GONE

    airflow.run_state = ended_meanwhile
    assert [(one.id, one.status) for one in find()] == ([("j1", "Running")] if status is JobStatus.RUNNING else [])


@pytest.mark.parametrize("state", ["active", "closed", None], ids=str)
def test_a_session_that_is_closed_or_gone_meanwhile_is_none(service, find, state):
    holds_sessions(service, Workload("s", "session", "in_progress", OLD), state=state or "")
    if state is None:
        service.sessions.clear()
    assert [(one.id, one.status) for one in find()] == ([("s", "active")] if state == "active" else [])


@pytest.mark.parametrize("method", ["jobs", "workloads", "job"])
def test_a_service_that_cannot_be_asked_is_an_error(service, find, method):
    service.holds(job(tags_of(TASK)))
    service.failing[method] = errors.ConnectionFailedError("no route")
    with pytest.raises(errors.ConnectionFailedError):
        find()


def test_a_channel_on_which_nothing_can_be_found_says_so(service_without_tags, airflow):
    with pytest.raises(errors.NotOfferedError) as refused:
        find_orphans(service_without_tags, airflow, NAME, now=NOW)
    assert str(refused.value) == (
        "Finding orphans: the channel 'api_token' has no tags on jobs, by which jobs are found. Leave your own tags "
        "out, and keep the job's id, which the task returns as XCom job_id. Nothing was sent."
    )


def test_a_channel_with_tags_but_without_a_list_of_sessions_says_so(service, find):
    service.channel = CHANNELS["ibm_cloud"]
    with pytest.raises(errors.NotOfferedError) as refused:
        find()
    assert str(refused.value).startswith("Finding orphans: the channel 'ibm_cloud' has no list of workloads. ")
    assert service.calls == []
