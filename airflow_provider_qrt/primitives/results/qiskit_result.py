"""Converts the results of PUBs to Qiskit's objects, which requires Qiskit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult, has_quasi_dists, quasi_dists_of

if TYPE_CHECKING:
    from qiskit.primitives import PrimitiveResult
    from qiskit.result import QuasiDistribution as QiskitQuasiDistribution

    from airflow_provider_qrt.primitives.results.estimator_pub import EstimatorPubResult


def to_qiskit(
    pubs: Sequence[SamplerPubResult], metadata: Mapping[str, Any]
) -> PrimitiveResult[Any] | list[QiskitQuasiDistribution]:
    """Wrap the bits of sampler PUBs in ``PrimitiveResult[SamplerPubResult]`` without copying them.

    Quasi-probabilities become a list of Qiskit's ``QuasiDistribution``.

    Args:
        pubs: The results of the PUBs.
        metadata: The metadata of the job.

    Raises:
        ImportError: Qiskit is not installed.
    """
    if has_quasi_dists(pubs):
        return [quasi.to_qiskit() for quasi in quasi_dists_of(pubs)]
    try:
        from qiskit.primitives import BitArray, PrimitiveResult
        from qiskit.primitives import SamplerPubResult as QiskitPubResult
    except ImportError as error:
        raise ImportError(
            "to_qiskit() needs Qiskit: pip install 'airflow-provider-qrt[qiskit]'. get_counts() and "
            "get_bitstrings() do not."
        ) from error
    wrapped = []
    for pub in pubs:
        bits: dict[str, Any] = {
            name: BitArray(register.array, register.num_bits) for name, register in pub.registers.items()
        }
        bits |= {name: register.array for name, register in pub.kerneled.items()}
        wrapped.append(QiskitPubResult(_data_bin(bits, pub.shape), dict(pub.metadata)))
    return PrimitiveResult(wrapped, dict(metadata))


def _data_bin(bits: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """Return a ``DataBin`` with all registers, including those whose names are attributes of ``DataBin``.

    For example, ``data["size"]`` is then the register, and ``data.size`` is the usual attribute.
    """
    from qiskit.primitives import DataBin

    taken = DataBin._RESTRICTED_NAMES
    data = DataBin(**{name: register for name, register in bits.items() if name not in taken}, shape=shape)
    if taken & bits.keys():
        # Include all registers in the order of declaration, because joined data uses this order.
        object.__setattr__(data, "_data", bits)
    return data


def estimates_to_qiskit(pubs: Sequence[EstimatorPubResult], metadata: Mapping[str, Any]) -> PrimitiveResult[Any]:
    """Wrap the arrays of estimator PUBs in ``PrimitiveResult[PubResult]`` without copying them.

    Args:
        pubs: The results of the PUBs.
        metadata: The metadata of the job.

    Raises:
        ImportError: Qiskit is not installed.
    """
    try:
        from qiskit.primitives import DataBin, PrimitiveResult, PubResult
    except ImportError as error:
        raise ImportError(
            "to_qiskit() needs Qiskit: pip install 'airflow-provider-qrt[qiskit]'. evs and stds do not."
        ) from error
    wrapped = [PubResult(DataBin(**pub.data, shape=pub.shape), dict(pub.metadata)) for pub in pubs]
    return PrimitiveResult(wrapped, dict(metadata))
