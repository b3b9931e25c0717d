"""The usage limit in both of its forms, and refusals for too many submissions."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.emulator import Emulator


@pytest.fixture
def accepting(api):
    api.emulator.configure(usage_limit_mode="accept", usage_limit_seconds=0)
    yield api
    api.emulator.configure(usage_limit_mode="refuse", usage_limit_seconds=None)


def test_a_job_over_the_limit_can_be_accepted_and_never_run(accepting):
    job_id = accepting.submit((accepting.bell(), None, 1))
    accepting.emulator.advance(3000)
    assert accepting.job(job_id)["state"]["status"] == "Queued"
    assert accepting.get("/instances/usage").json()["usage_limit_reached"] is True
    assert accepting.send("POST", f"/jobs/{job_id}/cancel").status_code == 204


def test_a_job_that_the_limit_held_runs_once_the_limit_is_raised(accepting):
    job_id = accepting.submit((accepting.bell(), None, 1))
    accepting.emulator.advance(100)
    assert accepting.send("PUT", "/instances/configuration", json={"instance_limit": 100}).status_code == 204
    accepting.result(job_id)


def test_a_job_that_the_limit_held_can_be_completed_by_force(accepting):
    job_id = accepting.submit((accepting.bell(), None, 1))
    assert accepting.emulator.finish(job_id)["status"] == "Completed"


def test_usage_counts_up_to_the_limit(api):
    api.emulator.configure(run_seconds=10, usage_limit_seconds=15)
    for _ in range(2):
        job_id = api.submit((api.bell(), None, 1))
        api.emulator.advance(10)
        api.wait(job_id)
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 20
    assert api.refusal(api.post_job((api.bell(), None, 1)))[0] == 409


def used(api):
    # The clock went on for longer than a token lives.
    api.headers["Authorization"] = f"Bearer {api.token()}"
    return api.get("/instances/usage").json()["usage_consumed_seconds"]


def test_usage_is_that_of_the_last_28_days(api):
    api.emulator.configure(run_seconds=10)
    for _ in range(2):
        job_id = api.submit((api.bell(), None, 1))
        api.emulator.advance(10)
        api.wait(job_id)
        api.emulator.advance(20 * 86_400)
        used(api)
    assert used(api) == 10
    api.emulator.advance(10 * 86_400)
    assert used(api) == 0


def test_a_limit_is_left_behind_after_28_days(api):
    api.emulator.configure(run_seconds=10, usage_limit_seconds=10)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(10)
    api.wait(job_id)
    assert api.refusal(api.post_job((api.bell(), None, 1)))[0] == 409
    api.emulator.advance(28 * 86_400)
    assert used(api) == 0
    assert api.post_job((api.bell(), None, 1)).status_code == 200


def test_a_session_counts_until_28_days_after_its_end(api):
    session_id = api.send("POST", "/sessions", json={"mode": "dedicated", "backend": "ibm_fez"}).json()["id"]
    api.wait(api.submit((api.bell(), None, 1), session_id=session_id))
    api.emulator.advance(30)
    api.send("DELETE", f"/sessions/{session_id}/close")
    assert used(api) == pytest.approx(30, abs=5)
    api.emulator.advance(27 * 86_400)
    assert used(api) == pytest.approx(30, abs=5)
    api.emulator.advance(2 * 86_400)
    assert used(api) == 0


def test_deleting_a_job_does_not_give_its_usage_back(api):
    api.emulator.configure(run_seconds=10)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(10)
    api.wait(job_id)
    assert api.send("DELETE", f"/jobs/{job_id}").status_code == 204
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 10


def test_the_instances_limit_may_not_exceed_its_allocation(api):
    allocation = api.get("/instances/usage").json()["usage_allocation_seconds"]
    refused = api.send("PUT", "/instances/configuration", json={"instance_limit": allocation + 1})
    assert api.refusal(refused)[0] == 409
    assert api.send("PUT", "/instances/configuration", json={"instance_limit": allocation}).status_code == 204
    assert api.get("/instances/configuration").json() == {"instance_limit": allocation}


def test_a_refusal_for_too_many_submissions_can_come_without_retry_after(connect):
    with Emulator(retry_after=False) as emulator:
        api = connect(emulator)
        for _ in range(5):
            api.submit((api.bell(), None, 1))
        answer = api.post_job((api.bell(), None, 1))
        assert api.refusal(answer) == (429, 1202)
        assert "Retry-After" not in answer.headers


def test_the_submission_limit_keeps_to_normal_time_whatever_the_speed(connect):
    with Emulator(speed=1e6) as emulator:
        api = connect(emulator)
        for _ in range(5):
            api.submit((api.bell(), None, 1))
        assert api.post_job((api.bell(), None, 1)).status_code == 429


def test_a_result_that_is_too_large_fails_the_job_and_is_charged(api):
    api.emulator.configure(max_result_bytes=2000, run_seconds=10)
    small = api.submit((api.bell(), None, 10))
    large = api.submit((api.bell(), None, 1000))
    api.emulator.advance(10)
    assert api.wait(small)["state"]["status"] == "Completed"
    job = api.wait(large)
    assert (job["state"]["status"], job["state"]["reason_code"]) == ("Failed", 5302)
    assert job["usage"]["qpu_charge_time_seconds"] == 10
    assert "5302" in api.get(f"/jobs/{large}/results").text
    api.emulator.configure(max_result_bytes=None, run_seconds=0)
    assert api.wait(api.submit((api.bell(), None, 1000)))["state"]["status"] == "Completed"


def looped(api, passes, body, width=2):
    return f"{api.qasm} bit[1] c; for int i in [1:{passes}] {{ {body} }} c[0] = measure $0; rz(0) ${width - 1};"


@pytest.mark.parametrize(
    ("passes", "body", "what"),
    [
        (5_000_001, "cz $0, $1;", "two-qubit gates"),
        (20_000_001, "sx $0;", "sx gates"),
        (30_000_001, "rz(0.1) $0;", "rz gates"),
        (26_800_001, "x $0;", "instructions on one qubit"),
        (2_501, "for int j in [1:2000] { cz $0, $1; }", "two-qubit gates"),
    ],
)
@pytest.mark.parametrize("program", ["sampler", "executor"])
def test_a_circuit_with_too_many_instructions_fails_the_job(api, passes, body, what, program):
    text = looped(api, passes, body)
    if program == "sampler":
        state = api.failure((text, None, 1))
    else:
        nothing = {"data": "eJwDAAAAAAE=", "shape": [0], "dtype": "f64"}
        item = {"item_type": "circuit", "circuit_arguments": nothing, "shape": [], "chunk_size": "auto"}
        whole = {"shots": 1, "circuits": {"data": [text]}, "items": [item]}
        params = {"schema_version": "v2.0", "quantum_program": whole, "options": {}}
        body = {"program_id": "executor", "backend": "ibm_fez", "params": params}
        state = api.wait(api.send("POST", "/jobs", json=body).json()["id"])["state"]
    assert state["reason_code"] == 6003
    assert what in state["reason"]


def test_as_many_instructions_as_are_allowed_pass_the_check(api):
    from airflow_provider_qrt.emulator.simulation.instruction_limits import check_instructions
    from airflow_provider_qrt.emulator.simulation.openqasm import loads

    for passes, body in ((5_000_000, "cz $0, $1;"), (20_000_000, "sx $0;"), (26_700_000, "x $0;")):
        check_instructions(loads(looped(api, passes, body)), "it")
