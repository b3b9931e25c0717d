"""Results as Qiskit's own objects. The only module here that cannot do without Qiskit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit.primitives import PrimitiveResult

    from airflow_provider_qrt.primitives.estimator_result import EstimatorResult
    from airflow_provider_qrt.primitives.result import SamplerResult


def to_qiskit(result: SamplerResult) -> PrimitiveResult[Any]:
    """Wrap the bits of a result in ``PrimitiveResult[SamplerPubResult]``; they are shared, not copied.

    Raises:
        ImportError: Qiskit is not installed.
    """
    try:
        from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult
    except ImportError as error:
        raise ImportError(
            "to_qiskit() needs Qiskit: pip install 'airflow-provider-qrt[qiskit]'. get_counts() and "
            "get_bitstrings() do not."
        ) from error
    pubs = []
    for pub in result:
        bits = {name: BitArray(register.array, register.num_bits) for name, register in pub.registers.items()}
        pubs.append(SamplerPubResult(DataBin(**bits, shape=pub.shape), dict(pub.metadata)))
    return PrimitiveResult(pubs, dict(result.metadata))


def estimates_to_qiskit(result: EstimatorResult) -> PrimitiveResult[Any]:
    """Wrap the arrays of a result in ``PrimitiveResult[PubResult]``; they are shared, not copied.

    Raises:
        ImportError: Qiskit is not installed.
    """
    try:
        from qiskit.primitives import DataBin, PrimitiveResult, PubResult
    except ImportError as error:
        raise ImportError(
            "to_qiskit() needs Qiskit: pip install 'airflow-provider-qrt[qiskit]'. evs and stds do not."
        ) from error
    pubs = [PubResult(DataBin(**pub.data, shape=pub.shape), dict(pub.metadata)) for pub in result]
    return PrimitiveResult(pubs, dict(result.metadata))
