"""The program ``noise-learner``: returns the noise that the emulator makes, without running anything.

Each gate depolarizes its qubits, so all Pauli strings on them have the same Lindblad rate. A layer is learned with its
qubits twirled, and each twirl has two sx on every qubit, which depolarize as well. A measurement misreads.
"""

from __future__ import annotations

import base64
import binascii
import io
import itertools
import json
import math
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.errors import INVALID_INPUT
from airflow_provider_qrt.emulator.noise_learner_input import NoiseLearning
from airflow_provider_qrt.emulator.simulation import circuits, isa
from airflow_provider_qrt.emulator.simulation.encoding import array_of, tag
from airflow_provider_qrt.emulator.simulation.noise import Machine
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError
from airflow_provider_qrt.emulator.simulation.standard_gates import standard_gates

TWIRLS = 2
"""The number of sx of a twirled qubit's gate."""

MOST_MADE_UP_RATE = 0.01
QPY_VERSION = 13
_NEITHER = frozenset({"barrier", "delay", "measure"})

Terms = list[tuple[str, list[int]]]
"""Pauli strings, as their letters other than I and the places of these among the qubits."""


@dataclass(frozen=True)
class Layer:
    """Gates or measurements that happen at once.

    Attributes:
        gates: Two-qubit gates by name and the device's qubits, in order.
        qubits: The device's qubits that are twirled.
        measured: Whether its qubits are measured instead.
    """

    gates: tuple[tuple[str, tuple[int, ...]], ...]
    qubits: tuple[int, ...]
    measured: bool = False


def run(learning: NoiseLearning, machine: Machine, seed: int | None) -> str:
    """Return the noise of layers as JSON text.

    Args:
        learning: What is to be learned.
        machine: The machine.
        seed: Seed of what a dry run makes up.

    Raises:
        JobFailedError: A circuit or a box cannot be read, or cannot be learned.
    """
    random = np.random.default_rng(seed)
    if learning.schema_version is None:
        layers = _layers_of_circuits(learning, machine.device)
        metadata = {"backend": machine.device.name, "input_options": learning.options}
        return json.dumps({"data": [_layer_error(one, machine, random) for one in layers], "metadata": metadata})
    data = [_box_result(one, machine, learning.depths, random) for one in _boxes(learning, machine.device)]
    return json.dumps({"schema_version": learning.schema_version, "data": data})


def rates(layer: Layer, machine: Machine, random: np.random.Generator) -> tuple[Terms, NDArray[np.float64]]:
    """Return the strings that can describe a layer's noise, and their Lindblad rates.

    Args:
        layer: The layer.
        machine: The machine.
        random: The source of what a dry run makes up.
    """
    terms = _terms(layer, machine.device)
    if machine.is_mock:
        return terms, random.uniform(0, MOST_MADE_UP_RATE, len(terms))
    found = np.zeros(len(terms))
    noise = machine.noise
    if noise is None:
        return terms, found
    if layer.measured:
        wrong = [sum(noise.readout(layer.qubits[places[0]])) for _, places in terms]
        return terms, np.array([-math.log(max(1 - one, 1e-9)) / 2 for one in wrong])
    of_gates = {frozenset(qubits): noise.lindblad_rate(name, qubits) for name, qubits in layer.gates}
    for number, (_, places) in enumerate(terms):
        qubits = {layer.qubits[place] for place in places}
        found[number] = sum(rate for pair, rate in of_gates.items() if qubits <= pair)
        if len(places) == 1:
            found[number] += TWIRLS * noise.lindblad_rate("sx", tuple(qubits))
    return terms, found


def _terms(layer: Layer, device: Device) -> Terms:
    """Return the strings on one qubit and on two neighbours; of a measurement, the flips of one qubit."""
    places = {qubit: place for place, qubit in enumerate(layer.qubits)}
    if layer.measured:
        return [("X", [place]) for place in places.values()]
    singles: Terms = [(letter, [place]) for place in places.values() for letter in "XYZ"]
    pairs = {frozenset(pair) for pair in device.configuration["coupling_map"]} | {
        frozenset(qubits) for _, qubits in layer.gates
    }
    inside = sorted(sorted(places[qubit] for qubit in pair) for pair in pairs if pair <= set(places))
    return singles + [("".join(two), pair) for pair in inside for two in itertools.product("XYZ", repeat=2)]


def _layers_of_circuits(learning: NoiseLearning, device: Device) -> list[Layer]:
    """Return the different layers of all circuits, those that occur most first."""
    counted: Counter[Layer] = Counter()
    for index, (text, is_qpy) in enumerate(learning.circuits):
        where = f"circuit {index}"
        circuit = circuits.read_qpy(text, 1, where)[0] if is_qpy else circuits.read_openqasm(text, where)
        isa.check(circuit, device, where)
        isa.check_options(circuit, where, decoupled=False, gates_randomized=True)
        if circuits.is_dynamic(circuit):
            raise _unfit(f"{where} has control flow, whose layers cannot be told apart")
        counted.update(_layers(circuit, learning.options["twirling_strategy"]))
    return [layer for layer, _ in counted.most_common(learning.most_layers)]


def _layers(circuit: Any, strategy: str) -> Iterator[Layer]:
    """Return the layers of two-qubit gates, each as early as the gates and barriers before it allow."""
    level = [0] * circuit.num_qubits
    found: list[list[tuple[str, tuple[int, ...]]]] = []
    for instruction in circuit.data:
        qubits = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
        now = max((level[qubit] for qubit in qubits), default=0)
        if instruction.operation.name == "barrier":
            for qubit in qubits:
                level[qubit] = now
        elif len(qubits) == 2:
            for qubit in qubits:
                level[qubit] = now + 1
            found.extend([] for _ in range(now + 1 - len(found)))
            found[now].append((instruction.operation.name, qubits))
    active: set[int] = set()
    whole = {qubit for gates in found for _, qubits in gates for qubit in qubits}
    for gates in found:
        own = {qubit for _, qubits in gates for qubit in qubits}
        active |= own
        chosen = {"active": own, "active-circuit": whole, "active-accum": active, "all": set(range(len(level)))}
        yield Layer(tuple(sorted(gates)), tuple(sorted(chosen[strategy])))


def _layer_error(layer: Layer, machine: Machine, random: np.random.Generator) -> dict[str, Any]:
    """Return a layer with its noise in the tagged form of the official client's ``LayerError``."""
    from qiskit import QuantumCircuit, qpy

    circuit = QuantumCircuit(len(layer.qubits))
    for name, qubits in layer.gates:
        circuit.append(standard_gates()[name], [layer.qubits.index(qubit) for qubit in qubits])
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=QPY_VERSION)
    terms, found = rates(layer, machine, random)
    error = {
        "generators": {
            **tag("settings", {"data": [_label(term, len(layer.qubits)) for term in terms]}),
            "__module__": "qiskit.quantum_info.operators.symplectic.pauli_list",
            "__class__": "PauliList",
        },
        "rates": array_of(found),
    }
    return _official(
        "LayerError",
        {
            "circuit": tag("QuantumCircuit", base64.b64encode(zlib.compress(buffer.getvalue())).decode()),
            "qubits": list(layer.qubits),
            "error": _official("PauliLindbladError", error),
        },
    )


def _official(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {**tag("_json", value), "__module__": "qiskit_ibm_runtime.utils.noise_learner_result", "__class__": name}


def _label(term: tuple[str, list[int]], width: int) -> str:
    letters = ["I"] * width
    for letter, place in zip(*term, strict=True):
        letters[width - 1 - place] = letter
    return "".join(letters)


def _boxes(learning: NoiseLearning, device: Device) -> list[Layer]:
    from qiskit import QuantumRegister

    circuit = _read_boxes(learning.boxes)
    machine = QuantumRegister(device.qubits, "q")
    found = []
    for index, instruction in enumerate(circuit.data):
        where = f"instruction {index}"
        if instruction.operation.name != "box":
            raise _unfit(f"{where} is {instruction.operation.name} and no box")
        if "Twirl" not in {type(one).__name__ for one in instruction.operation.annotations}:
            raise _unfit(f"the box of {where} is not to be twirled")
        foreign = [qubit for qubit in instruction.qubits if qubit not in machine]
        if foreign:
            raise _unfit(f"{where} is on qubits that are not of the machine's register q")
        qubits = [machine.index(qubit) for qubit in instruction.qubits]
        isa.check_block(instruction.operation.body, qubits, device, where)
        isa.check_options(instruction.operation.body, where, decoupled=False, gates_randomized=True)
        found.append(_layer_of_box(instruction.operation.body, qubits, where))
    return found


def _read_boxes(text: str) -> Any:
    try:
        from ibm_quantum_schemas.common.annotation_serializer import AnnotationSerializer
        from qiskit import qpy

        raw = base64.b64decode(text, validate=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (circuit,) = qpy.load(io.BytesIO(raw), annotation_factories={"samplomatic": AnnotationSerializer})
    except ModuleNotFoundError as error:
        raise _unfit("boxes are read only where ibm-quantum-schemas is installed") from error
    except (binascii.Error, ValueError) as error:
        raise _unfit(f"the instructions are not one circuit in QPY: {error}") from error
    except Exception as error:
        raise _unfit(f"the QPY of the instructions could not be read: {error}") from error
    return circuit


def _layer_of_box(body: Any, qubits: Sequence[int], where: str) -> Layer:
    gates = []
    measured: list[int] = []
    for instruction in body.data:
        on = tuple(qubits[body.find_bit(qubit).index] for qubit in instruction.qubits)
        if instruction.operation.name == "measure":
            measured += on
        elif len(on) == 2 and instruction.operation.name not in _NEITHER:
            gates.append((instruction.operation.name, on))
    touched = [qubit for _, pair in gates for qubit in pair]
    if measured and (gates or sorted(measured) != sorted(qubits)):
        raise _unfit(f"the box of {where} must measure each of its qubits once, or hold gates alone")
    if len(set(touched)) != len(touched):
        raise _unfit(f"the gates of {where} are more than one layer")
    return Layer(tuple(gates), tuple(qubits), bool(measured))


def _box_result(layer: Layer, machine: Machine, depths: Sequence[int], random: np.random.Generator) -> dict[str, Any]:
    """Return a box's noise; nothing is post-selected, and no number is uncertain."""
    terms, found = rates(layer, machine, random)
    kept: dict[str, Any] = {"fraction_kept": 1.0, "success_rates": {}}
    if not layer.measured:
        kept = {"fraction_kept": dict.fromkeys(map(str, depths), 1.0), "success_rates": {}}
    return {
        "generators_sparse": [[term] for term in terms],
        "num_qubits": len(layer.qubits),
        "rates": _tensor(found),
        "rates_std": _tensor(np.zeros(len(terms))),
        "metadata": {"learning_protocol": "trex" if layer.measured else "lindblad", "post_selection": kept},
    }


def _tensor(values: NDArray[np.float64]) -> dict[str, Any]:
    """Return a tensor as it was before version 2.0 of the executor, not compressed."""
    data = base64.b64encode(values.astype("<f8").tobytes()).decode()
    return {"data": data, "shape": list(values.shape), "dtype": "f64"}


def _unfit(what: str) -> JobFailedError:
    return JobFailedError(f"The noise cannot be learned: {what}.", INVALID_INPUT, "Correct the input.")
