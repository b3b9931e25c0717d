"""The results of the programs of the older generations."""

from __future__ import annotations

import json

import numpy as np
import pytest

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.emulator.legacy import quasi

from .older import BELL, FLIP, STATE, Classic

HEADER = 'OPENQASM 3; include "stdgates.inc"; '
ROTATED = 'OPENQASM 3; include "stdgates.inc"; input float a; qubit[1] q; bit[1] c; rx(a) q[0]; c = measure q;'


def test_a_simulator_gives_plain_frequencies(classic):
    result = classic.result("sampler", {"circuits": [BELL]})
    (dist,) = result["quasi_dists"]
    assert set(dist) == {"0", "3"}
    assert sum(dist.values()) == 1
    assert dist["0"] == pytest.approx(0.5, abs=0.05)
    assert result["metadata"] == [{"shots": 4000}]


def test_a_machine_gives_mitigated_quasi_probabilities(classic):
    result = classic.result("sampler", {"circuits": [BELL] * 20}, "ibm_brisbane")
    values = [value for dist in result["quasi_dists"] for value in dist.values()]
    assert min(values) < 0
    for dist in result["quasi_dists"]:
        assert sum(dist.values()) == pytest.approx(1, abs=1e-9)
        assert dist["0"] == pytest.approx(0.5, abs=0.05)
        assert dist["3"] == pytest.approx(0.5, abs=0.05)
    assert all(one["readout_mitigation_overhead"] > 1 for one in result["metadata"])


def test_the_shots_of_run_options_are_kept_to(classic):
    result = classic.result("sampler", {"circuits": [FLIP], "run_options": {"shots": 7}})
    assert result == {"quasi_dists": [{"1": 1.0}], "metadata": [{"shots": 7}]}


def test_circuits_are_picked_by_index_with_values(classic):
    params = {"circuits": [ROTATED, FLIP], "circuit_indices": [0, 1, 0], "parameter_values": [[0.0], [], [np.pi]]}
    assert classic.result("sampler", params)["quasi_dists"] == [{"0": 1.0}, {"1": 1.0}, {"1": 1.0}]


def test_keys_number_all_registers_the_first_lowest(classic):
    text = HEADER + "qubit[2] q; bit[2] a; bit[1] b; x q[0]; a = measure q; b[0] = measure q[0];"
    assert classic.result("sampler", {"circuits": [text]})["quasi_dists"] == [{"5": 1.0}]


def test_a_circuit_need_not_fit_the_machine_s_gates(classic):
    text = HEADER + "qubit[5] q; bit[5] c; h q; cx q[0], q[4]; ccx q[0], q[2], q[4]; c = measure q;"
    assert len(classic.result("sampler", {"circuits": [text]}, "ibm_algiers")["quasi_dists"][0]) > 16


def test_a_circuit_wider_than_the_machine_fails(classic):
    wide = 'OPENQASM 3; include "stdgates.inc"; qubit[28] q; bit[1] c; x q[27]; c[0] = measure q[27];'
    job = classic.wait(classic.submit("sampler", {"circuits": [wide]}, "ibm_algiers")["id"])
    assert job["state"]["status"] == "Failed"
    assert "27" in job["state"]["reason"]


def test_a_circuit_with_nothing_to_read_fails(classic):
    job = classic.wait(classic.submit("sampler", {"circuits": [STATE]})["id"])
    assert job["state"]["status"] == "Failed"


@pytest.mark.parametrize(
    ("observable", "value"),
    [
        ("ZZ", 1.0),
        ("XX", 1.0),
        ("YY", -1.0),
        ("ZI", 0.0),
        ({"paulis": ["ZZ", "YY"], "coeffs": [2, 0.5]}, 1.5),
        ({"XX": 0.5}, 0.5),
        ([["ZZ", 1], ["XX", 1]], 2.0),
    ],
    ids=str,
)
def test_the_estimator_estimates(classic, observable, value):
    result = classic.result("estimator", {"circuits": [STATE], "observables": [observable]})
    assert result["values"] == [pytest.approx(value, abs=0.08)]
    assert set(result["metadata"][0]) == {"variance", "shots"}
    assert result["metadata"][0]["shots"] == 4000


def test_the_variance_is_that_of_one_shot(classic):
    params = {"circuits": [STATE] * 2, "observables": ["ZI", "ZZ"], "run_options": {"shots": 1000}}
    metadata = classic.result("estimator", params)["metadata"]
    assert metadata[0]["variance"] == pytest.approx(1, abs=0.05)
    assert metadata[1] == {"variance": 0.0, "shots": 1000}


def test_circuits_and_observables_pair_or_are_refused(classic):
    params = {"circuits": [STATE], "observables": ["ZZ", "XX"]}
    assert classic.post_job("estimator", params).status_code == 400
    params |= {"circuit_indices": [0, 0], "observable_indices": [1, 0]}
    assert len(classic.result("estimator", params)["values"]) == 2


@pytest.mark.parametrize(
    "observables", [None, [], [1], [{}], [{"paulis": ["Z"], "coeffs": []}], [[["Z", "1"]]]], ids=str
)
def test_a_malformed_observable_is_refused(classic, observables):
    assert classic.post_job("estimator", {"circuits": [STATE], "observables": observables}).status_code == 400


@pytest.mark.parametrize("program", ["circuit-runner", "qasm3-runner"])
def test_the_runners_count(classic, program):
    result = classic.result(program, {"circuits": BELL, "shots": 50})
    (counts,) = result["counts"]
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 50
    assert result["metadata"] == [{"shots": 50}]


def test_the_runner_of_2021_answers_in_text(first):
    answer = first.text(first.submit("circuit-runner", {"circuits": [FLIP]}, "ibmq_qasm_simulator")["id"])
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert json.loads(answer.text) == {"counts": [{"1": 1024}], "metadata": [{"shots": 1024}]}


def test_the_same_seed_gives_the_same_result():
    found = []
    for _ in range(2):
        with Emulator(queue_seconds=0, run_seconds=0, seed=5) as emulator:
            classic = Classic(emulator)
            found.append(classic.result("sampler", {"circuits": [FLIP] * 3}, "ibm_osaka"))
    assert found[0] == found[1]
    dists = [json.dumps(dist) for dist in found[0]["quasi_dists"]]
    assert len(set(dists)) > 1


def test_with_noise_the_gates_err_too():
    deep = 'OPENQASM 3; include "stdgates.inc"; qubit[2] q; bit[2] c; ' + "cx q[0], q[1]; " * 40 + "c = measure q;"
    found = {}
    for noise in (False, True):
        with Emulator(queue_seconds=0, run_seconds=0, seed=5, noise=noise) as emulator:
            dist = Classic(emulator).result("sampler", {"circuits": [deep]}, "ibm_algiers")["quasi_dists"][0]
            found[noise] = dist["0"]
    assert found[False] == pytest.approx(1, abs=0.01)
    assert 0.2 < found[True] < 0.95


def test_a_machine_that_both_generations_have_is_one():
    with Emulator(queue_seconds=0, run_seconds=0, backends=["ibm_brisbane"]) as emulator:
        classic = Classic(emulator)
        (metadata,) = classic.result("sampler", {"circuits": [FLIP]}, "ibm_brisbane")["metadata"]
        assert metadata["readout_mitigation_overhead"] > 1
        emulator.configure(backends={"ibm_brisbane": {"status": "paused"}})
        job_id = classic.submit("sampler", {"circuits": [FLIP]}, "ibm_brisbane")["id"]
        assert classic.get(f"/jobs/{job_id}").json()["state"] == {"status": "Queued"}


# The mitigation itself.


def test_mitigation_finds_what_was_read_wrongly():
    random = np.random.default_rng(1)
    true = random.integers(0, 2, (200_000, 1), dtype=np.uint8) * np.ones((1, 2), dtype=np.uint8)
    misreads = [(0.02, 0.05), (0.1, 0.01)]
    found = quasi.mitigate(quasi.misread(true, misreads, 2), misreads)
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-12)
    assert found.probabilities[0] == pytest.approx(0.5, abs=0.01)
    assert found.probabilities[3] == pytest.approx(0.5, abs=0.01)
    assert found.probabilities[1] == pytest.approx(0, abs=0.01)
    assert found.probabilities[2] == pytest.approx(0, abs=0.01)


def test_the_overhead_is_one_without_wrong_readings():
    bits = np.zeros((10, 2), dtype=np.uint8)
    assert quasi.mitigate(bits, [(0.0, 0.0)] * 2).overhead == 1
    assert quasi.mitigate(bits, [(0.01, 0.01), (0.0, 0.0)]).overhead == pytest.approx(1 / 0.98**2)


def test_too_many_outcomes_are_left_as_they_are():
    bits = np.random.default_rng(1).integers(0, 2, (4000, 30), dtype=np.uint8)
    found = quasi.mitigate(bits, [(0.01, 0.01)] * 30)
    assert found.overhead == 1
    assert all(value > 0 for value in found.probabilities.values())


def test_outcomes_beyond_64_bits_have_their_number():
    bits = np.zeros((3, 80), dtype=np.uint8)
    bits[:, 79] = 1
    assert quasi.count(bits) == {1 << 79: 3}
