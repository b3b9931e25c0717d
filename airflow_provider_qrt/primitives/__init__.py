"""What goes into a sampler or estimator job and what comes out of it. Pure: no HTTP, no Airflow.

Names are loaded on first use, and numpy, Qiskit and the OpenQASM parser only inside the functions that need
them, so a DAG file may import this package at no cost to the DAG processor.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.bits import BitRegister, Counts
    from airflow_provider_qrt.primitives.circuits import CircuitInfo, check_circuit
    from airflow_provider_qrt.primitives.errors import InvalidInput, InvalidResult, NoCounts
    from airflow_provider_qrt.primitives.estimator import estimator_params
    from airflow_provider_qrt.primitives.estimator_decoding import decode_estimator_result
    from airflow_provider_qrt.primitives.estimator_options import check_estimator_options
    from airflow_provider_qrt.primitives.estimator_pubs import EstimatorPub, coerce_estimator_pubs
    from airflow_provider_qrt.primitives.estimator_result import EstimatorPubResult, EstimatorResult
    from airflow_provider_qrt.primitives.executor import executor_identity, executor_params
    from airflow_provider_qrt.primitives.executor_estimator import (
        executor_estimator_identity,
        prepare_executor_estimator,
    )
    from airflow_provider_qrt.primitives.executor_estimator_options import check_executor_estimator_options
    from airflow_provider_qrt.primitives.executor_estimator_result import decode_executor_estimates
    from airflow_provider_qrt.primitives.executor_result import decode_executor_result
    from airflow_provider_qrt.primitives.isa import NotIsa, check_isa, check_pubs_isa
    from airflow_provider_qrt.primitives.options import check_sampler_options
    from airflow_provider_qrt.primitives.pubs import SamplerPub, coerce_pubs
    from airflow_provider_qrt.primitives.quasi_dists import QuasiDistribution, nearest_probability_distribution
    from airflow_provider_qrt.primitives.result import SamplerPubResult, SamplerResult
    from airflow_provider_qrt.primitives.sampler import sampler_params
    from airflow_provider_qrt.primitives.sampler_decoding import decode_sampler_result
    from airflow_provider_qrt.primitives.sizes import (
        largest_estimates_bytes,
        largest_quasi_dists_bytes,
        largest_xcom_bytes,
    )
    from airflow_provider_qrt.primitives.v1 import (
        coerce_v1_circuits,
        coerce_v1_estimates,
        estimator_v1_params,
        sampler_v1_params,
    )

__all__ = [
    "BitRegister",
    "CircuitInfo",
    "Counts",
    "EstimatorPub",
    "EstimatorPubResult",
    "EstimatorResult",
    "InvalidInput",
    "InvalidResult",
    "NoCounts",
    "NotIsa",
    "QuasiDistribution",
    "SamplerPub",
    "SamplerPubResult",
    "SamplerResult",
    "check_circuit",
    "check_estimator_options",
    "check_executor_estimator_options",
    "check_isa",
    "check_pubs_isa",
    "check_sampler_options",
    "coerce_estimator_pubs",
    "coerce_pubs",
    "coerce_v1_circuits",
    "coerce_v1_estimates",
    "decode_estimator_result",
    "decode_executor_estimates",
    "decode_executor_result",
    "decode_sampler_result",
    "estimator_params",
    "estimator_v1_params",
    "executor_estimator_identity",
    "executor_identity",
    "executor_params",
    "largest_estimates_bytes",
    "largest_quasi_dists_bytes",
    "largest_xcom_bytes",
    "nearest_probability_distribution",
    "prepare_executor_estimator",
    "sampler_params",
    "sampler_v1_params",
]

_HOME = {
    "BitRegister": "bits",
    "CircuitInfo": "circuits",
    "Counts": "bits",
    "EstimatorPub": "estimator_pubs",
    "EstimatorPubResult": "estimator_result",
    "EstimatorResult": "estimator_result",
    "InvalidInput": "errors",
    "InvalidResult": "errors",
    "NoCounts": "errors",
    "NotIsa": "isa",
    "QuasiDistribution": "quasi_dists",
    "SamplerPub": "pubs",
    "SamplerPubResult": "result",
    "SamplerResult": "result",
    "check_circuit": "circuits",
    "check_estimator_options": "estimator_options",
    "check_executor_estimator_options": "executor_estimator_options",
    "check_isa": "isa",
    "check_pubs_isa": "isa",
    "check_sampler_options": "options",
    "coerce_estimator_pubs": "estimator_pubs",
    "coerce_pubs": "pubs",
    "coerce_v1_circuits": "v1",
    "coerce_v1_estimates": "v1",
    "decode_estimator_result": "estimator_decoding",
    "decode_executor_estimates": "executor_estimator_result",
    "decode_executor_result": "executor_result",
    "decode_sampler_result": "sampler_decoding",
    "estimator_params": "estimator",
    "estimator_v1_params": "v1",
    "executor_estimator_identity": "executor_estimator",
    "executor_identity": "executor",
    "executor_params": "executor",
    "largest_estimates_bytes": "sizes",
    "largest_quasi_dists_bytes": "sizes",
    "largest_xcom_bytes": "sizes",
    "nearest_probability_distribution": "quasi_dists",
    "prepare_executor_estimator": "executor_estimator",
    "sampler_params": "sampler",
    "sampler_v1_params": "v1",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
