"""Following a stream: when a job is polled, and how often a lost stream is retried."""

from __future__ import annotations

import math

import pytest

from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.wait.status_stream import (
    HEALTHY_SECONDS,
    RECONNECTS,
    SHORTEST_SAFETY,
    StreamWatch,
    backoff,
    spacing,
)

POLL = 30.0
QUEUED, RUNNING, COMPLETED = JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.COMPLETED


@pytest.fixture
def watch():
    """A queued job that was looked at, at 100, before its stream said anything."""
    made = StreamWatch(POLL)
    look(made, QUEUED)
    return made


def look(watch: StreamWatch, status: JobStatus) -> None:
    watch.on_look()
    watch.on_seen(status)


def alive(watch: StreamWatch) -> StreamWatch:
    """Its stream has acknowledged, and the look that this asked for is over."""
    watch.on_message("ACK", 100)
    look(watch, QUEUED)
    return watch


def wants_nothing(watch: StreamWatch) -> bool:
    """Whether the pace is left to others."""
    return watch.next_look(100) == math.inf


def test_without_a_word_others_decide(watch):
    assert (wants_nothing(watch), watch.rest) == (True, None)


def test_the_first_message_asks_for_a_look(watch):
    watch.on_message("ACK", 110)
    assert watch.next_look(100) == 100


def test_a_stream_that_is_alive_makes_looks_rare(watch):
    assert (wants_nothing(alive(watch)), watch.rest) == (True, 120)


def test_they_are_not_too_frequent_for_a_short_interval():
    watch = StreamWatch(0.1)
    look(watch, QUEUED)
    assert alive(watch).rest == SHORTEST_SAFETY


@pytest.mark.parametrize("poll_interval", [0.1, 30, 500, 86_400])
def test_they_are_never_more_frequent_than_without_a_stream(poll_interval):
    watch = StreamWatch(poll_interval)
    look(watch, QUEUED)
    assert alive(watch).rest > poll_interval


def test_what_is_known_asks_for_nothing(watch):
    alive(watch).on_message("Queued", 110)
    assert (wants_nothing(watch), watch.rest) == (True, 120)


@pytest.mark.parametrize(
    "word", ["Running", "Completed", "completed", "Failed", "Cancelled - Ran too long", "Canceled", "a result", ""]
)
def test_news_asks_for_a_look(watch, word):
    alive(watch).on_message(word, 190)
    assert watch.next_look(100) < 190


def test_news_during_a_look_is_not_lost(watch):
    alive(watch).on_look()
    watch.on_message("Completed", 110)
    watch.on_seen(QUEUED)
    assert watch.next_look(110) < 112


def test_an_end_that_is_not_seen_yet_is_looked_for_again_and_again_at_growing_distances(watch):
    alive(watch).on_message("Completed", 110)
    distances = []
    for _ in range(9):
        distances.append(watch.next_look(200) - 200)
        look(watch, QUEUED)
    assert distances == [0, 0.5, 1, 2, 4, 8, 16, 32, 64]


def test_while_an_end_is_not_seen_yet_nobody_rests(watch):
    alive(watch).on_message("Completed", 110)
    look(watch, QUEUED)
    assert watch.rest is None


def test_so_is_one_that_the_service_only_closed_the_stream_for(watch):
    alive(watch).on_end()
    watch.on_lost(110)
    look(watch, QUEUED)
    assert watch.next_look(200) == 200.5


def test_a_job_that_goes_on_after_all_takes_the_claim_back(watch):
    alive(watch).on_message("Completed", 110)
    look(watch, QUEUED)
    watch.on_message("Queued", 111)
    assert (wants_nothing(watch), watch.rest) == (True, 120)


def test_a_stream_that_takes_it_back_each_time_does_not_flood(watch):
    alive(watch)
    distances = []
    for _ in range(5):
        watch.on_message("Completed", 110)
        distances.append(watch.next_look(200) - 200)
        look(watch, QUEUED)
        watch.on_message("Queued", 111)
    assert distances == [0, 0.5, 1, 2, 4]


def test_a_talkative_stream_does_not_flood_and_its_end_is_still_looked_for_at_once(watch):
    alive(watch)
    distances = []
    for number in range(4):
        watch.on_message(f"interim result {number}", 110)
        distances.append(watch.next_look(200) - 200)
        look(watch, QUEUED)
    assert distances == [0.5, 1, 2, 4]
    watch.on_message("Completed", 111)
    assert watch.next_look(200) == 200


def test_a_change_makes_the_stream_as_good_as_new(watch):
    alive(watch)
    for _ in range(3):
        watch.on_message("interim", 110)
        look(watch, QUEUED)
    watch.on_message("Running", 120)
    look(watch, RUNNING)
    watch.on_message("interim", 121)
    assert watch.next_look(200) == 200


def test_a_change_that_was_not_told_ends_the_trust(watch):
    look(alive(watch), RUNNING)
    assert (wants_nothing(watch), watch.rest) == (True, None)


def test_trust_begins_again_with_a_new_connection(watch):
    look(alive(watch), RUNNING)
    watch.on_lost(210)
    watch.on_message("ACK", 220)
    look(watch, RUNNING)
    assert (wants_nothing(watch), watch.rest) == (True, 120)


def test_a_look_that_failed_is_made_up_for(watch):
    alive(watch).on_message("Completed", 110)
    watch.on_look()
    watch.on_error(110, None)
    assert watch.next_look(110) == 110.5


def test_looks_that_failed_count_as_looks_in_vain(watch):
    alive(watch)
    distances = []
    for _ in range(4):
        watch.on_message("interim", 110)
        distances.append(watch.next_look(200) - 200)
        watch.on_look()
        watch.on_error(110, None)
    assert distances == [0.5, 1, 2, 4]
    # A look is still due, though the stream says nothing more.
    assert watch.next_look(200) == 208
    look(watch, QUEUED)
    assert wants_nothing(watch)


def test_a_look_that_nobody_had_asked_for_and_that_failed_is_not_made_up_for(watch):
    alive(watch).on_look()
    watch.on_error(110, None)
    assert watch.next_look(50) == math.inf


def test_a_pause_that_the_service_asked_for_is_over_after_a_good_look(watch):
    alive(watch).on_look()
    watch.on_error(110, 60)
    look(watch, QUEUED)
    watch.on_message("Completed", 111)
    assert watch.next_look(111) == 111


def test_a_stream_is_alive_from_its_first_word_until_it_is_lost(watch):
    assert not watch.alive
    watch.on_message("ACK", 110)
    assert watch.alive
    watch.on_lost(120)
    assert not watch.alive


def test_only_the_beginning_of_a_long_message_is_read(watch):
    alive(watch).on_message("Completed" + " " * 95 + "x", 110)
    assert watch.rest is None


def test_no_stream_shortens_what_the_service_asks_to_wait(watch):
    alive(watch).on_message("Completed", 110)
    watch.on_look()
    watch.on_error(110, 60)
    assert watch.next_look(110) == 170
    watch.on_message("Completed", 115)
    assert watch.next_look(110) == 170
    look(watch, QUEUED)
    assert watch.next_look(170) < 172


def test_a_stream_that_was_alive_and_is_lost_asks_for_a_look_and_leaves_the_pace_to_the_poller(watch):
    alive(watch)
    look(watch, RUNNING)
    watch.on_lost(150)
    assert watch.next_look(100) == 100
    look(watch, RUNNING)
    assert (wants_nothing(watch), watch.rest) == (True, None)


def test_one_that_was_never_had_asks_for_nothing(watch):
    watch.on_lost(110)
    assert (wants_nothing(watch), watch.rest) == (True, None)


def test_a_token_that_is_refused_asks_for_a_look_which_replaces_it(watch):
    watch.on_lost(110, unauthorized=True)
    assert watch.next_look(100) == 100


def test_it_is_tried_again_five_times_in_a_row(watch):
    delays = [watch.on_lost(110 + number) for number in range(7)]
    assert delays == [0.5, 1, 2, 4, 8, None, None]
    assert [backoff(failures) for failures in (5, 6, 9)] == [8, 8, 8]


def test_a_short_life_counts_as_a_failure(watch):
    delays = []
    for number in range(RECONNECTS + 1):
        began = 1000.0 * (number + 1)
        watch.on_message("ACK", began)
        delays.append(watch.on_lost(began + HEALTHY_SECONDS - 1))
    assert delays[-1] is None


def test_a_long_life_does_not(watch):
    for number in range(50):
        began = 1000.0 * number
        watch.on_message("ACK", began)
        assert watch.on_lost(began + HEALTHY_SECONDS) == 0.5


def test_no_number_of_looks_in_vain_is_too_many():
    assert spacing(5000) > 86_400
