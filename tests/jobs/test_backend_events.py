"""The changes of a backend that are events, and those that are not."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.jobs.backends.calibration import Calibration
from airflow_provider_qrt.jobs.backends.events import (
    LONGEST_PAUSE,
    BackendConditions,
    BackendEvent,
    BackendMark,
    Condition,
    Pace,
    judge,
    read_interval,
)
from airflow_provider_qrt.primitives.errors import InvalidInputError


def backend(status="online", queue=0, reason=None):
    return Backend("ibm_fez", status, reason, queue)


def calibration(hour=0, error=0.003):
    return Calibration(datetime(2026, 11, 21, hour, tzinfo=UTC), error)


PAUSED = backend("paused", reason="calibrating")


class Watch:
    """Looks one after the other, a minute apart; the watermark goes through JSON after each."""

    def __init__(self, **wanted):
        self.conditions = BackendConditions.from_arguments(backend="ibm_fez", **wanted)
        self.kept = None
        self.now = 1_000_000.0

    def look(self, seen, known=None):
        self.now += 60
        mark = BackendMark.from_json(self.kept)
        after, event = judge(self.conditions, mark, seen, known, self.now)
        self.kept = json.loads(json.dumps(after.to_json()))
        return event

    def happened(self, *looks):
        """Return the conditions that each reading newly meets; an empty list where there is no event."""
        events = [self.look(*(one if isinstance(one, tuple) else (one,))) for one in looks]
        return [[one.value for one in event.happened] if event else [] for event in events]


def test_a_backend_that_comes_back_is_an_event_once():
    watch = Watch()
    assert watch.happened(backend(), PAUSED, PAUSED, backend(), backend()) == [[], [], [], ["online"], []]
    assert watch.happened(PAUSED, backend()) == [[], ["online"]]


def test_online_but_not_available_is_not_back():
    watch = Watch()
    assert watch.happened(PAUSED, backend("online", reason="maintenance"), backend()) == [[], [], ["online"]]


def test_the_first_look_is_no_event_whatever_it_shows():
    assert Watch().happened(backend()) == [[]]
    assert Watch(recalibrated=True, max_queue=5).happened((backend(), calibration())) == [[]]


def test_a_queue_that_gets_short_is_an_event_each_time():
    watch = Watch(max_queue=5)
    queues = [backend(queue=length) for length in (9, 5, 0, 6, 7, 4)]
    assert watch.happened(*queues) == [[], ["queue"], [], [], [], ["queue"]]


def test_a_short_queue_of_a_paused_backend_is_none():
    watch = Watch(max_queue=5)
    looks = [backend(queue=9), backend("paused", 0), backend("paused", 9), backend(queue=3)]
    assert watch.happened(*looks) == [[], [], [], ["online", "queue"]]


def test_each_calibration_is_an_event_once():
    watch = Watch(recalibrated=True)
    looks = [(backend(), calibration(hour)) for hour in (1, 1, 2, 2, 2, 7)]
    assert watch.happened(*looks) == [[], [], ["recalibrated"], [], [], ["recalibrated"]]


def test_an_older_calibration_is_no_new_one():
    # As when two servers of the service do not know the same yet.
    watch = Watch(recalibrated=True)
    looks = [(backend(), calibration(hour)) for hour in (1, 2, 1, 2)]
    assert watch.happened(*looks) == [[], ["recalibrated"], [], []]


def test_a_calibration_counts_when_the_backend_is_back():
    watch = Watch(recalibrated=True)
    looks = [
        (backend(), calibration(1)),
        (PAUSED, calibration(1)),
        (PAUSED, calibration(2)),
        (backend(), calibration(2)),
    ]
    assert watch.happened(*looks) == [[], [], [], ["online", "recalibrated"]]
    assert watch.happened((backend(), calibration(2))) == [[]]


def test_the_first_calibration_of_a_backend_that_had_none_is_one():
    watch = Watch(recalibrated=True)
    looks = [
        (backend(), Calibration()),
        (backend(), Calibration()),
        (backend(), calibration(1)),
        (backend(), calibration(1)),
    ]
    assert watch.happened(*looks) == [[], [], ["recalibrated"], []]


def test_an_error_that_falls_below_the_bound_is_an_event_each_time():
    watch = Watch(max_two_qubit_error=0.004)
    looks = [(backend(), calibration(error=error)) for error in (0.005, 0.004, 0.0039, 0.001, 0.01, None, 0.002)]
    happened = watch.happened(*looks)
    assert happened == [[], [], ["two_qubit_error"], [], [], [], ["two_qubit_error"]]


def test_the_first_look_takes_the_calibration_into_account():
    watch, good = Watch(max_two_qubit_error=0.004), (backend(), calibration(error=0.003))
    assert watch.happened(good, good) == [[], []]


def test_all_that_is_asked_for_must_be_true_at_once():
    watch = Watch(max_queue=5, max_two_qubit_error=0.004, recalibrated=True)
    good, bad = 0.002, 0.02
    looks = [
        (backend(queue=9), calibration(1, bad)),
        (backend(queue=2), calibration(2, bad)),
        (backend(queue=9), calibration(3, good)),
        (backend(queue=2), calibration(3, good)),
        (backend(queue=9), calibration(3, good)),
        (backend(queue=2), calibration(3, good)),
        (backend(queue=2), calibration(4, good)),
    ]
    assert watch.happened(*looks) == [[], [], [], list(Condition)[1:], [], [], ["queue", "recalibrated"]]


def test_what_happened_while_nobody_looked_is_told():
    watch = Watch()
    watch.happened(backend(), PAUSED)
    watch.now += 86_400
    assert watch.happened(backend()) == [["online"]]


def test_an_event_that_was_not_kept_is_told_again_under_the_same_id():
    watch = Watch()
    watch.happened(backend(), PAUSED)
    before = watch.kept
    first = watch.look(backend())
    watch.kept = before
    again = watch.look(backend())
    assert again.event_id == first.event_id
    watch.happened(PAUSED)
    assert watch.look(backend()).event_id != first.event_id


def test_what_an_event_tells():
    watch = Watch(max_queue=3)
    watch.happened(backend(queue=9))
    event = watch.look(backend(queue=2))
    assert (event.calibrated, event.two_qubit_error) == (None, None)
    assert event.with_calibration(calibration(4)).to_payload() == {
        "backend": "ibm_fez",
        "happened": ["queue"],
        "status": "online",
        "queue_length": 2,
        "calibrated": "2026-11-21T04:00:00+00:00",
        "two_qubit_error": 0.003,
        "seen": datetime.fromtimestamp(watch.now, UTC).isoformat(),
        "event_id": event.event_id,
    }


def test_an_event_tells_of_the_calibration_that_it_was_decided_by():
    watch = Watch(recalibrated=True)
    watch.look(backend(), calibration(1))
    event = watch.look(backend(queue=7), calibration(2, 0.004))
    assert event == BackendEvent(
        "ibm_fez",
        (Condition.RECALIBRATED,),
        "online",
        7,
        datetime(2026, 11, 21, 2, tzinfo=UTC),
        0.004,
        datetime.fromtimestamp(watch.now, UTC),
        watch.conditions.digest("1000060.0"),
    )


def test_the_watermark_remembers_since_when_something_is_lacking():
    watch = Watch(max_queue=5)
    kept = []
    for seen in (backend(), backend(queue=9), PAUSED, backend(queue=7), backend()):
        watch.look(seen)
        kept.append((watch.kept["lacked"], watch.kept["since"] - 1_000_000, watch.kept["calibrated"]))
    assert kept == [
        ([], 60.0, None),
        (["queue"], 120.0, None),
        (["online", "queue"], 120.0, None),
        (["online", "queue"], 120.0, None),
        ([], 300.0, None),
    ]


@pytest.mark.parametrize("value", [None, "x", 7, {}, {"lacked": ["x"], "since": 1, "calibrated": None}, {"lacked": []}])
def test_a_watermark_that_is_not_understood_is_begun_anew(value):
    assert BackendMark.from_json(value) is None
    assert BackendMark.latest([value]) is None


def test_of_several_watermarks_the_youngest_counts():
    old, young = BackendMark((), 1.0), BackendMark((Condition.ONLINE,), 2.0)
    assert BackendMark.latest([young.to_json(), None, old.to_json()]) == young


NAME_ONE = "backend: name the one to watch, such as 'ibm_fez', got {}."
AN_ERROR = "max_two_qubit_error: expected an error such as 0.004 (0.4 %), got {}."


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"backend": "least_busy"}, NAME_ONE.format("'least_busy'")),
        ({"backend": " "}, NAME_ONE.format("' '")),
        ({"backend": None}, NAME_ONE.format("None")),
        ({"max_queue": -1}, "max_queue: must be at least 0, got -1."),
        ({"max_two_qubit_error": 0}, AN_ERROR.format("0")),
        ({"max_two_qubit_error": 1.5}, AN_ERROR.format("1.5")),
        ({"max_two_qubit_error": -0.1}, AN_ERROR.format("-0.1")),
        ({"max_two_qubit_error": float("nan")}, AN_ERROR.format("nan")),
        ({"max_two_qubit_error": "low"}, "max_two_qubit_error: expected a number, got 'low'."),
        ({"max_two_qubit_error": True}, "max_two_qubit_error: expected a number, got True."),
        ({"recalibrated": "often"}, "recalibrated: expected True or False, got 'often'."),
    ],
)
def test_what_makes_no_sense_is_refused(wanted, said):
    with pytest.raises(InvalidInputError) as refused:
        BackendConditions.from_arguments(**{"backend": "ibm_fez", **wanted})
    assert str(refused.value) == said


def test_arguments_may_be_text_or_left_out():
    assert BackendConditions.from_arguments(backend=" ibm_fez ") == BackendConditions("ibm_fez")
    assert BackendConditions.from_arguments(
        backend="ibm_fez", max_queue="5", max_two_qubit_error="1", recalibrated="True"
    ) == BackendConditions("ibm_fez", 5, 1.0, recalibrated=True)
    assert BackendConditions.from_arguments(backend="ibm_fez", max_queue="", max_two_qubit_error="None") == (
        BackendConditions("ibm_fez")
    )


@pytest.mark.parametrize(
    ("wanted", "needed"),
    [({}, False), ({"max_queue": 5}, False), ({"recalibrated": True}, True), ({"max_two_qubit_error": 0.1}, True)],
    ids=str,
)
def test_the_calibration_is_read_only_if_something_depends_on_it(wanted, needed):
    assert BackendConditions("ibm_fez", **wanted).want_calibration is needed


def test_the_digest_of_conditions_is_the_same_in_every_version_and_another_for_each_watcher():
    conditions = BackendConditions("ibm_fez", max_queue=5)
    text = '[{"backend": "ibm_fez", "max_queue": 5, "max_two_qubit_error": null, "recalibrated": false}, "a"]'
    assert conditions.digest("a") == hashlib.sha256(text.encode()).hexdigest()[:16]
    others = [conditions.digest(), conditions.digest("b"), BackendConditions("ibm_fez").digest("a")]
    assert len({conditions.digest("a"), *others}) == 4


@pytest.mark.parametrize("value", [0, 0.5, -1, float("nan"), float("inf"), "often", None, True])
def test_an_interval_is_a_second_at_least(value):
    with pytest.raises(InvalidInputError, match=r"^poll_interval: "):
        read_interval(value)
    assert (read_interval("30"), read_interval(1)) == (30.0, 1.0)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.5, "poll_interval: must be at least 1 s, got 0.5."), ("x", "poll_interval: expected a number, got 'x'.")],
)
def test_an_interval_that_is_none_is_refused_word_by_word(value, said):
    with pytest.raises(InvalidInputError) as refused:
        read_interval(value)
    assert str(refused.value) == said


def test_what_passes_is_asked_for_again_at_the_same_pace():
    pace = Pace(60)
    trouble = [errors.NoAnswerError("gone"), errors.ConnectionFailedError("busy"), errors.UnexpectedAnswerError("html")]
    assert [pace.on_error(one) for one in trouble * 9] == [60] * 27


def test_what_is_refused_is_asked_for_less_and_less_often():
    pace = Pace(60)
    pauses = [pace.on_error(errors.InvalidSettingsError("no such connection")) for _ in range(50)]
    assert pauses[:4] == [120, 240, 480, LONGEST_PAUSE]
    assert set(pauses[3:]) == {LONGEST_PAUSE}
    assert pace.on_success() == 60
    assert pace.on_error(errors.InvalidSettingsError("no such connection")) == 120


@pytest.mark.parametrize(("asked", "pause"), [(None, 60), (5, 60), (300, 300), (86_400, LONGEST_PAUSE)])
def test_the_service_may_ask_for_a_longer_pause(asked, pause):
    limited = errors.RateLimitedError(429, errors.ErrorBody(), request="GET /backends", retry_after=asked)
    assert Pace(60).on_error(limited) == pause


def test_an_interval_longer_than_the_longest_pause_stays_as_it_is():
    assert Pace(7200).on_error(errors.InvalidSettingsError("no")) == 7200


def test_trouble_is_said_once_for_each_kind():
    pace = Pace(60)
    gone, refused = errors.NoAnswerError("gone"), errors.InvalidSettingsError("no")
    assert [pace.is_news(one) for one in (gone, gone, refused, refused, gone)] == [True, False, True, False, True]
    pace.on_success()
    assert pace.is_news(gone)


def test_a_short_interval_is_kept_where_the_service_asks_for_none():
    assert Pace(0.25).on_error(errors.NoAnswerError("gone")) == 0.25
    assert Pace(0.25).on_error(errors.InvalidSettingsError("no")) == 0.5
