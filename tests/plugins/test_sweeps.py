"""Sweeps as curves and heat maps."""

from __future__ import annotations

import math

import pytest

from airflow_provider_qrt.plugins.sweeps import MOST_SERIES, sweep_view


def test_counts_over_one_parameter_are_probabilities_with_errors():
    found = sweep_view({"counts": [{"0": 100}, {"0": 75, "1": 25}, {"1": 100}], "parameter_values": {"t": [0, 1.5, 3]}})

    assert found["kind"] == "probability"
    assert found["axes"] == [{"name": "t", "values": [0.0, 1.5, 3.0]}]
    assert [(one["name"], one["values"]) for one in found["series"]] == [
        ("0", [1.0, 0.75, 0.0]),
        ("1", [0.0, 0.25, 1.0]),
    ]
    assert found["series"][0]["errors"] == [0.0, pytest.approx(math.sqrt(0.75 * 0.25 / 100)), 0.0]


def test_two_parameters_make_a_plane():
    entry = {
        "counts": [[{"0": 1}, {"1": 1}, {"0": 1}], [{"1": 1}, {"1": 1}, {"0": 1}]],
        "parameter_values": {"rows": [[10.0], [20.0]], "columns": [[1.0, 2.0, 3.0]]},
    }
    found = sweep_view(entry)

    assert found["axes"] == [{"name": "rows", "values": [10, 20]}, {"name": "columns", "values": [1, 2, 3]}]
    assert found["series"][1] == {"name": "1", "values": [0, 1, 0, 1, 1, 0], "errors": [0.0] * 6}


def test_expectation_values_are_curves_of_their_observables():
    entry = {
        "evs": [[1.0, 0.5], [0.0, None]],
        "stds": [[0.1, 0.2], [0.3, 0.4]],
        "observables": [["ZZ"], ["XX"]],
        "parameter_values": {"theta": [0.0, 1.0]},
    }
    found = sweep_view(entry)

    assert found["kind"] == "value"
    assert found["axes"] == [{"name": "theta", "values": [0.0, 1.0]}]
    assert found["series"] == [
        {"name": "ZZ", "values": [1.0, 0.5], "errors": [0.1, 0.2]},
        {"name": "XX", "values": [0.0, None], "errors": [0.3, 0.4]},
    ]


def test_one_observable_over_a_parameter_is_one_curve():
    found = sweep_view({"evs": [1.0, 0.5, 0.0], "observables": "Z", "parameter_values": {"a": [1, 2, 3]}})
    assert found["series"] == [{"name": "Z", "values": [1.0, 0.5, 0.0], "errors": [None] * 3}]


def test_observables_alone_are_no_sweep():
    assert sweep_view({"evs": [1.0, 0.5], "observables": ["Z", "X"]}) is None


def test_parameters_that_vary_together_are_named_and_their_places_counted():
    found = sweep_view({"counts": [{"0": 1}, {"1": 1}], "parameter_values": {"a": [5, 6], "b": [7, 8], "fixed": 3}})
    assert found["axes"] == [{"name": "a, b", "values": [0.0, 1.0]}]


def test_parameters_in_the_shape_of_the_whole_sweep_name_the_axis_along_which_they_vary():
    entry = {
        "counts": [[{"0": 1}, {"1": 1}, {"0": 1}], [{"1": 1}, {"1": 1}, {"0": 1}]],
        "parameter_values": {"rows": [[10, 10, 10], [20, 20, 20]], "columns": [[1, 2, 3]] * 2, "fixed": [[7] * 3] * 2},
    }
    assert sweep_view(entry)["axes"] == [{"name": "rows", "values": [10, 20]}, {"name": "columns", "values": [1, 2, 3]}]


def test_a_parameter_that_varies_along_both_axes_names_neither():
    entry = {
        "counts": [[{"0": 1}, {"1": 1}], [{"1": 1}, {"0": 1}]],
        "parameter_values": {"both": [[1, 2], [3, 4]], "uneven": [[1, 2], [3]]},
    }
    assert [axis["name"] for axis in sweep_view(entry)["axes"]] == ["axis 0", "axis 1"]


def test_an_axis_without_a_parameter_is_counted():
    assert sweep_view({"counts": [{"0": 1}, {"1": 1}]})["axes"] == [{"name": "axis 0", "values": [0.0, 1.0]}]


def test_quasi_probabilities_may_be_negative():
    found = sweep_view({"quasi_dists": [{"0": 1.1, "1": -0.1}, {"0": 1.0}]})
    assert (found["kind"], found["series"][1]["values"]) == ("quasi", [-0.1, 0.0])


def test_the_most_frequent_outcomes_of_the_whole_sweep_have_curves():
    points = [{f"{number:04b}": number + 1 for number in range(16)} for _ in range(2)]
    names = [one["name"] for one in sweep_view({"counts": points})["series"]]
    assert names == [f"{number:04b}" for number in range(16 - MOST_SERIES, 16)]


def test_a_point_without_shots_is_a_gap():
    assert sweep_view({"counts": [{}, {"0": 4}]})["series"][0]["values"] == [None, 1.0]


@pytest.mark.parametrize(
    "entry",
    [
        {"counts": {"0": 5}},
        {"counts": None},
        {},
        {"counts": [[[{"0": 1}, {"0": 1}]] * 2] * 2},
        {"counts": [{"0": 1}, None]},
        {"counts": [{"0": 1}, [{"0": 1}]]},
        {"evs": 0.5, "stds": 0.1},
        {"evs": [[1.0, 2.0], [3.0]]},
        {"evs": []},
        {"evs": None},
        {"evs": [0.0] * 20_000},
        {"counts": [{"0": 1}] * 20_000},
    ],
)
def test_what_is_no_sweep_of_one_or_two_axes_is_not_drawn(entry):
    assert sweep_view(entry) is None


@pytest.mark.parametrize(
    "entry",
    [
        {"counts": [{"0": "x", "1": float("inf")}, {"0": 1}]},
        {"counts": [{"0": 1}, {"1": 1}], "parameter_values": {"a": ["x", None]}},
        {"counts": [{"0": 1}, {"1": 1}], "parameter_values": [1, 2]},
        {"evs": [1.0, 2.0], "stds": [[1.0]], "observables": [["Z"], "X"]},
        {"evs": [1.0, 2.0], "stds": "x", "observables": {"Z": 1}},
    ],
)
def test_odd_values_are_left_aside(entry):
    assert len(sweep_view(entry)["axes"]) == 1
