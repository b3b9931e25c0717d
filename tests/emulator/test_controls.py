"""The controls of the emulator for tests: faults, the journal, and forced ends of jobs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.emulator.__main__ import main


def test_a_connection_dropped_before_the_server_acted_leaves_no_job(api):
    api.emulator.add_fault(method="POST", path="/jobs", drop="before")
    with pytest.raises(requests.ConnectionError):
        api.post_job((api.bell(), None, 1))
    assert api.emulator.jobs() == []


def test_a_connection_dropped_after_the_server_acted_leaves_a_job(api):
    api.emulator.add_fault(method="POST", path="/jobs", drop="after")
    with pytest.raises(requests.ConnectionError):
        api.post_job((api.bell(), None, 1))
    assert len(api.emulator.jobs()) == 1
    assert api.emulator.requests()[-1]["dropped"] == "after"


@pytest.mark.parametrize(("phase", "jobs"), [("before", 0), ("after", 1)])
def test_an_error_answer_comes_before_or_after_the_server_acted(api, phase, jobs):
    api.emulator.add_fault(method="POST", path="/jobs", status=503, phase=phase)
    assert api.refusal(api.post_job((api.bell(), None, 1)))[0] == 503
    assert len(api.emulator.jobs()) == jobs


def test_a_fault_applies_as_often_as_it_says_and_after_what_it_skips(api):
    api.emulator.add_fault(path="/backends", status=500, times=2, skip=1)
    assert [api.get("/backends").status_code for _ in range(4)] == [200, 500, 500, 200]
    assert api.emulator.faults()[0]["applied"] == 2


def test_a_fault_without_times_lasts_until_it_is_lifted(api):
    api.emulator.add_fault(path="^/jobs/.*$", status=500, times=None)
    assert [api.get("/jobs/x").status_code for _ in range(3)] == [500] * 3
    api.emulator.clear_faults()
    assert api.get("/jobs/x").status_code == 404


def test_a_fault_can_answer_as_a_gateway_does(api):
    api.emulator.add_fault(path="/backends", status=502, html="<html>Bad gateway</html>", retry_after=7)
    answer = api.get("/backends")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Retry-After"] == "7"
    assert answer.text == "<html>Bad gateway</html>"


def test_a_late_answer_runs_into_the_clients_timeout_though_the_server_acted(api):
    api.emulator.add_fault(method="POST", path="/jobs", delay=3, phase="after")
    with pytest.raises(requests.ReadTimeout):
        api.send(
            "POST",
            "/jobs",
            json={"program_id": "sampler", "backend": "ibm_fez", "params": {"pubs": [api.bell()]}},
            timeout=1,
        )
    assert len(api.emulator.jobs()) == 1


def test_faults_reach_iam_too(api):
    api.emulator.add_fault(path="/identity/token", status=503)
    answer = requests.post(f"{api.emulator.iam_url}/identity/token", data={}, timeout=10)
    assert answer.status_code == 503
    assert "errorCode" in answer.json()


@pytest.mark.parametrize(
    "rule", [{}, {"status": "x"}, {"drop": "sideways"}, {"unknown": 1}, {"path": "^(", "status": 500}]
)
def test_a_fault_that_makes_no_sense_is_refused(emulator, rule):
    with pytest.raises(ValueError):
        emulator.add_fault(**rule)


def test_the_journal_tells_what_came(api):
    api.emulator.clear_requests()
    api.get("/backends?fields=wait_time_seconds", headers={"X-Qx-Client-Application": "mine"})
    api.get("/backends", headers={"Authorization": None})
    first, second = api.emulator.requests()
    assert (first["method"], first["path"], first["query"], first["status"], first["authenticated"]) == (
        "GET",
        "/api/v1/backends",
        "fields=wait_time_seconds",
        200,
        True,
    )
    assert first["headers"]["ibm-api-version"] == "2026-04-15"
    assert first["headers"]["x-qx-client-application"] == "mine"
    assert (second["status"], second["authenticated"]) == (401, False)


def test_the_journal_holds_no_secrets(connect):
    with Emulator(api_key="a-very-secret-key") as emulator:
        api = connect(emulator)
        token = api.headers["Authorization"].removeprefix("Bearer ")
        account = emulator.instance.split(":")[6].removeprefix("a/")
        api.get(f"/accounts/{account}?key=a-very-secret-key")
        api.get("/backends", headers={"X-Qx-Client-Application": f"a-very-secret-key/{token}"})
        text = json.dumps(emulator.requests())
    for secret in (token, "a-very-secret-key", account, "Bearer"):
        assert secret not in text


def test_a_job_can_be_made_to_fail_with_a_reason(api):
    api.emulator.configure(queue_seconds=100)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.finish(job_id, status="Failed", reason="Broken.", reason_code=5203, reason_solution="Retry.")
    assert api.job(job_id)["state"] == {
        "status": "Failed",
        "reason": "Broken.",
        "reason_code": 5203,
        "reason_solution": "Retry.",
    }


def test_a_job_can_be_completed_now_with_its_true_result(api):
    api.emulator.configure(queue_seconds=100, run_seconds=100)
    job_id = api.submit((api.bell(), None, 5))
    assert api.emulator.finish(job_id)["status"] == "Completed"
    assert len(api.result(job_id)["results"][0]["data"]["meas"]["samples"]) == 5


def test_a_job_whose_circuit_cannot_run_is_not_completed_by_force(api):
    api.emulator.configure(queue_seconds=100)
    job_id = api.submit((f"{api.qasm}bit[1] c; h $0; c[0] = measure $0;", None, 1))
    assert api.emulator.finish(job_id)["status"] == "Failed"


def test_jobs_are_numbered_in_order_of_submission(api):
    ids = [api.submit((api.bell(), None, 1)) for _ in range(2)]
    assert [(job["ordinal"], job["id"]) for job in api.emulator.jobs()] == [(1, ids[0]), (2, ids[1])]


def test_status_and_queue_of_a_backend_can_be_set(api):
    api.emulator.configure(backends={"ibm_fez": {"status": "paused", "reason": "internal", "queue_length": 7}})
    status = api.get("/backends/ibm_fez/status").json()
    assert (status["state"], status["message"], status["length_queue"]) == (False, "internal", 7)
    devices = {one["name"]: one for one in api.get("/backends").json()["devices"]}
    assert devices["ibm_fez"]["status"] == {"name": "paused", "reason": "internal"}


def test_backends_say_what_the_snapshot_says(api):
    configuration = api.get("/backends/ibm_fez/configuration").json()
    assert configuration["n_qubits"] == 156
    assert {"cz", "id", "rx", "rz", "rzz", "sx", "x"} == set(configuration["basis_gates"])
    assert len(api.get("/backends/ibm_fez/properties").json()["qubits"]) == 156
    listed = api.get("/backends", params={"fields": "wait_time_seconds"}).json()["devices"][0]
    assert set(listed["wait_time_seconds"]) == {"average", "p50", "p95"}
    assert listed["performance_metrics"]["two_q_error_best"]["value"] > 0
    assert "wait_time_seconds" not in api.get("/backends").json()["devices"][0]
    assert api.refusal(api.get("/backends/ibm_fez/defaults"))[0] == 404
    assert api.refusal(api.get("/backends/ibm_nowhere/status"))[0] == 404


def test_an_unknown_setting_or_snapshot_is_refused_by_name():
    with pytest.raises(TypeError, match="queue_second"):
        Emulator(queue_second=1)
    with pytest.raises(ValueError, match="ibm_nowhere"), Emulator(backends=["ibm_nowhere"]):
        pass


def test_importing_the_package_loads_neither_the_web_framework_nor_qiskit():
    code = (
        "import sys, airflow_provider_qrt.emulator; "
        "print([m for m in ('fastapi', 'uvicorn', 'qiskit', 'numpy', 'airflow') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_command_serves_and_says_where(tmp_path):
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "airflow_provider_qrt.emulator", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        said = json.loads(ready.read_text())
        assert said["pid"] == process.pid
        assert requests.get(f"{said['url']}/versions", timeout=10).status_code == 200
        assert requests.get(f"{said['iam_url']}/_emulator/jobs", timeout=10).json() == {"jobs": []}
    finally:
        process.terminate()
        shown, _ = process.communicate(timeout=20)
    assert "qiskit_runtime" in shown
    assert said["url"] in shown


def test_the_page_has_every_option_of_the_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    page = Path(__file__).parents[2] / "docs" / "emulator.md"
    assert options
    assert options <= set(re.findall(r"`(--[a-z-]+)`", page.read_text()))


def test_the_command_says_what_is_wrong_with_its_arguments():
    command = [sys.executable, "-m", "airflow_provider_qrt.emulator", "--port", "0", "--backends", "ibm_nowhere"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert shown.returncode == 2
    assert "no snapshot of 'ibm_nowhere'" in shown.stderr


@pytest.mark.parametrize("package", ["qiskit_aer", "qiskit_ibm_runtime"])
def test_the_command_names_the_extra_that_it_needs(package, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit):
        main(["--port", "0"])
    assert f"the emulator needs {package}: pip install 'airflow-provider-qrt[emulator]'" in capsys.readouterr().err


def test_a_reset_sets_the_clock_right(api):
    api.emulator.advance(3600)
    api.emulator.reset()
    api.post_job((api.bell(), None, 1))
    [job] = api.emulator.jobs()
    assert abs((datetime.fromisoformat(job["created"]) - datetime.now(UTC)).total_seconds()) < 600


def test_after_a_reset_no_backend_waits_for_a_moment_of_the_former_time(api):
    api.emulator.configure(backends={"ibm_fez": {"status": "paused"}})
    api.emulator.advance(3600)
    api.emulator.configure(backends={"ibm_fez": {"status": "online"}})
    api.emulator.reset()
    api.result(api.submit((api.bell(), None, 1)))


def test_qubits_and_gates_can_be_taken_out_of_service(api):
    def fault(qubit):
        facts = api.get("/backends/ibm_fez/properties").json()["qubits"][qubit]
        return [one["value"] for one in facts if one["name"] == "operational"]

    assert fault(3) == []
    shown = api.emulator.configure(backends={"ibm_fez": {"faulty_qubits": [3], "faulty_gates": [["cz", [0, 1]]]}})
    assert shown["backends"]["ibm_fez"]["faulty_gates"] == [["cz", [0, 1]]]
    assert (fault(3), fault(2)) == ([0], [])
    gates = api.get("/backends/ibm_fez/properties").json()["gates"]
    out = [(one["gate"], one["qubits"]) for one in gates if any(p["name"] == "operational" for p in one["parameters"])]
    assert out == [("cz", [0, 1])]
    state = api.failure((f"{api.qasm}bit[1] c; x $3; c[0] = measure $3;", None, 5))
    assert state["reason_code"] == 7001
    assert "out of service" in state["reason"]
    api.emulator.reset()
    assert fault(3) == []


@pytest.mark.parametrize(
    "change",
    [
        {"faulty_qubits": 3},
        {"faulty_qubits": [156]},
        {"faulty_qubits": [True]},
        {"faulty_gates": ["cz"]},
        {"faulty_gates": [["cz", []]]},
        {"faulty_gates": [["cz", [0, 999]]]},
        {"faulty_gates": {"cz": [0, 1]}},
    ],
)
def test_faults_that_make_no_sense_are_refused(api, change):
    with pytest.raises(ValueError, match="must be a list of"):
        api.emulator.configure(backends={"ibm_fez": change})
