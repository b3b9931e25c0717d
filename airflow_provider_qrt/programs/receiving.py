"""Fetches the result of a job and unpacks its arrays while it arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_qrt.config import max_decoded_bytes

if TYPE_CHECKING:
    from airflow_provider_qrt.client import QiskitRuntimeClient
    from airflow_provider_qrt.primitives.results.arriving import ArrivingResult


def receive(client: QiskitRuntimeClient, job_id: str) -> ArrivingResult:
    """Return the result of a completed job, for a decoder of the primitives.

    Raises:
        QiskitRuntimeError: See :meth:`QiskitRuntimeClient.receive_result`.
    """
    from airflow_provider_qrt.primitives.results.arriving import ArrivingResult

    max_bytes = max_decoded_bytes()
    return client.receive_result(job_id, lambda: ArrivingResult(max_bytes))
