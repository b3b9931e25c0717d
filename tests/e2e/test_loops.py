"""The example DAGs with hybrid loops: their answers, their sessions, and how they are watched."""

from __future__ import annotations

from collections import Counter

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

LOOPS = {"h2_vqe": "minimise", "qaoa_maxcut": "best_cut", "sampled_diagonalization": "diagonalise"}
H2_GROUND_ENERGY = -1.1373
"""Hartree, with the repulsion of the nuclei: full configuration interaction, STO-3G, 0.735 angstrom."""
MOST_CUT = 10


@pytest.fixture(scope="module")
def runs(airflow, service, tmp_path_factory):
    """One run of each, side by side; of their first jobs some queue for so long that the task leaves its worker."""
    service.configure(queue_seconds=0, run_seconds=0.2)
    service.add_rule(queue_seconds=40, times=len(LOOPS))
    journal = str(tmp_path_factory.mktemp("journal"))
    conf = {"sampled_diagonalization": {"journal": journal}}
    started = {name: airflow.trigger(f"qiskit_runtime_{name}", conf.get(name)) for name in LOOPS}
    for name, run_id in started.items():
        airflow.expect_end(f"qiskit_runtime_{name}", run_id, seconds=900)
    service.clear_rules()
    return started


@pytest.fixture
def value(airflow, runs):
    return lambda name: airflow.xcom(f"qiskit_runtime_{name}", runs[name], LOOPS[name])


@pytest.fixture
def manifest(airflow, runs):
    return lambda name: airflow.xcom(f"qiskit_runtime_{name}", runs[name], LOOPS[name], "qiskit_runtime_loop")


def test_scipy_finds_the_ground_energy_of_hydrogen(value):
    found = value("h2_vqe")
    assert found["energy"] == pytest.approx(H2_GROUND_ENERGY, abs=0.02)
    assert found["standard_error"] < 0.01


def test_the_best_cut_of_the_graph_is_found(value):
    assert value("qaoa_maxcut")["edges"] == MOST_CUT


def test_the_energy_falls_from_round_to_round(value):
    found = value("sampled_diagonalization")
    assert found["energies"] == sorted(found["energies"], reverse=True)
    assert 0 <= found["energies"][-1] - found["exact_energy"] < 0.3


@pytest.mark.parametrize("name", LOOPS)
def test_each_call_has_run_one_job_in_the_one_batch_that_is_closed(submissions, api, manifest, runs, name):
    jobs = submissions(runs[name])
    assert Counter(job["status"] for job in jobs) == {"Completed": len(jobs)}
    [session_id] = {job["session_id"] for job in jobs}
    session = api(f"/sessions/{session_id}")
    assert (session["mode"], session["state"], session["accepting_jobs"]) == ("batch", "closed", False)
    listed = [job_id for call in manifest(name)["calls"] for job_id in call["job_ids"]]
    assert sorted(listed) == sorted(job["id"] for job in jobs)
    assert manifest(name)["jobs"] == len(jobs)


@pytest.mark.parametrize("name", LOOPS)
def test_the_log_has_a_line_for_each_call(airflow, manifest, runs, name):
    log = airflow.task_log(f"qiskit_runtime_{name}", runs[name], LOOPS[name])
    for call in manifest(name)["calls"]:
        named = f" {call['name']!r}" if call["name"] else ""
        assert f"Call {call['number']} ({call['kind']}{named})" in log
    assert "the task leaves its worker" in log
    # Qiskit's line for each pass, and the official client's for each PUB, which Airflow shows as an error.
    assert "Pass: " not in log
    assert ":INFO:" not in log


def test_the_page_of_the_run_draws_the_course_of_the_loop(ask, manifest, runs):
    page = ask(lambda page: page["tasks"], "/api/result", dag_id="qiskit_runtime_h2_vqe", run_id=runs["h2_vqe"])
    [course] = [task["loop"] for task in page["tasks"] if task["loop"]]
    energies = [(call["number"], *call["shown"]["evs"], *call["shown"]["stds"]) for call in manifest("h2_vqe")["calls"]]
    [series] = course["series"]
    assert series["name"] == "energy"
    assert [(point["call"], point["value"], point["error"]) for point in series["points"]] == energies[:-1]
    assert course["seconds"] == pytest.approx(manifest("h2_vqe")["seconds"], abs=1e-3)
