"""The client's channels against the emulator's generations, over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy, errors
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.client.tokens import log_out_everywhere

CIRCUIT = 'OPENQASM 3; include "stdgates.inc"; qreg q[1]; creg c[1]; x q[0]; c[0] = measure q[0];'
PROJECT = {"hub": "ibm-q-internal", "group": "near-time", "project": "qiskit-runtime"}
CIRCUITS = {"circuits": [CIRCUIT]}
DEADLINE = 60.0
NAMED = ["ibm_cloud", "ibm_quantum"]


@pytest.fixture
def on(emulator):
    made = []

    def make(channel, **others):
        settings = ClientSettings.create(
            api_key=others.pop("api_key", emulator.api_key),
            instance=others.pop("instance", emulator.instance),
            base_url=emulator.iam_url,
            iam_url=emulator.iam_url,
            channel=channel,
            **{**PROJECT, **others},
        )
        made.append(QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1)))
        return made[-1]

    yield make
    for client in made:
        client.close()


def submit(client, backend="ibmq_qasm_simulator", **others):
    return client.submit_job(**{"program_id": "sampler", "backend": backend, "params": CIRCUITS, **others})


def wait(client, job_id):
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        job = client.job(job_id)
        if job.status.is_final:
            return job
        time.sleep(0.05)
    raise AssertionError(f"{job_id} did not end")


@pytest.mark.parametrize("channel", NAMED)
def test_backends_are_names(on, channel):
    assert "ibmq_qasm_simulator" in [backend.name for backend in on(channel).backends()]


@pytest.mark.parametrize("channel", NAMED)
def test_a_job_from_submission_to_result(on, channel):
    client = on(channel)
    submitted = submit(client, tags=["one", "two"], max_execution_seconds=60)
    assert (submitted.backend, submitted.session_id) == ("ibmq_qasm_simulator", None)
    job = wait(client, submitted.id)
    assert (job.status, job.program_id, job.tags) == (JobStatus.COMPLETED, "sampler", ("one", "two"))
    assert json.loads(client.job_result(job.id))["quasi_dists"] == [{"1": 1.0}]
    metrics = client.job_metrics(job.id)
    assert metrics.created is not None
    assert metrics.finished is not None
    assert metrics.usage.complete
    assert client.job_logs(job.id) == ""


@pytest.mark.parametrize("channel", NAMED)
def test_a_job_is_found_by_its_tags(on, channel):
    client = on(channel)
    here = submit(client, tags=["here"])
    submit(client, tags=["there"])
    assert [job.id for job in client.jobs(tags=["here"], created_after=datetime(2020, 1, 1, tzinfo=UTC))] == [here.id]


@pytest.mark.parametrize("channel", [*NAMED, "api_token"])
def test_a_job_is_cancelled(emulator, on, channel):
    emulator.configure(queue_seconds=60.0)
    client = on(channel)
    if channel == "api_token":
        job = submit(client, "ibmq_montreal", program_id="runtime-simple", params={"iterations": 2})
    else:
        job = submit(client)
    client.cancel_job(job.id)
    ended = wait(client, job.id)
    assert (ended.status, ended.state.ran_too_long) == (JobStatus.CANCELLED, False)
    with pytest.raises(errors.ConflictError):
        client.cancel_job(job.id)


@pytest.mark.parametrize("channel", NAMED)
def test_a_job_reads_its_input_only_when_asked(on, channel):
    client = on(channel)
    job = submit(client)
    assert client.job(job.id).params is None
    assert client.job(job.id, exclude_params=False).params == CIRCUITS


def test_a_session_of_ibm_cloud_from_its_first_job_to_its_end(on):
    client = on("ibm_cloud")
    first = submit(client, "ibm_algiers", start_session=True)
    assert first.session_id == first.id
    second = submit(client, "ibm_algiers", session_id=first.session_id)
    assert (second.session_id, wait(client, second.id).session_id) == (first.id, first.id)
    client.close_session(first.id)
    with pytest.raises((errors.BadRequestError, errors.ConflictError)):
        submit(client, "ibm_algiers", session_id=first.id)


def test_a_job_of_api_token_from_submission_to_result(emulator, on):
    emulator.configure(run_seconds=1.0)
    client = on("api_token")
    job = submit(client, "ibmq_montreal", program_id="runtime-simple", params={"iterations": 2})
    assert client.job(job.id).status is JobStatus.RUNNING
    with pytest.raises(errors.ResultsNotReadyError):
        client.job_result(job.id)
    assert wait(client, job.id).status is JobStatus.COMPLETED
    assert client.job_result(job.id) == "All done!"


def test_the_programs_of_ibm_quantum_and_of_api_token(on):
    assert [one.id for one in on("ibm_quantum").programs()] == [
        "qasm3-runner",
        "sampler",
        "estimator",
        "circuit-runner",
    ]
    program = on("api_token").program("circuit-runner")
    assert (program.name, program.cost_seconds, program.version) == ("circuit-runner", 1800.0, "1")
    assert program.created == datetime(2021, 5, 7, 0, 17, 7, tzinfo=UTC)
    assert program.description.startswith("A runtime program")
    assert [one["name"] for one in program.parameters["doc"]][:2] == ["circuits", "shots"]
    with pytest.raises(errors.NoSuchProgramError, match=r"no program 'circus'; it offers circuit-runner, mit-6"):
        on("api_token").program("circus")


@pytest.mark.parametrize("channel", [*NAMED, "api_token"])
def test_a_wrong_key_is_refused(on, channel):
    client = on(channel, api_key="not-the-key-of-anybody")
    with pytest.raises(errors.UnauthorizedError) as caught:
        client.job("cjvks5fp8blo0kgog530")
    assert "not-the-key-of-anybody" not in str(caught.value)


def test_the_instance_of_another_account_is_not_found(on):
    other = "crn:v1:bluemix:public:quantum-computing:us-east:a/" + "f" * 32 + ":00000000-0000-4000-8000-00000000000f::"
    with pytest.raises(errors.NotFoundError):
        on("ibm_cloud", instance=other).backends()


def test_a_logout_ends_the_login(emulator, on):
    one, two = on("ibm_quantum"), on("ibm_quantum")
    login = one.stream_headers()
    assert two.stream_headers() == login
    one.close()
    two.backends()
    two.close()
    seen = [(request["method"], request["path"], request["status"]) for request in emulator.requests()]
    assert seen.count(("POST", "/api/users/loginWithToken", 200)) == 1
    assert seen[-1] == ("POST", "/api/users/logout", 200)
    # The next request logs in anew.
    assert one.backends()
    assert one.stream_headers() != login


def test_a_call_under_way_in_another_thread_is_the_last_before_the_logout(emulator, on):
    client = on("ibm_quantum")
    emulator.add_fault(path="/backends", delay=0.5)
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(client.backends)
        deadline = time.monotonic() + DEADLINE
        while len(emulator.requests()) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        client.close()
        assert listing.result()
    seen = [(request["path"], request["status"]) for request in emulator.requests()]
    assert seen == [("/api/users/loginWithToken", 200), ("/backends", 200), ("/api/users/logout", 200)]


FORGETFUL = """
from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient

settings = ClientSettings.create(
    api_key={key!r}, instance=None, base_url={url!r}, iam_url={url!r}, channel="ibm_quantum", hub="h", group="g",
    project="p",
)
client = QiskitRuntimeClient(settings)
client.backends()
{end}
"""


@pytest.mark.parametrize("end", ["", "del client", "raise SystemExit(0)"], ids=["open", "forgotten", "exit"])
def test_a_process_that_ends_without_closing_logs_out(emulator, end):
    code = FORGETFUL.format(key=emulator.api_key, url=emulator.iam_url, end=end)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    last = emulator.requests()[-1]
    assert (last["path"], last["status"]) == ("/api/users/logout", 200)


def test_a_fork_does_not_give_back_its_parents_login(emulator, on):
    client = on("ibm_quantum")
    login = client.stream_headers()
    child = os.fork()
    if child == 0:
        # Ends as a process that runs its exit handlers does, without those of pytest.
        log_out_everywhere()
        os._exit(0)
    os.waitpid(child, 0)
    assert client.backends()
    assert client.stream_headers() == login
    assert not [one for one in emulator.requests() if one["path"] == "/api/users/logout"]


def test_tokens_of_two_generations_from_one_host_are_not_taken_for_each_other(emulator, on):
    clients = [on("ibm_quantum"), on("ibm_cloud")]
    for client in (*clients, *clients):
        assert client.backends()
    assert 401 not in [one["status"] for one in emulator.requests()]


def test_a_login_that_was_revoked_is_replaced(emulator, on):
    client = on("ibm_quantum")
    login = client.stream_headers()
    emulator.revoke_tokens()
    assert client.backends()
    assert client.stream_headers() != login


@pytest.mark.parametrize("version", ["2025-05-01", "2026-02-01", "2026-03-15", "2026-04-15"])
def test_the_present_platform_is_read_in_older_versions_of_its_api(emulator, version):
    emulator.configure(run_seconds=1.0)
    settings = ClientSettings.create(
        api_key=emulator.api_key,
        instance=emulator.instance,
        base_url=emulator.url,
        iam_url=emulator.iam_url,
        api_version=version,
    )
    flip = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
    with QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1)) as client:
        assert client.backends()[0].status == "online"
        params = {"version": 2, "pubs": [[flip, None, 100]]}
        job = wait(client, client.submit_job(program_id="sampler", backend="ibm_fez", params=params).id)
        metrics = client.job_metrics(job.id)
        assert version in client.versions()
    assert (job.usage.complete, metrics.usage.complete) == (True, True)
    assert metrics.usage.seconds == job.usage.seconds > 0
    assert metrics.circuits_execution_ns > 0
