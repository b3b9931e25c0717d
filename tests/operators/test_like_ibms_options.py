"""With the same circuits and options, the operators and IBM's client-side primitives get the same results to the bit.

Thirty combinations of options are drawn with fixed seeds. Both clients run them on an emulated machine with noise, as
the first job after a reset: the emulator then draws the same samples and the same randomizations, if it is sent the
same program. The only randomness of IBM's client itself, which gates are folded, gets a seed too.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from airflow.sdk import DAG
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_noise_learner import NoiseLearnerV3
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_mitigation.zne.gate_folding import GateFoldingPass
from samplomatic.serialization import samplex_to_json

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.operators.noise_learner import QiskitRuntimeNoiseLearnerOperator
from airflow_provider_qrt.primitives import EstimatorResult, NoiseModel, decode_executor_result
from tests.conftest import QUICK

QUBITS = 3
PAIRS = ((0, 1), (1, 2))
SWEEPS = ((), (3,), (2, 2))
GROUPS = ("pauli", "balanced_pauli", "local_c1", "local_pauli")
STRATEGIES = ("active", "active-accum", "active-circuit", "all")
MEAS_TYPES = ("classified", "kerneled", "avg_kerneled")
SEQUENCES = ("XX", "XpXm", "XY4")
FOLDINGS = ("gate_folding", "gate_folding_front", "gate_folding_back")
EXTRAPOLATORS = (
    "linear",
    "exponential",
    "double_exponential",
    "fallback",
    "polynomial_degree_2",
    ["exponential", "linear"],
)
FACTORS = ([1, 2, 3, 4], [1, 1.6, 2.4, 3.5, 5])
OBSERVABLES = (
    "Z0 Z1",
    ["X0", "Y1 Z2", {"Z0": 0.5, "X1 X2": -1.5, "Y2": 0.25}],
    {"Z0 Z1": 1.0, "X0 X1": 1.0, "Y1": -0.5},
)
LEARNER = {"num_randomizations": 4, "shots_per_randomization": 32, "layer_pair_depths": [0, 2, 8]}
TWIRLED_AS_THEY_ARE = {"enable_gates": True, "group": "local_pauli", "num_randomizations": 3}
FOR_FRACTIONAL_GATES = {
    "decoupled": {"dynamical_decoupling": {"enable": True, "sequence_type": "XY4"}},
    "twirled": {"twirling": TWIRLED_AS_THEY_ARE},
    "both": {"dynamical_decoupling": {"enable": True}, "twirling": TWIRLED_AS_THEY_ARE},
}


@dataclass(frozen=True)
class Case:
    """A combination of options.

    Attributes:
        number: Seeds the circuits.
        options: For both clients.
        level: The resilience level, of an estimator.
        of_text: Whether our operator gets the circuits as text.
        words: For the name of the test.
    """

    number: int
    options: dict[str, Any]
    level: int | None = None
    of_text: bool = False
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join(map(str, (self.number, *self.words)))


def split(rng):
    """A number of randomizations, of shots for each of them, both or neither."""
    ways = {
        "auto": {},
        "randomizations": {"num_randomizations": rng.randint(1, 7)},
        "shots": {"shots_per_randomization": rng.randint(5, 70)},
        "both": {"num_randomizations": rng.randint(1, 5), "shots_per_randomization": rng.randint(5, 70)},
    }
    word = rng.choice(list(ways))
    return word, ways[word]


def decoupling(rng):
    return {
        "enable": True,
        "sequence_type": rng.choice(SEQUENCES),
        "extra_slack_distribution": rng.choice(("middle", "edges")),
        "scheduling_method": rng.choice(("alap", "asap")),
        "skip_reset_qubits": rng.random() < 0.5,
    }


def twirled(rng, number, words):
    word, twirling = split(rng)
    twirling |= {"group": GROUPS[number % 4], "strategy": rng.choice(STRATEGIES)}
    words += [word, twirling["group"], twirling["strategy"]]
    return twirling


def decoupled(rng, options, words):
    if rng.random() < 0.4:
        options["dynamical_decoupling"] = decoupling(rng)
        words.append(options["dynamical_decoupling"]["sequence_type"])


def sampler_case(number):
    rng, words = random.Random(number), []
    options = {"default_shots": rng.randint(50, 200)}
    meas_type = MEAS_TYPES[number % 3]
    options["execution"] = {"meas_type": meas_type, "init_qubits": rng.random() < 0.5}
    words.append(meas_type)
    gates, measure = rng.random() < 0.6, meas_type == "classified" and rng.random() < 0.6
    if gates or measure:
        options["twirling"] = {
            "enable_gates": gates,
            "enable_measure": measure,
            **twirled(rng, number, words),
        }
        words.append("gates" * gates + "measure" * measure)
    decoupled(rng, options, words)
    return Case(number, options, of_text=number % 2 == 1, words=tuple(words))


def estimator_case(number):
    rng, words = random.Random(number), []
    level, resilience = number % 3, {}
    options = {"default_shots": rng.randint(50, 200), "resilience": resilience}
    words.append(f"level{level}")
    if rng.random() < 0.7:
        options["twirling"] = twirled(rng, number, words)
        if rng.random() < 0.5:
            options["twirling"]["enable_gates"] = rng.random() < 0.5
    if rng.random() < 0.5:
        resilience["measure_mitigation"] = rng.random() < 0.5
        words.append("trex" if resilience["measure_mitigation"] else "raw")
        if resilience["measure_mitigation"]:
            resilience["measure_noise_learning"] = {"num_randomizations": rng.randint(1, 8)}
    if level == 2 or rng.random() < 0.4:
        resilience["zne_mitigation"] = True
        resilience["zne"] = zne(rng, FOLDINGS, words)
    decoupled(rng, options, words)
    return Case(number, options, level, number % 2 == 1, tuple(words))


def zne(rng, amplifiers, words):
    amplifier, extrapolator = rng.choice(amplifiers), rng.choice(EXTRAPOLATORS)
    words += [amplifier, "+".join(extrapolator) if isinstance(extrapolator, list) else extrapolator]
    chosen = {"amplifier": amplifier, "extrapolator": extrapolator, "noise_factors": rng.choice(FACTORS)}
    return chosen | ({"extrapolated_noise_factors": [0, 0.5]} if rng.random() < 0.5 else {})


def model_case(number):
    rng, words = random.Random(number), []
    resilience = {}
    options = {"default_shots": rng.randint(50, 150), "resilience": resilience}
    _, twirling = split(rng)
    options["twirling"] = {**twirling, "strategy": ("active-accum", "active")[number // 2 % 2]}
    words.append(options["twirling"]["strategy"])
    if number % 2:
        resilience["zne_mitigation"] = True
        resilience["zne"] = zne(rng, ["pea"], words)
    else:
        words.append("pec")
        resilience["pec_mitigation"] = True
        resilience["pec"] = {"noise_gain": rng.choice(["auto", 0.5]), "max_overhead": rng.choice([None, 3])}
    if rng.random() < 0.5:
        resilience["measure_mitigation"] = False
        words.append("raw")
    return Case(number, options, rng.choice((0, 1)), words=tuple(words))


# The numbers are those of combinations that have all options among them; a test looks at that.
SAMPLES = [sampler_case(number) for number in range(12)]
ESTIMATES = [estimator_case(number) for number in range(100, 112)]
WITH_MODEL = [model_case(number) for number in range(200, 206)]


def random_circuit(rng, *, width=QUBITS, angles=True):
    """A circuit of the backend's gates with two parameters, and times in which a qubit idles."""
    circuit = QuantumCircuit(QuantumRegister(width, "q"))
    parameters = [Parameter("b"), Parameter("a")] if angles else []
    for step in range(9):
        qubit = rng.randrange(QUBITS)
        if step % 3 == 0:
            circuit.cz(*rng.choice(PAIRS))
            continue
        circuit.sx(qubit)
        circuit.rz(parameters[step % 2] if angles and step in (4, 7) else rng.uniform(0, 2 * math.pi), qubit)
        circuit.sx(qubit)
    return circuit


def values(rng, circuit, sweep):
    numbers = np.random.default_rng(rng.randrange(2**32))
    return {parameter.name: numbers.uniform(0, 6, sweep).tolist() for parameter in circuit.parameters}


def as_text(circuit):
    text = re.sub(r"qubit\[\d+\] q;\n", "", qasm3.dumps(circuit))
    return re.sub(r"\bq\[(\d+)\]", r"$\1", text)


@pytest.fixture(scope="module")
def _noisy():
    with Emulator(**QUICK, seed=5, noise=True) as emulator:
        yield emulator, emulator.qiskit_service()


@pytest.fixture
def noisy(_noisy, connect, monkeypatch):
    emulator, _ = _noisy
    connect({"instance": emulator.instance, "iam_url": emulator.iam_url}, host=emulator.url, password=emulator.api_key)
    # Of IBM's client: the gates that are folded.
    monkeypatch.setattr(GateFoldingPass.__init__, "__defaults__", ("random", 11))
    emulator.reset()
    return emulator


@pytest.fixture
def service(_noisy):
    return _noisy[1]


@pytest.fixture
def backend(service):
    return service.backend("ibm_fez")


def program_of(service, job_id):
    """The program that was sent, as IBM's client reads it, in a form that is equal for equal programs."""
    inputs = service.job(job_id).inputs
    program, options = inputs["quantum_program"], inputs["options"]
    return {
        "shots": program.shots,
        "meas_level": program.meas_level,
        "options": options.model_dump(),
        "items": [item_of(item) for item in program.items],
        "post_processor": (program.passthrough_data or {}).get("post_processor"),
    }


def item_of(item):
    """Circuit and samplex; without the names and the order that depend on the addresses of objects."""
    places = item.circuit.find_bit
    circuit = [
        (
            one.name,
            sorted(places(bit).index for bit in one.qubits)
            if one.name == "barrier"
            else [places(bit).index for bit in one.qubits],
            [places(bit).index for bit in one.clbits],
            [str(parameter) for parameter in one.params],
        )
        for one in item.circuit.data
    ]
    samplex = getattr(item, "samplex", None)
    nodes = [] if samplex is None else json.loads(samplex_to_json(samplex))["nodes"]
    return {"circuit": circuit, "shape": tuple(item.shape), "nodes": Counter(node["data"]["id"] for node in nodes)}


@pytest.mark.parametrize("case", SAMPLES, ids=str)
def test_samples_are_those_of_ibms_client(task, noisy, service, backend, case):
    rng = random.Random(case.number)
    pubs = []
    for sweep in rng.sample(SWEEPS, 2):
        circuit = random_circuit(rng)
        circuit.add_register(ClassicalRegister(1, "low"), ClassicalRegister(2, "high"))
        circuit.measure([0, 1, 2], [2, 0, 1])
        pubs.append((circuit, values(rng, circuit, sweep)))
    theirs = Sampler(backend, case.options).run(pubs)
    other, their_program = theirs.result(), program_of(service, theirs.job_id())
    noisy.reset()
    mine = [(as_text(circuit), bound) for circuit, bound in pubs] if case.of_text else pubs
    value = task.run(circuits=mine, shots=None, options=case.options)
    assert value["program_id"] == "executor"
    program = program_of(service, value["job_id"])
    if program["post_processor"] is None:
        # Circuits that run as they are do not need IBM's decoder.
        assert not case.options.get("twirling")
        their_program["post_processor"] = None
    assert program == their_program
    ours = decode_executor_result(task.last.hook.client.job_result(value["job_id"]))
    for one, another in zip(ours, other, strict=True):
        assert one.shape == another.data.shape
        assert list(one.registers or one.kerneled) == ["low", "high"]
        for name, register in one.registers.items():
            np.testing.assert_array_equal(register.array, another.data[name].array)
        for name, register in one.kerneled.items():
            np.testing.assert_array_equal(register.array, another.data[name])


@pytest.mark.parametrize("options", FOR_FRACTIONAL_GATES.values(), ids=FOR_FRACTIONAL_GATES)
def test_fractional_gates_are_decoupled_and_twirled_as_by_ibms_client(task, noisy, service, options):
    circuit = QuantumCircuit(QuantumRegister(QUBITS, "q"))
    circuit.sx(0)
    circuit.rzz(0.3, *PAIRS[0])
    circuit.rx(0.2, 1)
    circuit.rzz(0.7, *PAIRS[1])
    for _ in range(3):
        circuit.sx(2)
    circuit.rzz(0.2, *PAIRS[0])
    circuit.measure_all()
    given = {**options, "default_shots": 60}
    # A service of its own: one that has read a backend without these gates does not get them any more.
    backend = noisy.qiskit_service().backend("ibm_fez", use_fractional_gates=None)
    theirs = Sampler(backend, given).run([circuit])
    other, their_program = theirs.result(), program_of(service, theirs.job_id())
    noisy.reset()
    value = task.run(circuits=circuit, shots=None, options=given, program_id="executor")
    assert program_of(service, value["job_id"]) == their_program
    assert value["results"][0]["counts"] == other[0].data.meas.get_counts()


def theirs_of(observable, width):
    """An observable, or a list of them, with a letter for each qubit."""
    if isinstance(observable, list):
        return [theirs_of(one, width) for one in observable]
    weights = {observable: 1.0} if isinstance(observable, str) else observable
    terms = [
        ("".join(one[0] for one in term.split()), [int(one[1:]) for one in term.split()], weight)
        for term, weight in weights.items()
    ]
    return SparsePauliOp.from_sparse_list(terms, width)


def in_shape(observables, sweep):
    """Observables that go with a sweep."""
    if not isinstance(observables, list) or not sweep:
        return observables
    return [[one] for one in observables] if len(sweep) == 1 else [[[one]] for one in observables]


def assert_same_estimates(value, theirs):
    for one, another in zip(EstimatorResult.from_xcom(value), theirs, strict=True):
        assert set(one.data) == set(another.data.keys())
        assert one.shape == another.data.shape
        for name, array in one.data.items():
            # Extrapolations may have no value, or an infinite one, which JSON does not have.
            expected = np.where(np.isfinite(another.data[name]), another.data[name], np.nan)
            np.testing.assert_array_equal(array, expected, err_msg=name)


@pytest.mark.parametrize("case", ESTIMATES, ids=str)
def test_estimates_are_those_of_ibms_client(task, noisy, service, backend, case):
    task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", {}
    rng = random.Random(case.number)
    mine, pubs = [], []
    for sweep, observables in zip(rng.sample(SWEEPS, 2), rng.sample(OBSERVABLES, 2), strict=True):
        circuit = random_circuit(rng)
        bound, asked = values(rng, circuit, sweep), in_shape(observables, sweep)
        pubs.append((circuit, theirs_of(asked, QUBITS), bound))
        mine.append((as_text(circuit) if case.of_text else circuit, asked, bound))
    theirs = Estimator(backend, {**case.options, "resilience_level": case.level}).run(pubs)
    other, their_program = theirs.result(), program_of(service, theirs.job_id())
    noisy.reset()
    value = task.run(circuits=mine, options=case.options, resilience_level=case.level, program_id="executor")
    assert program_of(service, value["job_id"]) == their_program
    assert_same_estimates(value, other)


@pytest.fixture(scope="module")
def learned():
    """The noise models of both clients, by the strategy of twirling."""
    return {}


def model_circuit():
    return random_circuit(random.Random(77), width=156, angles=False)


def learn(task, noisy, backend, strategy):
    circuit = model_circuit()
    options = {"twirling": {"strategy": strategy}, "resilience": {"pec_mitigation": True}}
    layers = Estimator(backend, options).find_unique_layers([(circuit, theirs_of("Z0", 156))])
    noisy.reset()
    theirs = NoiseLearnerV3(backend, LEARNER).run(layers).result().to_pauli_lindblad_maps()
    noisy.reset()
    with DAG("the_dag", schedule=None):
        operator = QiskitRuntimeNoiseLearnerOperator(
            task_id="the_task",
            backend="ibm_fez",
            circuits=circuit,
            options={**LEARNER, "twirling": {"strategy": strategy}},
            deferrable=False,
            poll_interval=0.02,
        )
    operator.render_template_fields(task.context)
    mine = json.loads(json.dumps(operator.execute(task.context)))
    for callback in operator.on_success_callback:
        callback({**task.context, "task": operator})
    task.clear()
    return layers, theirs, mine


@pytest.mark.parametrize("case", WITH_MODEL, ids=str)
def test_estimates_with_a_noise_model_are_those_of_ibms_client(task, noisy, service, backend, learned, case):
    strategy = case.options["twirling"]["strategy"]
    if strategy not in learned:
        learned[strategy] = learn(task, noisy, backend, strategy)
    layers, maps, model = learned[strategy]
    for layer, one in zip(NoiseModel.from_xcom(model).layers, maps, strict=True):
        assert list(layer.terms) == [(letters, tuple(places), rate) for letters, places, rate in one.to_sparse_list()]
    task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", {}
    circuit = model_circuit()
    options = {**case.options, "resilience_level": case.level}
    options["resilience"] = {**case.options["resilience"], "layer_noise_model": list(zip(layers, maps, strict=True))}
    noisy.reset()
    theirs = Estimator(backend, options).run([(circuit, theirs_of(OBSERVABLES[1], 156))])
    other, their_program = theirs.result(), program_of(service, theirs.job_id())
    noisy.reset()
    value = task.run(
        circuits=(circuit, OBSERVABLES[1]), options=case.options, resilience_level=case.level, noise_model=model
    )
    assert program_of(service, value["job_id"]) == their_program
    assert_same_estimates(value, other)


def test_the_combinations_have_every_choice_among_them():
    given = json.dumps([case.options for case in (*SAMPLES, *ESTIMATES, *WITH_MODEL)])
    chosen = (*GROUPS, *STRATEGIES, *MEAS_TYPES, *SEQUENCES, *FOLDINGS, *EXTRAPOLATORS, "pea", "alap", "asap", "edges")
    assert [one for one in chosen if json.dumps(one) not in given] == []
    assert len(SAMPLES) + len(ESTIMATES) + len(WITH_MODEL) == 30
