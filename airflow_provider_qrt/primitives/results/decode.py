"""Decodes the text of a finished sampler or estimator job, whichever program ran it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from airflow_provider_qrt.primitives.results.arriving import ArrivingResult
from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, load_payload
from airflow_provider_qrt.primitives.results.estimator_result import EstimatorResult, decode_server_estimates
from airflow_provider_qrt.primitives.results.executor_estimator_result import decode_executor_estimates, holds_estimates
from airflow_provider_qrt.primitives.results.executor_result import decode_executor_result, is_of_executor
from airflow_provider_qrt.primitives.results.sampler_result import SamplerResult, decode_server_samples


def decode_sampler_result(
    payload: str | bytes | Mapping[str, Any] | ArrivingResult, *, max_bytes: int = MAX_DECODED_BYTES
) -> SamplerResult:
    """Read the result of a sampler job: of the program ``sampler``, of version 1 or 2, or of ``executor``.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, its parsed JSON, or the body as it was decoded on arrival.
        max_bytes: Maximum total size of all arrays in bytes, uncompressed.

    Raises:
        InvalidResultError: The text is not JSON (the message shows its end, which is the reason for a failed job), is
            the result of another program, is damaged or too large, or contains complex readout points (``meas_type``
            kerneled) of the program ``sampler``.
    """
    if isinstance(payload, ArrivingResult):
        return payload.decode(partial(decode_sampler_result, max_bytes=max_bytes))
    document = load_payload(payload)
    del payload
    decode = decode_executor_result if is_of_executor(document) else decode_server_samples
    return decode(document, max_bytes=max_bytes)


def decode_estimator_result(
    payload: str | bytes | Mapping[str, Any] | ArrivingResult, *, max_bytes: int = MAX_DECODED_BYTES
) -> EstimatorResult:
    """Read the result of an estimator job: of the program ``estimator``, of version 1 or 2, or of ``executor``.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, its parsed JSON, or the body as it was decoded on arrival.
        max_bytes: Maximum total size of all arrays in bytes, uncompressed.

    Raises:
        InvalidResultError: The text is not JSON (the message shows its end, which is the reason for a failed job), is
            the result of another program, or is damaged or too large.
        QiskitMissingError: It is a result of ``executor``, and Qiskit or the official client is not installed.
    """
    if isinstance(payload, ArrivingResult):
        return payload.decode(partial(decode_estimator_result, max_bytes=max_bytes))
    document = load_payload(payload)
    if not holds_estimates(document):
        return decode_server_estimates(document, max_bytes=max_bytes)
    text = payload if isinstance(payload, str | bytes) else json.dumps(document)
    return decode_executor_estimates(text, max_bytes=max_bytes)
