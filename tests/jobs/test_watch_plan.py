"""The watcher's decisions in simulated time: its requests, and how soon it learns about a job."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobState, JobStatus
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE
from airflow_provider_qrt.jobs.wait.pacing import LONGEST_PAUSE
from airflow_provider_qrt.jobs.wait.watch_plan import (
    CONFIRM_AFTER,
    FEW,
    MOST_CONFIRMED,
    READS_WITHOUT_LIST,
    Pause,
    ReadFinished,
    ReadJob,
    ReadPending,
    Step,
    Trouble,
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
    assert len(world.plan) == FEW
    assert world.plan.next(world.now + pause.seconds) in [ReadJob(f"job-{number}") for number in range(1, FEW + 1)]


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


def test_a_job_whose_begin_was_not_seen_is_read_when_it_can_have_ended():
    world = World()
    world.submit(1, age=3600.0)
    world.plan.on_job(as_job("job-0", JobStatus.QUEUED), world.now - 2.0)
    found = looks(world.plan, running("job-0", 9.0), world.now, 10)
    assert found[0] == pytest.approx(7, rel=0.1)
    assert found[1] - found[0] == pytest.approx(1, rel=0.1)
    assert len(found) <= 4


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
    assert max(read.values()) <= 5


# Step by step, without jitter


class NoJitter(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class Least(random.Random):
    """Always the beginning of the range."""

    def uniform(self, a: float, b: float) -> float:
        return a


def planned(number: int, *, age: float = 600.0, longest: float = INTERVAL, chance: type = NoJitter) -> WatchPlan:
    """A plan for some jobs, to be looked at in six seconds."""
    plan = WatchPlan(random=chance())
    for n in range(number):
        plan.add(f"job-{n}", submitted_at=START - age, longest=longest, now=START, first_look=START + 6.0)
    return plan


def queued(*numbers: int) -> list[Job]:
    return [as_job(f"job-{number}", JobStatus.QUEUED) for number in numbers]


SINCE = datetime.fromtimestamp(START - 600.0, UTC) - timedelta(hours=1)


@pytest.mark.parametrize("number", range(1, FEW + 1))
def test_each_of_a_few_jobs_is_looked_at_first_when_its_waiter_said(number):
    plan = planned(number, age=0.0)
    assert len(plan) == number
    assert plan.next(START + 5.0) == Pause(1.0)
    assert plan.next(START + 6.0) == ReadJob("job-0")


def test_many_jobs_are_looked_for_in_the_list_from_an_hour_before_the_oldest():
    plan = planned(FEW + 1)
    plan.add("older", submitted_at=START - 5000.0, longest=INTERVAL, now=START, first_look=START + 9.0)
    assert plan.next(START) == Pause(6.0)
    # The first of them came when they were few.
    for number in range(FEW):
        assert plan.next(START + 6.0) == ReadJob(f"job-{number}")
        plan.on_job(queued(number)[0], START + 6.0)
    assert plan.next(START + 6.0) == ReadPending(SINCE - timedelta(seconds=4400))


def test_many_that_have_left_the_list_are_looked_for_among_the_newest_that_have_ended():
    plan = planned(250)
    assert plan.on_pending(queued(*range(250)), START, asked_at=START) == queued(*range(250))
    plan.on_pending(queued(*range(10)), START, asked_at=START)
    assert plan.next(START) == ReadFinished(SINCE, at_most=400)
    ended = [as_job(f"job-{number}", JobStatus.COMPLETED) for number in (20, 21)]
    others = [*queued(30), as_job("not-ours", JobStatus.FAILED)]
    assert plan.on_finished([*ended, *others], START) == ended
    # Whom the list of finished jobs does not name is read itself.
    left = set()
    while isinstance(step := plan.next(START), ReadJob):
        left.add(step.job_id)
        plan.on_job(as_job(step.job_id, JobStatus.QUEUED), START)
    assert left == {f"job-{number}" for number in range(10, 250)} - {"job-20", "job-21"}


def test_few_that_have_left_the_list_are_read_themselves():
    plan = planned(50)
    plan.on_pending(queued(*range(50)), START, asked_at=START)
    plan.on_pending(queued(*range(41)), START, asked_at=START)
    left = {plan.next(START) for _ in range(9)}
    assert left == {ReadJob(f"job-{number}") for number in range(41, 50)}
    assert isinstance(plan.next(START), Pause)


def test_a_job_that_the_list_has_dropped_is_read_by_itself_from_then_on():
    plan = planned(50)
    plan.on_pending(queued(*range(50)), START, asked_at=START)
    plan.on_pending(queued(*range(1, 50)), START, asked_at=START)
    for _ in range(2):
        assert plan.next(START) == ReadJob("job-0")
        plan.on_job(queued(0)[0], START)
        assert plan.next(START) == Pause(30.0)
        plan.ask("job-0", START)


def test_those_that_have_ended_a_short_time_ago_stand_before_others_on_the_list_of_finished_ones():
    def end(plan: WatchPlan, numbers: range, now: float) -> None:
        plan.on_finished([as_job(f"job-{number}", JobStatus.COMPLETED) for number in numbers], now)
        for number in numbers:
            plan.remove(f"job-{number}")

    at_most = []
    for later in (900.0, 901.0):
        plan = planned(250)
        plan.on_pending(queued(*range(250)), START, asked_at=START)
        end(plan, range(150), START)
        end(plan, range(150, 151), START + later)
        plan.on_pending(queued(*range(241, 250)), START + later, asked_at=START + later)
        step = plan.next(START + later)
        assert isinstance(step, ReadFinished)
        at_most.append(step.at_most)
    assert at_most == [400, 200]


def test_a_job_that_never_was_on_the_list_is_read_when_it_must_have_been():
    plan = planned(FEW + 2, age=0.0)
    plan.on_pending(queued(*range(FEW + 1)), START + 31, asked_at=START + 29)
    assert isinstance(plan.next(START + 31), Pause)
    plan.on_pending(queued(*range(FEW + 1)), START + 31, asked_at=START + 30)
    assert plan.next(START + 31) == ReadJob(f"job-{FEW + 1}")


def test_a_list_that_names_what_has_ended_is_not_believed():
    plan = planned(FEW + 1)
    found = [*queued(1, 2, 3, 4, 5), as_job("job-0", JobStatus.COMPLETED)]
    assert plan.on_pending(found, START, asked_at=START) == queued(1, 2, 3, 4, 5)
    assert plan.next(START) == ReadJob("job-0")


def test_only_what_has_changed_is_told():
    plan = planned(FEW + 2)
    every = queued(*range(FEW + 2))
    assert plan.on_pending(every, START, asked_at=START) == every
    begun = as_job("job-3", JobStatus.RUNNING)
    assert plan.on_pending([*every[:3], begun, *every[4:]], START, asked_at=START) == [begun]


@pytest.mark.parametrize(
    ("others", "age", "seconds"), [(0, 600.0, 30.3), (0, 30.0, 15.15), (0, 0.0, 5.05), (450, 0.0, 15.15)]
)
def test_the_list_is_read_again_the_sooner_the_younger_its_jobs_and_the_fewer_its_pages(others, age, seconds):
    plan = planned(10, age=age)
    found = [*queued(*range(10)), *(as_job(f"other-{number}", JobStatus.QUEUED) for number in range(others))]
    plan.on_pending(found, START, asked_at=START)
    assert plan.next(START) == Pause(pytest.approx(seconds))


def test_who_comes_later_does_not_have_a_long_list_read_too_often():
    plan = planned(100)
    many = [*queued(*range(100)), *(as_job(f"other-{number}", JobStatus.QUEUED) for number in range(900))]
    plan.on_pending(many, START, asked_at=START)
    plan.add("late", submitted_at=START, longest=INTERVAL, now=START, first_look=START + 6.0)
    assert plan.next(START) == Pause(pytest.approx(25.0))


def test_a_list_that_was_too_long_is_tried_again_after_an_hour():
    plan = planned(10, longest=7200.0, age=9000.0)
    others = [as_job(f"other-{number}", JobStatus.QUEUED) for number in range(2500)]
    plan.on_pending([*queued(*range(10)), *others], START, asked_at=START)
    kinds = []
    for seconds in (3500.0, 7500.0):
        step = plan.next(START + seconds)
        while isinstance(step, ReadJob):
            plan.on_job(as_job(step.job_id, JobStatus.QUEUED), START + seconds)
            step = plan.next(START + seconds)
        kinds.append(type(step))
    assert kinds == [Pause, ReadPending]


def test_between_two_readings_of_the_list_only_so_many_jobs_are_read_by_themselves():
    plan, later = planned(100), START + CONFIRM_AFTER + 1
    plan.on_pending(queued(*range(100)), later, asked_at=later)
    read = []
    while isinstance(step := plan.next(later), ReadJob):
        read.append(step.job_id)
        plan.on_job(as_job(step.job_id, JobStatus.QUEUED), later)
    assert len(set(read)) == len(read) == MOST_CONFIRMED
    plan.on_pending(queued(*range(100)), later, asked_at=later)
    again = plan.next(later)
    assert isinstance(again, ReadJob)
    assert again.job_id not in read


def test_jobs_come_by_themselves_at_different_times():
    plan = planned(FEW + 1, chance=random.Random)
    assert len({job.confirm_at for job in plan._jobs.values()}) == FEW + 1
    assert all(START <= job.confirm_at <= START + CONFIRM_AFTER for job in plan._jobs.values())


NO_LIST = errors.ServerError(500, errors.ErrorBody(), request="GET /jobs")


def test_of_a_list_that_fails_all_hear_once_and_each_is_read_by_itself():
    plan = planned(100, age=6000.0)
    for job in queued(*range(50)):
        plan.on_job(job, START + 10.0)
    step, now = ReadPending(SINCE), START + 45.0
    assert plan.on_error(step, NO_LIST, now) == [Trouble(f"job-{number}") for number in range(100)]
    now += 1.1
    assert plan.on_error(step, NO_LIST, now) == []
    now += 2.3
    read = []
    while isinstance(found := plan.next(now), ReadJob):
        read.append(found.job_id)
        plan.on_job(as_job(found.job_id, JobStatus.QUEUED), now)
    assert sorted(read) == sorted(f"job-{number}" for number in range(50, 100))
    assert len(read) == READS_WITHOUT_LIST
    plan.on_pending(queued(*range(100)), now, asked_at=now)
    assert len(plan.on_error(step, NO_LIST, now)) == 100


def test_a_list_that_fails_is_tried_again_no_sooner_than_it_would_have_been_read():
    plan = planned(10, age=30.0)
    plan.on_error(ReadPending(SINCE), NO_LIST, START)
    for job in queued(*range(10)):
        plan.on_job(job, START)
    assert plan.next(START + 1) == Pause(pytest.approx(14.15))


@pytest.mark.parametrize(("chance", "share"), [(NoJitter, 1.0), (Least, 0.9)])
def test_a_service_that_fails_is_left_alone_for_longer_each_time(chance, share):
    plan = planned(1, chance=chance)
    pauses = []
    for _ in range(8):
        plan.on_error(ReadJob("job-0"), NO_LIST, START)
        pauses.append(plan.next(START).seconds)
    assert pauses == pytest.approx([share * seconds for seconds in (1, 2, 4, 8, 16, 32, 60, 60)])
    plan.on_job(queued(0)[0], START)
    plan.on_error(ReadJob("job-0"), NO_LIST, START)
    assert plan.next(START) == Pause(pytest.approx(share))


@pytest.mark.parametrize(("asked", "seconds"), [(None, 1.0), (0.5, 1.0), (7.0, 7.0), (86_400.0, LONGEST_PAUSE)])
def test_a_service_may_ask_to_be_left_alone(asked, seconds):
    plan = planned(1)
    error = errors.ServerError(503, errors.ErrorBody(), request="GET /jobs/job-0", retry_after=asked)
    assert plan.on_error(ReadJob("job-0"), error, START) == [Trouble("job-0")]
    assert plan.next(START) == Pause(pytest.approx(seconds))


def test_a_refusal_of_one_job_does_not_have_the_service_left_alone():
    plan = planned(3)
    refused = errors.NotFoundError(404, errors.ErrorBody(), request="GET /jobs/job-0")
    assert plan.on_error(ReadJob("job-0"), refused, START + 6.0) == [Trouble("job-0")]
    assert plan.next(START + 6.0) == ReadJob("job-1")
    gone = planned(3)
    gone.remove("job-0")
    assert gone.on_error(ReadJob("job-0"), refused, START + 6.0) == []
    assert gone.on_error(ReadJob("job-0"), NO_LIST, START + 6.0) == []
    assert gone.next(START + 6.0) == Pause(pytest.approx(1.0))


def test_a_refusal_of_the_connection_puts_off_what_failed():
    plan = planned(10)
    every = [Trouble(f"job-{number}") for number in range(10)]
    assert plan.on_error(ReadPending(SINCE), UNAUTHORIZED, START) == every
    assert plan.next(START) == Pause(pytest.approx(1.0))
    assert plan.next(START + 1.0) == ReadPending(SINCE)
    assert plan.on_error(ReadJob("job-4"), UNAUTHORIZED, START + 1.0) == every
    assert plan.next(START + 3.0) == ReadJob("job-4")


def test_patience_may_be_shorter():
    plan = WatchPlan(random=NoJitter(), patience=10.0)
    plan.add("job-0", submitted_at=START, longest=INTERVAL, now=START, first_look=START)
    refused = [plan.on_error(ReadJob("job-0"), FORBIDDEN, START + seconds) for seconds in (0, 5, 10)]
    assert refused == [[Trouble("job-0")], [Trouble("job-0")], [Trouble("job-0", True)]]
    unauthorized = [plan.on_error(ReadJob("job-0"), UNAUTHORIZED, START + seconds) for seconds in (0, 5, 10)]
    assert unauthorized == refused


# Leaving


def test_a_job_that_nobody_waits_for_any_more_is_forgotten():
    plan = planned(FEW + 2)
    plan.on_pending(queued(*range(FEW + 2)), START, asked_at=START)
    plan.on_pending(queued(*range(1, FEW + 2)), START, asked_at=START)
    plan.ask("job-1", START, urgent=True)
    plan.ask("nobody's", START, urgent=True)
    plan.steady("nobody's", 60.0, START)
    for job_id in ("job-0", "job-1", "nobody's"):
        plan.remove(job_id)
    assert len(plan) == FEW
    assert isinstance(plan.next(START), Pause)


def test_a_list_that_comes_when_all_have_left_is_nothing():
    plan = planned(FEW + 1)
    for number in range(FEW + 1):
        plan.remove(f"job-{number}")
    assert plan.on_pending(queued(0, 1), START, asked_at=START) == []
    assert plan.on_finished([as_job("job-0", JobStatus.COMPLETED)], START) == []
    assert plan.on_error(ReadPending(SINCE), NO_LIST, START) == []
    assert plan.next(START) == Pause(math.inf)


# Asking


def test_who_asks_has_a_job_read_once():
    plan = planned(2)
    plan.ask("job-1", START)
    assert plan.next(START) == ReadJob("job-1")
    plan.on_job(queued(1)[0], START)
    assert plan.next(START) == Pause(6.0)
    plan.ask("job-1", START, urgent=True)
    assert plan.next(START) == ReadJob("job-1")
    plan.on_job(queued(1)[0], START)
    assert plan.next(START) == Pause(6.0)


def test_who_asks_waits_while_the_service_is_left_alone_unless_it_is_urgent():
    plan = planned(2)
    plan.on_error(ReadJob("job-0"), NO_LIST, START)
    plan.ask("job-1", START)
    assert plan.next(START) == Pause(pytest.approx(1.0))
    plan.ask("job-1", START, urgent=True)
    assert plan.next(START) == ReadJob("job-1")


# Jobs of which somebody else tells when they change


def test_a_job_that_changes_are_told_of_is_read_seldom():
    plan = planned(1)
    plan.steady("job-0", 120.0, START)
    assert plan.next(START) == Pause(120.0)
    plan.steady("job-0", 120.0, START + 100.0)
    assert plan.next(START + 100.0) == Pause(20.0)
    plan.on_job(running("job-0", 4.0), START + 120.0)
    assert plan.next(START + 120.0) == Pause(120.0)
    plan.steady("job-0", None, START + 121.0)
    assert plan.next(START + 121.0) == Pause(3.0)


def test_one_of_many_that_changes_are_told_of_is_not_read_besides_the_list():
    plan = planned(50)
    begun = [running("job-0", 4.0), *queued(*range(1, 50))]
    plan.on_pending(begun, START, asked_at=START)
    assert plan.next(START) == Pause(4.0)
    plan.steady("job-0", 120.0, START)
    plan.steady("job-1", 120.0, START)
    assert plan.next(START) == Pause(pytest.approx(30.3))
    plan.on_pending(begun, START, asked_at=START)
    assert plan.next(START) == Pause(pytest.approx(30.3))


# Jobs that run


@pytest.mark.parametrize(("expected", "seconds"), [(4.0, 4.0), (26.9, 26.9), (27.1, 30.3), (100.0, 30.3), (None, 30.3)])
def test_a_job_of_a_list_is_read_at_its_expected_end_if_that_comes_before_the_next_list(expected, seconds):
    plan = planned(50)
    plan.on_pending([running("job-0", expected), *queued(*range(1, 50))], START, asked_at=START)
    assert plan.next(START) == Pause(pytest.approx(seconds))


def test_a_job_of_a_list_that_runs_on_is_read_less_and_less():
    plan, now, pauses = planned(50), START, []
    plan.on_pending([running("job-0", 4.0), *queued(*range(1, 50))], now, asked_at=now)
    for _ in range(5):
        step = plan.next(now)
        assert isinstance(step, Pause)
        pauses.append(step.seconds)
        now += step.seconds
        assert plan.next(now) == ReadJob("job-0")
        assert plan.on_job(running("job-0", 4.0), now) == [running("job-0", 4.0)]
    assert pauses == pytest.approx([4.0, 2.0, 3.0, 4.5, 6.75])


@pytest.mark.parametrize(("interval", "most"), [(1.0, 60.0), (0.1, 60.0), (30.0, 400.0)])
def test_a_short_interval_is_not_followed_by_a_long_back_off(interval, most):
    plan = WatchPlan()
    plan.add("j", submitted_at=0.0, longest=interval, now=0.0, first_look=0.0)
    now = 0.0
    for _ in range(8):
        step = plan.next(now)
        while isinstance(step, Pause):
            now += step.seconds
            step = plan.next(now)
        plan.on_error(step, errors.NoAnswerError("dropped"), now)
    step = plan.next(now)
    assert isinstance(step, Pause)
    assert now + step.seconds <= most
