"""Writes a quantum program in the form that is sent, and the part of it that is equal for equal programs.

Circuits in OpenQASM 3 need no Qiskit. Everything else is written by the official client's encoder
(``qiskit_ibm_runtime.quantum_program.params_converters``).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.arrays.tensors import write_floats
from airflow_provider_qrt.primitives.circuits.qpy import dump_circuit, source_of
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.executor_program import NEEDED_FOR, ExecutorProgram, ProgramItem
from airflow_provider_qrt.primitives.inputs.executor_sampler_options import EXECUTION
from airflow_provider_qrt.primitives.inputs.official_program import SCHEMA_VERSION
from airflow_provider_qrt.primitives.inputs.option_checks import Schema, check_closed, passed_through
from airflow_provider_qrt.primitives.inputs.sizes import BIT_BYTES, NUMBER_BYTES, numbers_json_bytes
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPTIONS: Schema = {**EXECUTION, "experimental": passed_through}
_AS_THEY_ARE = "the program executor runs circuits as they are; twirl and decouple when you build the program"
ELSEWHERE: Mapping[str, str] = {
    "execution": "its options stand alone, as in options={'init_qubits': True}",
    **dict.fromkeys(("shots", "default_shots"), "this is shots of the program"),
    **dict.fromkeys(("meas_level", "meas_type"), "this is meas_level of the program"),
    **dict.fromkeys(("twirling", "dynamical_decoupling", "resilience", "resilience_level"), _AS_THEY_ARE),
    "simulator": "the program executor knows no such options",
}
"""Names that users expect among the options, and where they belong."""
_VERSIONS = ("samplomatic_version", "qpy")
"""Keys of a samplex that name versions of software: an upgrade of a worker is no other program."""
_PARAMETERS = "circuit_base64"
"""Key of a samplex under which its parameters stand as QPY, whose bytes hold random ids."""


def check_executor_options(options: Any) -> dict[str, Any]:
    """Check the options of a directed execution, and return them as a new plain dictionary.

    Raises:
        InvalidInputError: One is unknown or wrong; the message starts with its path.
    """
    return check_closed(options or {}, OPTIONS, program="program executor", elsewhere=ELSEWHERE)


def program_params(program: ExecutorProgram, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``params`` of the job, JSON-ready.

    Args:
        program: A checked program.
        options: Checked options.

    Raises:
        InvalidInputError: The official client cannot write the program.
        QiskitMissingError: It is needed and not installed.
    """
    if program.uses_qiskit:
        params = _encoded(program)
        return {**params, "options": dict(options)}
    return {
        "schema_version": SCHEMA_VERSION,
        "quantum_program": {
            "shots": program.shots,
            "meas_level": program.meas_level,
            "circuits": {"data": [item.circuit for item in program.items]},
            "items": [_circuit_item(item) for item in program.items],
            "passthrough_data": program.passthrough_data,
        },
        "options": dict(options),
    }


def program_identity(program: ExecutorProgram, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON that is equal for equal programs, which is not true of the bytes of QPY and of a samplex.

    Args:
        program: A checked program.
        options: Checked options.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "shots": program.shots,
        "meas_level": program.meas_level,
        "items": [_identity(item, f"program.items[{index}]") for index, item in enumerate(program.items)],
        "passthrough_data": _digested(program.passthrough_data),
        "options": dict(options),
    }


def largest_arrays_bytes(program: ExecutorProgram) -> int:
    """Return an upper bound of the JSON of all arrays that a program returns, in bytes.

    Args:
        program: A checked program.
    """
    total = 0
    for item in program.items:
        for name, bits in item.info.registers:
            total += len(name) + _register_bytes(program, (*item.shape, program.shots, bits))
        if item.samplex is not None:
            total += _drawn_bytes(item)
    return total


def _circuit_item(item: ProgramItem) -> dict[str, Any]:
    assert item.arguments is not None
    return {
        "item_type": "circuit",
        "circuit_arguments": write_floats(item.arguments),
        # The official client sends no shape either: repetitions stand in the arguments.
        "shape": [],
        "chunk_size": "auto" if item.chunk_size is None else item.chunk_size,
    }


def _encoded(program: ExecutorProgram) -> dict[str, Any]:
    with qiskit_needed(NEEDED_FOR):
        from qiskit_ibm_runtime.options_models.executor import ExecutorOptions
        from qiskit_ibm_runtime.quantum_program import QuantumProgram
        from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
    from airflow_provider_qrt.primitives.circuits.importing import one_line

    items = [_client_item(item, f"program.items[{index}]") for index, item in enumerate(program.items)]
    try:
        made = QuantumProgram(
            program.shots, items, meas_level=program.meas_level, passthrough_data=program.passthrough_data
        )
        encoder = QUANTUM_PROGRAM_PARAMS_CONVERTERS[SCHEMA_VERSION].encoder
        params: dict[str, Any] = encoder(made, ExecutorOptions()).model_dump(mode="json")
    except Exception as error:
        raise InvalidInputError(f"program: the official client cannot write it: {one_line(error)}") from error
    return params


def _client_item(item: ProgramItem, where: str) -> Any:
    if item.given is not None:
        return item.given
    from samplomatic.quantum_program import CircuitItem, SamplexItem

    from airflow_provider_qrt.primitives.inputs.official_program import read_circuit

    if item.samplex is not None:
        return SamplexItem(
            item.circuit,
            item.samplex,
            samplex_arguments=dict(item.samplex_arguments),
            shape=item.shape,
            chunk_size=item.chunk_size,
        )
    circuit = item.circuit
    if isinstance(circuit, str):
        circuit = read_circuit(circuit, f"{where}.circuit", registers=item.info.registers, needed_for=NEEDED_FOR)
    return CircuitItem(circuit, circuit_arguments=item.arguments, chunk_size=item.chunk_size)


def _identity(item: ProgramItem, where: str) -> dict[str, Any]:
    """Return an item's part of the identity: texts, and digests of arrays."""
    circuit = item.circuit if isinstance(item.circuit, str) else item.source
    if circuit is None:
        # OpenQASM has no words for it, so only its bytes are left.
        circuit = _digest(dump_circuit(item.circuit, where))
    common = {"circuit": circuit, "shape": list(item.shape), "chunk_size": item.chunk_size}
    if item.samplex is None:
        return {**common, "arguments": _digested(item.arguments)}
    from samplomatic.serialization import samplex_to_json

    arguments = {name: _digested(value) for name, value in item.samplex_arguments.items()}
    samplex = _without_ids(json.loads(samplex_to_json(item.samplex)))
    return {**common, "samplex": samplex, "samplex_arguments": arguments}


def _without_ids(value: Any) -> Any:
    """Return the JSON of a samplex with the text of its parameters in place of their QPY."""
    if isinstance(value, dict):
        return {
            name: _parameters(one) if name == _PARAMETERS else _without_ids(one)
            for name, one in value.items()
            if name not in _VERSIONS
        }
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    if isinstance(value, str) and value.startswith(("{", "[")):
        # Parts of it are JSON texts inside of JSON.
        try:
            return _without_ids(json.loads(value))
        except ValueError:
            return value
    return value


def _parameters(encoded: Any) -> Any:
    from airflow_provider_qrt.primitives.circuits.importing import load_qpy

    try:
        circuit = load_qpy(base64.b64decode(encoded))
    except Exception:
        # Another version of samplomatic writes something else.
        return encoded
    return source_of(circuit) or encoded


def _digested(value: Any) -> Any:
    """Return a value as JSON, with digests of arrays, and noise maps as lists of their terms."""
    if isinstance(value, Mapping):
        return {str(name): _digested(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_digested(one) for one in value]
    if hasattr(value, "to_sparse_list"):
        return [value.num_qubits, value.to_sparse_list()]
    if type(value).__module__ == "numpy":
        return _digest_of_array(value)
    return value


def _digest_of_array(value: Any) -> list[Any]:
    import numpy as np

    array: NDArray[np.generic] = np.asarray(value)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return [little.dtype.str, list(little.shape), _digest(np.ascontiguousarray(little).tobytes())]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _register_bytes(program: ExecutorProgram, shape: tuple[int, ...]) -> int:
    """Return the bytes of a register of shape ``(*sweep, shots, bits)``."""
    bits = numbers_json_bytes(shape, BIT_BYTES)
    points = numbers_json_bytes((*shape, 2))
    averages = numbers_json_bytes((*shape[:-2], shape[-1], 2))
    return {"classified": bits, "kerneled": points, "avg_kerneled": averages}.get(program.meas_level, bits + points)


def _drawn_bytes(item: ProgramItem) -> int:
    """Return the bytes of what a samplex returns besides the arguments of the circuit, as far as it can be told."""
    total = 0
    for spec in item.samplex.outputs().specs:
        if spec.name == "parameter_values":
            continue
        sizes = tuple(size for size in getattr(spec, "shape", ())[1:] if isinstance(size, int))
        is_bit = getattr(getattr(spec, "dtype", None), "kind", "") == "b"
        total += len(spec.name) + numbers_json_bytes((*item.shape, *sizes), BIT_BYTES if is_bit else NUMBER_BYTES)
    return total
