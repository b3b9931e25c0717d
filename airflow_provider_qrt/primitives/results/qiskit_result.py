"""Results as Qiskit's own objects. The only module here that cannot do without Qiskit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit.primitives import PrimitiveResult
    from qiskit.result import QuasiDistribution as QiskitQuasiDistribution

    from airflow_provider_qrt.primitives.results.estimator_result import EstimatorResult
    from airflow_provider_qrt.primitives.results.quasi_dists import QuasiDistribution
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerResult


def to_qiskit(result: SamplerResult) -> PrimitiveResult[Any] | list[QiskitQuasiDistribution]:
    """Wrap the bits of a result in ``PrimitiveResult[SamplerPubResult]``; they are shared, not copied.

    Quasi-probabilities become a list of Qiskit's ``QuasiDistribution``.

    Raises:
        ImportError: Qiskit is not installed.
    """
    if any(pub.quasi_dists is not None for pub in result):
        return [quasi_distribution(quasi) for quasi in result.quasi_dists]
    try:
        from qiskit.primitives import BitArray, PrimitiveResult, SamplerPubResult
    except ImportError as error:
        raise ImportError(
            "to_qiskit() needs Qiskit: pip install 'airflow-provider-qrt[qiskit]'. get_counts() and "
            "get_bitstrings() do not."
        ) from error
    pubs = []
    for pub in result:
        bits = {name: BitArray(register.array, register.num_bits) for name, register in pub.registers.items()}
        pubs.append(SamplerPubResult(_data_bin(bits, pub.shape), dict(pub.metadata)))
    return PrimitiveResult(pubs, dict(result.metadata))


def _data_bin(bits: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """Return a ``DataBin`` with all registers, those as well whose names its own attributes have.

    ``data["size"]`` is then the register, and ``data.size`` what it is of every ``DataBin``.
    """
    from qiskit.primitives import DataBin

    taken = DataBin._RESTRICTED_NAMES
    data = DataBin(**{name: register for name, register in bits.items() if name not in taken}, shape=shape)
    if taken & bits.keys():
        # All of them and in the order of declaration, in which joined data has them.
        object.__setattr__(data, "_data", bits)
    return data


def quasi_distribution(quasi: QuasiDistribution) -> QiskitQuasiDistribution:
    """Return Qiskit's ``QuasiDistribution``, with the shots and the bound of the standard error.

    Raises:
        ImportError: Qiskit is not installed, or has no such class any more.
    """
    try:
        from qiskit.result import QuasiDistribution as QiskitQuasiDistribution
    except ImportError as error:
        raise ImportError(
            "to_qiskit() of quasi-probabilities needs the class qiskit.result.QuasiDistribution, and there is none: "
            "install Qiskit with pip install 'airflow-provider-qrt[qiskit]', or an older one if yours has dropped it. "
            "binary_probabilities() and nearest_probability_distribution() do not need it."
        ) from error
    values = {int(outcome): value for outcome, value in quasi.items()}
    return QiskitQuasiDistribution(values, quasi.shots, quasi.stddev_upper_bound)


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
