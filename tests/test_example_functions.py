"""The mathematics in the example DAGs, which readers copy."""

from __future__ import annotations

import importlib.util
import math
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "example_dags"


@cache
def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def energy(**angles: float) -> float:
    """Return the energy of the ansatz, computed from its rotations instead of its gates."""
    turn = lambda t: np.array([[math.cos(t / 2), -math.sin(t / 2)], [math.sin(t / 2), math.cos(t / 2)]])  # noqa: E731
    state = np.kron(turn(angles["b"]), turn(angles["a"]))[:, 0] * [1, 1, 1, -1]
    state = np.kron(turn(angles["d"]), turn(angles["c"])) @ state
    pauli = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Z": np.diag([1, -1])}
    return sum(
        weight * float(state @ np.kron(pauli[left], pauli[right]) @ state)
        for (left, right), weight in example("h2_vqe_rounds").H2.items()
    )


def measured(points: dict[str, list[float]], noise: float = 0.0, seed: int = 0) -> list[float]:
    draw = np.random.default_rng(seed)
    values = [dict(zip(points, point, strict=True)) for point in zip(*points.values(), strict=True)]
    return [energy(**value) + draw.normal(0, noise) for value in values]


def test_the_ansatz_in_the_machines_gates_is_the_one_that_is_meant():
    from qiskit.quantum_info import SparsePauliOp, Statevector
    from qiskit_qasm3_import import parse

    vqe = example("h2_vqe_rounds")
    text = vqe.ANSATZ.replace("$0", "q[0]").replace("$1", "q[1]").replace("input", "qubit[2] q; input", 1)
    circuit = parse(text).assign_parameters(vqe.START)
    value = Statevector(circuit).expectation_value(SparsePauliOp.from_list(list(vqe.H2.items())))
    assert value == pytest.approx(energy(**vqe.START))


def test_the_exact_energy_is_that_of_full_configuration_interaction():
    vqe = example("h2_vqe_rounds")
    assert vqe.ground_energy(vqe.H2) == pytest.approx(-1.1373, abs=1e-4)
    assert vqe.ground_energy({"ZI": 1.0, "IZ": 0.5, "XX": 0.0}) == pytest.approx(-1.5)


def test_a_step_finds_the_lowest_point_of_the_two_angles_wherever_they_are():
    vqe = example("h2_vqe_rounds")
    better, promised = vqe.descend(vqe.START, ("c", "d"), measured(vqe.sweep(vqe.START, ("c", "d"))))
    assert (better["a"], better["b"]) == (vqe.START["a"], vqe.START["b"])
    assert promised == pytest.approx(energy(**better))
    others = np.radians(np.arange(0, 360, 7.5))
    lowest = min(energy(**{**vqe.START, "c": c, "d": d}) for c in others for d in others)
    assert energy(**better) < lowest + 1e-4


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_three_rounds_reach_the_ground_energy_with_noise(noise):
    vqe = example("h2_vqe_rounds")
    for seed in range(20 if noise else 1):
        angles = vqe.START
        for number, pair in enumerate(vqe.ROUNDS):
            points = vqe.sweep(angles, pair)
            angles, _ = vqe.descend(angles, pair, measured(points, noise, 10 * seed + number))
        # Half of what the DAG allows; the rest is for the noise of the last measurement.
        assert energy(**angles) < vqe.ground_energy(vqe.H2) + 0.025


@pytest.mark.parametrize(("off_by", "accepted"), [(0.049, True), (-0.049, True), (0.051, False), (-0.051, False)])
def test_an_energy_too_far_from_the_exact_one_fails_the_run(off_by, accepted):
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import AirflowFailException

    vqe = example("h2_vqe_rounds")
    compare = (
        DagBag(str(EXAMPLES / "h2_vqe_rounds.py"))
        .dags["qiskit_runtime_h2_vqe_rounds"]
        .get_task("compare")
        .python_callable
    )
    result = {"results": [{"evs": vqe.ground_energy(vqe.H2) + off_by, "stds": 0.01}]}
    if accepted:
        assert compare(result, vqe.START)["error"] == pytest.approx(off_by)
    else:
        with pytest.raises(AirflowFailException, match=r"more than 0\.05 from -1\.1373"):
            compare(result, vqe.START)


def test_a_backends_properties_become_one_row_for_each_quantity():
    record = example("calibration_record")
    measured_on = {"date": "2026-11-20T22:30:00-05:00", "unit": ""}
    properties = {
        "last_update_date": "2026-11-21T01:00:00+02:00",
        "qubits": [
            [
                {**measured_on, "name": "T1", "unit": "us", "value": 190.5},
                {**measured_on, "name": "readout_length", "unit": "ns", "value": 2400},
            ],
            [{**measured_on, "name": "readout_error", "value": 0}],
        ],
        "gates": [
            {"gate": "sx", "qubits": [0], "parameters": [{**measured_on, "name": "gate_error", "value": 0.1}]},
            {
                "gate": "cz",
                "qubits": [1, 0],
                "parameters": [
                    {**measured_on, "name": "gate_error", "value": 0.003},
                    {**measured_on, "name": "gate_length", "unit": "ns", "value": 68},
                ],
            },
        ],
    }
    rows = list(record.calibration_rows("ibm_fez", properties))
    assert {row["backend"] for row in rows} == {"ibm_fez"}
    assert {row["calibrated_at"] for row in rows} == {datetime(2026, 11, 20, 23, tzinfo=UTC)}
    assert {row["measured_at"] for row in rows} == {datetime(2026, 11, 21, 3, 30, tzinfo=UTC)}
    columns = ("qubit", "partner", "gate", "quantity", "value", "unit")
    assert [tuple(row[column] for column in columns) for row in rows] == [
        (0, None, None, "T1", 190.5, "us"),
        (1, None, None, "readout_error", 0.0, ""),
        (1, 0, "cz", "gate_error", 0.003, ""),
    ]
