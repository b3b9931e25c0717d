"""A task's figures over the runs of its DAG."""

from __future__ import annotations

import csv
import io
import math
import time
from datetime import UTC, datetime, timedelta

import pytest
from airflow.utils.session import create_session

from airflow_provider_qrt.client.models import JobMetrics
from airflow_provider_qrt.plugins import run_data
from airflow_provider_qrt.plugins.machine_data import Calibration
from airflow_provider_qrt.plugins.overview import Price
from airflow_provider_qrt.plugins.trends import Measure, TaskOfRun, day_of, hellinger, measures_of, points
from tests.plugins.conftest import LINK, RUN

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRICE = Price(2.0, "USD")


def sampler(number, *entries, **more):
    return {"job_id": f"job{number}", "program_id": "sampler", "results": list(entries), "backend": "ibm_fez", **more}


def run(number, value, **more):
    return TaskOfRun(f"run_{number}", NOW - timedelta(days=number), "success", value, **more)


def figures(runs, measure, times=None, calibrations=None):
    return points(runs, measure, PRICE, times=times or {}, calibrations=calibrations or {})


def test_the_probability_of_an_outcome_has_an_error_and_runs_are_in_order():
    runs = [run(0, sampler(0, {"counts": {"0": 30, "1": 10}})), run(1, sampler(1, {"counts": {"1": 40}}))]
    [(first, name), (second, _)] = measures_of(runs)
    assert (first, name, second.name) == (Measure("outcome", 0, "0"), "P(0)", "1")

    before, now = figures(runs, first)

    assert (before["run_id"], before["value"], before["error"], before["distance"]) == ("run_1", 0.0, 0.0, None)
    assert (now["value"], now["error"]) == (0.75, pytest.approx(math.sqrt(0.75 * 0.25 / 40)))
    assert now["distance"] == pytest.approx(math.sqrt(1 - math.sqrt(0.25)))


def test_of_large_results_the_most_frequent_outcomes_are_followed():
    large = {"shots": 40, "counts": None, "top_counts": {"00": 20, "01": 10}, "num_outcomes": 5}
    runs = [run(0, sampler(0, large)), run(1, sampler(1, {**large, "top_counts": {"00": 30}}))]
    [(first, _), (second, _)] = measures_of(runs)

    assert [(one["value"], one["distance"]) for one in figures(runs, first)] == [(0.75, None), (0.5, None)]
    # How often a rarer outcome came is not known.
    assert [one["value"] for one in figures(runs, second)] == [None, 0.25]


def test_expectation_values_are_named_by_observable_and_parameters():
    entry = {
        "evs": [0.5, None],
        "stds": [0.1, 0.2],
        "observables": ["ZZ", "XX"],
        "parameter_values": {"theta": 0.25},
    }
    runs = [run(0, sampler(0, entry, entry)), run(1, None), run(2, sampler(2, {"counts": {"0": 1}}))]
    measures = measures_of(runs)
    assert [name for _, name in measures] == [
        "ZZ, theta = 0.25 (PUB 0)",
        "XX, theta = 0.25 (PUB 0)",
        "ZZ, theta = 0.25 (PUB 1)",
        "XX, theta = 0.25 (PUB 1)",
    ]

    values = [(one["value"], one["error"]) for one in figures(runs, measures[0][0])]

    # A run without a value, or with another one, is a gap.
    assert values == [(None, None), (None, None), (0.5, 0.1)]
    assert [one["value"] for one in figures(runs, measures[1][0])] == [None, None, None]


def test_numbers_that_a_loop_returned_are_followed():
    runs = [
        run(0, {"energy": -1.1, "angles": [1], "note": "x", "ok": True}, backend="ibm_boston"),
        run(1, {"energy": 2}),
    ]
    assert measures_of(runs) == [(Measure("number", 0, "energy"), "energy")]

    found = figures(runs, Measure("number", 0, "energy"))

    assert [(one["value"], one["backend"]) for one in found] == [(2.0, None), (-1.1, "ibm_boston")]


def test_cost_queue_and_calibration_stand_beside_it():
    value = sampler(
        7, {"counts": {"0": 1}}, usage_seconds=3.0, created="2026-11-20T23:30:00Z", finished="2026-11-21T00:00:00Z"
    )
    metrics = JobMetrics(created=NOW, running=NOW + timedelta(seconds=40))
    calibrations = {("ibm_fez", "2026-11-20"): Calibration(NOW, 0.004, 0.01, None, None)}
    assert day_of(run(0, value)) == ("ibm_fez", "2026-11-20")

    [found] = figures([run(0, value)], None, {"job7": metrics}, calibrations)

    assert (found["seconds"], found["cost"], found["queue_seconds"], found["total_seconds"]) == (3.0, 6.0, 40.0, 1800.0)
    assert (found["two_qubit_error"], found["readout_error"]) == (0.004, 0.01)


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ({"0": 5}, {"0": 900}, 0.0),
        ({"0": 5}, {"1": 5}, 1.0),
        ({"0": 1, "1": 1}, {"0": 1}, math.sqrt(1 - math.sqrt(0.5))),
        ({}, {"0": 1}, None),
        ({"0": -1.0, "1": 2.0}, {"1": 1.0}, 0.0),
    ],
)
def test_the_distance_of_two_distributions(one, other, distance):
    found = hellinger(one, other)
    assert found == (None if distance is None else pytest.approx(distance, abs=1e-9))


@pytest.mark.parametrize("key", ["ev:0:[1, 2]", "outcome:3:01 10", "number:0:a:b", "ev:0:"])
def test_a_measure_is_kept_in_the_address(key):
    assert Measure.read(key).key == key


@pytest.mark.parametrize("key", ["", "ev", "ev:x:1", "other:0:1", "ev:-1:"])
def test_anything_else_is_no_measure(key):
    assert Measure.read(key) is None


@pytest.mark.parametrize("value", [None, 3, "x", [], {"results": 3, "job_id": "j", "program_id": "p"}, {"a": "b"}])
def test_odd_values_offer_nothing(value):
    assert measures_of([run(0, value)]) == []
    assert figures([run(0, value)], Measure("ev", 0, ""))[0]["value"] is None


# The route


@pytest.fixture
def nightly(database, connection, submit):
    """Five runs of a DAG, of which one has failed."""
    database.add_dag("a_dag", None)
    for number in range(5):
        run_id = f"scheduled__{number}"
        database.add_run("a_dag", run_id, NOW + timedelta(days=number))
        value = sampler(number, {"counts": {"0": 10 * number, "1": 100}}, usage_seconds=2.0, created=NOW.isoformat())
        more = {} if number == 2 else {"return_value": value}
        database.add_task(
            "a_dag", run_id=run_id, state="failed" if number == 2 else "success", **more, **{LINK: "https://x"}
        )
    return "a_dag"


def test_runs_are_followed_with_gaps(browser, nightly):
    page = browser().until(lambda page: not page["to_be_read"], "/api/trends", dag_id=nightly)

    assert page["tasks"] == [{"task_id": "measure", "map_index": -1}]
    assert [one["key"] for one in page["measures"]] == ["outcome:0:1", "outcome:0:0"]
    assert [one["run_id"] for one in page["points"]] == [f"scheduled__{number}" for number in range(5)]
    values = [one["value"] for one in page["points"]]
    assert values == [1.0, pytest.approx(100 / 110), None, pytest.approx(100 / 130), pytest.approx(100 / 140)]
    assert page["points"][2]["state"] == "failed"
    # The emulator's machine has errors on every day.
    assert page["points"][0]["two_qubit_error"] > 0
    assert page["points"][4]["url"] == "/dags/a_dag/runs/scheduled__4"


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("dag_id", ["a_dag", "another_dag"])
def test_times_of_jobs_are_told_if_they_are_the_dags(
    browser, database, connection, submit, emulator, monkeypatch, dag_id, is_old
):
    """The list on the page Quantum goes back some days; jobs of older runs are read one by one."""
    if is_old:
        monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__PAGES_DAYS", "0.000001")
    emulator.configure(queue_seconds=0.2)
    job_id = submit(dag_id)
    while {one["id"]: one["status"] for one in emulator.jobs()}[job_id] != "Completed":
        time.sleep(0.1)
    database.add_dag("a_dag", None)
    database.add_run("a_dag", "scheduled__0", NOW)
    value = {**sampler(0, {"counts": {"0": 1}}, created=NOW.isoformat()), "job_id": job_id}
    database.add_task("a_dag", run_id="scheduled__0", return_value=value, **{LINK: "https://x"})

    page = browser().until(lambda page: not page["to_be_read"], "/api/trends", dag_id="a_dag")

    database.add_dag("another_dag", None)
    assert browser().read("/api/quantum")["jobs"]["total"] == (not is_old)
    assert (page["points"][0]["queue_seconds"] is not None) == (dag_id == "a_dag")


def test_another_figure_and_older_runs_can_be_asked_for(browser, nightly):
    page = browser().read("/api/trends", dag_id=nightly, measure="outcome:0:0", page=2, page_size=2)

    assert (page["page"], page["pages"], page["total"]) == (2, 3, 5)
    assert [one["run_id"] for one in page["points"]] == ["scheduled__1", "scheduled__2"]
    assert page["points"][0]["value"] == pytest.approx(10 / 110)


def test_the_table_can_be_exported(browser, nightly):
    text = browser().get("/api/trends", dag_id=nightly, format="csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["value"] for row in rows][:1] == ["1.0"]
    assert len(rows) == 5


def test_negative_quasi_probabilities_do_not_make_distributions_alike():
    assert hellinger({"0": 0.5, "1": 0.7, "2": -0.2}, {"0": 0.5, "1": 0.5}) == pytest.approx(0.0595, abs=1e-3)


def test_the_connection_is_that_of_the_newest_run_that_airflow_knows(database):
    database.add_dag("a_dag", None)
    for number, conn_id in enumerate(["one", "two"]):
        database.add_run("a_dag", f"run_{number}", NOW + timedelta(days=number))
        fields = {"qiskit_runtime_conn_id": conn_id}
        database.add_task("a_dag", run_id=f"run_{number}", rendered=fields, **{LINK: "https://x"})
    with create_session() as session:
        assert run_data.connection_of(session, "a_dag", ("measure", -1)) == "two"
        assert run_data.connection_of(session, "a_dag", ("another", -1)) is None


def test_a_dag_without_quantum_tasks_says_so(browser, database):
    database.add_dag("a_dag", RUN)
    assert "No task of this DAG" in browser().read("/api/trends", dag_id="a_dag")["message"]
