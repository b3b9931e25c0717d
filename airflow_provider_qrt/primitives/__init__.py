"""What goes into a sampler job and what comes out of it. Pure: no HTTP, no Airflow.

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
    from airflow_provider_qrt.primitives.options import check_sampler_options
    from airflow_provider_qrt.primitives.pubs import SamplerPub, coerce_pubs
    from airflow_provider_qrt.primitives.result import SamplerPubResult, SamplerResult
    from airflow_provider_qrt.primitives.sampler import sampler_params
    from airflow_provider_qrt.primitives.sampler_decoding import decode_sampler_result
    from airflow_provider_qrt.primitives.sizes import largest_xcom_bytes

__all__ = [
    "BitRegister",
    "CircuitInfo",
    "Counts",
    "InvalidInput",
    "InvalidResult",
    "SamplerPub",
    "SamplerPubResult",
    "SamplerResult",
    "check_circuit",
    "check_sampler_options",
    "coerce_pubs",
    "decode_sampler_result",
    "largest_xcom_bytes",
    "sampler_params",
]

_HOME = {
    "BitRegister": "bits",
    "CircuitInfo": "circuits",
    "Counts": "bits",
    "InvalidInput": "errors",
    "InvalidResult": "errors",
    "SamplerPub": "pubs",
    "SamplerPubResult": "result",
    "SamplerResult": "result",
    "check_circuit": "circuits",
    "check_sampler_options": "options",
    "coerce_pubs": "pubs",
    "decode_sampler_result": "sampler_decoding",
    "largest_xcom_bytes": "sizes",
    "sampler_params": "sampler",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
