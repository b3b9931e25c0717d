"""Builds the ``params`` of an ``executor`` job that learns the noise of layers, with the official client.

The client's functions (``qiskit_ibm_runtime.executor_noise_learner``, extra ``noise-learning``) make the learning
circuits and read what they measured; here the layers of the circuits are found. What belongs to the model is sent along
in ``passthrough_data``, which the service returns with the result. So the text of the result is sufficient to make the
model, in any process.

This package imports Qiskit only inside functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.circuits.qpy import dump_circuit, is_quantum_circuit, tag_qpy
from airflow_provider_qrt.primitives.circuits.reader import CircuitReader
from airflow_provider_qrt.primitives.circuits.text import CircuitInfo, check_circuit_to_estimate
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.estimator_pubs import split_estimator_pub
from airflow_provider_qrt.primitives.inputs.executor import PASSTHROUGH_KEY
from airflow_provider_qrt.primitives.inputs.executor_sampler_options import EXECUTION, TWIRLING_GROUPS
from airflow_provider_qrt.primitives.inputs.listing import as_list
from airflow_provider_qrt.primitives.inputs.official_program import (
    PreparedProgram,
    client_options,
    on_physical_qubits,
    prepare_with,
    read_circuit,
)
from airflow_provider_qrt.primitives.inputs.option_checks import (
    Check,
    Schema,
    boolean,
    check_closed,
    is_whole,
    one_of,
    passed_through,
    positive_integer,
)
from airflow_provider_qrt.primitives.inputs.options import TWIRLING
from airflow_provider_qrt.primitives.noise_model import LearnedLayer, digest_of
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed

NEEDED_FOR = "learning noise"
"""The feature that needs Qiskit, for messages."""
MODEL_KEY = "noise_model"
"""Key of what belongs to the model in ``passthrough_data``, under that of this package."""
DEFAULT_TWIRLING = {"strategy": "active-accum", "group": "pauli"}
"""The defaults of the official client's twirling, on which the layers of a circuit depend."""


def _depths(value: Any) -> str | None:
    good = isinstance(value, list | tuple) and value and all(is_whole(depth) and depth >= 0 for depth in value)
    return None if good else "expected a list of whole numbers, 0 or more each"


_CHECKS: Mapping[str, Check] = {
    "enable": boolean,
    "x_pulse_type": one_of("xslow", "rx"),
    "strategy": one_of("node", "edge"),
}
_SCHEMA: Schema = {
    "shots_per_randomization": positive_integer,
    "num_randomizations": positive_integer,
    "layer_pair_depths": _depths,
    "bit_flip_checks": {"pre_circuit": _CHECKS, "post_circuit": _CHECKS},
    "execution": EXECUTION,
    "experimental": passed_through,
    "twirling": {"strategy": TWIRLING["strategy"], "group": TWIRLING_GROUPS},
}
_ELSEWHERE = {
    "max_layers_to_learn": "all layers of the circuits are learned; pass fewer circuits",
    "simulator": "the program executor knows no such options",
    "shots": "write shots_per_randomization and num_randomizations",
}


@dataclass(frozen=True)
class LearningCircuit:
    """A circuit whose layers are learned.

    Attributes:
        circuit: OpenQASM 3 text, or an encoded circuit.
        info: Its declarations; None for a circuit that was already encoded.
        source: OpenQASM 3 text of an encoded circuit, if it has one.
    """

    circuit: str | Mapping[str, Any]
    info: CircuitInfo | None = None
    source: str | None = None

    @property
    def parameter_values(self) -> None:
        """None: parameters stand in gates of one qubit, and do not matter for layers."""

    @property
    def digest(self) -> str:
        """The same for the same circuit, however it was encoded."""
        return digest_of(self.circuit, self.source)


def check_noise_learner_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check the options of a noise learner and return them as a new plain dictionary.

    They are those of ``qiskit_ibm_runtime.options_models.NoiseLearnerV3Options``, and ``twirling`` with ``strategy``
    and ``group``, which must be those of the estimator that uses the model.

    Raises:
        InvalidInputError: A name is unknown (the message suggests the most similar one), or a value has the wrong type.
            The message starts with the full dotted path.
    """
    if options is None:
        return {}
    return check_closed(options, _SCHEMA, program="noise learner", elsewhere=_ELSEWHERE)


def twirling_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Return strategy and group of the twirling, on which layers depend.

    Args:
        options: Checked options of a noise learner or an estimator.
    """
    given = options.get("twirling", {})
    return {name: given.get(name, default) for name, default in DEFAULT_TWIRLING.items()}


def coerce_learning_circuits(circuits: Any) -> tuple[LearningCircuit, ...]:
    """Check the circuits whose layers are to be learned: those of an estimator, in the same forms.

    Observables, values and precisions of PUBs are left aside, so that one list serves both tasks.

    Raises:
        InvalidInputError: Something is wrong; the message names the circuit by its index.
    """
    reader = CircuitReader(check_circuit_to_estimate, lambda _circuit, _where: None)
    read = []
    for index, item in enumerate(as_list(circuits, LearningCircuit)):
        where = f"circuits[{index}]"
        if isinstance(item, LearningCircuit):
            read.append(item)
            continue
        circuit, *_ = split_estimator_pub(item, where)
        if is_quantum_circuit(circuit) and circuit.has_control_flow_op():
            raise InvalidInputError(f"{where}: the layers of a circuit with control flow cannot be learned.")
        one = reader.read(circuit, where)
        read.append(LearningCircuit(one.circuit, one.info, one.source))
    return tuple(read)


def prepare_noise_learner(
    circuits: Sequence[LearningCircuit],
    transpiled: Sequence[str | Mapping[str, Any]],
    *,
    options: Mapping[str, Any],
    backend: BackendSnapshot,
) -> tuple[PreparedProgram, Sequence[LearnedLayer]]:
    """Build the ``params`` of an ``executor`` job that learns the layers of circuits.

    Args:
        circuits: As they were given.
        transpiled: The same, such that the backend can run them.
        options: Checked options.
        backend: The backend.

    Returns:
        The program, and the layers that it learns.

    Raises:
        InvalidInputError: There is no layer of two-qubit gates, Qiskit cannot read a circuit, or the official client
            refuses the input.
        QiskitMissingError: Qiskit, the official client or its extra is not installed.
    """
    with qiskit_needed(NEEDED_FOR):
        import qiskit_noise_learning  # noqa: F401
        from qiskit_ibm_runtime.executor_noise_learner.prepare import prepare
        from qiskit_ibm_runtime.options_models.noise_learner_v3 import NoiseLearnerV3Options
        from qiskit_ibm_runtime.quantum_program import QuantumProgram
    twirling = twirling_of(options)
    width = backend.target().num_qubits
    placed = [
        on_physical_qubits(read_circuit(circuit, f"circuits[{index}]", needed_for=NEEDED_FOR), width)
        for index, circuit in enumerate(transpiled)
    ]
    found = find_layers(placed, twirling)
    if not found:
        raise InvalidInputError(
            "circuits: there is no layer of two-qubit gates in them, so there is no noise to learn."
        )
    chosen = client_options(
        NoiseLearnerV3Options, {name: value for name, value in options.items() if name != "twirling"}
    )
    layers = [layer for _, layer in found]
    model = {
        "backend": backend.name,
        "calibrated": backend.calibrated_at,
        "twirling": twirling,
        "layers": [layer.to_json() for layer in layers],
        "circuits": [
            {"asked": circuit.digest, "circuit": tag_qpy(dump_circuit(ready, f"circuits[{index}]"))}
            for index, (circuit, ready) in enumerate(zip(circuits, placed, strict=True))
        ],
    }

    def learn(ready: Any) -> tuple[Any, Any]:
        program, executor_options = prepare([instruction for instruction, _ in found], chosen, ready)
        return QuantumProgram.from_(program), executor_options

    program = prepare_with(
        learn,
        backend=backend,
        passthrough={PASSTHROUGH_KEY: {MODEL_KEY: model}},
        role="noise learner",
        needed_for="learning noise",
    )
    return program, layers


def find_layers(circuits: Sequence[Any], twirling: Mapping[str, str]) -> list[tuple[Any, LearnedLayer]]:
    """Return the distinct layers of two-qubit gates of circuits, each as the official client's instruction and by name.

    Args:
        circuits: ``QuantumCircuit`` objects on physical qubits, as wide as the backend.
        twirling: ``strategy`` and ``group``.
    """
    from qiskit.primitives.containers.estimator_pub import EstimatorPub
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_ibm_runtime.executor_sampler.utils import find_unique_layers
    from qiskit_ibm_runtime.options_models.twirling import TwirlingOptions
    from samplomatic import InjectNoise
    from samplomatic.utils import get_annotation

    bare = [circuit.remove_final_measurements(inplace=False) for circuit in circuits]
    # Parameters stand in gates of one qubit, and do not matter for layers.
    pubs = [EstimatorPub.coerce((_with_values(circuit), SparsePauliOp("I" * circuit.num_qubits))) for circuit in bare]
    found = []
    for instruction in find_unique_layers(pubs, TwirlingOptions(**twirling), inject_noise=True):
        annotation = get_annotation(instruction.operation, InjectNoise)
        if annotation is not None:
            found.append((instruction, _describe(instruction, annotation.ref, circuits[0])))
    return found


def _with_values(circuit: Any) -> Any:
    return circuit.assign_parameters(dict.fromkeys(circuit.parameters, 0.1)) if circuit.parameters else circuit


def _describe(instruction: Any, ref: str, circuit: Any) -> LearnedLayer:
    from samplomatic.constants import SYMMETRIC_2Q_GATES

    # The qubits are those of the circuit in which the layer was found first; all circuits have the same register.
    qubits = [circuit.qregs[0].index(qubit) for qubit in instruction.qubits]
    body = instruction.operation.body
    gates = []
    for gate in body.data:
        name = gate.operation.name
        if len(gate.qubits) > 1 and name != "barrier":
            places = [qubits[body.find_bit(qubit).index] for qubit in gate.qubits]
            gates.append((name, tuple(sorted(places) if name in SYMMETRIC_2Q_GATES else places)))
    # The official client's maps refer to the qubits in the order of the circuit, not of the instruction.
    return LearnedLayer(ref, tuple(sorted(qubits)), tuple(sorted(gates, key=lambda gate: gate[1])))
