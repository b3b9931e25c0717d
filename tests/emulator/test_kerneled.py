"""Kerneled measurements: points in the IQ plane instead of bits."""

from __future__ import annotations

import base64
import io
import math
import zlib

import numpy as np
import pytest

from airflow_provider_qrt.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SHOTS = 4000


@pytest.fixture(scope="module")
def noisy():
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=7, noise=True) as emulator:
        yield emulator


def decoded(tensor):
    raw = zlib.decompress(base64.b64decode(tensor["data"]))
    if tensor["dtype"] == "bool":
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=math.prod(tensor["shape"]), bitorder="little")
        return bits.reshape(tensor["shape"]).astype(bool)
    assert tensor["dtype"] == "c128"
    return np.frombuffer(raw, "<c16").reshape(tensor["shape"])


def executed(api, text, level, shots=SHOTS, shape=()):
    item = {
        "item_type": "circuit",
        "circuit_arguments": {"data": "eJwDAAAAAAE=", "shape": [0], "dtype": "f64"},
        "shape": list(shape),
        "chunk_size": "auto",
    }
    program = {"shots": shots, "meas_level": level, "circuits": {"data": [text]}, "items": [item]}
    params = {"schema_version": "v2.0", "quantum_program": program, "options": {}}
    body = {"program_id": "executor", "backend": "ibm_fez", "params": params}
    results = api.result(api.send("POST", "/jobs", json=body).json()["id"])["data"][0]["results"]
    return {name: decoded(tensor) for name, tensor in results.items()}


def prepared(qasm, state, qubits):
    flips = "".join(f"x ${qubit}; " for qubit in qubits) if state else ""
    reads = "".join(f"m[{place}] = measure ${qubit}; " for place, qubit in enumerate(qubits))
    return f"{qasm} bit[{len(qubits)}] m; {flips}{reads}"


def readout(api, qubit):
    facts = api.get("/backends/ibm_fez/properties").json()["qubits"][qubit]
    known = {fact["name"]: fact["value"] for fact in facts}
    return known["prob_meas1_prep0"], known["prob_meas0_prep1"]


def test_without_noise_the_two_clouds_are_clearly_apart(api):
    zero, one = (executed(api, prepared(api.qasm, state, [3]), "kerneled")["m_iq"] for state in (0, 1))
    assert zero.shape == one.shape == (SHOTS, 1)
    centre, other = zero.mean(), one.mean()
    assert abs(other - centre) == pytest.approx(1, abs=0.02)
    assert max(abs(zero - centre).max(), abs(one - other).max()) < 0.5


def test_with_noise_the_clouds_overlap_as_the_readout_errors_say(noisy, connect):
    api = connect(noisy)
    # The qubit that is read worst, so that errors are many.
    qubit = max(range(156), key=lambda qubit: sum(readout(api, qubit)))
    up, down = readout(api, qubit)
    zero, one = (executed(api, prepared(api.qasm, state, [qubit]), "kerneled", 20_000)["m_iq"] for state in (0, 1))
    centre, other = zero.mean(), one.mean()
    axis = (other - centre) / abs(other - centre)
    spread = np.std(np.real((zero - centre) * axis.conj()))
    # How far the centroids are apart, in standard deviations, if a line between them errs at these rates.
    from statistics import NormalDist

    distance = sum(NormalDist().inv_cdf(1 - error) for error in (up, down))
    assert abs(other - centre) / spread == pytest.approx(distance, rel=0.05)


def test_bits_and_points_of_one_run_belong_together_and_err_as_calibrated(noisy, connect):
    api = connect(noisy)
    qubit = max(range(156), key=lambda qubit: sum(readout(api, qubit)))
    found = executed(api, prepared(api.qasm, 0, [qubit]), "both", 20_000)
    assert set(found) == {"m", "m_iq"}
    ones, zeros = found["m_iq"][found["m"]], found["m_iq"][~found["m"]]
    up, _ = readout(api, qubit)
    assert found["m"].mean() == pytest.approx(up, abs=5 * math.sqrt(up / 20_000))
    axis = np.exp(1j * np.angle(ones.mean() - zeros.mean()))
    assert np.real(ones * axis.conj()).min() > np.real(zeros * axis.conj()).max() - 0.2


def test_the_average_is_that_of_the_points(api):
    text = prepared(api.qasm, 1, [0, 5])
    points = executed(api, text, "kerneled", shape=(3,))["m_iq"]
    average = executed(api, text, "avg_kerneled", shape=(3,))["m_avg_iq"]
    assert (points.shape, average.shape) == ((3, SHOTS, 2), (3, 2))
    assert np.allclose(points.mean(axis=1), average, atol=0.02)


def test_a_bell_pair_is_in_the_same_cloud_on_both_sides(api):
    points = executed(api, api.bell(), "kerneled")["meas_iq"]
    sides = [np.real(points[:, bit] * np.conj(points[0, bit])) > 0 for bit in range(2)]
    assert (sides[0] == sides[1]).all()
    assert 0.4 < sides[0].mean() < 0.6


def test_a_bit_without_a_measurement_is_at_zero(api):
    text = f"{api.qasm} bit[2] m; m[1] = measure $0;"
    assert (executed(api, text, "kerneled", 5)["m_iq"] == 0).all(axis=0).tolist() == [True, False]


def test_a_measurement_inside_a_branch_has_points_too(api):
    text = f"{api.qasm} bit[1] a; bit[1] b; x $0; a[0] = measure $0; if (a[0]) {{ b[0] = measure $1; }}"
    found = executed(api, text, "kerneled", 200)
    straight = executed(api, f"{api.qasm} bit[1] b; b[0] = measure $1;", "kerneled", 200)
    assert found["b_iq"].mean() == pytest.approx(straight["b_iq"].mean(), abs=0.1)


def test_too_many_points_fail_the_job(api):
    text = prepared(api.qasm, 0, range(50))
    options = {"execution": {"meas_type": "kerneled"}}
    state = api.failure((text, None, 100_000), params={"options": options})
    assert state["reason_code"] == 5302


def test_an_empty_sweep_has_no_points(api):
    assert executed(api, prepared(api.qasm, 0, [0]), "kerneled", 5, shape=(0,))["m_iq"].shape == (0, 5, 1)


def test_a_dry_run_has_points_of_the_same_shape(api):
    options = {"execution": {"meas_type": "avg_kerneled"}}
    job_id = api.submit((prepared(api.qasm, 1, [0, 1]), None, 10), params={"options": options}, backend="mock_fez")
    assert np.shape(api.result(job_id)["results"][0]["data"]["m"]) == (2, 2)


def test_the_tagged_result_holds_complex_arrays(api):
    params = {"support_qiskit": True, "options": {"execution": {"meas_type": "kerneled"}}}
    result = api.result(api.submit((prepared(api.qasm, 1, [0]), None, 10), params=params))
    field = result["__value__"]["pub_results"][0]["__value__"]["data"]["__value__"]["fields"]["m"]
    assert field["__type__"] == "ndarray"
    array = np.load(io.BytesIO(zlib.decompress(base64.b64decode(field["__value__"]))), allow_pickle=False)
    assert (array.shape, array.dtype) == ((10, 1), np.complex128)


@pytest.mark.parametrize("twirled", [False, True])
@pytest.mark.parametrize("meas_type", ["kerneled", "avg_kerneled"])
@pytest.mark.parametrize("form", ["server-side", "client-side"])
def test_the_official_sampler_reads_points(emulator, form, meas_type, twirled):
    from qiskit import QuantumCircuit, transpile
    from qiskit.circuit import Parameter

    if form == "server-side":
        from qiskit_ibm_runtime import SamplerV2 as Sampler
    else:
        from qiskit_ibm_runtime.executor_sampler import Sampler
    backend = emulator.qiskit_service().backend("ibm_fez")
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("a"), 0)
    circuit.measure_all()
    isa = transpile(circuit, backend, initial_layout=[0, 1])
    options = {"execution": {"meas_type": meas_type}, "twirling": {"enable_gates": twirled, "enable_measure": False}}
    data = Sampler(backend, options=options).run([(isa, [[0.0], [math.pi], [0.0]])], shots=512).result()[0].data
    assert data.shape == (3,)
    average = data.meas
    if meas_type == "kerneled":
        assert data.meas.shape == (3, 512, 2)
        average = data.meas.mean(axis=1)
    assert average.shape == (3, 2)
    assert abs(average[1, 0] - average[0, 0]) == pytest.approx(1, abs=0.1)
    assert average[2] == pytest.approx(average[0], abs=0.1)
