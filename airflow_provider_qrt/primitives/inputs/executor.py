"""Builds the ``params`` of an ``executor`` job that replaces a ``sampler`` job.

IBM deprecated its server-side sampler in September 2026 (qiskit-ibm-runtime 0.50). The executor remains, which runs
circuits with arguments and returns every bit of every shot. It has no mitigation and no twirling, so all changes to
circuits must be made before, on the client's side: the official client's functions do that
(``qiskit_ibm_runtime.executor_sampler``). Circuits that run as they were given need neither the client nor Qiskit.
Source: IBM's schemas for the executor, v2.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.arrays.tensors import write_floats
from airflow_provider_qrt.primitives.circuits.parameters import written
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.combinations import (
    check_decoupling,
    check_no_boxes,
    check_registers,
    check_stretches,
    check_twirling,
)
from airflow_provider_qrt.primitives.inputs.executor_sampler_options import (
    CLASSIFIED,
    changes_circuits,
    check_executor_sampler_options,
)
from airflow_provider_qrt.primitives.inputs.official_program import (
    SCHEMA_VERSION,
    PreparedProgram,
    client_options,
    on_physical_qubits,
    prepare_with,
    read_circuit,
)
from airflow_provider_qrt.primitives.inputs.shots import sampler_shots
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
    from airflow_provider_qrt.primitives.inputs.pubs import SamplerPub

NEEDED_FOR = "options.twirling and options.dynamical_decoupling over the program executor"
"""The arguments that need Qiskit, for messages."""
PASSTHROUGH_KEY = "airflow_provider_qrt"
"""Key in ``passthrough_data`` for the names of the registers in the order of declaration; the result returns them."""

_VECTOR_ELEMENT = re.compile(r"\[(\d+)\]\Z")


def executor_params(pubs: Any, *, shots: int | None = None, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the ``params`` of an ``executor`` job that runs circuits as they are.

    Every PUB becomes one item, in order. The names of its registers go into ``passthrough_data``, so that
    ``decode_executor_result`` needs only the text of the result.

    Args:
        pubs: The PUBs, in any form that ``coerce_pubs`` returns or accepts. Texts are sent as text.
            ``QuantumCircuit`` objects are sent as QPY; Qiskit is needed to put several of them, or one of them and
            texts, into one file.
        shots: Shots for PUBs without shots. All PUBs of a job must have the same number.
        options: Options of a sampler. ``default_shots``, ``execution`` and ``experimental`` are passed on;
            ``scheduler_timing`` and ``stretch_values`` can also be set under ``experimental.execution``, as in the
            official client.

    Raises:
        InvalidInputError: Anything is wrong with circuits, values, shots or options; or an option asks for other
            circuits (twirling, dynamical decoupling): see :func:`prepare_executor_sampler`.
        ProgramUnfitError: An option is not supported by the executor (a simulator's), or a circuit has a box.
    """
    from airflow_provider_qrt.primitives.inputs.pubs import coerce_pubs

    checked_options = check_executor_sampler_options(options)
    checked_pubs = check_executor_pubs(coerce_pubs(pubs, shots=shots), checked_options)
    if changes_circuits(checked_options):
        raise InvalidInputError(
            "options: twirling and dynamical decoupling change circuits, which prepare_executor_sampler does."
        )
    return {
        "schema_version": SCHEMA_VERSION,
        "quantum_program": {
            "shots": common_shots(checked_pubs, checked_options),
            "meas_level": checked_options.get("execution", {}).get("meas_type", CLASSIFIED),
            "circuits": _circuits(checked_pubs),
            "items": [_item(pub) for pub in checked_pubs],
            "passthrough_data": _passthrough(checked_pubs),
        },
        "options": _executor_options(checked_options),
    }


def prepare_executor_sampler(
    pubs: Sequence[SamplerPub],
    *,
    options: Mapping[str, Any] | None = None,
    backend: BackendSnapshot | None = None,
) -> PreparedProgram:
    """Build the ``params`` of an ``executor`` job with the official client, which twirls and decouples.

    Args:
        pubs: Checked PUBs whose circuits the backend can run. All must have the same number of shots.
        options: See :func:`check_executor_sampler_options`.
        backend: The backend of the job; needed for the timing of decoupling pulses.

    Raises:
        InvalidInputError: Qiskit cannot read a circuit, or the PUBs differ in shots.
        ProgramUnfitError: The official client refuses the input, or the job has more executions than IBM allows.
        QiskitMissingError: Qiskit or the official client is not installed.
    """
    checked_options = check_executor_sampler_options(options)
    shots = common_shots(check_executor_pubs(pubs, checked_options), checked_options, twirled=False)
    with qiskit_needed(NEEDED_FOR):
        from qiskit_ibm_runtime.executor_sampler.prepare import prepare
        from qiskit_ibm_runtime.options_models.sampler import SamplerOptions
    chosen = client_options(SamplerOptions, checked_options)
    read = [(_circuit(pub, f"circuits[{index}]"), written(pub.parameter_values)) for index, pub in enumerate(pubs)]
    return prepare_with(
        lambda ready: prepare(read, chosen, shots, backend=ready),
        backend=backend,
        passthrough=_passthrough(pubs),
        role="sampler",
        needed_for="program_id='executor'",
    )


def check_executor_pubs(pubs: Sequence[SamplerPub], options: Mapping[str, Any]) -> Sequence[SamplerPub]:
    """Check PUBs together with the options, and return them.

    Args:
        pubs: The PUBs.
        options: Checked options.

    Raises:
        InvalidInputError: A PUB has more executions than IBM allows, a register that cannot be returned, or a circuit
            that cannot be decoupled.
        ProgramUnfitError: The executor cannot run a circuit, or not with these options.
    """
    from airflow_provider_qrt.primitives.inputs.pubs import check_executions

    check_registers(pubs)
    check_no_boxes(pubs)
    check_decoupling(pubs, options)
    check_stretches(pubs, options)
    check_twirling(pubs, options)
    check_executions(pubs, options)
    return pubs


def executor_identity(pubs: Sequence[SamplerPub], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON that is equal for equal requests, which is not true of the bytes of QPY.

    Args:
        pubs: Checked PUBs.
        options: Checked options.
    """
    shots = {sampler_shots(pub.shots, options) for pub in pubs}
    if len(shots) > 1 or changes_circuits(options):
        return {"schema_version": SCHEMA_VERSION, "options": dict(options), "pubs": [pub.identity() for pub in pubs]}
    identity = {
        "schema_version": SCHEMA_VERSION,
        "shots": shots.pop(),
        "options": _executor_options(options),
        "pubs": [[*pub.identity()[:2], None] for pub in pubs],
    }
    meas_type = options.get("execution", {}).get("meas_type", CLASSIFIED)
    return identity if meas_type == CLASSIFIED else {**identity, "meas_level": meas_type}


def common_shots(pubs: Sequence[SamplerPub], options: Mapping[str, Any], *, twirled: bool = True) -> int:
    """Return the shots of all PUBs.

    Args:
        pubs: The PUBs.
        options: Checked options.
        twirled: Whether shots are rounded up to full randomizations, if circuits are twirled.

    Raises:
        InvalidInputError: They differ.
    """
    dealt = options if twirled else {name: value for name, value in options.items() if name != "twirling"}
    each = [sampler_shots(pub.shots, dealt) for pub in pubs]
    for index, shots in enumerate(each):
        if shots != each[0]:
            raise InvalidInputError(
                f"circuits[{index}]: asks for {shots:,} shots and circuits[0] for {each[0]:,}; the program executor "
                "runs all circuits of a job with the same number. Give them one number, or put each number into a "
                "job of its own."
            )
    return each[0]


def _circuits(pubs: Sequence[SamplerPub]) -> dict[str, Any]:
    texts = [pub.circuit for pub in pubs if isinstance(pub.circuit, str)]
    if len(texts) == len(pubs):
        return {"data": texts}
    from airflow_provider_qrt.primitives.circuits.qpy_file import write_qpy_file

    return write_qpy_file([pub.circuit for pub in pubs])


def _item(pub: SamplerPub) -> dict[str, Any]:
    return {
        "item_type": "circuit",
        "circuit_arguments": write_floats(_arguments(pub)),
        # The shape of the arguments is sufficient. A shape given here could only add repetitions.
        "shape": [],
        "chunk_size": "auto",
    }


def _arguments(pub: SamplerPub) -> NDArray[np.float64]:
    """Return the values of shape ``(*sweep, parameters)``, with the parameters in Qiskit's order, by name."""
    import numpy as np

    values = pub.parameter_values
    if values is None:
        return np.zeros(0)
    if isinstance(values, Mapping):
        arrays = [np.asarray(values[name], dtype=np.float64) for name in order_by_name(values)]
        return np.stack(arrays, axis=-1)
    return np.asarray(values, dtype=np.float64)


def order_by_name(names: Iterable[str]) -> list[str]:
    """Return the names of parameters in Qiskit's order."""
    return sorted(names, key=_by_name)


def _by_name(name: str) -> str:
    """Return a sort key that orders the elements of a vector by number: ``a[2]`` before ``a[10]``."""
    return _VECTOR_ELEMENT.sub(lambda found: f"[{int(found[1]):09d}]", name)


def _circuit(pub: SamplerPub, where: str) -> Any:
    registers = None if pub.info is None else pub.info.registers
    return on_physical_qubits(read_circuit(pub.circuit, where, registers=registers, needed_for=NEEDED_FOR))


def _passthrough(pubs: Sequence[SamplerPub]) -> dict[str, Any]:
    return {PASSTHROUGH_KEY: {"registers": [_register_names(pub) for pub in pubs]}}


def _register_names(pub: SamplerPub) -> list[str] | None:
    return None if pub.info is None else [name for name, _ in pub.info.registers]


def _executor_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Translate checked sampler options of circuits that run as they are."""
    execution = options.get("execution", {})
    translated = {name: value for name, value in execution.items() if name != "meas_type"}
    experimental = options.get("experimental")
    if experimental:
        translated["experimental"] = dict(experimental)
        timing = experimental.get("execution")
        if isinstance(timing, Mapping):
            translated |= {name: True for name in ("scheduler_timing", "stretch_values") if timing.get(name)}
    return translated
