"""The websocket that sends each change of a job's status, and its faults."""

from __future__ import annotations

import asyncio
import time

import pytest
import websockets

from airflow_provider_qrt.emulator import Emulator

from .older import FLIP, Cloud

SAMPLE = {"circuits": [FLIP]}
SECONDS = 30
ABNORMAL = 1006


def follow(client, job_id, meanwhile=None, headers=None):
    """Read a stream to its end: the messages with the moments at which they came, and the code of its close."""

    async def listen():
        url = f"{client.emulator.stream_url}/stream/jobs/{job_id}"
        sent = client.headers if headers is None else headers
        received = []
        async with websockets.connect(url, additional_headers=sent, proxy=None, open_timeout=SECONDS) as socket:
            try:
                while True:
                    received.append((await asyncio.wait_for(socket.recv(), SECONDS), time.monotonic()))
                    if meanwhile is not None:
                        await asyncio.to_thread(meanwhile, received[-1][0])
            except websockets.exceptions.ConnectionClosed:
                pass
        return received, socket.close_code

    return asyncio.run(listen())


def words(received):
    return [message for message, _ in received]


def refusal(client, job_id, headers=None):
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        follow(client, job_id, headers=headers)
    return refused.value.response


@pytest.fixture(params=["cloud", "classic"])
def client(request):
    return request.getfixturevalue(request.param)


def test_it_acknowledges_and_tells_each_status(client):
    client.emulator.configure(queue_seconds=3600, run_seconds=3600)
    job_id = client.submit("sampler", SAMPLE)["id"]
    received, code = follow(
        client, job_id, lambda word: word in ("Queued", "Running") and client.emulator.advance(3600)
    )
    assert words(received) == ["ACK", "Queued", "Running", "Completed"]
    assert code == 1000


def test_a_job_that_has_ended_is_told_at_once(client):
    job_id = client.submit("sampler", SAMPLE)["id"]
    client.wait(job_id)
    received, code = follow(client, job_id)
    assert words(received) == ["ACK", "Completed"]
    assert code == 1000


def test_a_status_that_was_passed_between_two_looks_is_told(cloud):
    cloud.emulator.configure(queue_seconds=3600)
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    received, _ = follow(cloud, job_id, lambda word: word == "Queued" and cloud.emulator.finish(job_id))
    assert words(received) == ["ACK", "Queued", "Running", "Completed"]


def test_a_job_cancelled_in_the_queue_was_never_running(cloud):
    cloud.emulator.configure(queue_seconds=3600)
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    received, code = follow(
        cloud, job_id, lambda word: word == "Queued" and cloud.send("POST", f"/jobs/{job_id}/cancel")
    )
    assert words(received) == ["ACK", "Queued", "Cancelled"]
    assert code == 1000


def test_it_tells_within_a_moment(cloud):
    cloud.emulator.configure(queue_seconds=3600)
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    ended = []

    def end(word):
        if word == "Queued":
            cloud.emulator.finish(job_id, status="Failed")
            ended.append(time.monotonic())

    received, _ = follow(cloud, job_id, end)
    assert words(received)[-1] == "Failed"
    # Looked at every 0.05 seconds; the rest is for a busy machine.
    assert received[-1][1] - ended[0] < SECONDS


def test_many_can_follow_one_job(cloud):
    cloud.emulator.configure(queue_seconds=0.5)
    job_id = cloud.submit("sampler", SAMPLE)["id"]

    async def listen():
        url = f"{cloud.emulator.stream_url}/stream/jobs/{job_id}"
        async with websockets.connect(url, additional_headers=cloud.headers, proxy=None) as socket:
            return [message async for message in socket]

    async def all_of_them():
        return await asyncio.gather(*(listen() for _ in range(20)))

    found = asyncio.run(all_of_them())
    assert {messages[-1] for messages in found} == {"Completed"}


def test_who_may_not_ask_is_refused_at_the_handshake(cloud, first):
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    assert refusal(cloud, job_id, headers={}).status_code == 401
    assert refusal(cloud, job_id, headers={"Authorization": "Bearer x"}).status_code == 401
    assert refusal(cloud, job_id, headers={"x-access-token": "x"}).status_code == 401
    no_instance = {"Authorization": cloud.headers["Authorization"]}
    assert refusal(cloud, job_id, headers=no_instance).status_code == 400
    assert refusal(first, first.submit("runtime-simple", {"iterations": 1})["id"]).status_code == 404


def test_an_unknown_job_and_one_of_another_generation_are_not_found(api, cloud, classic):
    for job_id in ("nonsense", classic.submit("sampler", SAMPLE)["id"], api.submit((api.bell(), None, 1))):
        answer = refusal(cloud, job_id)
        assert answer.status_code == 404
        assert b"1291" in answer.body


def test_a_client_that_leaves_is_let_go(cloud):
    cloud.emulator.configure(queue_seconds=3600)
    job_id = cloud.submit("sampler", SAMPLE)["id"]

    async def leave():
        url = f"{cloud.emulator.stream_url}/stream/jobs/{job_id}"
        async with websockets.connect(url, additional_headers=cloud.headers, proxy=None) as socket:
            await socket.send("nobody heeds this")
            return await socket.recv()

    assert asyncio.run(leave()) == "ACK"
    deadline = time.monotonic() + SECONDS
    # Its duration is written down when the server is done with it.
    while (before := stream_entry(cloud)["seconds"]) == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert before > 0


def stream_entry(client):
    return [one for one in client.emulator.requests() if one["path"].startswith("/stream/")][-1]


def test_the_journal_has_it(cloud):
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    cloud.wait(job_id)
    follow(cloud, job_id)
    entry = stream_entry(cloud)
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", f"/stream/jobs/{job_id}", 101)
    assert entry["authenticated"]
    refusal(cloud, job_id, headers={})
    assert stream_entry(cloud)["status"] == 401


def test_a_job_that_is_forgotten_ends_its_stream(cloud):
    cloud.emulator.configure(queue_seconds=3600)
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    _, code = follow(cloud, job_id, lambda word: word == "Queued" and cloud.emulator.reset())
    assert code == 1001


# Faults.


def test_a_fault_can_refuse_it(cloud):
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    cloud.emulator.add_fault(path="/stream/*", status=403)
    assert refusal(cloud, job_id).status_code == 403
    cloud.wait(job_id)
    assert follow(cloud, job_id)[1] == 1000


def test_a_fault_can_cut_it_short(cloud):
    cloud.emulator.configure(queue_seconds=3600)
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    cloud.emulator.add_fault(path="/stream/*", truncate=1)
    received, code = follow(cloud, job_id)
    assert (words(received), code) == (["ACK"], ABNORMAL)
    assert stream_entry(cloud)["dropped"] == "truncated"


def test_a_fault_can_close_it_with_a_code_after_so_many_messages(cloud):
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    cloud.wait(job_id)
    for number, expected in ((0, []), (1, ["ACK"])):
        cloud.emulator.add_fault(path="/stream/*", truncate=number, close_code=1011)
        received, code = follow(cloud, job_id)
        assert (words(received), code) == (expected, 1011)


def test_a_fault_can_drop_the_handshake(cloud):
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    cloud.emulator.add_fault(path="/stream/*", drop="before")
    with pytest.raises((websockets.exceptions.InvalidMessage, OSError)):
        follow(cloud, job_id)
    assert stream_entry(cloud)["dropped"] == "before"


def test_a_fault_can_silence_it(cloud):
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    cloud.wait(job_id)
    cloud.emulator.add_fault(path="/stream/*", effect="silence")

    async def listen():
        url = f"{cloud.emulator.stream_url}/stream/jobs/{job_id}"
        async with websockets.connect(url, additional_headers=cloud.headers, proxy=None) as socket:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.recv(), 0.5)
            # Open all the same.
            await asyncio.wait_for(await socket.ping(), SECONDS)

    asyncio.run(listen())


@pytest.mark.parametrize(
    "rule",
    [
        {"close_code": 1011},
        {"truncate": 1, "close_code": 1006},
        {"truncate": 1, "close_code": 99999},
        {"truncate": 1, "close_code": "1011"},
        {"effect": "nonsense"},
    ],
    ids=str,
)
def test_a_fault_that_makes_no_sense_is_refused(cloud, rule):
    with pytest.raises(ValueError):
        cloud.emulator.add_fault(path="/stream/*", **rule)


# Without the package.


def test_without_the_package_everything_else_is_served(monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.emulator.http.websocket_protocol.websocket_protocol", lambda: None)
    with Emulator(queue_seconds=0, run_seconds=0) as emulator:
        cloud = Cloud(emulator)
        job_id = cloud.submit("sampler", SAMPLE)["id"]
        assert cloud.wait(job_id)["state"] == {"status": "Completed"}
        answer = refusal(cloud, job_id)
        assert answer.status_code == 426
        assert b"websockets" in answer.body
