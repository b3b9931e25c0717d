"""Decodes the text of a finished estimator job, in any of IBM's encodings, PUB by PUB.

The service uses Python's JSON, which writes NaN and Infinity literally; they are accepted. Version 1 of the estimator
returned ``{"values": [0.98, ...], "metadata": [{"variance": 0.04, "shots": 4000}, ...]}``, a number for each circuit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results.decoding import (
    MAX_DECODED_BYTES,
    Budget,
    describe,
    is_v1,
    plain_mapping,
    read_data_bin,
    read_pubs,
    untag,
    v1_metadata,
)
from airflow_provider_qrt.primitives.results.estimator_pub import ERRORS, VALUES, EstimatorPubResult
from airflow_provider_qrt.primitives.results.quasi_dists import LARGEST, read_shots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

V1_VALUES = "values"
"""The key of the expectation values in version 1."""
_SAMPLED = "this is the result of a sampler, with bits and no expectation values"


def decode_estimates(
    document: Any, max_bytes: int = MAX_DECODED_BYTES
) -> tuple[tuple[EstimatorPubResult, ...], dict[str, Any]]:
    """Read the result of an ``estimator`` job, of version 1 or 2.

    Args:
        document: The body of ``GET /jobs/{id}/results``, parsed by ``load_payload``.
        max_bytes: Maximum total size of all arrays in bytes, uncompressed.

    Returns:
        The results of the PUBs, and the metadata of the job as plain JSON.

    Raises:
        InvalidResultError: It is the result of another program, or is damaged or too large.
    """
    budget = Budget(max_bytes)
    if is_v1(document, V1_VALUES):
        return _read_v1(document, budget), {}
    return read_pubs(document, "an estimator", budget, tagged=_read_tagged_pub, plain=_read_plain_pub)


def _read_v1(document: Mapping[str, Any], budget: Budget) -> tuple[EstimatorPubResult, ...]:
    values = document[V1_VALUES]
    return tuple(
        pub_result({VALUES: value, ERRORS: _standard_error(metadata)}, metadata, f"{V1_VALUES}[{index}]")
        for index, (value, metadata) in enumerate(zip(values, v1_metadata(document, len(values), budget), strict=True))
    )


def _standard_error(metadata: Mapping[str, Any]) -> float:
    """Return the standard error of a mean from the variance of single shots; NaN if it cannot be computed."""
    variance, shots = metadata.get("variance"), read_shots(metadata)
    known = isinstance(variance, int | float) and not isinstance(variance, bool) and 0 <= variance < LARGEST
    return math.sqrt(variance / shots) if known and shots else math.nan  # type: ignore[operator]


def pub_result(
    arrays: Mapping[str, NDArray[Any] | list[Any] | float], metadata: Mapping[str, Any], where: str
) -> EstimatorPubResult:
    """Build the result of one PUB from its arrays.

    Fields other than ``evs`` and ``stds`` that are not numeric or do not have the PUB's shape are unknown here and are
    left out, so that they cannot make the values unreadable.

    Raises:
        InvalidResultError: There are no expectation values, they are not real numbers, or their errors differ in shape.
    """
    import numpy as np

    if VALUES not in arrays:
        found = ", ".join(map(repr, arrays)) or "none"
        raise InvalidResultError(f"{where}: the result holds no expectation values (evs); its fields: {found}")
    values = _numbers(arrays[VALUES])
    errors = _numbers(arrays[ERRORS]) if ERRORS in arrays else np.full_like(values, np.nan)
    if values is None or errors is None:
        raise InvalidResultError(
            f"{where}: the {VALUES if values is None else ERRORS} are not an array of real numbers"
        )
    if values.shape != errors.shape:
        raise InvalidResultError(f"{where}: evs have the shape {values.shape}, stds {errors.shape}")
    data = {VALUES: values, ERRORS: errors}
    for name in sorted(set(arrays) - set(data)):
        array = _numbers(arrays[name])
        if array is not None and array.shape[: values.ndim] == values.shape:
            data[name] = array
    return EstimatorPubResult(data, metadata)


def _read_tagged_pub(pub: Any, where: str, budget: Budget) -> EstimatorPubResult:
    if untag(pub)[0] == "SamplerPubResult":
        raise InvalidResultError(f"{where}: {_SAMPLED}")
    fields, metadata = read_data_bin(pub, ("EstimatorPubResult", "PubResult"), where)
    arrays: dict[str, Any] = {}
    for name, item in fields.items():
        kind, value = untag(item)
        if kind == "BitArray":
            raise InvalidResultError(f"{where}: {_SAMPLED}")
        if kind == "ndarray" and isinstance(value, str):
            arrays[name] = budget.array(value)
        elif kind in (None, "ndarray") and value is not None:
            arrays[name] = value
    return pub_result(arrays, plain_mapping(metadata, budget), where)


def _read_plain_pub(pub: Any, where: str, budget: Budget) -> EstimatorPubResult:
    if not isinstance(pub, Mapping) or not isinstance(pub.get("data"), Mapping):
        raise InvalidResultError(f"{where}: expected evs and stds under 'data', but {describe(pub)}")
    data = pub["data"]
    if VALUES not in data and any(isinstance(item, Mapping) and "samples" in item for item in data.values()):
        raise InvalidResultError(f"{where}: {_SAMPLED}")
    arrays = {name: item for name, item in data.items() if item is not None}
    return pub_result(arrays, plain_mapping(pub.get("metadata"), budget), where)


def _numbers(value: Any) -> NDArray[np.float64] | None:
    """Convert an array, a number or nested lists of numbers to an array, null to NaN; return None for other values."""
    import numpy as np

    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(item is None or isinstance(item, int | float) for item in array.flat):
            return array.astype(np.float64)
        # An array of a million values is copied only if it has another type, or belongs to bytes.
        return np.require(array, np.float64, ["W", "A"]) if array.dtype.kind in "iuf" else None
    except (ValueError, OverflowError):
        return None
