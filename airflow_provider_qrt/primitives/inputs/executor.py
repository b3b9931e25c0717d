"""Builds the ``params`` of an ``executor`` job that replaces a ``sampler`` job.

IBM deprecated its server-side sampler in September 2026 (qiskit-ibm-runtime 0.50). The executor remains, which runs
circuits with arguments and returns every bit of every shot. It has no mitigation and no twirling, so all changes to
circuits must be made before, on the client's side. Source: IBM's schemas for the executor, v2.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.arrays.tensors import write_floats
from airflow_provider_qrt.primitives.circuits.qpy_file import write_qpy_file
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.combinations import check_no_boxes
from airflow_provider_qrt.primitives.inputs.options import check_sampler_options
from airflow_provider_qrt.primitives.inputs.pubs import SamplerPub, check_executions, coerce_pubs
from airflow_provider_qrt.primitives.inputs.shots import sampler_shots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA_VERSION = "v2.0"
PASSTHROUGH_KEY = "airflow_provider_qrt"
"""Key in ``passthrough_data`` for the names of the registers in the order of declaration; the result returns them."""

_STAY = "leave program_id='sampler' for this task, as long as IBM offers it"
_VECTOR_ELEMENT = re.compile(r"\[(\d+)\]\Z")


def executor_params(pubs: Any, *, shots: int | None = None, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the ``params`` of an ``executor`` job from the input of a sampler.

    Every PUB becomes one item, in order. The names of its registers go into ``passthrough_data``, so that
    ``decode_executor_result`` needs only the text of the result.

    Args:
        pubs: The PUBs, in any form that ``coerce_pubs`` returns or accepts. Texts are sent as text.
            ``QuantumCircuit`` objects are sent as QPY; Qiskit is needed to put several of them, or one of them and
            texts, into one file.
        shots: Shots for PUBs without shots. All PUBs of a job must have the same number.
        options: Options of a sampler. ``default_shots``, ``execution.init_qubits``, ``execution.rep_delay`` and
            ``experimental`` are passed on; ``scheduler_timing`` and ``stretch_values`` can be set under
            ``experimental.execution``, as in the official client.

    Raises:
        InvalidInputError: Anything is wrong with circuits, values, shots or options; or an option that changes the
            execution is not supported by the executor (twirling, dynamical decoupling, a simulator).
    """
    checked_options = check_sampler_options(options)
    checked_pubs = coerce_pubs(pubs, shots=shots)
    options_of_program = _executor_options(checked_options)
    check_no_boxes(checked_pubs)
    check_executions(checked_pubs, checked_options)
    return {
        "schema_version": SCHEMA_VERSION,
        "quantum_program": {
            "shots": _common_shots(checked_pubs, checked_options),
            "meas_level": "classified",
            "circuits": _circuits(checked_pubs),
            "items": [_item(pub) for pub in checked_pubs],
            "passthrough_data": {PASSTHROUGH_KEY: {"registers": [_register_names(pub) for pub in checked_pubs]}},
        },
        "options": options_of_program,
    }


def executor_identity(pubs: Sequence[SamplerPub], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON that is equal for equal requests, which is not true of the bytes of QPY.

    Args:
        pubs: The checked PUBs from which the params were built.
        params: The params that ``executor_params`` returned for them.
    """
    return {
        "schema_version": params["schema_version"],
        "shots": params["quantum_program"]["shots"],
        "options": params["options"],
        "pubs": [[*pub.identity()[:2], None] for pub in pubs],
    }


def _common_shots(pubs: Sequence[SamplerPub], options: Mapping[str, Any]) -> int:
    each = [sampler_shots(pub.shots, options) for pub in pubs]
    for index, shots in enumerate(each):
        if shots != each[0]:
            raise InvalidInputError(
                f"circuits[{index}]: asks for {shots:,} shots and circuits[0] for {each[0]:,}; the program executor "
                "runs all circuits of a job with the same number. Give them one number, or put each number into a "
                "task of its own."
            )
    return each[0]


def _circuits(pubs: Sequence[SamplerPub]) -> dict[str, Any]:
    texts = [pub.circuit for pub in pubs if isinstance(pub.circuit, str)]
    if len(texts) == len(pubs):
        return {"data": texts}
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
        arrays = [np.asarray(values[name], dtype=np.float64) for name in sorted(values, key=_by_name)]
        return np.stack(arrays, axis=-1)
    return np.asarray(values, dtype=np.float64)


def _by_name(name: str) -> str:
    """Return a sort key that orders the elements of a vector by number: ``a[2]`` before ``a[10]``."""
    return _VECTOR_ELEMENT.sub(lambda found: f"[{int(found[1]):09d}]", name)


def _register_names(pub: SamplerPub) -> list[str] | None:
    return None if pub.info is None else [name for name, _ in pub.info.registers]


def _executor_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Translate checked sampler options."""
    decoupling, twirling = options.get("dynamical_decoupling", {}), options.get("twirling", {})
    if decoupling.get("enable"):
        raise InvalidInputError(
            "options.dynamical_decoupling.enable: the program executor runs circuits as they are and decouples "
            f"nothing. Put the delays and pulses into the circuit before (Qiskit's PadDynamicalDecoupling), or {_STAY}."
        )
    for name in ("enable_gates", "enable_measure"):
        if twirling.get(name):
            raise InvalidInputError(
                f"options.twirling.{name}: the program executor runs circuits as they are and twirls nothing; leave "
                f"it out, or {_STAY}."
            )
    if options.get("simulator"):
        raise InvalidInputError(
            f"options.simulator: the program executor knows no such options; leave them out, or {_STAY}."
        )
    execution = options.get("execution", {})
    translated = {name: execution[name] for name in ("init_qubits", "rep_delay") if name in execution}
    experimental = options.get("experimental")
    if experimental:
        translated["experimental"] = dict(experimental)
        timing = experimental.get("execution")
        if isinstance(timing, Mapping):
            translated |= {name: True for name in ("scheduler_timing", "stretch_values") if timing.get(name)}
    return translated
