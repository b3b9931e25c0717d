"""Dry runs: jobs on the mock twins of the machines."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_qrt.emulator import Emulator

ESTIMATE = 2 + 0.00035 * 1000
WITHOUT = ("open", "pay-as-you-go")
WITH = ("paid", "flex", "premium", "on-prem")


def names(api, **query):
    return [one["name"] for one in api.get("/backends", params=query).json()["devices"]]


def listed(api, path, **query):
    return [one["id"] for one in api.get(f"/{path}", params=query).json()[path]]


def dry_run(api, *pub, **options):
    return api.submit(pub or (api.bell(), None, 1000), backend="mock_fez", **options)


def test_every_machine_has_a_twin_that_is_listed_on_request_only(api):
    real = names(api)
    assert names(api, include_mocks="false") == real
    assert names(api, include_mocks="true") == real + [f"mock_{name.removeprefix('ibm_')}" for name in real]
    devices = api.get("/backends?include_mocks=True").json()["devices"]
    assert [one["name"] for one in devices if one.get("class") == "mock"] == [
        one["name"] for one in devices[len(real) :]
    ]
    assert api.get("/instance").json()["backends"] == real


def test_names_alone_are_listed_alike(api):
    old = {"IBM-API-Version": None}
    assert "mock_fez" not in api.get("/backends", headers=old).json()["devices"]
    assert "mock_fez" in api.get("/backends?include_mocks=true", headers=old).json()["devices"]


@pytest.mark.parametrize("plan", WITHOUT)
def test_plans_without_dry_runs_neither_list_nor_know_twins(connect, plan):
    with Emulator(plan=plan, rate_limit=False) as emulator:
        api = connect(emulator)
        assert names(api, include_mocks="true") == names(api)
        assert api.refusal(api.get("/backends/mock_fez/status"))[0] == 404
        assert api.refusal(api.post_job((api.bell(), None, 1), backend="mock_fez"))[0] == 404


@pytest.mark.parametrize("plan", WITH)
def test_other_plans_have_twins(connect, plan):
    with Emulator(plan=plan) as emulator:
        assert "mock_fez" in names(connect(emulator), include_mocks="true")


def test_a_twin_has_the_configuration_and_the_calibration_of_its_machine(api):
    for part in ("configuration", "properties"):
        real, twin = (api.get(f"/backends/{name}/{part}").json() for name in ("ibm_fez", "mock_fez"))
        assert (real.pop("backend_name"), twin.pop("backend_name")) == ("ibm_fez", "mock_fez")
        assert real == twin
    assert api.get("/backends/mock_fez/status").json()["message"] == "available"


def test_a_qubit_that_is_out_of_service_is_so_on_the_twin_too(api):
    api.emulator.configure(backends={"ibm_fez": {"faulty_qubits": [0]}})
    real, twin = (api.get(f"/backends/{name}/properties").json()["qubits"][0] for name in ("ibm_fez", "mock_fez"))
    assert real == twin
    assert "operational" in {fact["name"] for fact in twin}
    assert api.failure((api.bell(), None, 1), backend="mock_fez")["reason_code"] == 7001


@pytest.mark.parametrize(
    "circuit", ["h $0;", "cz $0, $2;", "cz $0;", "rzz(2) $0, $1;", "gate rzz(a) p, q {} rzz(-1) $0, $1;"]
)
def test_a_circuit_fails_as_on_the_real_machine(api, circuit):
    text = f"{api.qasm} bit[1] c; {circuit} c[0] = measure $0;"
    real, twin = (api.failure((text, None, 1), backend=name) for name in ("ibm_fez", "mock_fez"))
    assert real == twin


def test_a_malformed_input_is_refused_as_on_the_real_machine(api):
    for name in ("ibm_fez", "mock_fez"):
        assert api.refusal(api.post_job((api.bell(), None, 0), backend=name)) == (400, 1002)


def test_samples_are_random_bits_of_the_right_shape(api):
    text = f"{api.qasm} input float[64] a; bit[2] m; bit[9] wide; rx(a) $0; m[0] = measure $0;"
    data = api.result(dry_run(api, text, [[0.0], [1.0], [2.0]], 400))["results"][0]["data"]
    assert (data["m"]["num_bits"], data["wide"]["num_bits"]) == (2, 9)
    assert [len(row) for row in data["m"]["samples"]] == [400] * 3
    assert {int(word, 16) for row in data["m"]["samples"] for word in row} == {0, 1, 2, 3}
    assert max(int(word, 16) for row in data["wide"]["samples"] for word in row) < 512


def test_nothing_is_simulated(api):
    """The emulator cannot simulate 60 entangled qubits that are not Clifford, and needs not to."""
    gates = "".join(f"rx(0.3) ${place}; " for place in range(60))
    chain = "".join(f"cz ${place}, ${place + 1}; " for place in range(15))
    rungs = "".join(f"cz ${place}, ${place + 1}; " for place in range(20, 35))
    text = f"{api.qasm} bit[60] c; {gates}{chain}{rungs}{gates}" + "".join(
        f"c[{place}] = measure ${place};" for place in range(60)
    )
    wide = f"{api.qasm} bit[156] c; " + "".join(f"sx ${place}; " for place in range(156))
    wide += "".join(f"c[{place}] = measure ${place};" for place in range(156))
    for one in (text, wide):
        samples = api.result(dry_run(api, one, None, 50))["results"][0]["data"]["c"]["samples"]
        assert len(set(samples)) == 50


def test_estimates_are_random_values_that_the_observables_could_have(api):
    job_id = dry_run(api, f"{api.qasm} x $0; rz(0) $1;", [["ZI", "IZ"], [{"XX": 3}, "II"]], program_id="estimator")
    data = api.result(job_id)["results"][0]["data"]
    assert len({value for row in data["evs"] for value in row}) == 4
    assert all(-1 <= value <= 1 for value in (*data["evs"][0], data["evs"][1][1]))
    assert all(0 < error < 3 for row in data["stds"] for error in row)


def test_a_dry_run_has_the_states_tags_and_metrics_of_a_job_and_reports_the_estimate_as_usage(api):
    api.emulator.configure(queue_seconds=100, run_seconds=100)
    job_id = dry_run(api, tags=["mine"])
    assert api.job(job_id)["state"]["status"] == "Queued"
    assert api.job(job_id)["usage"] == {"qpu_charge_time_seconds": 0, "status": "pending"}
    api.emulator.advance(100)
    assert api.job(job_id)["state"]["status"] == "Running"
    api.emulator.advance(100)
    job = api.wait(job_id)
    assert (job["backend"], job["tags"], job["state"]["status"]) == ("mock_fez", ["mine"], "Completed")
    assert job["estimated_running_time_seconds"] == pytest.approx(ESTIMATE)
    metrics = api.get(f"/jobs/{job_id}/metrics").json()
    assert metrics["usage"] == {"qpu_charge_time_seconds": pytest.approx(ESTIMATE), "status": "complete"}
    assert None not in metrics["timestamps"].values()


def test_a_dry_run_that_fails_or_is_cancelled_would_use_nothing(api):
    failed = dry_run(api, f"{api.qasm} bit[1] c; h $0; c[0] = measure $0;", None, 10)
    assert api.wait(failed)["usage"]["qpu_charge_time_seconds"] == 0
    api.emulator.configure(run_seconds=100)
    cancelled = dry_run(api)
    api.job(cancelled)
    assert api.send("POST", f"/jobs/{cancelled}/cancel").status_code == 204
    assert api.wait(cancelled)["usage"] == {"qpu_charge_time_seconds": 0, "status": "complete"}


def test_a_dry_run_is_listed_on_request_only(api):
    job_id = dry_run(api, tags=["rehearsal"])
    api.result(job_id)
    for path in ("jobs", "workloads"):
        assert listed(api, path) == listed(api, path, backend="mock_fez") == listed(api, path, tags="rehearsal") == []
        assert listed(api, path, include_mocks="true", tags="rehearsal") == [job_id]
        assert listed(api, path, include_mocks="true", backend="ibm_fez") == []
    assert api.get("/tags?type=job&search=rehearsal").json() == {"tags": []}
    for path in ("/jobs", "/workloads", "/backends"):
        assert api.refusal(api.get(f"{path}?include_mocks=perhaps"))[0] == 400


def test_a_dry_run_charges_nothing(api):
    api.emulator.configure(run_seconds=50)
    job_id = dry_run(api)
    api.emulator.advance(50)
    assert api.wait(job_id)["usage"]["qpu_charge_time_seconds"] > 2
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 0
    totals = api.get("/analytics/usage").json()
    assert (totals["usage"], totals["jobs"]) == (0, 0)
    assert api.get("/analytics/usage_grouped?group_by=backend").json()["data"] == []
    assert api.get("/backends/ibm_fez/status").json()["length_queue"] == 0


def test_a_dry_run_is_possible_at_the_usage_limit(api):
    api.emulator.configure(usage_limit_seconds=0)
    assert api.post_job((api.bell(), None, 1)).status_code == 409
    assert api.wait(dry_run(api))["state"]["status"] == "Completed"


def test_a_dry_run_counts_as_a_submission(api):
    api.emulator.configure(rate_limit=True)
    for _ in range(5):
        dry_run(api)
    assert api.refusal(api.post_job((api.bell(), None, 1))) == (429, 1202)


def test_a_paused_machine_does_not_hold_up_dry_runs(api):
    api.emulator.configure(backends={"ibm_fez": {"status": "paused"}})
    assert api.wait(dry_run(api))["state"]["status"] == "Completed"


def test_a_dry_run_in_a_session_is_admitted_and_leaves_the_session_as_it_was(api):
    body = {"mode": "dedicated", "backend": "ibm_fez"}
    session_id = api.send("POST", "/sessions", json=body).json()["id"]
    job_id = dry_run(api, session_id=session_id)
    assert api.wait(job_id)["session_id"] == session_id
    session = api.get(f"/sessions/{session_id}").json()
    assert (session["state"], session["last_job_started"], session["backend_name"]) == ("open", None, "ibm_fez")
    assert api.refusal(api.post_job((api.bell(), None, 1), backend="mock_boston", session_id=session_id))[0] == 400
    waiting = dry_run(api, session_id=session_id)
    assert api.send("PATCH", f"/sessions/{session_id}", json={"accepting_jobs": False}).status_code == 204
    assert api.wait(waiting)["state"]["status"] == "Completed"
    assert api.refusal(api.post_job((api.bell(), None, 1), backend="mock_fez", session_id=session_id)) == (400, 4001)


def test_a_session_on_a_twin_charges_nothing_and_is_listed_on_request_only(api):
    body = {"mode": "dedicated", "backend": "mock_fez"}
    session_id = api.send("POST", "/sessions", json=body).json()["id"]
    api.wait(dry_run(api, session_id=session_id))
    assert api.get(f"/sessions/{session_id}").json()["state"] == "active"
    api.emulator.advance(30)
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 0
    assert session_id not in listed(api, "workloads")
    assert session_id in listed(api, "workloads", include_mocks="true")
    assert api.get("/analytics/usage").json()["sessions"] == 0
    assert api.refusal(api.post_job((api.bell(), None, 1), session_id=session_id))[0] == 400


def test_a_dry_run_survives_a_restart(connect, tmp_path):
    state = str(tmp_path / "state.db")
    with Emulator(state=state, queue_seconds=1000) as emulator:
        job_id = dry_run(connect(emulator))
    with Emulator(state=state, queue_seconds=0) as emulator:
        api = connect(emulator)
        emulator.advance(2000)
        assert api.wait(job_id)["usage"]["qpu_charge_time_seconds"] == pytest.approx(ESTIMATE)
        assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 0
        assert listed(api, "jobs") == []


def test_the_page_of_a_dry_run_says_that_the_time_was_not_used(api):
    job_id = dry_run(api)
    api.wait(job_id)
    page = requests.get(f"{api.emulator.url}/jobs/{job_id}", headers={"Accept": "text/html"}, timeout=10).text
    assert "that a real run would take" in page
