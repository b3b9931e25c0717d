"""What goes into a sampler or estimator job and what comes out of it. Pure: no HTTP, no Airflow.

Names are loaded on first use, and numpy, Qiskit and the OpenQASM parser only inside the functions that need
them, so a DAG file may import this package at no cost to the DAG processor.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.circuits.isa import NotIsa, check_isa, check_pubs_isa
    from airflow_provider_qrt.primitives.circuits.text import CircuitInfo, check_circuit
    from airflow_provider_qrt.primitives.errors import InvalidInput, InvalidResult, NoCounts
    from airflow_provider_qrt.primitives.inputs.combinations import gate_randomizer
    from airflow_provider_qrt.primitives.inputs.estimator import estimator_params
    from airflow_provider_qrt.primitives.inputs.estimator_options import check_estimator_options
    from airflow_provider_qrt.primitives.inputs.estimator_pubs import EstimatorPub, coerce_estimator_pubs
    from airflow_provider_qrt.primitives.inputs.executor import executor_identity, executor_params
    from airflow_provider_qrt.primitives.inputs.executor_estimator import (
        executor_estimator_identity,
        prepare_executor_estimator,
    )
    from airflow_provider_qrt.primitives.inputs.executor_estimator_options import check_executor_estimator_options
    from airflow_provider_qrt.primitives.inputs.options import check_sampler_options
    from airflow_provider_qrt.primitives.inputs.pubs import SamplerPub, coerce_pubs
    from airflow_provider_qrt.primitives.inputs.sampler import sampler_params
    from airflow_provider_qrt.primitives.inputs.sizes import (
        largest_estimates_bytes,
        largest_quasi_dists_bytes,
        largest_xcom_bytes,
    )
    from airflow_provider_qrt.primitives.inputs.v1 import (
        coerce_v1_circuits,
        coerce_v1_estimates,
        estimator_v1_params,
        sampler_v1_params,
    )
    from airflow_provider_qrt.primitives.results.bits import BitRegister, Counts
    from airflow_provider_qrt.primitives.results.estimator_decoding import decode_estimator_result
    from airflow_provider_qrt.primitives.results.estimator_result import EstimatorPubResult, EstimatorResult
    from airflow_provider_qrt.primitives.results.executor_estimator_result import decode_executor_estimates
    from airflow_provider_qrt.primitives.results.executor_result import decode_executor_result
    from airflow_provider_qrt.primitives.results.quasi_dists import QuasiDistribution, nearest_probability_distribution
    from airflow_provider_qrt.primitives.results.sampler_decoding import decode_sampler_result
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerPubResult, SamplerResult

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
    "gate_randomizer",
    "largest_estimates_bytes",
    "largest_quasi_dists_bytes",
    "largest_xcom_bytes",
    "nearest_probability_distribution",
    "prepare_executor_estimator",
    "sampler_params",
    "sampler_v1_params",
]

_HOME = {
    "BitRegister": "results.bits",
    "CircuitInfo": "circuits.text",
    "Counts": "results.bits",
    "EstimatorPub": "inputs.estimator_pubs",
    "EstimatorPubResult": "results.estimator_result",
    "EstimatorResult": "results.estimator_result",
    "InvalidInput": "errors",
    "InvalidResult": "errors",
    "NoCounts": "errors",
    "NotIsa": "circuits.isa",
    "QuasiDistribution": "results.quasi_dists",
    "SamplerPub": "inputs.pubs",
    "SamplerPubResult": "results.sampler_result",
    "SamplerResult": "results.sampler_result",
    "check_circuit": "circuits.text",
    "check_estimator_options": "inputs.estimator_options",
    "check_executor_estimator_options": "inputs.executor_estimator_options",
    "check_isa": "circuits.isa",
    "check_pubs_isa": "circuits.isa",
    "check_sampler_options": "inputs.options",
    "coerce_estimator_pubs": "inputs.estimator_pubs",
    "coerce_pubs": "inputs.pubs",
    "coerce_v1_circuits": "inputs.v1",
    "coerce_v1_estimates": "inputs.v1",
    "decode_estimator_result": "results.estimator_decoding",
    "decode_executor_estimates": "results.executor_estimator_result",
    "decode_executor_result": "results.executor_result",
    "decode_sampler_result": "results.sampler_decoding",
    "estimator_params": "inputs.estimator",
    "estimator_v1_params": "inputs.v1",
    "executor_estimator_identity": "inputs.executor_estimator",
    "executor_identity": "inputs.executor",
    "executor_params": "inputs.executor",
    "gate_randomizer": "inputs.combinations",
    "largest_estimates_bytes": "inputs.sizes",
    "largest_quasi_dists_bytes": "inputs.sizes",
    "largest_xcom_bytes": "inputs.sizes",
    "nearest_probability_distribution": "results.quasi_dists",
    "prepare_executor_estimator": "inputs.executor_estimator",
    "sampler_params": "inputs.sampler",
    "sampler_v1_params": "inputs.v1",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
