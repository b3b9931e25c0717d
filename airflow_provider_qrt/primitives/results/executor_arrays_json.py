"""Arrays of a directed execution as plain JSON, and read back from it."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.arrays.npy import cost_of
from airflow_provider_qrt.primitives.arrays.tensors import TYPES, is_type, read_shape
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.inputs.sizes import BIT_BYTES, NUMBER_BYTES, numbers_json_bytes
from airflow_provider_qrt.primitives.results.decoding import (
    DAMAGED,
    MAX_DECODED_BYTES,
    Budget,
    check_nesting,
    metadata_of,
    split_value,
)
from airflow_provider_qrt.primitives.results.plain_json import strict_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Items = list[tuple[dict[str, Any], dict[str, Any]]]
"""Arrays by name and metadata of each item."""
PASSTHROUGH = "passthrough_data"


def item_json(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as a plain dictionary; see ``ExecutorResult.to_xcom_results``."""
    return _entry(arrays, metadata, with_values=True)


def item_manifest(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same with null for all values."""
    return _entry(arrays, metadata, with_values=False)


def array_json_bytes(array: NDArray[Any]) -> int:
    """Return an upper bound of the JSON of an array's values, in bytes."""
    shape = (*array.shape, 2) if array.dtype.kind == "c" else array.shape
    return numbers_json_bytes(shape, BIT_BYTES if array.dtype.kind == "b" else NUMBER_BYTES)


def read_value(value: Mapping[str, Any] | list[Any]) -> tuple[Items, dict[str, Any], Any, dict[str, Any]]:
    """Read the return value of an executor's operator, or only its ``results``.

    Returns:
        The items, the metadata of the job, its passthrough data, and the other keys of the value (``job_id``, ...).

    Raises:
        InvalidResultError: It is a manifest without values, or not the result of such an operator.
    """
    if not isinstance(value, Mapping):
        return read_items(value, None), {}, None, {}
    results, metadata, job = split_value(value)
    passthrough = job.pop(PASSTHROUGH, None)
    return read_items(results, job.get("result_path")), metadata, passthrough, job


def read_items(results: Any, result_path: Any, max_bytes: int = MAX_DECODED_BYTES) -> Items:
    """Read a list of dictionaries from :func:`item_json`.

    Args:
        results: The list.
        result_path: The path where the operator stored the arrays, for the message about a manifest.
        max_bytes: Maximum size of the arrays in bytes.

    Raises:
        InvalidResultError: It is a manifest without values, or not such a list.
    """
    check_nesting(results)
    if not isinstance(results, list):
        raise InvalidResultError(
            "this is not the value of an executor's operator: it has no list under 'results'. Pass the task's whole "
            "return_value (job_id, results, ...) or the list of results"
        )
    budget = Budget(max_bytes)
    items: Items = []
    for index, entry in enumerate(results):
        where = f"results[{index}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("arrays"), Mapping):
            raise InvalidResultError(f"{where}: expected arrays and metadata, as an executor's operator returns them")
        arrays = {}
        for name, array in entry["arrays"].items():
            dtype, shape = described(array, f"{where}.{name}")
            if array.get("values") is None:
                raise InvalidResultError(_manifest_message(where, result_path))
            arrays[name] = _read_array(array["values"], dtype, shape, f"{where}.{name}", budget)
        items.append((arrays, metadata_of(entry)))
    return items


def described(array: Any, where: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the type and the shape of an array in JSON.

    Raises:
        InvalidResultError: It has none.
    """
    import numpy as np

    if not isinstance(array, Mapping) or not is_type(array.get("dtype")):
        raise InvalidResultError(f"{where}: expected dtype, shape and values")
    return np.dtype(TYPES[array["dtype"]]), read_shape(array.get("shape"), where)


def _entry(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any], *, with_values: bool) -> dict[str, Any]:
    return {
        "arrays": {
            name: {
                "dtype": _type_name(array),
                "shape": list(array.shape),
                "values": _values(array) if with_values else None,
            }
            for name, array in arrays.items()
        },
        "metadata": strict_json(metadata),
    }


def _type_name(array: NDArray[Any]) -> str:
    return "bool" if array.dtype.kind == "b" else f"{array.dtype.kind}{8 * array.dtype.itemsize}"


def _values(array: NDArray[Any]) -> Any:
    import numpy as np

    if array.dtype.kind == "b":
        return array.view(np.uint8).tolist()
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    values = array.tolist()
    return values if array.dtype.kind in "iu" or np.isfinite(array).all() else strict_json(values)


def _read_array(values: Any, dtype: np.dtype[Any], shape: tuple[int, ...], where: str, budget: Budget) -> NDArray[Any]:
    import numpy as np

    number = prod(shape) * (2 if dtype.kind == "c" else 1)
    budget.take(cost_of(shape, prod(shape) * dtype.itemsize))
    try:
        if _count(values) != number:
            raise ValueError("the number of values is not that of the shape")
        if dtype.kind == "c":
            pairs = np.array(values, dtype=np.float64).reshape(*shape, 2)
            return (pairs[..., 0] + 1j * pairs[..., 1]).astype(dtype)
        return np.array(values, dtype=dtype).reshape(shape)
    except DAMAGED as error:
        raise InvalidResultError(f"{where}: the values cannot be read: {error}") from None


def _count(values: Any) -> int:
    return sum(map(_count, values)) if isinstance(values, list) else 1


def _manifest_message(where: str, result_path: Any) -> str:
    return (
        f"{where}: XCom holds only the manifest of this result; its arrays were too large and are in the file "
        f"result_path={result_path!r}. Read it with: "
        'ExecutorResult.from_file(ObjectStoragePath(value["result_path"]))'
    )
