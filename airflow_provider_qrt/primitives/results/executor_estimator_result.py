"""The text of a finished ``executor`` job as an ``EstimatorResult``, put together by the official client.

``passthrough_data`` says how: under ``qiskit_mitigation`` what was measured for each PUB, and under ``post_processor``
which version of the official client's post-processing is meant. It came with the job and comes back with the result,
so nothing else has to be remembered. ``semantic_role``, by which the official client finds the way, is reserved for
IBM's own clients (schema of the executor, v2.0), and not needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_qrt.primitives.arrays.tensors import check_sizes
from airflow_provider_qrt.primitives.circuits.transpile import one_line
from airflow_provider_qrt.primitives.errors import InvalidResult
from airflow_provider_qrt.primitives.inputs.executor_estimator import NEEDED_FOR
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed
from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, Budget, describe, load_document
from airflow_provider_qrt.primitives.results.estimator_decoding import pub_result
from airflow_provider_qrt.primitives.results.estimator_result import EstimatorPubResult, EstimatorResult


def holds_estimates(document: Any) -> bool:
    """Tell whether the result of an ``executor`` job, as parsed JSON, is that of an estimator over the executor."""
    passthrough = document.get("passthrough_data") if isinstance(document, Mapping) else None
    return isinstance(passthrough, Mapping) and "qiskit_mitigation" in passthrough and "post_processor" in passthrough


def decode_executor_estimates(payload: str | bytes, *, max_bytes: int = MAX_DECODED_BYTES) -> EstimatorResult:
    """Read the result of an ``executor`` job that an estimator's input was made into, here or by the official client.

    Args:
        payload: The body of ``GET /jobs/{id}/results``.
        max_bytes: The most bytes all tensors may take together, unpacked.

    Raises:
        InvalidResult: The text is no JSON (its end is shown: for a failed job that is the reason), is another
            program's result or too large, or the official client cannot make expectation values of it.
        QiskitMissing: Qiskit or the official client is not installed. The result can be read once it is.
    """
    document = load_document(payload)
    if not holds_estimates(document):
        raise InvalidResult(f"this is no result of an estimator over the program executor: {describe(document)}")
    asked = document["passthrough_data"]["post_processor"]
    # The official client unpacks whatever comes.
    check_sizes(document, Budget(max_bytes))
    with qiskit_needed(NEEDED_FOR):
        from qiskit_ibm_runtime.decoders.executor.decoder import ExecutorResultDecoder
        from qiskit_ibm_runtime.decoders.executor_estimator.decoder import ClientSideEstimatorDecoder
    try:
        result = ClientSideEstimatorDecoder.decode(ExecutorResultDecoder.decode(payload))
    except Exception as error:
        raise InvalidResult(
            f"the official client cannot make expectation values of the result: {type(error).__name__}: "
            f"{one_line(error)}"
        ) from error
    pubs = tuple(_pub(pub, asked, f"results[{index}]") for index, pub in enumerate(result))
    return EstimatorResult(pubs, _plain(result.metadata))


def _pub(pub: Any, asked: Any, where: str) -> EstimatorPubResult:
    metadata = {name: part for name, part in _plain(pub.metadata).items() if part or name != "compilation"}
    if isinstance(asked, Mapping):
        # The program estimator says these with every PUB, and only what is there goes to XCom.
        metadata |= {"shots": asked.get("shots"), "target_precision": asked.get("precision")}
    return pub_result(dict(pub.data.items()), metadata, where)


def _plain(item: Any) -> Any:
    """Turn the official client's metadata into plain JSON."""
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
