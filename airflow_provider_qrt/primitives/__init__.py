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
    from airflow_provider_qrt.primitives.errors import InvalidInput, InvalidResult
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
    from airflow_provider_qrt.primitives.result import SamplerPubResult, SamplerResult
    from airflow_provider_qrt.primitives.sampler import sampler_params
    from airflow_provider_qrt.primitives.sampler_decoding import decode_sampler_result
    from airflow_provider_qrt.primitives.sizes import largest_estimates_bytes, largest_xcom_bytes

__all__ = [
    "BitRegister",
    "CircuitInfo",
    "Counts",
    "EstimatorPub",
    "EstimatorPubResult",
    "EstimatorResult",
    "InvalidInput",
    "InvalidResult",
    "NotIsa",
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
    "decode_estimator_result",
    "decode_executor_estimates",
    "decode_executor_result",
    "decode_sampler_result",
    "estimator_params",
    "executor_estimator_identity",
    "executor_identity",
    "executor_params",
    "largest_estimates_bytes",
    "largest_xcom_bytes",
    "prepare_executor_estimator",
    "sampler_params",
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
    "NotIsa": "isa",
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
    "decode_estimator_result": "estimator_decoding",
    "decode_executor_estimates": "executor_estimator_result",
    "decode_executor_result": "executor_result",
    "decode_sampler_result": "sampler_decoding",
    "estimator_params": "estimator",
    "executor_estimator_identity": "executor_estimator",
    "executor_identity": "executor",
    "executor_params": "executor",
    "largest_estimates_bytes": "sizes",
    "largest_xcom_bytes": "sizes",
    "prepare_executor_estimator": "executor_estimator",
    "sampler_params": "sampler",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
