"""The operators of the primitives, in the place where DAGs import them from."""

from __future__ import annotations

from airflow_provider_qrt.operators.estimator import QiskitRuntimeEstimatorOperator
from airflow_provider_qrt.operators.sampler import QiskitRuntimeSamplerOperator

__all__ = ["QiskitRuntimeEstimatorOperator", "QiskitRuntimeSamplerOperator"]
