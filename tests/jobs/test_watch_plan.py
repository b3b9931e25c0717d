"""The watcher's decisions in simulated time: its requests, and how soon it learns about a job."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobState, JobStatus
from airflow_provider_qrt.jobs.refusals import DEFAULT_PATIENCE
from airflow_provider_qrt.jobs.wait.pacing import LONGEST_PAUSE
from airflow_provider_qrt.jobs.wait.watch_plan import (
    CONFIRM_AFTER,
    FEW,
    Pause,
    ReadFinished,
    ReadJob,
    ReadPending,
    Step,
    WatchPlan,
)

INTERVAL = 30.0
START = 1_000_000.0


def as_job(job_id: str, status: JobStatus) -> Job:
    return Job(job_id, JobState(status, status.value))


@dataclass
class World:
    """A service and its list of pending jobs, which may be wrong, and a clock that a request moves on."""

    request_seconds: float = 0.005
    now: float = START
    plan: WatchPlan = field(default_factory=lambda: WatchPlan(random=random.Random(7)))
    ends: dict[str, float] = field(default_factory=dict)
    others: int = 0
    lag: float = 0.0
    dropped: set[str] = field(default_factory=set)
    repeat: bool = False
    frozen_at: float = math.inf
    fails: Callable[[Step, float], errors.QiskitRuntimeError | None] = lambda _step, _now: None
    requests: list[tuple[float, str]] = field(default_factory=list)
    known: dict[str, float] = field(default_factory=dict)
    judged: Counter[str] = field(default_factory=Counter)
    definite: set[str] = field(default_factory=set)

    def submit(self, number: int, *, age: float = 600.0, lasts: Callable[[int], float] = lambda _n: math.inf) -> None:
        for n in range(number):
            job_id = f"job-{len(self.ends)}"
            self.ends[job_id] = self.now + lasts(n)
            self.plan.add(
                job_id, submitted_at=self.now - age, longest=INTERVAL, now=self.now, first_look=self.now + 6.0
            )

    def status(self, job_id: str, at: float) -> JobStatus:
        return JobStatus.COMPLETED if self.ends[job_id] <= at else JobStatus.QUEUED

    def pending(self) -> list[Job]:
        at = min(self.now - self.lag, self.frozen_at)
        mine = [one for one in self.ends if one not in self.dropped and self.status(one, at) is JobStatus.QUEUED]
        found = [as_job(one, JobStatus.QUEUED) for one in mine]
        found += [as_job(f"other-{n}", JobStatus.QUEUED) for n in range(self.others)]
        return found + found[:3] if self.repeat else found

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            step = self.plan.next(self.now)
            if isinstance(step, Pause):
                assert step.seconds >= 0
                self.now = min(end, self.now + max(step.seconds, 0.001))
            else:
                self.take(step)

    def take(self, step: Step) -> None:
        asked_at = self.now
        self.requests.append((self.now, type(step).__name__))
        self.now += self.request_seconds
        error = self.fails(step, self.now)
        if error is not None:
            troubles = self.plan.on_error(step, error, self.now)
            self.judged.update(trouble.job_id for trouble in troubles)
            self.definite |= {trouble.job_id for trouble in troubles if trouble.definite}
            return
        if isinstance(step, ReadPending):
            found = self.pending()
            pages = max(1, math.ceil(len(found) / 200))
            self.requests += [(self.now, "ReadPending")] * (pages - 1)
            self.now += self.request_seconds * (pages - 1)
            news = self.plan.on_pending(found, self.now, asked_at=asked_at)
        elif isinstance(step, ReadFinished):
            found = [as_job(one, JobStatus.COMPLETED) for one in self.ends if self.ends[one] <= self.now]
            found = found[::-1][: step.at_most]
            pages = max(1, math.ceil(len(found) / 200))
            self.requests += [(self.now, "ReadFinished")] * (pages - 1)
            self.now += self.request_seconds * (pages - 1)
            news = self.plan.on_finished(found, self.now)
        else:
            assert isinstance(step, ReadJob)
            news = self.plan.on_job(as_job(step.job_id, self.status(step.job_id, self.now)), self.now)
        for job in news:
            if job.status.is_final:
                assert job.id not in self.known
                self.known[job.id] = self.now
                self.plan.remove(job.id)

    def delays(self) -> list[float]:
        """Seconds from the end of each job until that was known."""
        return sorted(self.known[job_id] - self.ends[job_id] for job_id in self.known)

    def requests_per_interval(self, since: float) -> list[int]:
        counts = Counter(int((moment - START) // INTERVAL) for moment, _ in self.requests if moment >= since)
        last = int((self.now - START) // INTERVAL)
        return [counts[n] for n in range(int((since - START) // INTERVAL), last)]


def test_a_thousand_jobs_cost_fifteen_requests_per_interval():
    world = World()
    world.submit(1000)
    world.run(7200)
    counts = world.requests_per_interval(START + 60)
    # An interval of the clock may hold the readings of two intervals that the jitter has moved.
    assert sum(counts) / len(counts) <= 15
    assert max(counts) <= 25
    assert not world.known


def test_the_end_of_a_job_is_known_within_an_interval_and_two_seconds():
    chance = random.Random(3)
    world = World()
    world.submit(1000, lasts=lambda _n: chance.uniform(0, 1200))
    world.run(1300)
    assert len(world.known) == 1000
    assert world.delays()[990] <= INTERVAL + 2


@pytest.mark.parametrize("request_seconds", [0.005, 0.3])
def test_five_thousand_ends_within_a_minute_are_known_two_readings_of_the_list_later(request_seconds):
    chance = random.Random(5)
    world = World(request_seconds=request_seconds)
    world.submit(5000, lasts=lambda _n: 600 + chance.uniform(0, 60))
    # 25 pages are read every 125 seconds.
    world.run(600 + 60 + 2 * 140)
    assert len(world.known) == 5000


def test_a_few_jobs_are_read_one_by_one():
    world = World()
    world.submit(FEW, age=0)
    world.run(600)
    assert {kind for _, kind in world.requests} == {"ReadJob"}


def test_jobs_are_read_one_by_one_when_other_peoples_make_the_list_longer_than_that():
    world = World(others=5000)
    world.submit(FEW + 5, age=0, lasts=lambda n: 700 + n)
    world.run(1000)
    lists = sum(kind == "ReadPending" for _, kind in world.requests)
    assert 0 < lists <= 26
    assert len(world.known) == FEW + 5
    assert world.delays()[-1] <= INTERVAL * 1.2


def test_one_young_job_among_many_is_known_soon():
    world = World()
    world.submit(100)
    world.run(300)
    world.submit(1, age=0, lasts=lambda _n: 12)
    world.run(60)
    assert world.delays()[0] <= 12


@pytest.mark.parametrize("lag", [5.0, 60.0])
def test_a_list_that_lags_delays_no_more_than_it_lags(lag):
    world = World(lag=lag)
    world.submit(50, age=0, lasts=lambda n: 100 + 10 * n)
    world.run(1200)
    assert len(world.known) == 50
    assert world.delays()[-1] <= lag + INTERVAL * 1.2


def test_a_job_that_the_list_drops_is_read_by_itself():
    world = World(dropped={"job-3", "job-4"})
    world.submit(50, lasts=lambda _n: 1000)
    world.run(990)
    assert not world.known
    world.run(50)
    assert {"job-3", "job-4"} <= set(world.known)


def test_a_job_that_comes_twice_in_the_list_is_told_once():
    world = World(repeat=True)
    world.submit(50, lasts=lambda _n: 100)
    world.run(200)
    assert len(world.known) == 50


def test_a_list_that_fails_for_ten_minutes_loses_nothing():
    def fails(step: Step, now: float) -> errors.QiskitRuntimeError | None:
        if isinstance(step, ReadJob) or now > START + 600:
            return None
        return errors.ServerError(500, errors.ErrorBody(message="no"), request="GET /jobs")

    world = World(fails=fails)
    world.submit(100, lasts=lambda n: 50 + n)
    world.run(400)
    assert len(world.known) == 100
    assert world.delays()[-1] <= 4 * INTERVAL


def test_a_list_that_never_changes_is_found_out():
    world = World(frozen_at=START)
    world.submit(200, lasts=lambda n: 1000 + n)
    world.run(1000 + 200 + CONFIRM_AFTER + 10 * INTERVAL)
    assert len(world.known) == 200


def test_nothing_is_asked_while_the_service_asks_for_quiet():
    asked = []

    def fails(step: Step, now: float) -> errors.QiskitRuntimeError | None:
        asked.append(now)
        if len(asked) > 1:
            return None
        return errors.RateLimitedError(429, errors.ErrorBody(message="slowly"), request="GET /jobs", retry_after=120.0)

    world = World(fails=fails)
    world.submit(50)
    world.run(300)
    assert asked[1] - asked[0] >= 120


def test_a_service_that_asks_for_a_day_is_asked_again_after_five_minutes():
    asked = []

    def fails(_step: Step, now: float) -> errors.QiskitRuntimeError | None:
        asked.append(now)
        if len(asked) > 1:
            return None
        return errors.ServerError(503, errors.ErrorBody(message="down"), request="GET /jobs", retry_after=86_400.0)

    world = World(fails=fails)
    world.submit(3, lasts=lambda _n: 30.0)
    world.run(400)
    assert asked[1] - asked[0] <= LONGEST_PAUSE + 1
    assert len(world.known) == 3


def test_a_last_look_is_taken_while_the_service_is_left_alone():
    def fails(_step: Step, _now: float) -> errors.QiskitRuntimeError:
        return errors.ServerError(503, errors.ErrorBody(message="down"), request="GET /jobs", retry_after=60.0)

    world = World(fails=fails)
    world.submit(3)
    world.run(10)
    assert isinstance(world.plan.next(world.now), Pause)
    world.plan.ask("job-1", world.now, urgent=True)
    assert world.plan.next(world.now) == ReadJob("job-1")


def test_a_service_that_is_away_is_asked_less_and_less():
    world = World(fails=lambda _step, _now: errors.ConnectionFailedError("no"))
    world.submit(3)
    world.run(3600)
    assert 60 <= len(world.requests) <= 75


def test_an_error_of_one_job_is_for_its_waiter_alone():
    def fails(step: Step, _now: float) -> errors.QiskitRuntimeError | None:
        if step == ReadJob("job-1"):
            return errors.NotFoundError(404, errors.ErrorBody(message="gone"), request="GET /jobs/job-1")
        return None

    world = World(fails=fails)
    world.submit(3)
    world.run(100)
    assert set(world.judged) == {"job-1"}
    assert {kind for _, kind in world.requests} == {"ReadJob"}


@pytest.mark.parametrize("number", [3, 50])
def test_an_error_of_the_connection_is_for_all(number):
    refused = errors.UnauthorizedError(401, errors.ErrorBody(message="no"), request="GET /jobs")
    world = World(fails=lambda _step, _now: refused)
    world.submit(number)
    world.run(10)
    assert (len(world.judged), world.definite) == (number, set())
    world.run(DEFAULT_PATIENCE + 120)
    assert len(world.definite) == number


def outage(begins: float, ends: float, error: errors.QiskitRuntimeError, job_id: str | None = None):
    """Fails requests for some time, those for one job or all."""

    def fails(step: Step, now: float) -> errors.QiskitRuntimeError | None:
        concerned = job_id is None or step == ReadJob(job_id)
        return error if concerned and START + begins <= now < START + ends else None

    return fails


UNAUTHORIZED = errors.UnauthorizedError(401, errors.ErrorBody(message="no"), request="GET /jobs")
FORBIDDEN = errors.ForbiddenError(403, errors.ErrorBody(message="no"), request="GET /jobs/job-1")


@pytest.mark.parametrize("number", [3, 50])
def test_an_incident_of_the_login_ends_no_wait(number):
    world = World(fails=outage(50, 50 + DEFAULT_PATIENCE - 100, UNAUTHORIZED))
    world.submit(number, lasts=lambda n: 100 + n)
    world.run(DEFAULT_PATIENCE * 2)
    assert (world.definite, len(world.known)) == (set(), number)


@pytest.mark.parametrize("number", [3, 50])
def test_two_incidents_apart_are_not_taken_for_one(number):
    first, second = outage(50, 60, UNAUTHORIZED), outage(50 + DEFAULT_PATIENCE, 200 + DEFAULT_PATIENCE, UNAUTHORIZED)
    world = World(fails=lambda step, now: first(step, now) or second(step, now))
    world.submit(number)
    world.run(DEFAULT_PATIENCE * 2)
    assert world.judged
    assert world.definite == set()


def test_a_refusal_of_one_job_ends_that_wait_alone():
    world = World(fails=outage(0, math.inf, FORBIDDEN, "job-1"))
    world.submit(4)
    world.run(DEFAULT_PATIENCE - 10)
    assert (set(world.judged), world.definite) == ({"job-1"}, set())
    world.run(120)
    assert world.definite == {"job-1"}


def test_a_mistake_of_ours_ends_the_wait_for_the_job_at_once():
    world = World(fails=outage(0, math.inf, errors.InternalError("TypeError"), "job-1"))
    world.submit(3)
    world.run(30)
    assert world.definite == {"job-1"}


def test_a_job_that_has_left_the_list_is_read_again_after_an_error_of_the_connection():
    refused = [errors.UnauthorizedError(401, errors.ErrorBody(message="not now"), request="GET /jobs/job-7")]

    def fails(step: Step, _now: float) -> errors.QiskitRuntimeError | None:
        return refused.pop() if refused and step == ReadJob("job-7") else None

    world = World(fails=fails)
    world.submit(100, lasts=lambda n: 50.0 if n == 7 else math.inf)
    world.run(120)
    assert not refused
    assert max(world.delays()) <= INTERVAL + 2


def test_who_asks_for_a_job_has_it_read_at_once():
    world = World()
    world.submit(100)
    world.run(100)
    world.plan.ask("job-7", world.now)
    assert world.plan.next(world.now) == ReadJob("job-7")


def test_who_asks_while_the_list_is_read_is_not_forgotten():
    world = World()
    world.submit(100)
    world.run(100)
    asked_at, world.now = world.now, world.now + 0.5
    world.plan.ask("job-7", world.now)
    world.plan.on_pending(world.pending(), world.now + 0.5, asked_at=asked_at)
    assert world.plan.next(world.now + 0.5) == ReadJob("job-7")


@pytest.mark.parametrize("order", [(INTERVAL, 3600.0), (3600.0, INTERVAL)])
def test_of_two_who_wait_for_one_job_the_more_impatient_is_served(order):
    world = World()
    world.ends["job"] = world.now + 100
    for longest in order:
        world.plan.add("job", submitted_at=START - 1e5, longest=longest, now=world.now, first_look=world.now + 6.0)
    world.run(200)
    assert max(world.delays()) <= INTERVAL * 1.1 + 2


def test_nothing_is_asked_for_nobody():
    world = World()
    world.submit(2)
    for job_id in ("job-0", "job-1"):
        world.plan.remove(job_id)
    assert world.plan.next(world.now) == Pause(math.inf)
    assert world.plan.on_job(as_job("job-0", JobStatus.COMPLETED), world.now) == []


def test_where_there_is_no_list_all_are_read_one_by_one():
    world = World()
    world.plan.may_list = False
    world.submit(20, lasts=lambda n: 100 + n)
    world.run(200)
    assert {kind for _, kind in world.requests} == {"ReadJob"}
    assert len(world.known) == 20


def test_the_last_few_of_many_are_read_when_the_list_would_have_been():
    world = World()
    world.submit(FEW + 1)
    world.run(100)
    pause = world.plan.next(world.now)
    assert isinstance(pause, Pause)
    # Somebody leaves while the list is not due yet.
    world.plan.remove("job-0")
    assert isinstance(world.plan.next(world.now + pause.seconds), ReadJob)


def test_a_job_that_has_ended_is_not_read_again():
    world = World()
    world.submit(1, lasts=lambda _n: 0.0)
    world.now += 10
    step = world.plan.next(world.now)
    world.plan.on_job(as_job("job-0", JobStatus.COMPLETED), world.now)
    assert (step, world.plan.next(world.now)) == (ReadJob("job-0"), Pause(math.inf))


def running(job_id: str, expected: float | None) -> Job:
    return Job(job_id, JobState(JobStatus.RUNNING, "Running"), estimated_running_seconds=expected)


def looks(plan: WatchPlan, job: Job, now: float, seconds: float) -> list[float]:
    """Seconds from now at which a job that goes on running is read."""
    end, began, moments = now + seconds, now, []
    plan.on_job(job, now)
    while now < end:
        step = plan.next(now)
        if isinstance(step, Pause):
            now += max(step.seconds, 0.001)
        else:
            moments.append(now - began)
            plan.on_job(job, now)
    return moments


def test_a_job_that_runs_is_read_when_the_service_expects_its_end_and_then_less_and_less():
    world = World()
    world.submit(1, age=3600.0)
    found = looks(world.plan, running("job-0", 10.0), world.now, 200)
    assert found[0] == pytest.approx(10, rel=0.1)
    assert 5 <= len(found) <= 12
    assert max(b - a for a, b in itertools.pairwise(found)) <= INTERVAL * 1.1


def test_where_the_service_expects_nothing_a_running_job_is_read_as_any_other():
    world = World()
    world.submit(1, age=3600.0)
    assert looks(world.plan, running("job-0", None), world.now, 100)[0] == pytest.approx(INTERVAL, rel=0.1)


def test_some_running_jobs_of_a_list_are_read_by_themselves_too():
    world = World()
    world.submit(50)
    world.run(40)
    jobs = [running(f"job-{n}", 4.0) if n < 20 else as_job(f"job-{n}", JobStatus.QUEUED) for n in range(50)]
    world.plan.on_pending(jobs, world.now, asked_at=world.now)
    read, end = Counter(), world.now + 10
    while world.now < end:
        step = world.plan.next(world.now)
        if isinstance(step, ReadJob):
            read[step.job_id] += 1
            world.plan.on_job(running(step.job_id, 4.0), world.now)
        elif isinstance(step, Pause):
            world.now += max(step.seconds, 0.001)
        else:
            break
    # One more is read in its turn, as every job is.
    assert FEW <= len([job_id for job_id, times in read.items() if times > 1]) <= FEW + 1
    assert max(read.values()) <= 4
