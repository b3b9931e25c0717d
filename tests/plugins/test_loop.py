"""The course of a hybrid loop on the page Result."""

from __future__ import annotations

import json

import pytest

from airflow_provider_qrt.compat import has_state_store
from airflow_provider_qrt.hybrid.journal import Call, Entry, JobOfCall
from airflow_provider_qrt.plugins.loop_data import KEY, LoopCall
from airflow_provider_qrt.plugins.loop_view import loop_view
from airflow_provider_qrt.plugins.overview import Price
from tests.plugins.conftest import LINK, RUN

PRICE = Price(1.6, "USD")


def energy(number: int, value: float, *, seconds: float = 2.0) -> LoopCall:
    shown = {"evs": [value], "stds": [0.01], "values": 1}
    return LoopCall(number, "estimate", "energy", (f"job{number}",), seconds, shown)


def test_the_course_has_the_values_of_each_name_and_what_was_spent():
    calls = [energy(1, -0.5), LoopCall(2, "step", "fit"), energy(3, -0.75), energy(4, -1.0)]
    view = loop_view(calls, PRICE)
    [series] = view["series"]
    assert series["name"] == "energy"
    assert [(one["call"], one["value"], one["error"]) for one in series["points"]] == [
        (1, -0.5, 0.01),
        (3, -0.75, 0.01),
        (4, -1.0, 0.01),
    ]
    assert [row["spent"] for row in view["calls"]] == [2.0, 2.0, 4.0, 6.0]
    assert (view["jobs"], view["seconds"], view["cost"]) == (3, 6.0, PRICE.of(6.0))


def test_counts_and_arrays_are_told_in_words():
    counts = LoopCall(1, "sample", None, ("a",), 1.0, {"counts": {"0": 7, "1": 3}, "outcomes": 9})
    array = LoopCall(2, "estimate", None, ("b",), 1.0, {"evs": [1.0, 0.5], "stds": [0, 0], "values": 5})
    view = loop_view([counts, array], PRICE)
    assert [row["shown"] for row in view["calls"]] == ["0: 7, 1: 3 and 7 more outcomes", "1, 0.5 and 3 more values"]
    assert view["series"] == []


def test_a_task_without_calls_is_no_loop():
    assert loop_view([], PRICE) is None


def test_a_call_is_read_as_the_journal_writes_it():
    entry = Entry(
        Call(3, "estimate", "energy", {"circuits": ["sha256:1"]}),
        {"here": "AAAA"},
        (JobOfCall("a", "ibm_fez", 2.0), JobOfCall("b", "ibm_fez", None)),
        {"evs": [0.5], "stds": [0.1], "values": 1},
        1.0,
        "executor",
    )
    read = LoopCall.read(json.loads(json.dumps(entry.to_json())))
    assert read == LoopCall(3, "estimate", "energy", ("a", "b"), 2.0, {"evs": [0.5], "stds": [0.1], "values": 1})


@pytest.mark.parametrize("value", [None, 3, [], {}, {"number": "one"}, {"number": 1, "job_ids": 7}, {"call": {}}])
def test_what_is_no_call_is_left_out(value):
    assert LoopCall.read(value) is None


def test_odd_values_are_not_drawn():
    odd = [
        LoopCall(number, "estimate", "x", (), 0.0, shown)
        for number, shown in enumerate(
            [{"evs": "many"}, {"evs": [None]}, {"evs": [True]}, {"counts": 3}, {"evs": [float("inf")]}], start=1
        )
    ]
    view = loop_view(odd, PRICE)
    assert view["series"] == []
    assert all(row["value"] is None for row in view["calls"])


def test_the_page_has_the_loop_that_has_ended(database, browser, connection):
    database.add_dag("vqe")
    manifest = {"calls": [{"number": 1, "kind": "estimate", "name": "energy", "job_ids": ["a"], "seconds": 2.0}]}
    database.add_task("vqe", "ended", **{LINK: "http://127.0.0.1/jobs/a", KEY: manifest, "job_id": "a"})
    [task] = browser().read("/api/result", dag_id="vqe", run_id=RUN)["tasks"]
    assert (task["loop"]["jobs"], task["loop"]["seconds"]) == (1, 2.0)


@pytest.mark.skipif(not has_state_store(), reason="before Airflow 3.3 the database has no state of tasks")
def test_the_page_has_the_loop_that_goes_on(database, browser, connection):
    database.add_dag("vqe")
    database.add_task("vqe", "going_on", state="running", **{LINK: "http://127.0.0.1/jobs/a", "job_id": "a"})
    page = [Entry(Call(number, "sample"), {}, (JobOfCall(f"j{number}", None, 1.0),)).to_json() for number in (1, 2)]
    database.add_state("vqe", "going_on", **{KEY: {"run": 2, "max_tries": 0}, f"{KEY}.2.0": page, f"{KEY}.1.0": []})
    [task] = browser().read("/api/result", dag_id="vqe", run_id=RUN)["tasks"]
    assert [row["jobs"] for row in task["loop"]["calls"]] == [["j1"], ["j2"]]
