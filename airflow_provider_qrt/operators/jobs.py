"""Operators for jobs of any kind, under the path by which users import them."""

from __future__ import annotations

from airflow_provider_qrt.operators.cancel import QiskitRuntimeCancelJobOperator
from airflow_provider_qrt.operators.get_result import QiskitRuntimeGetResultOperator
from airflow_provider_qrt.operators.submit import QiskitRuntimeSubmitJobOperator

__all__ = ["QiskitRuntimeCancelJobOperator", "QiskitRuntimeGetResultOperator", "QiskitRuntimeSubmitJobOperator"]
