"""Builds the ``params`` of an ``executor`` job that replaces an ``estimator`` job, with the official client.

IBM deprecated its server-side estimator in September 2026 (qiskit-ibm-runtime 0.50). Its work is now done on the
client's side: measure in the bases that the observables need, twirl, fold gates, calibrate the readout, and combine the
results. These methods are still changing, so they are left to the official client's functions
(``qiskit_ibm_runtime.executor_estimator``); this module only translates.

The client's functions write the data that they need for combining the results into the program's ``passthrough_data``,
which the service returns with the result. So ``decode_executor_estimates`` needs only the text of the result, in any
process.

This package imports Qiskit only inside functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.circuits.parameters import written
from airflow_provider_qrt.primitives.errors import ProgramUnfitError
from airflow_provider_qrt.primitives.inputs.combinations import check_decoupling, check_no_stretches
from airflow_provider_qrt.primitives.inputs.estimator import check_resilience_level
from airflow_provider_qrt.primitives.inputs.estimator_pubs import EstimatorPub
from airflow_provider_qrt.primitives.inputs.executor_estimator_options import check_executor_estimator_options
from airflow_provider_qrt.primitives.inputs.noise_learning import find_layers, twirling_of
from airflow_provider_qrt.primitives.inputs.official_program import (
    PreparedProgram,
    client_options,
    prepare_with,
    read_circuit,
)
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
    from airflow_provider_qrt.primitives.noise_model import NoiseModel

NEEDED_FOR = "program_id='executor'"
"""The argument that needs Qiskit, for messages."""


def executor_estimator_identity(
    pubs: Sequence[EstimatorPub],
    *,
    resilience_level: int | None = None,
    options: Mapping[str, Any] | None = None,
    noise_model: str | None = None,
) -> dict[str, Any]:
    """Check the input of an estimator over the executor; return it as JSON that is equal for equal requests.

    The program itself cannot identify the request: QPY contains random ids, gates are folded at random, and the next
    version of the official client may produce a different program.

    Args:
        pubs: Checked PUBs.
        resilience_level: 0, 1 or 2; None: the client's default, 1.
        options: See ``check_executor_estimator_options``.
        noise_model: Identifies the noise model, if there is one.

    Raises:
        InvalidInputError: The level or an option is wrong.
        ProgramUnfitError: An option is not supported, or the PUBs differ in precision.
        QiskitMissingError: Qiskit or the official client is not installed.
    """
    check_resilience_level(resilience_level)
    checked_options = check_executor_estimator_options(options, with_noise_model=noise_model is not None)
    _common_precision(pubs)
    check_decoupling(pubs, checked_options)
    check_no_stretches(pubs)
    with qiskit_needed(NEEDED_FOR):
        import qiskit_ibm_runtime.executor_estimator.prepare  # noqa: F401
    identity = {
        "pubs": [pub.identity() for pub in pubs],
        "resilience_level": resilience_level,
        "options": checked_options,
    }
    return identity if noise_model is None else {**identity, "noise_model": noise_model}


def prepare_executor_estimator(
    pubs: Sequence[EstimatorPub],
    *,
    resilience_level: int | None = None,
    options: Mapping[str, Any] | None = None,
    backend: BackendSnapshot | None = None,
    noise_model: NoiseModel | None = None,
) -> PreparedProgram:
    """Build the ``params`` of an ``executor`` job from the input of an estimator.

    Args:
        pubs: Checked PUBs whose circuits the backend can run. All must have the same precision.
        resilience_level: 0, 1 or 2; None: the client's default, 1.
        options: See ``check_executor_estimator_options``.
        backend: The backend of the job; see :func:`needs_backend`.
        noise_model: The noise of the layers of the circuits, for PEC and PEA. The circuits must be those of the model.

    Raises:
        InvalidInputError: An option is not supported, Qiskit cannot read a circuit, or the model lacks layers of the
            circuits.
        ProgramUnfitError: The PUBs differ in precision, the official client refuses the input, gates are folded and a
            circuit has an ``rzz``, or the job has more executions than IBM allows.
        QiskitMissingError: Qiskit or the official client is not installed.
    """
    check_resilience_level(resilience_level)
    checked_options = check_executor_estimator_options(options, with_noise_model=noise_model is not None)
    precision = _common_precision(pubs)
    with qiskit_needed(NEEDED_FOR):
        from qiskit_ibm_runtime.executor_estimator.prepare import prepare
        from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions
    level = {} if resilience_level is None else {"resilience_level": resilience_level}
    circuits = [read_circuit(pub.circuit, place, needed_for=NEEDED_FOR) for pub, place in _places(pubs)]
    if folds_gates(checked_options, resilience_level=resilience_level):
        _check_folded(circuits)
    resilience = dict(checked_options.get("resilience", {}))
    if noise_model is not None:
        resilience["layer_noise_model"] = _layers(circuits, checked_options, noise_model)
    chosen = client_options(EstimatorOptions, {**checked_options, "resilience": resilience, **level})
    read = [
        (circuit, pub.observables, written(pub.parameter_values)) for circuit, pub in zip(circuits, pubs, strict=True)
    ]
    return prepare_with(
        lambda ready: prepare(read, chosen, precision, backend=ready),
        backend=backend,
        passthrough={},
        role="estimator",
        needed_for=NEEDED_FOR,
    )


def folds_gates(options: Mapping[str, Any], *, resilience_level: int | None = None) -> bool:
    """Return whether options ask for zero-noise extrapolation (ZNE) by folding gates.

    Args:
        options: Checked options.
        resilience_level: The level of the task; level 2 switches ZNE on.
    """
    resilience = options.get("resilience", {})
    return bool(
        resilience.get("zne_mitigation", resilience_level == 2) and resilience.get("zne", {}).get("amplifier") != "pea"
    )


def _check_folded(circuits: Sequence[Any]) -> None:
    """Refuse ``rzz``, which the client leaves as it is (``SUPPORTED_FOLDED_GATES`` of qiskit-mitigation)."""
    for index, circuit in enumerate(circuits):
        if "rzz" in circuit.count_ops():
            raise ProgramUnfitError(
                f"circuits[{index}]: the circuit has the gate rzz, and over the program executor zero-noise "
                "extrapolation (ZNE) does not fold it, so its noise would not be extrapolated. Transpile without "
                "fractional gates (optimization_level), switch ZNE off, or leave program_id='estimator' for this task. "
                "Nothing was submitted."
            )


def _layers(circuits: Sequence[Any], options: Mapping[str, Any], model: NoiseModel) -> list[tuple[Any, Any]]:
    """Return the layers of the circuits with their noise, as the official client takes them."""
    from qiskit.quantum_info import PauliLindbladMap

    found = find_layers(circuits, twirling_of(options))
    model.check_layers([layer for _, layer in found])
    learned = {layer.key: layer for layer in model.layers}
    return [
        (
            instruction,
            PauliLindbladMap.from_sparse_list(
                [(paulis, list(places), rate) for paulis, places, rate in learned[layer.key].terms],
                num_qubits=len(layer.qubits),
            ),
        )
        for instruction, layer in found
    ]


def _places(pubs: Sequence[EstimatorPub]) -> Iterator[tuple[EstimatorPub, str]]:
    return ((pub, f"circuits[{index}]") for index, pub in enumerate(pubs))


def _common_precision(pubs: Sequence[EstimatorPub]) -> float | None:
    """Return the precision of all PUBs; None leaves it to the options."""
    first, *others = [pub.precision for pub in pubs]
    for index, precision in enumerate(others, start=1):
        if precision != first:
            raise ProgramUnfitError(
                f"circuits[{index}]: asks for {_said(precision)} and circuits[0] for {_said(first)}; the program "
                "executor runs all circuits of a job with the same number of shots. Give them one precision, or put "
                "each precision into a task of its own."
            )
    return first


def _said(precision: float | None) -> str:
    return "no precision of its own" if precision is None else f"a precision of {precision:g}"
