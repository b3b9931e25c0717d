"""The noise of the calibrated device, if it is switched on."""

from __future__ import annotations

import statistics

import pytest

from airflow_provider_qrt.emulator import Emulator

SHOTS = 20_000


@pytest.fixture(scope="module")
def _noisy():
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=3, noise=True) as emulator:
        yield emulator


@pytest.fixture
def noisy(_noisy, connect):
    _noisy.reset()
    return connect(_noisy)


def share(api, source, *pauli, register="c"):
    found = api.result(api.submit((source, None, SHOTS)))["results"][0]["data"][register]["samples"]
    return {word: found.count(word) / SHOTS for word in set(found)}


def calibrated(api, gate, *qubits):
    for one in api.get("/backends/ibm_fez/properties").json()["gates"]:
        if one["gate"] == gate and one["qubits"] == list(qubits):
            return next(item["value"] for item in one["parameters"] if item["name"] == "gate_error")
    raise LookupError(gate)


def misread(api, qubit):
    found = {one["name"]: one["value"] for one in api.get("/backends/ibm_fez/properties").json()["qubits"][qubit]}
    return found["prob_meas1_prep0"], found["prob_meas0_prep1"]


def test_an_idle_qubit_is_read_wrongly_as_often_as_calibrated(noisy):
    found = share(noisy, f"{noisy.qasm}bit[1] c; c[0] = measure $0;")
    assert found["0x1"] == pytest.approx(misread(noisy, 0)[0], abs=0.003)


def test_a_flipped_qubit_is_read_wrongly_as_often_as_calibrated(noisy):
    found = share(noisy, f"{noisy.qasm}bit[1] c; x $0; c[0] = measure $0;")
    assert found["0x0"] == pytest.approx(misread(noisy, 0)[1] + calibrated(noisy, "x", 0), abs=0.004)


def test_many_gates_wear_a_qubit_down(noisy):
    error = calibrated(noisy, "x", 0)
    source = f"{noisy.qasm}bit[1] c; " + "x $0; " * 400 + "c[0] = measure $0;"
    wrong = 0.5 * (1 - (1 - 2 * error) ** 400)
    up, down = misread(noisy, 0)
    assert share(noisy, source)["0x1"] == pytest.approx(wrong * (1 - down) + (1 - wrong) * up, abs=0.02)


def test_a_bell_pair_comes_apart_now_and_then(noisy):
    found = share(noisy, noisy.bell(), register="meas")
    apart = found["0x1"] + found["0x2"]
    readout = sum(statistics.mean(misread(noisy, qubit)) for qubit in (0, 1))
    assert readout / 2 < apart < readout + 3 * calibrated(noisy, "cz", 0, 1) + 0.02


def test_the_same_seed_makes_the_same_mistakes(connect):
    results = []
    for _ in range(2):
        with Emulator(queue_seconds=0, run_seconds=0, seed=3, noise=True) as emulator:
            api = connect(emulator)
            results.append(api.result(api.submit((api.bell(), None, 500)))["results"])
    assert results[0] == results[1]


def test_without_noise_nothing_is_read_wrongly(api):
    found = api.result(api.submit((f"{api.qasm}bit[1] c; x $0; c[0] = measure $0;", None, 5000)))
    assert set(found["results"][0]["data"]["c"]["samples"]) == {"0x1"}


def value(api, source, observable, **params):
    job_id = api.submit((source, observable, None, 0.005), program_id="estimator", params=params)
    return api.result(job_id)["results"][0]["data"]["evs"]


def test_an_estimator_suffers_from_gates_and_from_readings_unless_those_are_mitigated(noisy):
    source = f"{noisy.qasm}x $0; rz(0) $1;"
    gates = 1 - 2 * calibrated(noisy, "x", 0)
    mitigated = value(noisy, source, "IZ")
    raw = value(noisy, source, "IZ", resilience_level=0)
    assert mitigated == pytest.approx(-gates, abs=0.03)
    assert raw == pytest.approx(-gates * (1 - sum(misread(noisy, 0))), abs=0.03)
    assert value(
        noisy, source, "IZ", resilience_level=0, options={"resilience": {"measure_mitigation": True}}
    ) == pytest.approx(mitigated, abs=0.03)


def line(api, qubits):
    source = "".join(f"rx(0.3) ${qubit}; " for qubit in range(qubits))
    return f"{api.qasm}bit[1] c; {source}" + "".join(f"cz ${qubit}, ${qubit + 1}; " for qubit in range(qubits - 1))


def test_fewer_qubits_can_be_simulated_with_noise_and_more_fail_with_a_reason(noisy):
    state = noisy.failure((f"{line(noisy, 15)}c[0] = measure $0;", None, 1))
    assert "15 qubits" in state["reason"]
    assert "14 with noise" in state["reason"]
    unmeasured = line(noisy, 13).replace("bit[1] c;", "")
    assert "12 with noise" in noisy.failure((unmeasured, "Z" * 13), program_id="estimator")["reason"]


def test_a_wide_clifford_circuit_has_noise_too(noisy):
    source = f"{noisy.qasm}bit[16] c; " + noisy.h(0)
    source += "".join(f"{noisy.h(q + 1)}cz ${q}, ${q + 1}; {noisy.h(q + 1)}" for q in range(15))
    source += "".join(f"c[{q}] = measure ${q}; " for q in range(16))
    found = noisy.result(noisy.submit((source, None, 2000)))["results"][0]["data"]["c"]["samples"]
    intact = sum(word in ("0x0", "0xffff") for word in found) / 2000
    assert 0.3 < intact < 0.95


def test_executor_programs_have_noise_too(noisy):
    import base64
    import zlib

    nothing = {"data": "eJwDAAAAAAE=", "shape": [0], "dtype": "f64"}
    item = {"item_type": "circuit", "circuit_arguments": nothing, "shape": [], "chunk_size": "auto"}
    circuits = {"data": [f"{noisy.qasm}bit[1] c; x $0; c[0] = measure $0;"]}
    program = {"shots": SHOTS, "circuits": circuits, "items": [item]}
    params = {"schema_version": "v2.0", "quantum_program": program, "options": {}}
    body = {"program_id": "executor", "backend": "ibm_fez", "params": params}
    result = noisy.result(noisy.send("POST", "/jobs", json=body).json()["id"])
    raw = zlib.decompress(base64.b64decode(result["data"][0]["results"]["c"]["data"]))
    wrong = 1 - sum(byte.bit_count() for byte in raw) / SHOTS
    assert wrong == pytest.approx(misread(noisy, 0)[1] + calibrated(noisy, "x", 0), abs=0.004)
