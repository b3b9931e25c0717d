"""Calibrations, and the map of a machine."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime

import pytest

from airflow_provider_qrt.plugins.machine_data import map_view, read_calibration


def qubit(readout, t1=100.0, t2=50.0, unit="us"):
    return [
        {"name": "T1", "value": t1, "unit": unit},
        {"name": "T2", "value": t2, "unit": unit},
        {"name": "readout_error", "value": readout, "unit": ""},
    ]


def gate(pair, error):
    return {"gate": "cz", "qubits": list(pair), "parameters": [{"name": "gate_error", "value": error}]}


PROPERTIES = {
    "last_update_date": "2026-11-20T06:00:00Z",
    "qubits": [qubit(0.01), qubit(0.02), qubit(0.05, t1=300.0), qubit(1.0)],
    "gates": [gate((0, 1), 0.002), gate((2, 1), 0.004), gate((2, 3), 1.0), {"gate": "sx", "qubits": [0]}],
}


def test_fractional_gates_say_nothing_about_a_machine():
    def gate(name, error):
        return {"gate": name, "qubits": [0, 1], "parameters": [{"name": "gate_error", "value": error}]}

    def error(*gates):
        return read_calibration({"gates": list(gates)}).couplings[0, 1]

    assert error(gate("cz", 0.01), gate("rzz", 1)) == 0.01
    assert error(gate("rzz", 0.001), gate("cz", 1)) is None
    assert error(gate("ecr", 0.02), gate("cx", 0.03)) == 0.02
    assert error(gate("rzz", 0.004)) == 0.004


def test_medians_leave_out_what_is_out_of_service():
    found = read_calibration(PROPERTIES)

    assert found.when == datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert found.two_qubit_error == pytest.approx(0.003)
    assert found.readout_error == pytest.approx(0.02)
    assert found.t1 == pytest.approx(100e-6)
    assert found.couplings == {(0, 1): 0.002, (1, 2): 0.004, (2, 3): None}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"qubits": None, "gates": 3},
        {"qubits": [None, [3, {"name": "T1", "value": "x"}]], "gates": [{"qubits": [0, 0]}, {"qubits": [0, -1]}, 7]},
        {"qubits": [], "gates": [{"qubits": [0, 1], "parameters": [{"name": "gate_error", "value": math.nan}]}]},
    ],
)
def test_odd_properties_are_left_aside(odd):
    found = read_calibration(odd)
    assert found.two_qubit_error is found.readout_error is found.when is None
    map_view(found, [[0, 1]])


def test_the_map_has_qubits_and_couplings_with_their_errors():
    found = map_view(read_calibration(PROPERTIES), [[0, 1], [1, 0], [1, 2], [2, 3], [3, 4], [5, "x"], 7])

    assert [one["qubits"] for one in found["couplings"]] == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert [one["error"] for one in found["couplings"]] == [0.002, 0.004, None, None]
    assert [one["readout_error"] for one in found["qubits"][:4]] == [0.01, 0.02, 0.05, None]
    # The last one is in the coupling map only.
    assert found["qubits"][4]["qubit"] == 4
    assert "readout_error" not in found["qubits"][4]


def lattice(rows, columns):
    place = {(row, column): row * columns + column for row, column in itertools.product(range(rows), range(columns))}
    right = [[place[row, column], place[row, column + 1]] for row, column in place if column + 1 < columns]
    down = [[place[row, column], place[row + 1, column]] for row, column in place if row + 1 < rows]
    return right + down


def test_neighbours_are_as_near_to_each_other_as_others_and_no_two_are_in_one_place():
    pairs = lattice(6, 9)
    found = map_view(read_calibration({"qubits": [qubit(0.01)] * 54}), pairs)
    places = {one["qubit"]: (one["x"], one["y"]) for one in found["qubits"]}
    lengths = [math.dist(places[one], places[other]) for one, other in pairs]
    apart = [math.dist(places[one], places[other]) for one, other in itertools.combinations(places, 2)]

    assert max(lengths) < 1.5 * min(lengths)
    assert min(apart) > 0.6 * min(lengths)
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in places.values())
    # The machine lies on its long side.
    assert max(x for x, _ in places.values()) > max(y for _, y in places.values())


def test_parts_that_are_not_connected_are_drawn_too():
    found = map_view(read_calibration({"qubits": [qubit(0.01)] * 4}), [[0, 1], [2, 3]])
    assert len({(one["x"], one["y"]) for one in found["qubits"]}) == 4


@pytest.mark.parametrize("coupling_map", [None, [], [[0, 3000]]])
def test_without_a_plausible_map_nothing_is_drawn(coupling_map):
    assert map_view(read_calibration({}), coupling_map) == {"qubits": [], "couplings": []}
