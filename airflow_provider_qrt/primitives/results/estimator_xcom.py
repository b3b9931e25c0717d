"""Converts the results of estimator PUBs to plain JSON for XCom, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.inputs.sizes import numbers_json_bytes
from airflow_provider_qrt.primitives.results.asked import OBSERVABLES, PARAMETERS, Asked
from airflow_provider_qrt.primitives.results.decoding import check_nesting, metadata_of, split_value
from airflow_provider_qrt.primitives.results.estimator_decoding import pub_result
from airflow_provider_qrt.primitives.results.estimator_pub import ERRORS, VALUES, EstimatorPubResult
from airflow_provider_qrt.primitives.results.plain_json import strict_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def pub_json(pub: EstimatorPubResult) -> dict[str, Any]:
    """Return the result of one PUB as a plain dictionary; see ``EstimatorResult.to_xcom_results``."""
    return {
        **{name: _nested(array) for name, array in pub.data.items()},
        "metadata": strict_json(pub.metadata),
        **pub.asked.to_json(),
    }


def manifest_entry(pub: EstimatorPubResult) -> dict[str, Any]:
    """Return null for the values of a PUB, with their shapes."""
    return {VALUES: None, ERRORS: None, "shape": list(pub.shape), "metadata": strict_json(pub.metadata)}


def values_json_bytes(pub: EstimatorPubResult) -> int:
    """Return an upper bound of the JSON of :func:`pub_json` beyond :func:`manifest_entry`, in bytes."""
    arrays = sum(len(name) + numbers_json_bytes(array.shape) for name, array in pub.data.items())
    return pub.asked.json_bytes() + arrays


def _nested(array: NDArray[np.float64]) -> Any:
    """Return a number or nested lists of numbers; null for values that JSON cannot represent."""
    import numpy as np

    finite = np.isfinite(array)
    if finite.all():
        return array.tolist()
    shown = np.asarray(array, dtype=object).copy()
    shown[~finite] = None
    return shown.tolist()


def read_value(
    value: Mapping[str, Any] | list[Any],
) -> tuple[tuple[EstimatorPubResult, ...], dict[str, Any], dict[str, Any]]:
    """Read the return value of an estimator operator, or only its ``results``.

    Returns:
        The results of the PUBs, the metadata of the job, and the other keys of the value (``job_id``, ...).

    Raises:
        InvalidResultError: It is a manifest without values, or not the result of an estimator operator.
    """
    if not isinstance(value, Mapping):
        return _read_results(value, None), {}, {}
    results, metadata, job = split_value(value)
    return _read_results(results, job.get("result_path")), metadata, job


def _read_results(results: Any, result_path: Any) -> tuple[EstimatorPubResult, ...]:
    check_nesting(results)
    if not isinstance(results, list):
        raise InvalidResultError(
            "this is not the value of an estimator operator: it has no list under 'results'. Pass the task's whole "
            "return_value (job_id, results, ...) or the list of results"
        )
    return tuple(_read_pub(entry, f"results[{index}]", result_path) for index, entry in enumerate(results))


def _read_pub(entry: Any, where: str, result_path: Any) -> EstimatorPubResult:
    if not isinstance(entry, Mapping) or VALUES not in entry or ERRORS not in entry:
        raise InvalidResultError(f"{where}: expected evs and stds, as an estimator operator returns them")
    if entry[VALUES] is None and "shape" in entry:
        raise InvalidResultError(
            f"{where}: XCom holds only the manifest of this result; its values were too large and are in the file "
            f"result_path={result_path!r}. Read it with: "
            'EstimatorResult.from_file(ObjectStoragePath(value["result_path"]))'
        )
    asked = Asked.read(entry)
    arrays = {name: part for name, part in entry.items() if name not in ("metadata", PARAMETERS, OBSERVABLES)}
    # In XCom a single null was NaN; in the service's results a null field is missing.
    arrays = {name: float("nan") if part is None else part for name, part in arrays.items()}
    return replace(pub_result(arrays, metadata_of(entry), where), asked=asked)
