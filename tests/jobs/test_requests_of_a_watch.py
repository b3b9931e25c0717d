"""The requests that a watcher makes of its plan, and the news that those who wait hear. Without HTTP."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobState, JobStatus
from airflow_provider_qrt.jobs.wait.watch_plan import (
    Pause,
    ReadFinished,
    ReadJob,
    ReadPending,
    Step,
    Trouble,
    WatchPlan,
)
from airflow_provider_qrt.jobs.wait.watcher import Failure, JobWatch, JobWatcher

HERE = "instance the-instance in us-east at quantum.invalid"
SINCE = datetime(2026, 11, 21, tzinfo=UTC)
NOW = 1_790_000_000.0
BODY = errors.ErrorBody(message="no")


class Steps(WatchPlan):
    """Says the steps that it was given, one after the other, and takes note of what it is told."""

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self.steps = list(steps)
        self.told: list[tuple[Any, ...]] = []
        self.is_over = False

    def next(self, now: float) -> Step:
        self.is_over = not self.steps
        return self.steps.pop(0) if self.steps else Pause(math.inf)

    def ask(self, job_id: str, now: float, *, urgent: bool = False) -> None:
        self.told.append(("ask", job_id, now, urgent))

    def steady(self, job_id: str, seconds: float | None, now: float) -> None:
        self.told.append(("steady", job_id, seconds, now))

    def on_pending(self, found: Any, now: float, *, asked_at: float) -> list[Job]:
        return self._took("on_pending", found, now, asked_at)

    def on_finished(self, found: Any, now: float) -> list[Job]:
        return self._took("on_finished", found, now)

    def on_job(self, job: Job, now: float) -> list[Job]:
        return self._took("on_job", [job], now)

    def on_error(self, step: Step, error: errors.QiskitRuntimeError, now: float) -> list[Trouble]:
        self.told.append(("on_error", step, now))
        return [Trouble("a", definite=True), Trouble("b"), Trouble("nobody's")]

    def _took(self, name: str, found: Sequence[Job], *more: float) -> list[Job]:
        self.told.append((name, [job.id for job in found], *more))
        return list(found)


def job(job_id: str, status: JobStatus = JobStatus.QUEUED) -> Job:
    return Job(job_id, JobState(status, status.value))


class Waiting:
    """Waits for the jobs ``a`` and ``b`` as long as a plan has steps.

    Attributes:
        connected: How often a client was asked for.
        places: What was known of the connection at the end: its name, its place, and the client.
    """

    def __init__(self, service: Any) -> None:
        self.service = service
        self.connected = 0
        self.places: tuple[Any, ...] = ()

    async def connect(self) -> tuple[Any, str]:
        self.connected += 1
        return self.service, "connection 'mine'"

    def hear(self, plan: Steps, *, first: Callable[[JobWatch], object] = lambda _: None) -> list[list[Any]]:
        """Return what was heard of each job; before that, say something about the first."""
        return asyncio.run(self._hear(plan, first))

    async def _hear(self, plan: Steps, first: Callable[[JobWatch], object]) -> list[list[Any]]:
        ticks = iter(range(1000))
        watcher = JobWatcher(self.connect, plan=plan, clock=lambda: NOW + next(ticks))
        with watcher.watch("a", **SOON) as one, watcher.watch("b", **SOON) as other:
            first(one)
            while not plan.is_over:
                await asyncio.sleep(0.001)
            self.places = (one.where, one.place, one.client)
            return [await everything(watch) for watch in (one, other)]


SOON = {"submitted_at": NOW, "longest": 30.0, "first_look": NOW}


async def everything(watch: JobWatch) -> list[Any]:
    """Return all that has been told by now."""
    heard = []
    while (said := await watch.news(0.0)) is not None:
        heard.append(said)
    return heard


@pytest.fixture
def waiting(service) -> Waiting:
    return Waiting(service)


# Requests


def test_each_step_is_one_request_and_its_answer_is_for_whom_it_concerns(service, waiting):
    service.holds(job("a"), job("b", JobStatus.COMPLETED), job("c", JobStatus.FAILED), job("d"))
    plan = Steps(ReadPending(SINCE), ReadFinished(SINCE, at_most=1), ReadJob("b"))
    [of_a, of_b] = waiting.hear(plan)
    assert service.calls[:3] == [
        ("jobs", {"pending": True, "created_after": SINCE, "newest_first": False}),
        ("jobs", {"pending": False, "created_after": SINCE}),
        ("job", "b"),
    ]
    assert [one[:2] for one in plan.told] == [
        ("on_pending", ["a", "d"]),
        ("on_finished", ["c"]),
        ("on_job", ["b"]),
    ]
    assert (of_a, of_b) == ([job("a")], [job("b", JobStatus.COMPLETED)])
    # The plan knows when the first page was asked for.
    _, _, now, asked_at = plan.told[0]
    assert NOW < asked_at < now


def test_a_job_is_told_under_the_id_that_was_asked_for(service, waiting, monkeypatch):
    monkeypatch.setattr(service, "job", lambda _: job("another"))
    assert waiting.hear(Steps(ReadJob("a"))) == [[job("a")], []]


def test_where_no_jobs_are_listed_the_plan_learns_that_and_jobs_are_read(service, service_without_tags, waiting):
    service.channel = service_without_tags.channel
    service.holds(job("a"))
    plan = Steps(ReadPending(SINCE), ReadFinished(SINCE, at_most=1), ReadJob("a"))
    assert plan.may_list
    assert waiting.hear(plan) == [[job("a")], []]
    assert not plan.may_list
    assert [name for name, _ in service.calls if name != "close"] == ["job"]


def test_more_news_than_are_told_at_once_reach_everybody(service, waiting):
    service.holds(*(job(f"j{number}") for number in range(120)), job("a"), job("b"))
    assert waiting.hear(Steps(ReadPending(SINCE))) == [[job("a")], [job("b")]]


# What those who wait may say and know


def test_who_waits_knows_the_connection_after_the_first_request(service, waiting):
    known = []
    waiting.hear(Steps(ReadJob("a")), first=lambda watch: known.extend([watch.where, watch.place, watch.client]))
    assert known == ["", None, None]
    assert waiting.places == ("connection 'mine'", HERE, service)


def test_what_is_said_of_a_job_reaches_the_plan(waiting):
    plan = Steps()

    def say(watch: JobWatch) -> None:
        watch.ask()
        watch.ask(urgent=True)
        watch.steady(60.0)
        watch.steady(None)

    waiting.hear(plan, first=say)
    moments = [one[2] if one[0] == "ask" else one[3] for one in plan.told]
    assert all(NOW <= moment < NOW + 1000 for moment in moments)
    assert [tuple(part for part in one if part not in moments) for one in plan.told] == [
        ("ask", "a", False),
        ("ask", "a", True),
        ("steady", "a", 60.0),
        ("steady", "a", None),
    ]


@pytest.mark.parametrize("say", [lambda watch: watch.ask(), lambda watch: watch.steady(None)], ids=["ask", "steady"])
def test_what_is_said_wakes_a_watcher_that_pauses(service, waiting, say):
    service.holds(job("a"))
    plan = Steps(Pause(math.inf), ReadJob("a"))

    async def scenario():
        with JobWatcher(waiting.connect, plan=plan).watch("a", **SOON) as watch:
            while len(plan.steps) > 1:
                await asyncio.sleep(0)
            say(watch)
            return await watch.news(math.inf)

    assert asyncio.run(scenario()) == job("a")


def test_who_waits_may_take_a_moment_that_has_passed_for_its_end():
    async def scenario():
        return await JobWatch("a", None).news(-5.0)

    assert asyncio.run(scenario()) is None


def test_the_last_who_waits_for_a_job_takes_it_out_of_the_plan(waiting):
    plan, numbers = Steps(), []

    async def scenario() -> None:
        watcher = JobWatcher(waiting.connect, plan=plan)
        with watcher.watch("a", **SOON):
            with watcher.watch("a", **SOON), watcher.watch("b", **SOON):
                numbers.append(len(plan))
            numbers.append(len(plan))
        numbers.append(len(plan))

    asyncio.run(scenario())
    assert numbers == [2, 1, 0]


# Failures


@pytest.mark.parametrize(
    ("raised", "told", "line"),
    [
        (
            errors.ServerError(503, BODY, request="GET /jobs/a"),
            errors.ServerError,
            "The service cannot be asked at the moment; those who wait wait on. GET /jobs/a: HTTP 503: no.",
        ),
        (errors.NotFoundError(404, BODY, request="GET /jobs/a"), errors.NotFoundError, None),
        (RuntimeError("boom"), errors.UnexpectedAnswerError, "Asking the service failed in a way nobody thought of"),
        (TypeError("boom"), errors.InternalError, "The service could not be asked"),
    ],
    ids=["the service's", "an answer", "of nobody's thinking", "a mistake"],
)
def test_a_failure_is_told_to_those_whom_the_plan_names(service, waiting, logged, raised, told, line):
    service.failing["job"] = raised
    plan = Steps(ReadJob("a"), ReadJob("a"))
    [of_a, of_b] = waiting.hear(plan)
    assert [one.definite for one in of_a] == [True, True]
    assert [one.definite for one in of_b] == [False, False]
    assert all(isinstance(one, Failure) and type(one.error) is told for one in [*of_a, *of_b])
    assert [one[:2] for one in plan.told] == [("on_error", ReadJob("a"))] * 2
    # Trouble of the service is worth one line, and one of ours a traceback each time.
    assert logged() == [] if line is None else [line] * (1 if told is errors.ServerError else 2)


def test_failures_of_another_kind_say_what_they_are(service, waiting):
    said = []
    for raised in (RuntimeError("boom"), TypeError("boom")):
        service.failing["job"] = raised
        said.append(str(waiting.hear(Steps(ReadJob("a")))[0][0].error))
    assert said == [
        "RuntimeError while the service was asked.",
        "TypeError while the service was asked: boom. This is a mistake in airflow-provider-qrt, or it does not fit "
        "the installed version of Airflow; the log has the traceback. Please report it.",
    ]


def test_the_log_has_the_traceback_of_a_mistake(service, waiting, caplog):
    caplog.set_level(logging.INFO)
    service.failing["job"] = TypeError("boom")
    waiting.hear(Steps(ReadJob("a")))
    assert caplog.records[-1].exc_info is not None


def test_trouble_that_comes_again_after_an_answer_is_worth_a_line_again(service, waiting, logged, monkeypatch):
    service.holds(job("a"))
    trouble, answers = errors.ConnectionFailedError("no route."), iter([1, 1, 0, 1])

    def read(_: str) -> Job:
        if next(answers):
            raise trouble
        return job("a")

    monkeypatch.setattr(service, "job", read)
    [of_a, _] = waiting.hear(Steps(*[ReadJob("a")] * 4))
    assert [isinstance(one, Failure) for one in of_a] == [True, True, False, True]
    line = "The service cannot be asked at the moment; those who wait wait on. no route."
    assert logged() == [line, line]


@pytest.mark.parametrize(
    ("refused", "failures", "connected"),
    [
        ([1], [True, False, False], 2),
        ([2], [False, False, False], 2),
        ([2, 3], [False, True, False], 2),
        ([2, 4], [False, False, False], 3),
    ],
    ids=str,
)
def test_of_a_refusal_that_a_new_client_does_not_meet_nobody_hears(
    service, waiting, monkeypatch, refused, failures, connected
):
    reads = []

    def read(job_id: str) -> Job:
        reads.append(job_id)
        if len(reads) in refused:
            raise errors.UnauthorizedError(401, BODY, request="GET /jobs/a")
        return job("a")

    monkeypatch.setattr(service, "job", read)
    [of_a, _] = waiting.hear(Steps(*[ReadJob("a")] * 3))
    assert [isinstance(one, Failure) for one in of_a] == failures
    assert waiting.connected == connected


def test_a_connection_that_cannot_be_made_is_a_failure_too(waiting):
    async def connect():
        raise errors.InvalidSettingsError("no such connection")

    waiting.connect = connect
    [[failure], _] = waiting.hear(Steps(ReadJob("a")))
    assert (str(failure.error), waiting.places) == ("no such connection", ("", None, None))
