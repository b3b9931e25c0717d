"""The text of a finished estimator job, in any of IBM's encodings, as an ``EstimatorResult``.

Python's JSON, which the service uses, writes NaN and Infinity as such; they are read. Version 1 of the estimator gave
``{"values": [0.98, ...], "metadata": [{"variance": 0.04, "shots": 4000}, ...]}``, a number for each circuit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResult
from airflow_provider_qrt.primitives.results.decoding import (
    MAX_DECODED_BYTES,
    Budget,
    describe,
    is_v1,
    load_payload,
    plain_mapping,
    read_data_bin,
    read_pubs,
    untag,
    v1_metadata,
)
from airflow_provider_qrt.primitives.results.estimator_result import ERRORS, VALUES, EstimatorPubResult, EstimatorResult
from airflow_provider_qrt.primitives.results.quasi_dists import LARGEST, read_shots

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

V1_VALUES = "values"
"""What version 1 wrote its expectation values under."""
_SAMPLED = "this is the result of a sampler, with bits and no expectation values"


def decode_estimator_result(
    payload: str | bytes | Mapping[str, Any], *, max_bytes: int = MAX_DECODED_BYTES
) -> EstimatorResult:
    """Read the result of an ``estimator`` job, of version 1 or 2.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, or what JSON made of it.
        max_bytes: The most bytes all arrays may take together, unpacked.

    Raises:
        InvalidResult: The text is no JSON (its end is shown: for a failed job that is the reason), is another
            program's result, or is damaged or too large.
    """
    document, budget = load_payload(payload), Budget(max_bytes)
    del payload
    if is_v1(document, V1_VALUES):
        return _read_v1(document, budget)
    pubs, metadata = read_pubs(document, "an estimator", budget, tagged=_read_tagged_pub, plain=_read_plain_pub)
    return EstimatorResult(pubs, metadata)


def _read_v1(document: Mapping[str, Any], budget: Budget) -> EstimatorResult:
    values = document[V1_VALUES]
    return EstimatorResult(
        tuple(
            pub_result({VALUES: value, ERRORS: _standard_error(metadata)}, metadata, f"{V1_VALUES}[{index}]")
            for index, (value, metadata) in enumerate(
                zip(values, v1_metadata(document, len(values), budget), strict=True)
            )
        )
    )


def _standard_error(metadata: Mapping[str, Any]) -> float:
    """Return the standard error of a mean from the variance of single shots; NaN if it cannot be said."""
    variance, shots = metadata.get("variance"), read_shots(metadata)
    known = isinstance(variance, int | float) and not isinstance(variance, bool) and 0 <= variance < LARGEST
    return math.sqrt(variance / shots) if known and shots else math.nan  # type: ignore[operator]


def pub_result(
    arrays: Mapping[str, NDArray[Any] | list[Any] | float], metadata: Mapping[str, Any], where: str
) -> EstimatorPubResult:
    """Put the arrays of one PUB together.

    Fields besides ``evs`` and ``stds`` that are no numbers, or not of the PUB's shape, are of a kind that is not known
    here, and left out: they must not cost the values.

    Raises:
        InvalidResult: There are no expectation values, they are no real numbers, or their errors differ in shape.
    """
    import numpy as np

    if VALUES not in arrays:
        found = ", ".join(map(repr, arrays)) or "none"
        raise InvalidResult(f"{where}: the result holds no expectation values (evs); its fields: {found}")
    values = _numbers(arrays[VALUES])
    errors = _numbers(arrays[ERRORS]) if ERRORS in arrays else np.full_like(values, np.nan)
    if values is None or errors is None:
        raise InvalidResult(f"{where}: the {VALUES if values is None else ERRORS} are not an array of real numbers")
    if values.shape != errors.shape:
        raise InvalidResult(f"{where}: evs have the shape {values.shape}, stds {errors.shape}")
    data = {VALUES: values, ERRORS: errors}
    for name in sorted(set(arrays) - set(data)):
        array = _numbers(arrays[name])
        if array is not None and array.shape[: values.ndim] == values.shape:
            data[name] = array
    return EstimatorPubResult(data, metadata)


def _read_tagged_pub(pub: Any, where: str, budget: Budget) -> EstimatorPubResult:
    if untag(pub)[0] == "SamplerPubResult":
        raise InvalidResult(f"{where}: {_SAMPLED}")
    fields, metadata = read_data_bin(pub, ("EstimatorPubResult", "PubResult"), where)
    arrays: dict[str, Any] = {}
    for name, item in fields.items():
        kind, value = untag(item)
        if kind == "BitArray":
            raise InvalidResult(f"{where}: {_SAMPLED}")
        if kind == "ndarray" and isinstance(value, str):
            arrays[name] = budget.array(value)
        elif kind in (None, "ndarray") and value is not None:
            arrays[name] = value
    return pub_result(arrays, plain_mapping(metadata, budget), where)


def _read_plain_pub(pub: Any, where: str, budget: Budget) -> EstimatorPubResult:
    if not isinstance(pub, Mapping) or not isinstance(pub.get("data"), Mapping):
        raise InvalidResult(f"{where}: expected evs and stds under 'data', but {describe(pub)}")
    data = pub["data"]
    if VALUES not in data and any(isinstance(item, Mapping) and "samples" in item for item in data.values()):
        raise InvalidResult(f"{where}: {_SAMPLED}")
    arrays = {name: item for name, item in data.items() if item is not None}
    return pub_result(arrays, plain_mapping(pub.get("metadata"), budget), where)


def _numbers(value: Any) -> NDArray[np.float64] | None:
    """Return an array, a number or nested lists of numbers as an array; null in lists is NaN. None if it is none."""
    import numpy as np

    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(item is None or isinstance(item, int | float) for item in array.flat):
            return array.astype(np.float64)
        return array.astype(np.float64) if array.dtype.kind in "iuf" else None
    except (ValueError, OverflowError):
        return None
