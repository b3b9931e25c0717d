"""The interpretation of a poll of a job."""

from __future__ import annotations

import random

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE
from airflow_provider_qrt.jobs.wait.blocking import wait_for_job, wait_for_jobs
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.wait.pacing import LONGEST_PAUSE, SHORTEST_DELAY, SHORTEST_IN_DOUBT, KeepWaiting
from airflow_provider_qrt.jobs.wait.poller import UNKNOWN_STATE_READS, JobPoller


class NoJitter(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class Jitter(random.Random):
    """Always the same end of the range."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self.share


def job(word: str = "Running") -> Job:
    return Job.from_json({"id": "j", "state": {"status": word}})


def poller(*, deadline: float | None = None, poll_interval: float = 30.0, **others) -> JobPoller:
    others.setdefault("random", NoJitter())
    return JobPoller("j", submitted_at=1000.0, deadline=deadline, poll_interval=poll_interval, **others)


BODY = errors.ErrorBody(message="said the service")
PASSING = [
    errors.ServerError(503, BODY, request="GET /jobs/j"),
    errors.RateLimitedError(429, BODY, request="GET /jobs/j"),
    errors.NoAnswerError("hung up"),
    errors.ConnectionFailedError("no route"),
    errors.TokenUnavailableError("IAM is down"),
    errors.UnexpectedAnswerError("HTML"),
]


def test_the_first_look_at_a_new_job_comes_after_the_shortest_delay():
    assert poller().first(now=1000.0) == KeepWaiting(SHORTEST_DELAY)


def test_the_first_look_can_be_put_off():
    assert poller(first_delay=6.0).first(now=1000.0).seconds == 6.0


def test_only_the_first_look_is_put_off():
    assert poller(first_delay=6.0).on_job(job(), now=1000.0).seconds == SHORTEST_DELAY


def test_the_first_look_comes_as_soon_as_it_may_however_old_the_job_is():
    assert poller(first_delay=6.0).first(now=5000.0).seconds == 6.0


def test_the_first_look_is_not_put_off_past_the_deadline():
    assert poller(first_delay=6.0, deadline=1004.0).first(now=1000.0).seconds == 4.0


def test_a_short_poll_interval_shortens_the_first_wait_too():
    assert poller(poll_interval=0.5).first(now=1000.0).seconds == 0.5


@pytest.mark.parametrize(("age", "seconds"), [(2, SHORTEST_DELAY), (10, 5.0), (40, 20.0), (60, 30.0), (100_000, 30.0)])
def test_looks_become_rarer_with_the_age_of_the_job_up_to_the_poll_interval(age, seconds):
    assert poller().on_job(job(), now=1000.0 + age).seconds == seconds


def test_a_poller_made_later_for_the_same_job_goes_on_with_the_longer_interval():
    assert poller().first(now=1000.0 + 3600).seconds == 30.0


@pytest.mark.parametrize(("share", "seconds"), [(0.0, 27.0), (1.0, 33.0)])
def test_jitter_varies_a_wait_by_a_tenth(share, seconds):
    assert poller(random=Jitter(share)).on_job(job(), now=5000.0).seconds == pytest.approx(seconds)


def test_two_pollers_do_not_wait_equally_long():
    waits = {JobPoller("j", 1000.0, None, 30.0).first(now=5000.0).seconds for _ in range(20)}
    assert len(waits) > 1


def test_no_wait_goes_past_the_deadline():
    late = poller(deadline=1105.0, random=Jitter(1.0))
    assert late.on_job(job(), now=1100.0).seconds == 5.0


def test_a_first_wait_after_the_deadline_is_none_at_all():
    assert poller(deadline=1100.0).first(now=1200.0).seconds == 0.0


def test_without_a_deadline_nothing_is_too_late():
    assert isinstance(poller().on_job(job(), now=1e9), KeepWaiting)


@pytest.mark.parametrize("word", ["Completed", "Failed", "Cancelled", "Cancelled - Ran too long"])
def test_a_final_state_ends_the_wait(word):
    ended = poller().on_job(job(word), now=1010.0)
    assert isinstance(ended, WaitOutcome)
    assert (ended.ending, ended.job) == (Ending.FINAL, job(word))


def test_a_job_that_completed_by_the_deadline_counts_as_completed():
    ended = poller(deadline=1100.0).on_job(job("Completed"), now=1200.0)
    assert isinstance(ended, WaitOutcome)
    assert ended.ending is Ending.FINAL


def test_a_job_still_running_at_the_deadline_has_timed_out():
    ended = poller(deadline=1100.0).on_job(job("Running"), now=1100.0)
    said = "Job j is still running after its timeout of 100 s."
    assert ended == WaitOutcome(Ending.TIMED_OUT, "j", job("Running"), said)


def test_a_wait_that_is_given_up_tells_of_the_last_good_look():
    looking = poller(deadline=1100.4)
    unread = "Job j could not be read after its timeout of 100 s."
    assert looking.on_deadline() == WaitOutcome(Ending.TIMED_OUT, "j", None, unread)
    looking.on_job(job("Queued"), now=1010.0)
    looking.on_error(PASSING[0], now=1020.0)
    said = "Job j is still queued after its timeout of 100 s."
    assert looking.on_deadline() == WaitOutcome(Ending.TIMED_OUT, "j", job("Queued"), said)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_pass_does_not_end_the_wait(error):
    assert isinstance(poller(deadline=5000.0).on_error(error, now=1010.0), KeepWaiting)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_pass_is_waited_out_only_until_the_deadline(error):
    ended = poller(deadline=1100.0).on_error(error, now=1100.0)
    said = "Job j could not be read after its timeout of 100 s."
    assert ended == WaitOutcome(Ending.TIMED_OUT, "j", None, said)


@pytest.mark.parametrize("kind", [errors.RateLimitedError, errors.ServerError])
def test_the_service_may_ask_for_a_longer_wait(kind):
    error = kind(429, BODY, request="GET /jobs/j", retry_after=100.0)
    assert poller().on_error(error, now=1000.0).seconds == 100.0


def test_a_service_that_asks_for_nothing_makes_no_wait_longer():
    assert poller(poll_interval=0.25).on_error(PASSING[0], now=1000.0).seconds == 0.25


def test_a_service_may_ask_for_as_long_as_looks_are_apart_anyway():
    asked = errors.ServerError(503, BODY, request="GET /jobs/j", retry_after=86_400.0)
    assert poller(poll_interval=900.0).on_error(asked, now=1000.0).seconds == 900.0


def test_the_service_cannot_shorten_a_wait():
    error = errors.RateLimitedError(429, BODY, request="GET /jobs/j", retry_after=0.0)
    assert poller().on_error(error, now=1000.0).seconds == SHORTEST_DELAY


def test_not_even_retry_after_goes_past_the_deadline():
    error = errors.RateLimitedError(429, BODY, request="GET /jobs/j", retry_after=100.0)
    assert poller(deadline=1010.0).on_error(error, now=1000.0).seconds == 10.0


def test_only_the_first_of_several_failed_looks_is_worth_a_line_in_the_log():
    looking = poller()
    notes = [looking.on_error(PASSING[0], now=1010.0).note for _ in range(3)]
    assert [bool(note) for note in notes] == [True, False, False]


def test_a_failure_after_a_good_look_is_worth_a_line_again():
    looking = poller()
    looking.on_error(PASSING[0], now=1010.0)
    looking.on_job(job(), now=1020.0)
    assert looking.on_error(PASSING[0], now=1030.0).note


def test_a_change_of_state_is_logged_once():
    looking = poller()
    notes = [looking.on_job(job(word), now=1010.0).note for word in ("Queued", "Queued", "Running", "Running")]
    assert notes == ["Job j is queued.", "", "Job j is running.", ""]


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidApiKeyError(400, BODY, request="POST /identity/token"),
        errors.ForbiddenError(403, BODY, request="GET /jobs/j"),
        errors.NotFoundError(404, BODY, request="GET /jobs/j"),
        errors.InvalidSettingsError("the connection has no API key"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refusal_ends_the_wait_when_it_has_gone_on_for_minutes(error):
    where = "connection 'mine' (instance abc in eu-de)"
    looking = poller(where=where)
    steps = [looking.on_error(error, now=1010.0 + seconds) for seconds in (0, 30, DEFAULT_PATIENCE - 1)]
    assert all(isinstance(step, KeepWaiting) for step in steps)
    assert [step.note for step in steps] == [
        f"Job j could not be read, waiting on. {error} If that goes on for 10 minutes, the task fails and a retry "
        "looks again; the job is not cancelled for it.",
        "",
        "",
    ]
    ended = looking.on_error(error, now=1010.0 + DEFAULT_PATIENCE)
    said = f"Job j could not be read for 10 minutes. {error} Asked with {where}."
    assert ended == WaitOutcome(Ending.REFUSED, "j", None, said)


def test_a_refusal_that_follows_other_errors_is_worth_a_line():
    looking, refused = poller(), errors.NotFoundError(404, BODY, request="GET /jobs/j")
    notes = [looking.on_error(error, now=1010.0).note for error in (PASSING[0], refused, refused, PASSING[0])]
    assert [note.partition(". ")[0] for note in notes] == ["Job j could not be read, waiting on"] * 2 + ["", ""]
    assert notes[0] == f"Job j could not be read, waiting on. {PASSING[0]}"
    assert "If that goes on" in notes[1]


def test_who_reads_for_several_may_judge_that_a_refusal_has_gone_on_for_long():
    refused = errors.NotFoundError(404, BODY, request="GET /jobs/j")
    ended = poller(patience=90.0).on_error(refused, now=1010.0, definite=True)
    assert ended == WaitOutcome(Ending.REFUSED, "j", None, f"Job j could not be read for 1.5 minutes. {refused}")


def test_patience_may_be_shorter():
    looking, refused = poller(patience=10.0), errors.NotFoundError(404, BODY, request="GET /jobs/j")
    steps = [looking.on_error(refused, now=now) for now in (1010.0, 1015.0, 1020.0)]
    assert [isinstance(step, KeepWaiting) for step in steps] == [True, True, False]


def test_two_refusals_far_apart_are_too_few():
    looking = poller()
    looking.on_error(errors.NotFoundError(404, BODY, request="GET /jobs/j"), now=1010.0)
    assert isinstance(looking.on_error(errors.NotFoundError(404, BODY, request="GET /jobs/j"), now=9e9), KeepWaiting)


def test_a_refusal_that_passes_in_between_is_forgotten():
    looking, error = poller(), errors.NotFoundError(404, BODY, request="GET /jobs/j")
    for now in (1010.0, 1300.0, 1600.0):
        looking.on_error(error, now=now)
    looking.on_job(job(), now=1605.0)
    assert isinstance(looking.on_error(error, now=1611.0), KeepWaiting)


def test_a_mistake_of_our_own_ends_the_wait_at_once_and_loudly():
    mistake = errors.InternalError.of(AttributeError("no x"), "reading")
    ended = poller(where="connection 'mine'").on_error(mistake, now=1010.0)
    said = f"Job j cannot be watched. {mistake} Asked with connection 'mine'."
    assert ended == WaitOutcome(Ending.BROKEN, "j", None, said)


@pytest.mark.parametrize("kind", [errors.NotFoundError, errors.ForbiddenError, errors.UnauthorizedError])
def test_a_connection_that_leads_elsewhere_ends_the_wait_at_once(kind):
    looking = poller(submitted_to="instance a at one")
    error = kind(404, BODY, request="GET /jobs/j")
    assert isinstance(looking.on_error(error, now=1010.0, asked="instance a at one"), KeepWaiting)
    assert isinstance(looking.on_error(error, now=1010.0), KeepWaiting)
    ended = looking.on_error(error, now=1010.0, asked="instance b at two")
    said = (
        "Job j was submitted to instance a at one, and the connection leads to instance b at two by now. The job was "
        "not cancelled: it goes on where it is and may be charged. Point the connection back and clear the task to "
        "fetch the result, or cancel the job there."
    )
    assert ended == WaitOutcome(Ending.ELSEWHERE, "j", None, said)
    unknown = poller()
    assert isinstance(unknown.on_error(error, now=1010.0, asked="instance b at two"), KeepWaiting)


def test_a_server_error_does_not_say_that_the_connection_leads_elsewhere():
    looking = poller(submitted_to="instance a at one")
    assert isinstance(looking.on_error(PASSING[0], now=1010.0, asked="instance b at two"), KeepWaiting)


def test_a_service_that_asks_for_a_day_is_asked_again_after_five_minutes():
    asked = errors.ServerError(503, BODY, request="GET /jobs/j", retry_after=86_400.0)
    assert poller().on_error(asked, now=1010.0).seconds == LONGEST_PAUSE


def test_a_401_that_passed_is_forgotten():
    looking = poller()
    unauthorized = errors.UnauthorizedError(401, BODY, request="GET /jobs/j")
    for _ in range(5):
        assert isinstance(looking.on_error(unauthorized, now=1010.0), KeepWaiting)
        looking.on_job(job(), now=1020.0)


def test_an_unknown_state_is_given_up_after_five_looks():
    looking = poller()
    steps = [looking.on_job(job("Pondering"), now=1010.0) for _ in range(UNKNOWN_STATE_READS)]
    assert [isinstance(step, KeepWaiting) for step in steps] == [True] * 4 + [False]
    said = (
        "The service reports the state 'Pondering' for job j, which this version of the provider does not know. The "
        "job may still be running. Look at it on IBM Quantum Platform and update airflow-provider-qrt; a retry looks "
        "at the same job again."
    )
    assert steps[-1] == WaitOutcome(Ending.UNKNOWN_STATE, "j", job("Pondering"), said)


def test_a_state_without_a_word_is_said_to_be_none():
    assert poller().on_job(job(""), now=1010.0).note == "Job j is in no known state."


def test_an_unknown_state_that_passes_is_forgotten():
    looking = poller()
    for _ in range(3):
        words = ["Pondering"] * (UNKNOWN_STATE_READS - 1) + ["Running"]
        assert all(isinstance(looking.on_job(job(word), now=1010.0), KeepWaiting) for word in words)


def running(expected: float | None) -> Job:
    return Job.from_json({"id": "j", "state": {"status": "Running"}, "estimated_running_time_seconds": expected})


@pytest.mark.parametrize(("expected", "seconds"), [(None, 30.0), (10.0, 10.0), (0.5, SHORTEST_IN_DOUBT), (500.0, 30.0)])
def test_a_job_that_runs_is_looked_at_when_the_service_expects_its_end(expected, seconds):
    assert poller().on_job(running(expected), now=5000.0).seconds == seconds


def test_one_that_runs_longer_than_expected_is_looked_at_less_and_less():
    looking, now, delays = poller(), 5000.0, []
    for _ in range(7):
        delays.append(looking.on_job(running(4.0), now=now).seconds)
        now += delays[-1]
    assert delays == pytest.approx([4, 2, 3, 4.5, 6.75, 10.125, 15.1875])


def test_a_job_runs_since_it_was_first_seen_running():
    looking = poller()
    assert looking.on_job(job("Queued"), now=5000.0).seconds == 30.0
    assert looking.on_job(running(20.0), now=6000.0).seconds == 20.0
    assert looking.on_job(running(20.0), now=6005.0).seconds == 15.0
    # What is expected counts only while the service says so.
    assert looking.on_job(running(None), now=6010.0).seconds == 30.0


def test_a_job_whose_begin_was_not_seen_is_looked_at_when_it_can_have_ended():
    looking = poller()
    looking.on_job(job("Queued"), now=5000.0)
    moments = [5002.0]
    for _ in range(4):
        moments.append(moments[-1] + looking.on_job(running(9.0), now=moments[-1]).seconds)
    # It has begun between 5000 and 5002; afterwards it is overdue.
    assert moments == pytest.approx([5002, 5009, 5010, 5011, 5015.5])


def test_a_look_shortly_before_a_job_can_have_ended_is_passed_over():
    looking = poller()
    looking.on_job(job("Queued"), now=1004.0)
    # Looks at a young job come after half its age: at 1009, and then not at 1013.5.
    assert looking.on_job(running(10.0), now=1006.0).seconds == 3.0
    assert looking.on_job(running(10.0), now=1009.0).seconds == 5.0


@pytest.mark.parametrize(("share", "seconds"), [(0.0, 9.0), (1.0, 11.0)])
def test_jitter_varies_the_look_at_the_expected_end_too(share, seconds):
    looking = poller(random=Jitter(share))
    assert looking.on_job(running(10.0), now=5000.0).seconds == pytest.approx(seconds)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def wait(answers, *, deadline=None, clock=None):
    clock = clock or Clock(1000.0)
    left = iter(answers)

    def read(job_id: str) -> Job:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return wait_for_job(read, poller(deadline=deadline), sleep=clock.sleep, clock=clock)


def test_the_wait_goes_on_through_errors_until_the_job_ends():
    assert wait([job("Queued"), *PASSING, job("Running"), job("Completed")]).job == job("Completed")


def test_the_wait_ends_exactly_at_the_deadline():
    clock = Clock(1000.0)
    ended = wait([job()] * 1000, deadline=1100.0, clock=clock)
    assert (ended.ending, clock.now) == (Ending.TIMED_OUT, 1100.0)


def test_the_wait_looks_once_more_at_the_deadline():
    assert wait([job(), job(), job(), job(), job("Completed")], deadline=1015.0).ending is Ending.FINAL


def test_an_error_that_is_not_the_services_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        wait([ZeroDivisionError()])


def test_a_wait_knows_which_service_it_asks():
    clock = Clock(1000.0)

    def read(job_id: str) -> Job:
        raise errors.NotFoundError(404, BODY, request="GET /jobs/j")

    looking = poller(submitted_to="instance a at one")
    ended = wait_for_job(read, looking, asked="instance b at two", sleep=clock.sleep, clock=clock)
    assert (ended.ending, clock.slept) == (Ending.ELSEWHERE, [SHORTEST_DELAY])


def test_a_wait_that_begins_late_looks_after_the_longer_pause_and_tells_nothing_of_before(logged):
    clock = Clock(1000.0 + 3600)
    wait([job("Queued"), job("Queued"), job("Completed")], clock=clock)
    assert clock.slept == [30.0, 30.0, 30.0]
    assert logged() == ["Job j is queued."]


def test_the_wait_says_how_long_the_queue_is_when_nothing_has_changed_for_long(logged):
    clock, asked = Clock(1000.0), []

    def queue_length(backend: str | None) -> int:
        asked.append(backend)
        return 1

    queued = Job.from_json({"id": "j", "backend": "ibm_fez", "state": {"status": "Queued"}})
    answers = iter([queued] * 9 + [job("Completed")])
    wait_for_job(lambda _: next(answers), poller(), sleep=clock.sleep, clock=clock, queue_length=queue_length)
    assert asked == ["ibm_fez"]
    assert logged() == ["Job j is queued.", "Job j is still queued after 68 s: 1 job in the queue of ibm_fez."]


def test_the_wait_logs_what_changes_and_nothing_else(logged):
    wait([job("Queued"), job("Queued"), job("Running"), job("Completed")])
    assert logged() == ["Job j is queued.", "Job j is running."]


def test_of_several_jobs_the_failure_of_the_last_is_seen_while_the_first_waits():
    clock = Clock(1000.0)
    answers = {"a": job("Queued"), "b": job("Queued"), "c": job("Failed")}
    pollers = [JobPoller(one, 1000.0, None, 30.0, random=NoJitter()) for one in answers]
    ended = wait_for_jobs(lambda one: answers[one], pollers, sleep=clock.sleep, clock=clock)
    assert (ended.job_id, ended.completed, clock.now) == ("c", (), 1000.0 + SHORTEST_DELAY)


def test_of_several_jobs_the_wait_ends_with_the_last_that_completes():
    clock = Clock(1000.0)
    ends = {"a": 1100.0, "b": 1010.0}
    pollers = [JobPoller(one, 1000.0, None, 30.0, random=NoJitter()) for one in ends]
    ended = wait_for_jobs(
        lambda one: job("Completed" if clock.now >= ends[one] else "Running"),
        pollers,
        sleep=clock.sleep,
        clock=clock,
    )
    assert (ended.job_id, ended.is_completion, ended.completed) == ("a", True, ("b", "a"))
