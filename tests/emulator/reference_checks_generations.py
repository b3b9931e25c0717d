"""Checks of the table's rows about the older generations."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets

from .older import BELL, FLIP, STATE, Classic, Cloud, First
from .reference_table import check

SAMPLE = {"circuits": [FLIP]}
SIMPLE = {"iterations": 1}


def clients(api: Any) -> tuple[Cloud, Classic, First]:
    return Cloud(api.emulator), Classic(api.emulator), First(api.emulator)


def ended(client: Any, params: Any = SAMPLE, **more: Any) -> str:
    job_id: str = client.submit("sampler", params, **more)["id"]
    client.wait(job_id)
    return job_id


def code(answer: Any) -> Any:
    return answer.status_code, answer.json()["errors"][0]["code"]


def refused_everywhere(api: Any, method: str, path: str) -> None:
    """401 without credentials, 400 without the CRN, 404 of another instance: what any route of IBM Cloud's answers."""
    cloud = Cloud(api.emulator)
    assert cloud.send(method, path, headers={"Authorization": None}).status_code == 401
    assert cloud.send(method, path, headers={"Service-CRN": None}).status_code == 400
    elsewhere = api.emulator.instance.replace("us-east", "eu-de")
    assert cloud.send(method, path, headers={"Service-CRN": elsewhere}).status_code == 404


# Endpoints.


@check("G-programs")
def _(api):
    cloud, classic, first = clients(api)
    anyone = first.get("/programs", headers={"Authorization": None}).json()
    assert anyone == classic.get("/programs").json() == cloud.get("/programs").json()
    assert len(first.get("/programs").json()) == 6
    assert first.get("/programs", headers={"Authorization": "Bearer x"}).status_code == 401


@check("G-backends")
def _(api):
    cloud, classic, _ = clients(api)
    assert len(cloud.get("/backends").json()["devices"]) == 9
    assert "ibm_wellington" in classic.get("/backends").json()["devices"]
    refused_everywhere(api, "GET", "/backends")


@check("G-jobs-post")
def _(api):
    cloud, classic, first = clients(api)
    assert set(cloud.submit("sampler", SAMPLE)) == {"id", "backend"}
    assert set(classic.submit("sampler", SAMPLE)) == {"id", "backend"}
    assert set(first.submit("runtime-simple", SIMPLE)) == {"id"}
    for client in (cloud, classic, first):
        assert code(client.send("POST", "/jobs", data=b"{")) == (400, 1002)
        assert client.post_job("nonsense", SAMPLE).status_code == 404
    refused_everywhere(api, "POST", "/jobs")


@check("G-jobs-list")
def _(api):
    for client in clients(api)[:2]:
        job_id = client.submit("sampler", SAMPLE, tags=["a"])["id"]
        assert [job["id"] for job in client.get("/jobs", params={"tags": "a"}).json()["jobs"]] == [job_id]
        assert client.get("/jobs", params={"sort": "x"}).status_code == 400
    refused_everywhere(api, "GET", "/jobs")


@check("G-job-get", "R-older-state")
def _(api):
    cloud, classic, first = clients(api)
    for client in (cloud, classic):
        assert client.wait(client.submit("sampler", SAMPLE)["id"])["state"] == {"status": "Completed"}
        failed = client.wait(client.submit("sampler", {"circuits": ["x"]})["id"])["state"]
        assert set(failed) == {"status", "reason"}
        assert code(client.get("/jobs/x")) == (404, 1291)
    assert first.get(f"/jobs/{first.submit('runtime-simple', SIMPLE)['id']}").status_code == 404
    refused_everywhere(api, "GET", "/jobs/x")


@check("G-job-results")
def _(api):
    cloud, classic, first = clients(api)
    api.emulator.configure(run_seconds=100)
    job_id = first.submit("runtime-simple", SIMPLE)["id"]
    assert first.get(f"/jobs/{job_id}/results").status_code == 204
    for client in (cloud, classic):
        assert code(client.get(f"/jobs/{client.submit('sampler', SAMPLE)['id']}/results")) == (400, 1234)
    api.emulator.configure(run_seconds=0)
    assert set(classic.result("sampler", SAMPLE)) == {"quasi_dists", "metadata"}
    refused_everywhere(api, "GET", "/jobs/x/results")


@check("G-job-metrics")
def _(api):
    for client in clients(api)[:2]:
        metrics = client.get(f"/jobs/{ended(client)}/metrics").json()
        assert all(metrics["timestamps"].values())
        assert "bss" in metrics
    refused_everywhere(api, "GET", "/jobs/x/metrics")


@check("G-job-logs")
def _(api):
    for client in clients(api)[:2]:
        assert client.get(f"/jobs/{ended(client)}/logs").status_code == 404
        assert "JobFailed" in client.get(f"/jobs/{ended(client, {'circuits': ['x']})}/logs").text
    refused_everywhere(api, "GET", "/jobs/x/logs")


@check("G-job-cancel")
def _(api):
    api.emulator.configure(queue_seconds=100)
    cloud, classic, first = clients(api)
    for client, program, params in (
        (cloud, "sampler", SAMPLE),
        (classic, "sampler", SAMPLE),
        (first, "runtime-simple", SIMPLE),
    ):
        job_id = client.submit(program, params)["id"]
        assert client.send("POST", f"/jobs/{job_id}/cancel").status_code == 204
        assert client.send("POST", f"/jobs/{job_id}/cancel").status_code == 409
    refused_everywhere(api, "POST", "/jobs/x/cancel")


@check("G-session-close")
def _(api):
    cloud = Cloud(api.emulator)
    session = cloud.submit("sampler", SAMPLE, "ibm_algiers", start_session=True)["id"]
    for _ in range(2):
        assert cloud.send("DELETE", f"/sessions/{session}/close").status_code == 204
    refused_everywhere(api, "DELETE", f"/sessions/{session}/close")


@check("G-login")
def _(api):
    classic = Classic(api.emulator)
    answer = classic.send("POST", "/api/users/loginWithToken", json={"apiToken": api.emulator.api_key})
    assert set(answer.json()) == {"id"}
    assert code(classic.send("POST", "/api/users/loginWithToken", json={"apiToken": "x"})) == (401, 1201)
    assert code(classic.send("POST", "/api/users/loginWithToken", json={})) == (400, 1002)


@check("G-logout", "R-older-logout")
def _(api):
    classic = Classic(api.emulator)
    answer = classic.send("POST", "/api/users/logout")
    assert (answer.status_code, answer.text) == (200, "")
    assert code(classic.send("POST", "/api/users/logout")) == (401, 1219)
    assert code(classic.get("/backends")) == (401, 1219)
    lapsing = Classic(api.emulator)
    api.emulator.advance(3601)
    assert code(lapsing.get("/backends")) == (401, 1219)


def stream(client: Any, job_id: str) -> tuple[list[Any], int | None]:
    async def listen() -> tuple[list[Any], int | None]:
        url = f"{client.emulator.stream_url}/stream/jobs/{job_id}"
        async with websockets.connect(url, additional_headers=client.headers, proxy=None) as socket:
            messages = [message async for message in socket]
        return messages, socket.close_code

    return asyncio.run(asyncio.wait_for(listen(), 60))


@check("G-stream", "R-older-stream")
def _(api):
    for client in clients(api)[:2]:
        assert stream(client, ended(client)) == (["ACK", "Completed"], 1000)
        assert client.get("/stream/jobs/x").status_code == 426
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            stream(client, "nonsense")
        assert refused.value.response.status_code == 404


# Rules.


@check("R-older-hosts")
def _(api):
    assert {client.get("/programs").status_code for client in clients(api)} == {200}


@check("R-older-apart")
def _(api):
    cloud, classic, _ = clients(api)
    job_id = ended(cloud)
    assert classic.get(f"/jobs/{job_id}").status_code == api.get(f"/jobs/{job_id}").status_code == 404
    assert [job["id"] for job in api.emulator.jobs()] == [job_id]


@check("R-older-application")
def _(api):
    cloud = Cloud(api.emulator)
    body = cloud.body("sampler", "ibm_algiers", SAMPLE)
    for value in (None, "mine", "qiskit-version-2/1.0/mine"):
        answer = cloud.send("POST", "/jobs", json=body, headers={"x-qx-client-application": value})
        assert code(answer) == (400, 1002)


@check("R-older-provider")
def _(api):
    _, classic, first = clients(api)
    for client, program, params in ((classic, "sampler", SAMPLE), (first, "runtime-simple", SIMPLE)):
        assert client.post_job(program, params, hub="any").status_code == 200
        assert client.post_job(program, params, hub=None).status_code == 400


@check("R-older-start-session")
def _(api):
    cloud = Cloud(api.emulator)
    opened = cloud.submit("sampler", SAMPLE, "ibm_algiers", start_session=True)
    assert opened["session_id"] == opened["id"]
    later = cloud.submit("sampler", SAMPLE, "ibm_algiers", session_id=opened["id"])
    assert later["session_id"] == opened["id"] != later["id"]
    assert cloud.post_job("sampler", SAMPLE, "simulator_mps", start_session=True).status_code == 400


@check("R-older-session-closed")
def _(api):
    cloud = Cloud(api.emulator)
    session = cloud.submit("sampler", SAMPLE, "ibm_algiers", start_session=True)["id"]
    cloud.send("DELETE", f"/sessions/{session}/close")
    assert code(cloud.post_job("sampler", SAMPLE, "ibm_algiers", session_id=session)) == (400, 4001)


@check("R-older-no-isa")
def _(api):
    assert set(Cloud(api.emulator).result("sampler", {"circuits": [BELL]}, "ibm_kyoto")["quasi_dists"][0]) >= {"0", "3"}


@check("R-older-quasi")
def _(api):
    result = Classic(api.emulator).result("sampler", {"circuits": [FLIP] * 30}, "ibm_brisbane")
    assert all(abs(sum(dist.values()) - 1) < 1e-9 for dist in result["quasi_dists"])
    assert any(value < 0 for dist in result["quasi_dists"] for value in dist.values())
    assert {one["readout_mitigation_time"] for one in result["metadata"]} == {0.0005}
    wide = 'OPENQASM 3; include "stdgates.inc"; qubit[16] q; bit[16] c; h q; c = measure q;'
    result = Classic(api.emulator).result("sampler", {"circuits": [wide]}, "ibm_brisbane")
    assert result["metadata"][0]["readout_mitigation_overhead"] == 1
    assert min(result["quasi_dists"][0].values()) > 0


@check("R-older-simulators")
def _(api):
    dense = 'OPENQASM 3; include "stdgates.inc"; qubit[1] q; bit[1] c; x q[0]; t q[0]; c[0] = measure q[0];'
    result = Cloud(api.emulator).result("sampler", {"circuits": [dense]}, "simulator_stabilizer")
    assert result == {"quasi_dists": [{"1": 1.0}], "metadata": [{"shots": 4000, "circuit_metadata": {}}]}


@check("R-older-shots")
def _(api):
    classic = Classic(api.emulator)
    assert classic.result("sampler", SAMPLE)["metadata"] == [{"shots": 4000}]
    assert classic.result("sampler", {**SAMPLE, "run_options": {"shots": 9}})["metadata"] == [{"shots": 9}]


@check("R-older-settings")
def _(api):
    settings = {"transpilation_settings": {"level": 3}, "resilience_settings": {"level": 0}}
    result = Classic(api.emulator).result("sampler", {**SAMPLE, **settings}, "ibm_brisbane")
    assert result["metadata"][0]["readout_mitigation_overhead"] > 1


@check("R-older-estimator")
def _(api):
    classic = Classic(api.emulator)
    observables = ["ZZ", {"ZZ": 0.5}, {"paulis": ["ZZ", "XX"], "coeffs": [1, 1]}]
    result = classic.result("estimator", {"circuits": [STATE] * 3, "observables": observables})
    assert result["values"] == [1, 0.5, 2]
    encoded = {"__type__": "settings", "__value__": {}}
    assert classic.post_job("estimator", {"circuits": [STATE], "observables": [encoded]}).status_code == 400


@check("R-older-runners")
def _(api):
    for program in ("circuit-runner", "qasm3-runner"):
        result = Classic(api.emulator).result(program, SAMPLE)
        assert result == {"counts": [{"1": 1024}], "metadata": [{"shots": 1024}]}


@check("R-older-2021")
def _(api):
    first = First(api.emulator)
    programs = {program["id"]: program for program in first.get("/programs").json()}
    assert {program["cost"] for program in programs.values()} == {1800}
    running = [name for name in programs if first.post_job(name, SIMPLE).status_code == 200]
    assert running == ["runtime-simple"]
    assert json.loads(programs["vqe"]["parameters"]) == {"doc": []}
    answer = first.text(first.submit("circuit-runner", SAMPLE)["id"])
    assert set(json.loads(answer.text)) == {"counts", "metadata"}


@check("R-older-2021-params")
def _(api):
    first = First(api.emulator)
    for params in (SIMPLE, ["{}", "{}"], ["no json"]):
        body = {**first.body("runtime-simple", "ibmq_montreal", {}), "params": params}
        assert code(first.send("POST", "/jobs", json=body)) == (400, 1002)


@check("R-older-2021-failure")
def _(api):
    first = First(api.emulator)
    assert first.text(first.submit("circuit-runner", {"circuits": "x"})["id"]).status_code == 400
    api.emulator.configure(queue_seconds=100)
    job_id = first.submit("runtime-simple", SIMPLE)["id"]
    first.send("POST", f"/jobs/{job_id}/cancel")
    assert first.text(job_id).status_code == 400


@check("R-older-limits")
def _(api):
    api.emulator.configure(rate_limit=True, usage_limit_seconds=0)
    cloud = Cloud(api.emulator)
    for _ in range(7):
        cloud.submit("sampler", SAMPLE)
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 0
