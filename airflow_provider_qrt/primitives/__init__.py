"""Public: the inputs and results of sampler and estimator jobs, without any HTTP or Airflow.

Names are loaded on first use, and numpy, Qiskit and the OpenQASM parser only inside the functions that need them, so a
DAG file can import this package without slowing down the DAG processor.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.circuits.isa import (
        NotIsaError,
    )
    from airflow_provider_qrt.primitives.circuits.isa import (
        check_isa as check_isa,
    )
    from airflow_provider_qrt.primitives.circuits.isa import (
        check_pubs_isa as check_pubs_isa,
    )
    from airflow_provider_qrt.primitives.circuits.text import CircuitInfo as CircuitInfo
    from airflow_provider_qrt.primitives.circuits.text import check_circuit as check_circuit
    from airflow_provider_qrt.primitives.errors import InvalidInputError, InvalidResultError, NoCountsError
    from airflow_provider_qrt.primitives.inputs.combinations import gate_randomizer as gate_randomizer
    from airflow_provider_qrt.primitives.inputs.estimator import estimator_params as estimator_params
    from airflow_provider_qrt.primitives.inputs.estimator_options import (
        check_estimator_options as check_estimator_options,
    )
    from airflow_provider_qrt.primitives.inputs.estimator_pubs import (
        EstimatorPub as EstimatorPub,
    )
    from airflow_provider_qrt.primitives.inputs.estimator_pubs import (
        coerce_estimator_pubs as coerce_estimator_pubs,
    )
    from airflow_provider_qrt.primitives.inputs.executor import (
        check_executor_pubs as check_executor_pubs,
    )
    from airflow_provider_qrt.primitives.inputs.executor import (
        executor_identity as executor_identity,
    )
    from airflow_provider_qrt.primitives.inputs.executor import (
        executor_params as executor_params,
    )
    from airflow_provider_qrt.primitives.inputs.executor import (
        prepare_executor_sampler as prepare_executor_sampler,
    )
    from airflow_provider_qrt.primitives.inputs.executor_estimator import (
        executor_estimator_identity as executor_estimator_identity,
    )
    from airflow_provider_qrt.primitives.inputs.executor_estimator import (
        prepare_executor_estimator as prepare_executor_estimator,
    )
    from airflow_provider_qrt.primitives.inputs.executor_estimator_options import (
        check_executor_estimator_options as check_executor_estimator_options,
    )
    from airflow_provider_qrt.primitives.inputs.executor_sampler_options import changes_circuits as changes_circuits
    from airflow_provider_qrt.primitives.inputs.executor_sampler_options import (
        check_executor_sampler_options as check_executor_sampler_options,
    )
    from airflow_provider_qrt.primitives.inputs.options import check_sampler_options as check_sampler_options
    from airflow_provider_qrt.primitives.inputs.pubs import SamplerPub as SamplerPub
    from airflow_provider_qrt.primitives.inputs.pubs import coerce_pubs as coerce_pubs
    from airflow_provider_qrt.primitives.inputs.sampler import sampler_params as sampler_params
    from airflow_provider_qrt.primitives.inputs.sizes import (
        largest_estimates_bytes as largest_estimates_bytes,
    )
    from airflow_provider_qrt.primitives.inputs.sizes import (
        largest_quasi_dists_bytes as largest_quasi_dists_bytes,
    )
    from airflow_provider_qrt.primitives.inputs.sizes import (
        largest_xcom_bytes as largest_xcom_bytes,
    )
    from airflow_provider_qrt.primitives.inputs.v1 import (
        coerce_v1_circuits as coerce_v1_circuits,
    )
    from airflow_provider_qrt.primitives.inputs.v1 import (
        coerce_v1_estimates as coerce_v1_estimates,
    )
    from airflow_provider_qrt.primitives.inputs.v1 import (
        estimator_v1_params as estimator_v1_params,
    )
    from airflow_provider_qrt.primitives.inputs.v1 import (
        sampler_v1_params as sampler_v1_params,
    )
    from airflow_provider_qrt.primitives.noise_model import LearnedLayer, NoiseModel
    from airflow_provider_qrt.primitives.results.bits import BitRegister, Counts
    from airflow_provider_qrt.primitives.results.decode import decode_estimator_result, decode_sampler_result
    from airflow_provider_qrt.primitives.results.estimator_pub import EstimatorPubResult
    from airflow_provider_qrt.primitives.results.estimator_result import EstimatorResult
    from airflow_provider_qrt.primitives.results.executor_arrays import (
        ExecutorItemResult,
        ExecutorResult,
        decode_executor_arrays,
    )
    from airflow_provider_qrt.primitives.results.executor_estimator_result import decode_executor_estimates
    from airflow_provider_qrt.primitives.results.executor_result import decode_executor_result
    from airflow_provider_qrt.primitives.results.noise_model_result import decode_noise_model as decode_noise_model
    from airflow_provider_qrt.primitives.results.quasi_dists import QuasiDistribution, nearest_probability_distribution
    from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerResult

__all__ = [
    "BitRegister",
    "Counts",
    "EstimatorPubResult",
    "EstimatorResult",
    "ExecutorItemResult",
    "ExecutorResult",
    "InvalidInputError",
    "InvalidResultError",
    "LearnedLayer",
    "NoCountsError",
    "NoiseModel",
    "NotIsaError",
    "QuasiDistribution",
    "SamplerPubResult",
    "SamplerResult",
    "decode_estimator_result",
    "decode_executor_arrays",
    "decode_executor_estimates",
    "decode_executor_result",
    "decode_sampler_result",
    "nearest_probability_distribution",
]

_HOME = {
    "BitRegister": "results.bits",
    "CircuitInfo": "circuits.text",
    "Counts": "results.bits",
    "EstimatorPub": "inputs.estimator_pubs",
    "EstimatorPubResult": "results.estimator_pub",
    "EstimatorResult": "results.estimator_result",
    "ExecutorItemResult": "results.executor_arrays",
    "ExecutorResult": "results.executor_arrays",
    "InvalidInputError": "errors",
    "InvalidResultError": "errors",
    "LearnedLayer": "noise_model",
    "NoCountsError": "errors",
    "NoiseModel": "noise_model",
    "NotIsaError": "circuits.isa",
    "QuasiDistribution": "results.quasi_dists",
    "SamplerPub": "inputs.pubs",
    "SamplerPubResult": "results.sampler_pub",
    "SamplerResult": "results.sampler_result",
    "changes_circuits": "inputs.executor_sampler_options",
    "check_circuit": "circuits.text",
    "check_estimator_options": "inputs.estimator_options",
    "check_executor_estimator_options": "inputs.executor_estimator_options",
    "check_executor_pubs": "inputs.executor",
    "check_executor_sampler_options": "inputs.executor_sampler_options",
    "check_isa": "circuits.isa",
    "check_pubs_isa": "circuits.isa",
    "check_sampler_options": "inputs.options",
    "coerce_estimator_pubs": "inputs.estimator_pubs",
    "coerce_pubs": "inputs.pubs",
    "coerce_v1_circuits": "inputs.v1",
    "coerce_v1_estimates": "inputs.v1",
    "decode_estimator_result": "results.decode",
    "decode_executor_arrays": "results.executor_arrays",
    "decode_executor_estimates": "results.executor_estimator_result",
    "decode_executor_result": "results.executor_result",
    "decode_noise_model": "results.noise_model_result",
    "decode_sampler_result": "results.decode",
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
    "prepare_executor_sampler": "inputs.executor",
    "sampler_params": "inputs.sampler",
    "sampler_v1_params": "inputs.v1",
}


_FORMER = {"InvalidInput", "InvalidResult", "NoCounts", "NotIsa"}
"""Former names of errors, from before they ended in ``Error``; they still work for one release."""


def __getattr__(name: str) -> Any:
    name = f"{name}Error" if name in _FORMER else name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
