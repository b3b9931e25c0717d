"""Makes a noise model of the text of a finished ``executor`` job that learned one, with the official client.

``passthrough_data`` holds all that is needed: the layers, the transpiled circuits, and what the client's own functions
need to compute rates from bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from airflow_provider_qrt.primitives.arrays.tensors import check_sizes
from airflow_provider_qrt.primitives.circuits.importing import one_line
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.inputs.executor import PASSTHROUGH_KEY
from airflow_provider_qrt.primitives.inputs.noise_learning import MODEL_KEY, NEEDED_FOR
from airflow_provider_qrt.primitives.noise_model import FORMAT, NoiseModel
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed, quiet_passes
from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, Budget, describe, load_document


def decode_noise_model(
    payload: str | bytes, *, learned: datetime | None = None, max_bytes: int = MAX_DECODED_BYTES
) -> NoiseModel:
    """Read the result of an ``executor`` job that this package built to learn noise.

    Args:
        payload: The body of ``GET /jobs/{id}/results``.
        learned: When the job ended; None: now.
        max_bytes: Maximum total size of all tensors in bytes, uncompressed.

    Raises:
        InvalidResultError: The text is not JSON, is the result of another program, is too large, or the official client
            cannot compute rates from it.
        QiskitMissingError: Qiskit, the official client or its extra is not installed. The result can be read after the
            installation.
    """
    document = load_document(payload)
    model = _model_of(document)
    check_sizes(document, Budget(max_bytes))
    with qiskit_needed(NEEDED_FOR):
        import qiskit_noise_learning  # noqa: F401
        from qiskit_ibm_runtime.decoders.executor.decoder import ExecutorResultDecoder
        from qiskit_ibm_runtime.decoders.executor_noise_learner.decoder import ClientSideNoiseLearnerResultDecoder
    when = (learned or datetime.now(UTC)).astimezone(UTC).isoformat()
    bare = NoiseModel.from_json({"format": FORMAT, **model, "learned": when})
    try:
        with quiet_passes():
            decoded = ClientSideNoiseLearnerResultDecoder.decode(ExecutorResultDecoder.decode(payload))
        maps = decoded.to_pauli_lindblad_maps()
        found = list(zip(bare.layers, [one.to_sparse_list() for one in maps], strict=True))
    except Exception as error:
        raise InvalidResultError(
            f"the official client cannot make a noise model of the result: {type(error).__name__}: {one_line(error)}"
        ) from error
    layers = tuple(
        replace(layer, terms=tuple((paulis, tuple(places), float(rate)) for paulis, places, rate in terms))
        for layer, terms in found
    )
    return replace(bare, layers=layers)


def holds_noise_model(document: Any) -> bool:
    """Return whether a result is of a job that learned noise.

    Args:
        document: Parsed JSON.
    """
    return _passed_on(document) is not None


def _model_of(document: Any) -> Mapping[str, Any]:
    model = _passed_on(document)
    if model is None:
        raise InvalidResultError(f"this is no result of a job that learned noise: {describe(document)}")
    return model


def _passed_on(document: Any) -> Mapping[str, Any] | None:
    """Return what the input of a job that learns noise passes on to its result."""
    passthrough = document.get("passthrough_data") if isinstance(document, Mapping) else None
    own = passthrough.get(PASSTHROUGH_KEY) if isinstance(passthrough, Mapping) else None
    model = own.get(MODEL_KEY) if isinstance(own, Mapping) else None
    return model if isinstance(model, Mapping) else None
