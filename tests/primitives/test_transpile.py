"""Transpiled circuits are equivalent to the original ones, and are not transpiled twice."""

from __future__ import annotations

import base64
import copy
import io
import json
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm3, qpy
from qiskit.circuit import ClassicalRegister, Parameter, ParameterVector, QuantumRegister
from qiskit.circuit.library import RZZGate, real_amplitudes
from qiskit.circuit.random import random_circuit
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.primitives import InvalidInputError, coerce_pubs, decode_sampler_result, sampler_params
from airflow_provider_qrt.primitives.circuits import transpile as module
from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.circuits.cache import CircuitCache
from airflow_provider_qrt.primitives.circuits.transpile import Transpiler
from airflow_provider_qrt.primitives.inputs.estimator import estimator_params
from airflow_provider_qrt.primitives.inputs.estimator_pubs import coerce_estimator_pubs
from airflow_provider_qrt.primitives.qiskit_needed import QiskitMissingError
from airflow_provider_qrt.primitives.results.decode import decode_estimator_result

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

BACKENDS = ("ibm_fez", "ibm_marrakesh", "ibm_boston", "ibm_miami")
FRACTIONAL = ("ibm_fez", "ibm_boston")
LEVELS = (0, 1, 2, 3)
BELL = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; '
    "c[0] = measure q[0]; c[1] = measure q[1];"
)


@pytest.fixture(scope="module")
def running():
    quick = {"queue_seconds": 0, "run_seconds": 0, "rate_limit": False, "usage_limit_seconds": None}
    with Emulator(**quick, seed=11) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def client(running):
    settings = ClientSettings.create(
        api_key=running.api_key, instance=running.instance, base_url=running.url, iam_url=running.iam_url
    )
    with QiskitRuntimeClient(settings) as client:
        yield client


@pytest.fixture(scope="module")
def snapshots(client):
    return {
        name: BackendSnapshot(name, client.backend_configuration(name), client.backend_properties(name))
        for name in BACKENDS
    }


@pytest.fixture(scope="module")
def fez(snapshots):
    return snapshots["ibm_fez"]


@pytest.fixture
def cache(tmp_path):
    return CircuitCache(tmp_path / "circuits")


@pytest.fixture
def runs(monkeypatch):
    """The circuits that were given to a pass manager."""
    seen = []

    def counting(*arguments, **options):
        manager = generate_preset_pass_manager(*arguments, **options)
        run = manager.run

        def count(circuit):
            seen.append(circuit)
            return run(circuit)

        manager.run = count
        return manager

    monkeypatch.setattr("qiskit.transpiler.generate_preset_pass_manager", counting)
    return seen


@pytest.fixture
def run(client):
    """Run a program on the emulator, over HTTP, and return the text of its result."""

    def run(program_id, params):
        job_id = client.submit_job(program_id=program_id, backend="ibm_fez", params=json.loads(json.dumps(params))).id
        for _ in range(600):
            job = client.job(job_id)
            if job.status.is_final:
                break
            threading.Event().wait(0.05)
        assert job.status is JobStatus.COMPLETED, job
        return client.job_result(job_id)

    return run


def pub_of(circuit, *more):
    (pub,) = coerce_pubs([(circuit, *more)])
    return pub


def loaded(tagged):
    (circuit,) = qpy.load(io.BytesIO(zlib.decompress(base64.b64decode(tagged["__value__"]))))
    return circuit


def transpiled(transpiler, circuit, values=None):
    pub = pub_of(circuit, values)
    return transpiler.transpile(pub.circuit, "circuits[0]", info=pub.info, source=pub.source)


def ghz(size):
    circuit = QuantumCircuit(size)
    circuit.h(0)
    for qubit in range(1, size):
        circuit.cx(0, qubit)
    circuit.measure_all()
    return circuit


def dynamic():
    """A circuit with rotations that depend on a measurement."""
    circuit = QuantumCircuit(2, 2)
    circuit.rx(0.7, 0)
    circuit.measure(0, 0)
    with circuit.if_test((0, True)):
        circuit.rzz(1.9, 0, 1)
    circuit.rx(0.2, 1)
    circuit.measure(1, 1)
    return circuit


def with_an_idle_parameter():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.rz(Parameter("idle"), 0)
    circuit.measure(0, 0)
    return circuit


def swept():
    """A circuit whose parameters appear in another order than that of their names, and the values of a sweep."""
    names = ("w", "b", "a10", "a9")
    circuit = QuantumCircuit(4)
    for qubit, name in enumerate(names):
        circuit.ry(Parameter(name), qubit)
    circuit.cx(0, 1)
    circuit.measure_all()
    values = {"w": [0.1, 3.0, 1.2], "b": [2.2, 0.3, 0.4], "a10": [0.7, 1.4, 2.9], "a9": [1.9, 2.6, 0.2]}
    return circuit, values


def written(properties):
    """The properties of an instruction on each of its qubits, in a form that can be compared."""
    return {qubits: repr(one) for qubits, one in properties.items()}


def assert_same_counts(ours, theirs, shots):
    """Each outcome's frequency agrees within five standard errors of the difference."""
    for outcome in {*ours, *theirs}:
        first, second = ours.get(outcome, 0) / shots, theirs.get(outcome, 0) / shots
        pooled = (first + second) / 2
        assert abs(first - second) <= 5 * np.sqrt(pooled * (1 - pooled) * 2 / shots), outcome


# The target


@pytest.mark.parametrize("name", BACKENDS)
def test_the_target_is_that_of_the_official_client(running, snapshots, name):
    before = copy.deepcopy(snapshots[name])
    ours, theirs = snapshots[name].target(), running.qiskit_service().backend(name).target
    assert snapshots[name] == before
    assert set(ours.operation_names) == set(theirs.operation_names)
    for operation in theirs.operation_names:
        assert type(ours.operation_from_name(operation)) is type(theirs.operation_from_name(operation))
        assert written(ours[operation]) == written(theirs[operation])
    for attribute in ("num_qubits", "dt", "qubit_properties", "granularity", "min_length", "pulse_alignment"):
        assert repr(getattr(ours, attribute)) == repr(getattr(theirs, attribute))
    assert set(ours.build_coupling_map().get_edges()) == set(theirs.build_coupling_map().get_edges())


@pytest.mark.parametrize("level", LEVELS)
def test_the_circuit_is_that_of_the_official_clients_backend(running, fez, level):
    backend = running.qiskit_service().backend("ibm_fez")
    official = generate_preset_pass_manager(level, backend=backend, seed_transpiler=0)
    transpiler = Transpiler(fez, level)
    for seed in range(5):
        circuit = random_circuit(6, 5, max_operands=3, measure=True, seed=seed)
        done = transpiled(transpiler, circuit)
        expected = official.run(circuit)
        assert loaded(done.circuit) == expected
        assert list(done.layout) == expected.layout.final_index_layout()


# Fractional gates


@pytest.mark.parametrize("name", FRACTIONAL)
def test_the_target_with_fractional_gates_is_that_of_the_official_client(running, snapshots, name):
    ours = snapshots[name].target(fractional=True)
    theirs = running.qiskit_service().backend(name, use_fractional_gates=True).target
    assert set(ours.operation_names) == set(theirs.operation_names) >= {"rx", "rzz", "if_else"}
    for operation in theirs.operation_names:
        assert written(ours[operation]) == written(theirs[operation])


@pytest.mark.parametrize("name", FRACTIONAL)
@pytest.mark.parametrize("level", LEVELS)
def test_a_circuit_of_fractional_gates_is_that_of_the_official_clients_backend(running, snapshots, name, level):
    backend = running.qiskit_service().backend(name, use_fractional_gates=True)
    official = generate_preset_pass_manager(level, backend=backend, seed_transpiler=0)
    transpiler = Transpiler(snapshots[name], level, fractional=True)
    for circuit in [*(random_circuit(5, 4, max_operands=2, measure=True, seed=seed) for seed in range(4)), dynamic()]:
        done = transpiled(transpiler, circuit)
        assert loaded(done.circuit) == official.run(circuit)


def test_angles_that_are_out_of_range_are_folded(fez):
    circuit = QuantumCircuit(2)
    for angle in (-2.5, -0.1, 0.4, 2.0, 9.0):
        circuit.rzz(angle, 0, 1)
        circuit.rx(0.3, 0)
    circuit.measure_all()
    done = loaded(transpiled(Transpiler(fez, 1, fractional=True), circuit).circuit)
    angles = [float(one.operation.params[0]) for one in done.data if one.operation.name == "rzz"]
    assert len(angles) == 5
    assert all(0 <= angle <= np.pi / 2 for angle in angles)


@pytest.mark.parametrize("around", ["{}", "bit m; m = measure q[0]; if (m) {{ {} }}"])
def test_rzz_that_a_text_defines_is_the_machines_own(fez, around):
    text = (
        'OPENQASM 3.0; include "stdgates.inc"; gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; } '
        f"qubit[2] q; bit[2] c; {around.format('rzz(-2.5) q[0], q[1];')} c = measure q;"
    )
    done = loaded(transpiled(Transpiler(fez, 1, fractional=True), text).circuit)
    found = [
        one for outer in done.data for one in (outer, *(i for b in getattr(outer.operation, "blocks", ()) for i in b))
    ]
    [gate] = [one.operation for one in found if one.operation.name == "rzz"]
    assert isinstance(gate, RZZGate)
    assert 0 <= float(gate.params[0]) <= np.pi / 2


def test_a_backend_without_fractional_gates_is_named(snapshots):
    with pytest.raises(InvalidInputError, match="backend ibm_miami has no fractional gates"):
        transpiled(Transpiler(snapshots["ibm_miami"], 1, fractional=True), BELL)


def test_the_cache_keeps_circuits_with_fractional_gates_apart(fez, cache, runs):
    circuit = QuantumCircuit(1, 1)
    circuit.rx(0.3, 0)
    circuit.measure(0, 0)
    found = [
        transpiled(Transpiler(fez, 1, fractional=fractional, cache=cache), circuit)
        for fractional in (False, True, False, True)
    ]
    assert [one.from_cache for one in found] == [False, False, True, True]
    assert ["rx" in loaded(one.circuit).count_ops() for one in found] == [False, True, False, True]


def test_an_identity_that_the_backend_does_not_have_becomes_a_delay_as_with_the_official_client(running, fez):
    configuration, properties = copy.deepcopy(dict(fez.configuration)), copy.deepcopy(dict(fez.properties))
    for names in (configuration["basis_gates"], configuration["supported_instructions"]):
        names.remove("id")
    configuration["gates"] = [gate for gate in configuration["gates"] if gate["name"] != "id"]
    properties["gates"] = [gate for gate in properties["gates"] if gate["gate"] != "id"]
    without = BackendSnapshot(fez.name, configuration, properties)
    backend = running.qiskit_service().backend("ibm_fez")
    backend._target = without.target()
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.id(0)
    circuit.x(0)
    circuit.measure(0, 0)
    expected = generate_preset_pass_manager(1, backend=backend, seed_transpiler=0).run(circuit)
    assert expected.count_ops() == {"x": 2, "delay": 1, "measure": 1}
    assert loaded(transpiled(Transpiler(without, 1), circuit).circuit) == expected


def test_a_qubit_out_of_service_is_not_used(fez):
    properties = copy.deepcopy(dict(fez.properties))
    used = set(transpiled(Transpiler(fez, 3), ghz(5)).layout)
    date = properties["last_update_date"]
    for qubit in used:
        properties["qubits"][qubit].append({"name": "operational", "value": 0, "unit": "", "date": date})
    crippled = BackendSnapshot(fez.name, fez.configuration, properties)
    assert not used & set(transpiled(Transpiler(crippled, 3), ghz(5)).layout)


@pytest.mark.parametrize("properties", [None, {}])
def test_a_backend_without_calibration_can_be_transpiled_for(fez, properties):
    bare = BackendSnapshot(fez.name, fez.configuration, properties)
    assert bare.calibrated_at is None
    assert transpiled(Transpiler(bare, 1), BELL).info.num_qubits == 156


@pytest.mark.parametrize(
    "snapshot",
    [
        BackendSnapshot("ibm_odd", {"backend_name": "ibm_odd"}),
        BackendSnapshot("ibm_odd", {}, {"last_update_date": "yesterday"}),
    ],
)
def test_a_backend_that_qiskit_cannot_read_is_named_with_a_way_out(snapshot):
    with pytest.raises(InvalidInputError, match=r"description of backend ibm_odd.*Leave optimization_level out"):
        transpiled(Transpiler(snapshot, 1), BELL)


# What comes out of the service


@pytest.mark.parametrize("level", LEVELS)
def test_counts_are_those_of_qiskits_sampler(fez, run, level):
    shots = 4000
    circuits = [random_circuit(4, 4, max_operands=3, seed=100 * level + seed) for seed in range(5)]
    for circuit in circuits:
        circuit.measure_all()
    texts = [qasm3.dumps(circuit) for circuit in circuits]
    transpiler = Transpiler(fez, level)
    pubs = tuple(transpiler.transpile_pub(pub, "circuits") for pub in coerce_pubs([*circuits, *texts], shots=shots))
    result = decode_sampler_result(run("sampler", sampler_params(pubs)))
    exact = StatevectorSampler(seed=level).run(circuits, shots=shots).result()
    for index in range(len(result)):
        assert_same_counts(result.get_counts(index), exact[index % len(circuits)].data.meas.get_counts(), shots)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("as_text", [False, True], ids=["object", "text"])
def test_values_by_name_and_by_position_mean_the_same_parameter_as_before(fez, run, level, as_text):
    circuit, values = swept()
    order = sorted(values)
    assert [parameter.name for parameter in circuit.parameters] == order != list(values)
    by_position = np.stack([values[name] for name in order], axis=-1)
    asked = qasm3.dumps(circuit) if as_text else circuit
    transpiler = Transpiler(fez, level)
    pubs = [transpiler.transpile_pub(pub, "circuits") for pub in coerce_pubs([(asked, values), (asked, by_position)])]
    assert all(pub.info.parameters == tuple(order) for pub in pubs)
    assert all(pub.parameter_values == by_position.tolist() for pub in pubs)
    shots = 4000
    result = decode_sampler_result(run("sampler", sampler_params(tuple(pubs), shots=shots)))
    exact = StatevectorSampler(seed=1).run([(circuit, by_position)], shots=shots).result()[0].data.meas
    for pub_result in result:
        assert pub_result.shape == (3,)
        for index in range(3):
            assert_same_counts(pub_result.get_counts(index), exact.get_counts(index), shots)


@pytest.mark.parametrize("level", LEVELS)
def test_elements_of_a_vector_keep_the_order_of_their_indices(fez, level):
    vector = ParameterVector("v", 12)
    circuit = QuantumCircuit(3)
    for place, element in enumerate(reversed(vector)):
        circuit.rx(element, place % 3)
    circuit.ry(Parameter("a"), 0)
    circuit.measure_all()
    pub = pub_of(circuit, list(range(13)))
    done = Transpiler(fez, level).transpile_pub(pub, "circuits[0]")
    assert done.info.parameters == ("a", *(f"v[{index}]" for index in range(12)))
    assert done.parameter_values == [float(number) for number in range(13)]


@pytest.mark.parametrize("level", LEVELS)
def test_a_parameter_without_effect_still_takes_its_values(fez, run, level):
    circuit = with_an_idle_parameter()
    values = {"idle": [0.1, 0.2]}
    done = Transpiler(fez, level).transpile_pub(pub_of(circuit, values, 10), "circuits[0]")
    assert done.info.parameters == ("idle",)
    (result,) = decode_sampler_result(run("sampler", sampler_params((done,))))
    assert result.shape == (2,)
    assert [result.get_counts(index) for index in range(2)] == [{"1": 10}] * 2


def test_qiskit_itself_drops_a_parameter_without_effect(fez):
    """Why it is put back. Should this fail one day, it need not be any more."""
    assert not generate_preset_pass_manager(2, target=fez.target()).run(with_an_idle_parameter()).parameters


@pytest.mark.parametrize("level", LEVELS)
def test_registers_and_their_bits_stay_as_they_were(fez, run, level):
    first, second = ClassicalRegister(2, "alpha"), ClassicalRegister(3, "beta")
    circuit = QuantumCircuit(QuantumRegister(5, "q"), first, second)
    circuit.x([0, 3])
    circuit.measure(range(5), [*second, *first])
    done = Transpiler(fez, level).transpile_pub(pub_of(circuit, None, 5), "circuits[0]")
    assert done.info.registers == (("alpha", 2), ("beta", 3))
    (result,) = decode_sampler_result(run("sampler", sampler_params((done,))))
    assert {name: register.counts(None).to_dict() for name, register in result.registers.items()} == {
        "alpha": {"01": 5},
        "beta": {"001": 5},
    }


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("qubits", ["virtual", "physical"])
def test_bits_declared_on_their_own_come_back_under_their_names(fez, run, level, qubits):
    text = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[4] q; bit y0; bit[2] c; bit a; input float w; rx(w) q[0]; '
        "x q[1]; y0 = measure q[0]; c[0] = measure q[1]; c[1] = measure q[2]; "
        "if (y0 == true) { x q[3]; } a = measure q[3];"
    )
    if qubits == "physical":
        text = text.replace("qubit[4] q; ", "").replace("q[", "$").replace("]; }", "; }")
        for number in range(4):
            text = text.replace(f"${number}]", f"${number}")
    pub = pub_of(text, {"w": [np.pi, 0.0]}, 5)
    done = Transpiler(fez, level).transpile_pub(pub, "circuits[0]")
    assert done.info.registers == pub.info.registers == (("y0", 1), ("c", 2), ("a", 1))
    (result,) = decode_sampler_result(run("sampler", sampler_params((done,))))
    assert [result.get_counts(point) for point in range(2)] == [{"1011": 5}, {"0010": 5}]


@pytest.mark.parametrize("level", LEVELS)
def test_expectation_values_are_those_of_qiskits_estimator(fez, run, level):
    circuit = real_amplitudes(5, reps=2, entanglement="full")
    values = np.random.default_rng(level).uniform(-np.pi, np.pi, (3, circuit.num_parameters))
    observables = [{"ZZIIX": 0.5, "IYYII": -1.5}, {"IIIIZ": 1.0}, {"XZIZX": 2.0}]
    terms = [[one] for one in observables]
    (pub,) = coerce_estimator_pubs([(circuit, terms, values, 0.02)])
    done = Transpiler(fez, level).transpile_pub(pub, "circuits[0]")
    assert done.shape == pub.shape == (3, 3)
    (ours,) = decode_estimator_result(run("estimator", estimator_params((done,), resilience_level=0)))
    exact = StatevectorEstimator().run([(circuit, terms, values)], precision=0).result()[0].data.evs
    assert ours.evs.shape == exact.shape
    assert np.all(np.abs(ours.evs - exact) <= 5 * np.maximum(ours.stds, 0.02))
    assert np.abs(exact).max() > 0.5


# Physical qubits


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("form", ["text", "object"])
def test_a_circuit_on_physical_qubits_stays_on_them(fez, level, form):
    text = 'OPENQASM 3.0; include "stdgates.inc"; bit[2] c; h $23; cx $23, $24; c[0] = measure $23; c[1] = measure $24;'
    done = transpiled(Transpiler(fez, level), text if form == "text" else qasm3.loads(text))
    assert done.layout == tuple(range(25))
    circuit = loaded(done.circuit)
    used = {circuit.find_bit(bit).index for instruction in circuit.data for bit in instruction.qubits}
    assert used == {23, 24}


def test_qubits_of_a_circuit_without_places_are_chosen_by_the_calibration(fez):
    assert transpiled(Transpiler(fez, 3), BELL).layout != (0, 1)


# The cache


def test_what_is_cached_does_not_go_through_the_pass_manager_again(fez, cache, runs):
    first = transpiled(Transpiler(fez, 3, cache=cache), ghz(6))
    assert (len(runs), first.from_cache) == (1, False)
    again = transpiled(Transpiler(fez, 3, cache=CircuitCache(cache.directory)), ghz(6))
    assert (len(runs), again.from_cache) == (1, True)
    assert loaded(again.circuit) == loaded(first.circuit)
    assert (again.info, again.layout) == (first.info, first.layout)


def test_a_text_is_found_again_and_so_is_a_circuit_with_parameters_built_anew(fez, cache, runs):
    for _ in range(2):
        transpiler = Transpiler(fez, 2, cache=cache)
        transpiler.transpile_pub(pub_of(BELL), "circuits[0]")
        transpiler.transpile_pub(pub_of(*swept()), "circuits[0]")
        transpiler.transpile_pub(pub_of(qasm3.dumps(swept()[0]), swept()[1]), "circuits[0]")
    assert len(runs) == 3


def test_a_hit_needs_no_target(fez, cache):
    transpiled(Transpiler(fez, 1, cache=cache), BELL)
    transpiler = Transpiler(fez, 1, cache=cache)
    assert transpiled(transpiler, BELL).from_cache
    assert "target" not in vars(transpiler)


def test_values_fit_a_circuit_out_of_the_cache(fez, cache, run):
    circuit, values = swept()
    results = []
    for _ in range(2):
        done = Transpiler(fez, 3, cache=cache).transpile_pub(pub_of(swept()[0], values, 2000), "circuits[0]")
        results.append(decode_sampler_result(run("sampler", sampler_params((done,))))[0])
    exact = StatevectorSampler(seed=2).run([(circuit, values)], shots=2000).result()[0].data.meas
    for result in results:
        for index in range(3):
            assert_same_counts(result.get_counts(index), exact.get_counts(index), 2000)


def recalibrated(backend):
    properties = {**backend.properties, "last_update_date": "2026-11-21T07:00:00+00:00"}
    return BackendSnapshot(backend.name, backend.configuration, properties)


def without_a_qubit(backend):
    """The same calibration time, but one qubit is not offered any more."""
    properties = copy.deepcopy(dict(backend.properties))
    date = properties["last_update_date"]
    properties["qubits"][3].append({"name": "operational", "value": 0, "unit": "", "date": date})
    return BackendSnapshot(backend.name, backend.configuration, properties)


def renamed(backend):
    return BackendSnapshot("ibm_other", backend.configuration, backend.properties)


@pytest.mark.parametrize("change", [recalibrated, without_a_qubit, renamed])
def test_another_backend_or_calibration_is_not_found(fez, cache, runs, change):
    transpiled(Transpiler(fez, 1, cache=cache), BELL)
    other = change(fez)
    assert not transpiled(Transpiler(other, 1, cache=cache), BELL).from_cache
    assert transpiled(Transpiler(other, 1, cache=cache), BELL).from_cache
    assert transpiled(Transpiler(fez, 1, cache=cache), BELL).from_cache
    assert len(runs) == 2


def test_another_level_seed_circuit_or_version_of_qiskit_is_not_found(fez, cache, monkeypatch):
    transpiled(Transpiler(fez, 1, cache=cache), BELL)
    assert not transpiled(Transpiler(fez, 2, cache=cache), BELL).from_cache
    assert not transpiled(Transpiler(fez, 1, seed=1, cache=cache), BELL).from_cache
    assert not transpiled(Transpiler(fez, 1, cache=cache), BELL.replace("h q[0]", "x q[0]")).from_cache
    assert transpiled(Transpiler(fez, 1, cache=cache), BELL).from_cache
    monkeypatch.setattr(module, "version", lambda package: "99")
    assert not transpiled(Transpiler(fez, 1, cache=cache), BELL).from_cache


def test_circuits_with_the_same_text_but_other_names_are_told_apart(fez, cache):
    def rotation(name):
        circuit = QuantumCircuit(1)
        circuit.rx(Parameter(name), 0)
        circuit.measure_all()
        return circuit

    odd, plain = rotation("θ[0]"), rotation("_θ_0_")
    assert qasm3.dumps(odd) == qasm3.dumps(plain)
    transpiler = Transpiler(fez, 1, cache=cache)
    for found in (False, True):
        for circuit, name in ((odd, "θ[0]"), (plain, "_θ_0_")):
            done = transpiled(transpiler, circuit, {name: 0.5})
            assert (done.info.parameters, done.from_cache) == ((name,), found)


def test_name_and_metadata_are_those_of_the_circuit_asked_for(fez, cache):
    transpiler = Transpiler(fez, 1, cache=cache)
    for name in ("first", "second"):
        circuit = ghz(2)
        circuit.name, circuit.metadata = name, {"from": name}
        done = loaded(transpiled(transpiler, circuit).circuit)
        assert (done.name, done.metadata) == (name, {"from": name})


@pytest.mark.parametrize("content", [b"", b"QISKIT", b"not a circuit"])
def test_a_corrupt_entry_is_ignored_and_replaced(fez, cache, runs, content):
    transpiled(Transpiler(fez, 1, cache=cache), BELL)
    (entry,) = cache.directory.iterdir()
    entry.write_bytes(content)
    assert not transpiled(Transpiler(fez, 1, cache=cache), BELL).from_cache
    assert entry.read_bytes() != content
    assert transpiled(Transpiler(fez, 1, cache=cache), BELL).from_cache
    assert len(runs) == 2


@pytest.mark.parametrize("content", [b"QISKIT", b"", "another circuit"], ids=["cut short", "empty", "another circuit"])
def test_an_entry_that_is_whole_but_not_the_circuit_is_ignored_and_replaced(fez, cache, runs, content):
    transpiler = Transpiler(fez, 1, cache=cache)
    transpiled(transpiler, BELL)
    (entry,) = cache.directory.iterdir()
    if content == "another circuit":
        buffer = io.BytesIO()
        qpy.dump(ghz(3), buffer)
        content = buffer.getvalue()
    cache.put(entry.stem, content)
    done = transpiled(transpiler, BELL)
    assert (done.from_cache, done.info.registers) == (False, (("c", 2),))
    assert transpiled(transpiler, BELL).from_cache
    assert len(runs) == 2


def test_an_entry_holds_qpy_with_the_layout(fez, cache):
    done = transpiled(Transpiler(fez, 1, cache=cache), ghz(3))
    (entry,) = cache.directory.iterdir()
    (circuit,) = qpy.load(io.BytesIO(cache.get(entry.stem)))
    assert circuit == loaded(done.circuit)
    assert circuit.layout.final_index_layout() == list(done.layout)


def test_without_a_usable_directory_circuits_are_transpiled_all_the_same(fez, tmp_path):
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert not transpiled(Transpiler(fez, 1, cache=CircuitCache(tmp_path / "file")), BELL).from_cache


IN_ANOTHER_PROCESS = """
import hashlib, json, sys
from qiskit import qasm3
from airflow_provider_qrt.primitives import coerce_pubs
from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.circuits.cache import CircuitCache
from airflow_provider_qrt.primitives.circuits.importing import read_qpy
from airflow_provider_qrt.primitives.circuits.transpile import Transpiler
from qiskit.circuit.random import random_circuit
given = json.load(sys.stdin)
cache = CircuitCache(given["cache"]) if given["cache"] else None
digests, hits = [], 0
for seed in range(4):
    for level in range(4):
        transpiler = Transpiler(BackendSnapshot(*given["backend"]), level, cache=cache)
        (pub,) = coerce_pubs(random_circuit(12, 6, max_operands=2, measure=True, seed=seed))
        done = transpiler.transpile(pub.circuit, "circuits[0]", info=pub.info, source=pub.source)
        hits += done.from_cache
        digests.append([hashlib.sha256(qasm3.dumps(read_qpy(done.circuit, "")).encode()).hexdigest(), done.layout])
print(json.dumps([hits, digests]))
"""


def in_another_process(backend, cache=None, hash_seed="random"):
    given = {
        "backend": [backend.name, backend.configuration, backend.properties],
        "cache": cache and str(cache.directory),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_ANOTHER_PROCESS],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_process_gets_the_same_circuit_without_a_cache(fez):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda seed: in_another_process(fez, hash_seed=seed), ["1", "2"])
    assert first == second
    assert first[0] == 0


def test_two_processes_at_once_use_one_cache(fez, cache):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: in_another_process(fez, cache), range(2))
    assert first[1] == second[1]
    hits, digests = in_another_process(fez, cache)
    assert (hits, digests) == (16, first[1])
    assert len(list(cache.directory.iterdir())) == 16


# What a job is known by


def test_the_identity_of_a_pub_is_that_of_the_circuit_asked_for(fez):
    for circuit in (BELL, ghz(3)):
        pub = pub_of(circuit, None, 100)
        done = [
            Transpiler(backend, level).transpile_pub(pub, "circuits[0]")
            for backend, level in ((fez, 1), (recalibrated(fez), 3))
        ]
        assert [one.identity() for one in done] == [pub.identity()] * 2
        assert done[0].circuit != pub.circuit


# What is refused


@pytest.mark.parametrize("level", [4, -1, True, "1", 1.5, None])
def test_levels_are_whole_numbers_up_to_three(fez, level):
    with pytest.raises(InvalidInputError, match=r"^optimization_level: expected 0, 1, 2, 3"):
        Transpiler(fez, level)


def test_a_circuit_wider_than_the_backend_is_refused(fez):
    circuit = QuantumCircuit(157, 1)
    circuit.measure(156, 0)
    with pytest.raises(InvalidInputError, match=r"^circuits\[0\]: .* needs 157 qubits, and backend ibm_fez has 156"):
        transpiled(Transpiler(fez, 1), circuit)


def test_what_the_backend_has_no_gate_for_is_refused(fez):
    from qiskit.circuit import Gate

    circuit = QuantumCircuit(1, 1)
    circuit.append(Gate("mystery", 1, []), [0])
    circuit.measure(0, 0)
    with pytest.raises(
        InvalidInputError, match=r"^circuits\[0\]: .*cannot be transpiled for backend ibm_fez: .*mystery"
    ):
        transpiled(Transpiler(fez, 1), circuit)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("OPENQASM 3.0; bit[1] c; int i = 3; c[0] = measure $0;", "declarations of type 'int'"),
        ("OPENQASM 3.0; qubit q; bit[1] c; reset $0; c[0] = measure q;", "Mixing modes"),
    ],
)
def test_text_that_qiskit_cannot_read_is_refused(fez, text, problem):
    with pytest.raises(
        InvalidInputError, match=rf"^circuits\[0\]: Qiskit cannot read this OpenQASM 3 text: .*{problem}"
    ):
        transpiled(Transpiler(fez, 1), text)


@pytest.mark.parametrize("value", ["", "!", "QISKIT", base64.b64encode(zlib.compress(b"QISKIT")).decode(), 5, None])
def test_qpy_that_qiskit_cannot_read_is_refused(fez, value):
    with pytest.raises(InvalidInputError, match=r"^circuits\[0\]: expected one circuit as base64 of zlib of QPY"):
        transpiled(Transpiler(fez, 1), {"__type__": "QuantumCircuit", "__value__": value})


def test_values_of_encoded_qpy_are_checked_against_its_parameters(fez):
    circuit, values = swept()
    tagged = pub_of(circuit, values).circuit
    transpiler = Transpiler(fez, 1)
    for given in (values, np.stack([values[name] for name in sorted(values)], axis=-1)):
        done = transpiler.transpile_pub(pub_of(tagged, given), "circuits[0]")
        assert done.parameter_values == np.stack([values[name] for name in sorted(values)], axis=-1).tolist()
    for given, problem in (
        ({"w": 1}, "no value for the input"),
        ([1, 2, 3], "4 inputs"),
        (None, "no values were given"),
    ):
        with pytest.raises(InvalidInputError, match=rf"^circuits\[0\]: .*{problem}"):
            transpiler.transpile_pub(pub_of(tagged, given), "circuits[0]")


@pytest.mark.parametrize("missing", ["qiskit", "qiskit_ibm_runtime", "qiskit_qasm3_import"])
def test_what_is_not_installed_is_named_with_the_command_that_installs_it(fez, missing):
    code = (
        f"import sys, json; sys.modules[{missing!r}] = None\n"
        "from airflow_provider_qrt.primitives import coerce_pubs\n"
        "from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot\n"
        "from airflow_provider_qrt.primitives.circuits.transpile import Transpiler\n"
        "(pub,) = coerce_pubs(json.loads(sys.argv[1]))\n"
        "try: Transpiler(BackendSnapshot(*json.load(sys.stdin)), 1).transpile_pub(pub, 'circuits[0]')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    given = json.dumps([fez.name, fez.configuration, fez.properties])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, json.dumps(BELL)],
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(QiskitMissingError.__name__)
    assert "pip install 'airflow-provider-qrt[qiskit]'" in done.stdout
    assert missing in done.stdout


def test_qiskit_is_not_first_imported_in_a_thread_that_ends():
    code = (
        "import threading; from airflow_provider_qrt.primitives.circuits.importing import read_text\n"
        "def use():\n"
        "    try: read_text('', 'circuits[0]')\n"
        "    except RuntimeError as error: print(error)\n"
        "thread = threading.Thread(target=use); thread.start(); thread.join()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Import qiskit in the main thread")


def test_importing_the_transpiler_loads_nothing_heavy():
    code = (
        "import sys, airflow_provider_qrt.primitives.circuits.transpile\n"
        "print([name for name in ('qiskit', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Observables


def test_observables_follow_the_layout_as_qiskits_do(fez):
    done = transpiled(Transpiler(fez, 3), ghz(6))
    circuit = loaded(done.circuit)
    terms = {"XYZIIZ": 0.5, "IIIIIX": -2.0, "IIIIII": 1.0}
    expected = SparsePauliOp.from_list(list(terms.items())).apply_layout(circuit.layout)
    placed = done.observables(terms, "observables")
    assert list(placed.items()) == [(pauli, weight.real) for pauli, weight in expected.to_list()]
    assert done.observables("XYZIIZ", "observables") == expected.paulis[0].to_label()
    assert done.observables([["IIIIIX"], terms], "observables") == [[expected.paulis[1].to_label()], placed]


@pytest.mark.parametrize(
    ("declared", "size"),
    [
        ("const int d = 2; bit[d**2] C;", 4),
        ("bit[1 << 1] C;", 2),
        ("const float half = 0.5; bit[int(4 * half)] C; rx(half * pi) $0; rx(sin(1) - 2) $0;", 2),
        ("const int a = 3; gate own(a) q { rx(a) q; } bit[a] C; own(0.5) $0; if (C == 2) { x $0; }", 3),
    ],
)
def test_constants_are_read_although_qiskits_importer_knows_none(fez, declared, size):
    text = f'OPENQASM 3.0; include "stdgates.inc"; {declared} id $0; C[{size - 1}] = measure $0;'
    [pub] = coerce_pubs(text)
    done = Transpiler(fez, 1).transpile_pub(pub, "circuits[0]")
    assert done.info.registers == (("C", size),)
