"""All viewers share one reading, which is kept up to date. Against the emulator."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from airflow_provider_qrt.client.client import QiskitRuntimeClient
from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.retry import RetryPolicy
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.hooks.airflow_name import airflow_name
from airflow_provider_qrt.plugins import job_list
from airflow_provider_qrt.plugins.job_list import JobList
from airflow_provider_qrt.plugins.readings import UNEXPECTED, ConnectionReader

MONTH = timedelta(days=28)
PATIENCE = 60.0


@pytest.fixture
def make_client(emulator):
    def make(**more):
        settings = ClientSettings.create(
            api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
        )
        return QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1), **more)

    return make


class Clock:
    """Goes on by itself, and can be put forward."""

    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reader(make_client, clock):
    made = ConnectionReader(make_client, airflow_name(), MONTH, clock)
    yield made
    made.wait(PATIENCE)


def read(reader, clock):
    """Look once the last reading is not fresh any more, and wait for the next one."""
    clock.ahead += 1000.0
    reader.look()
    reader.wait(PATIENCE)
    return reader.look()


def test_who_looks_first_does_not_wait(reader, submit):
    submit("a_dag")

    first = reader.look()
    assert first.read_at is None
    assert not first.complete

    reader.wait(PATIENCE)
    second = reader.look()
    assert second.complete
    assert [one.claim.dag_id for one in second.jobs] == ["a_dag"]
    assert second.backends
    assert second.usage is not None
    assert second.problems == {}


def test_all_who_look_share_one_reading(reader, submit, sent, emulator):
    submit("a_dag")
    reader.look()
    reader.wait(PATIENCE)
    emulator.clear_requests()

    for _ in range(100):
        reader.look()
    reader.wait(PATIENCE)

    assert sent() == []


def test_new_jobs_and_ends_show_in_the_next_reading_for_a_few_requests(reader, clock, submit, emulator, sent):
    emulator.configure(queue_seconds=1000.0)
    old = [submit("a_dag", map_index=index) for index in range(30)]
    assert len(read(reader, clock).jobs) == 30
    emulator.finish(old[3], "Failed", reason="broken")
    new = submit("a_dag", "another")
    emulator.clear_requests()

    jobs = {one.job.id: one.job for one in read(reader, clock).jobs}

    assert len(jobs) == 31
    assert jobs[old[3]].status is JobStatus.FAILED
    assert jobs[new].status is JobStatus.QUEUED
    assert len(sent("GET /jobs")) <= 3


def test_the_first_job_of_an_instance_is_found(make_client, submit):
    listing = JobList(airflow_name(), MONTH)
    listing.refresh(make_client(), datetime.now(UTC))
    assert listing.complete
    assert listing.jobs == ()

    submit("a_dag")
    listing.refresh(make_client(), datetime.now(UTC))

    assert len(listing.jobs) == 1


def test_a_burst_is_not_read_again_and_again(make_client, submit, emulator):
    for index in range(3):
        submit("a_dag", map_index=index)
    listing = JobList(airflow_name(), MONTH)
    now = datetime.now(UTC)
    for minutes in range(4):
        emulator.clear_requests()
        listing.refresh(make_client(), now + minutes * job_list.OVERLAP)

    [after] = [
        datetime.fromisoformat(query["created_after"][0])
        for query in (parse_qs(one["query"]) for one in emulator.requests())
        if "created_after" in query and "pending" not in query
    ]
    assert after >= listing.jobs[0].job.created


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(minutes=-10)])
@pytest.mark.parametrize("earlier", [0, 1])
def test_a_job_that_is_over_in_a_moment_is_found_though_the_clocks_differ(
    make_client, submit, emulator, ahead, earlier
):
    emulator.configure(queue_seconds=1000.0)
    for index in range(earlier):
        submit("a_dag", map_index=index)
    client, listing = make_client(), JobList(airflow_name(), MONTH)
    listing.refresh(client, datetime.now(UTC) + ahead)

    job_id = submit("a_dag")
    emulator.finish(job_id)
    listing.refresh(client, datetime.now(UTC) + ahead)

    assert listing.find(job_id) is not None
    assert len(listing.jobs) == earlier + 1


def test_a_list_in_which_nothing_has_changed_stays_the_same_object(make_client, submit, emulator):
    emulator.configure(queue_seconds=1000.0)
    job_id = submit("a_dag")
    listing = JobList(airflow_name(), MONTH)
    listing.refresh(make_client(), datetime.now(UTC))
    before = listing.jobs

    listing.refresh(make_client(), datetime.now(UTC))
    assert listing.jobs is before

    emulator.finish(job_id, "Cancelled")
    listing.refresh(make_client(), datetime.now(UTC))
    assert listing.jobs[0].job.status is JobStatus.CANCELLED


def test_jobs_of_another_airflow_and_older_ones_are_left_out(make_client, submit):
    mine = submit("a_dag")
    submit("a_dag", airflow="http://elsewhere")
    listing = JobList(airflow_name(), MONTH)

    listing.refresh(make_client(), datetime.now(UTC))
    assert [one.job.id for one in listing.jobs] == [mine]

    listing.refresh(make_client(), datetime.now(UTC) + 2 * MONTH)
    assert listing.jobs == ()


def test_jobs_that_ended_long_after_their_submission_are_found(make_client, submit, emulator, monkeypatch):
    """They are neither pending nor new: each is read by its id, or many of them by one list."""
    monkeypatch.setattr(job_list, "OVERLAP", timedelta(0))
    emulator.configure(queue_seconds=1000.0)
    few, many = 3, job_list.READ_ONE_BY_ONE + 5
    old = [submit("a_dag", map_index=index) for index in range(few + many)]
    time.sleep(0.01)
    submit("a_dag", "newest")
    listing = JobList(airflow_name(), MONTH)
    listing.refresh(make_client(), datetime.now(UTC))

    for ending in (old[:few], old[few:]):
        for job_id in ending:
            emulator.finish(job_id, "Cancelled")
        listing.refresh(make_client(), datetime.now(UTC))
        assert {listing.find(job_id).job.status for job_id in ending} == {JobStatus.CANCELLED}


def test_a_job_that_was_deleted_disappears(make_client, submit, emulator):
    emulator.configure(queue_seconds=1000.0)
    job_id = submit("a_dag")
    listing = JobList(airflow_name(), MONTH)
    listing.refresh(make_client(), datetime.now(UTC))
    emulator.finish(job_id, "Cancelled")
    make_client().delete_job(job_id)

    listing.refresh(make_client(), datetime.now(UTC))

    assert listing.jobs == ()


def test_times_are_read_for_the_jobs_that_are_looked_at(reader, clock, submit):
    submit("a_dag")
    [one] = read(reader, clock).jobs

    assert reader.times([one.job]) == {}
    reader.wait(PATIENCE)

    assert reader.times([one.job])[one.job.id].created is not None


def test_a_job_is_read_again_until_its_bill_is_settled(reader, clock, submit, emulator, sent):
    emulator.configure(queue_seconds=600, usage_pending_seconds=3600)
    job_id = submit("a_dag")
    emulator.finish(job_id)

    def settled():
        clock.ahead += 10.0
        reader.job(job_id)
        reader.wait(PATIENCE)
        return reader.job(job_id).metrics.usage.complete

    assert not settled()
    emulator.configure(usage_pending_seconds=0)
    assert settled()

    emulator.clear_requests()
    assert settled()
    assert sent("GET /jobs") == []


def test_a_slow_service_keeps_nobody_waiting(reader, clock, submit, emulator):
    submit("a_dag")
    before = read(reader, clock)
    emulator.add_fault(path="/*", delay=3.0, times=1)
    clock.ahead += 1000.0

    reader.look()
    during = reader.look()

    assert during.busy_since is not None
    assert during.jobs == before.jobs
    assert during.read_at == before.read_at


def test_a_service_that_is_down_is_told_of_beside_what_was_read_before(reader, clock, submit, emulator):
    submit("a_dag")
    before = read(reader, clock)
    emulator.add_fault(path="/*", status=503, times=50)

    during = read(reader, clock)
    assert "503" in during.problems["connection"]
    assert during.jobs == before.jobs

    emulator.clear_faults()
    assert read(reader, clock).problems == {}


def test_one_part_that_is_refused_does_not_hide_the_others(reader, clock, submit, emulator):
    submit("a_dag")
    emulator.add_fault(path="/instances/usage", status=403, times=50)

    found = read(reader, clock)

    assert "403" in found.problems["usage"]
    assert len(found.jobs) == 1
    assert found.backends


def test_what_all_who_look_are_told_names_no_job(reader, clock, submit, emulator):
    """Not all of them may read its DAG."""
    emulator.configure(queue_seconds=600)
    job_id = submit("secret_dag")
    for _ in range(4):
        # Until it is no news any more, and read by its id.
        [one] = read(reader, clock).jobs
    emulator.finish(job_id)
    refusal = {"errors": [{"message": f"Job {job_id} is not for you."}]}

    emulator.add_fault(method="GET", path="/jobs/*", status=403, body=refusal, times=50)
    assert read(reader, clock).problems.keys() == {"jobs"}
    assert job_id not in reader.look().problems["jobs"]
    assert "not for you" in reader.look().problems["jobs"]

    emulator.clear_faults()
    emulator.add_fault(method="GET", path="/jobs/*", status=503, body=refusal, times=50)
    reader.times([one.job])
    reader.wait(PATIENCE)
    assert "503" in reader.problem
    assert job_id not in reader.problem


def test_a_connection_that_lacks_something_says_what(clock):
    def connect():
        raise InvalidSettingsError("Connection 'x': put the API key into the password.")

    reader = ConnectionReader(connect, airflow_name(), MONTH, clock)

    assert "API key" in read(reader, clock).problems["connection"]


def test_what_a_secrets_backend_says_stays_in_the_log(clock, caplog):
    def connect():
        raise RuntimeError("vault token s.123456 is expired")

    reader = ConnectionReader(connect, airflow_name(), MONTH, clock)

    assert read(reader, clock).problems["connection"] == UNEXPECTED


def test_another_instance_means_another_list(emulator, clock, submit, make_client):
    submit("a_dag")
    clients = [make_client(), make_client()]
    other = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url,
        api_version="2026-03-15",
    )  # fmt: skip
    clients[1] = QiskitRuntimeClient(other, retry=RetryPolicy(attempts=1))
    emulator.add_fault(path="/jobs", status=403, skip=1, times=50)
    reader = ConnectionReader(lambda: clients.pop(0) if len(clients) > 1 else clients[0], airflow_name(), MONTH, clock)

    assert len(read(reader, clock).jobs) == 1
    assert read(reader, clock).jobs == ()
