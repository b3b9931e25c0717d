"""Decodes the text of a finished ``executor`` job into an ``EstimatorResult``, with the official client.

``passthrough_data`` describes the decoding: ``qiskit_mitigation`` lists the measurements for each PUB, and
``post_processor`` gives the version of the official client's post-processing. It was sent with the job and the service
returns it with the result, so nothing else has to be stored. ``semantic_role``, which the official client uses for
this, is reserved for IBM's clients (schema of the executor, v2.0) and is not needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_qrt.primitives.arrays.tensors import check_sizes
from airflow_provider_qrt.primitives.circuits.importing import one_line
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.inputs.executor_estimator import NEEDED_FOR
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed, quiet_passes
from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, Budget, describe, load_document
from airflow_provider_qrt.primitives.results.estimator_decoding import pub_result
from airflow_provider_qrt.primitives.results.estimator_pub import EstimatorPubResult
from airflow_provider_qrt.primitives.results.estimator_result import EstimatorResult


def holds_estimates(document: Any) -> bool:
    """Return whether the result of an ``executor`` job, as parsed JSON, is that of an estimator over the executor."""
    passthrough = document.get("passthrough_data") if isinstance(document, Mapping) else None
    return isinstance(passthrough, Mapping) and "qiskit_mitigation" in passthrough and "post_processor" in passthrough


def decode_executor_estimates(payload: str | bytes, *, max_bytes: int = MAX_DECODED_BYTES) -> EstimatorResult:
    """Read the result of an ``executor`` job that this package or the official client built from an estimator's input.

    Args:
        payload: The body of ``GET /jobs/{id}/results``.
        max_bytes: Maximum total size of all tensors in bytes, uncompressed.

    Raises:
        InvalidResultError: The text is not JSON (the message shows its end, which is the reason for a failed job), is
            the result of another program, is too large, or the official client cannot compute expectation values from
            it.
        QiskitMissingError: Qiskit or the official client is not installed. The result can be read after the
            installation.
    """
    document = load_document(payload)
    if not holds_estimates(document):
        raise InvalidResultError(f"this is no result of an estimator over the program executor: {describe(document)}")
    asked = document["passthrough_data"]["post_processor"]
    # The official client unpacks tensors without a size limit.
    check_sizes(document, Budget(max_bytes))
    with qiskit_needed(NEEDED_FOR):
        from qiskit_ibm_runtime.decoders.executor.decoder import ExecutorResultDecoder
        from qiskit_ibm_runtime.decoders.executor_estimator.decoder import ClientSideEstimatorDecoder
    try:
        with quiet_passes():
            result = ClientSideEstimatorDecoder.decode(ExecutorResultDecoder.decode(payload))
    except Exception as error:
        raise InvalidResultError(
            f"the official client cannot make expectation values of the result: {type(error).__name__}: "
            f"{one_line(error)}"
        ) from error
    pubs = tuple(_pub(pub, asked, f"results[{index}]") for index, pub in enumerate(result))
    return EstimatorResult(pubs, _plain(result.metadata))


def _pub(pub: Any, asked: Any, where: str) -> EstimatorPubResult:
    metadata = {name: part for name, part in _plain(pub.metadata).items() if part or name != "compilation"}
    if isinstance(asked, Mapping):
        # The program estimator returns these with every PUB, and only metadata of PUBs goes to XCom.
        metadata |= {"shots": asked.get("shots"), "target_precision": _precision(asked)}
    return pub_result(dict(pub.data.items()), metadata, where)


def _precision(asked: Mapping[str, Any]) -> Any:
    """Return the precision that was asked for; None if it was a number of shots."""
    if asked.get("precision") is not None:
        return asked["precision"]
    options = asked.get("options")
    if not isinstance(options, Mapping) or options.get("default_shots") is not None:
        return None
    return options.get("default_precision")


def _plain(item: Any) -> Any:
    """Convert the official client's metadata to plain JSON."""
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return _plain({each.name: getattr(item, each.name) for each in dataclasses.fields(item)})
    if isinstance(item, Mapping):
        return {str(key): _plain(part) for key, part in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(part) for part in item]
    if type(item).__module__ == "numpy" and hasattr(item, "tolist"):
        return _plain(item.tolist())
    if isinstance(item, datetime):
        return item.isoformat()
    return item if item is None or isinstance(item, bool | int | float | str) else str(item)
