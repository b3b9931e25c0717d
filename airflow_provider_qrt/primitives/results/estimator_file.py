"""Writes an estimator's result to files and tables, and reads it back.

npz: each array unchanged under ``"<pub>/<name>"``, ``float64``, including NaN. Parquet and ``to_dataframe``: a row for
each point of each PUB's shape, with its value (``ev``), its standard error (``std``) and the service's other arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results import result_file
from airflow_provider_qrt.primitives.results.asked import OBSERVABLE, Asked
from airflow_provider_qrt.primitives.results.asked import columns as asked_columns
from airflow_provider_qrt.primitives.results.decoding import DAMAGED, MAX_DECODED_BYTES, metadata_of
from airflow_provider_qrt.primitives.results.estimator_decoding import pub_result
from airflow_provider_qrt.primitives.results.estimator_pub import ERRORS, VALUES, EstimatorPubResult
from airflow_provider_qrt.primitives.results.estimator_xcom import manifest_entry, pub_json, read_value
from airflow_provider_qrt.primitives.results.plain_json import strict_json
from airflow_provider_qrt.primitives.results.result_file import ResultFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "estimator"


def write_estimates(
    file: IO[bytes],
    pubs: Sequence[EstimatorPubResult],
    metadata: Mapping[str, Any],
    result_format: ResultFormat,
    job: Mapping[str, Any],
) -> None:
    """Write an estimator's result in a format.

    Args:
        file: The open file.
        pubs: The results of the PUBs.
        metadata: The service's metadata of the whole job.
        result_format: The format.
        job: Facts about the job.

    Raises:
        ImportError: The format is Parquet, and pyarrow is not installed.
    """
    plain = strict_json(metadata)
    if result_format is ResultFormat.JSON:
        result_file.dump_json(file, {**job, "metadata": plain, "results": [pub_json(pub) for pub in pubs]})
        return
    header = {**job, "kind": KIND, "metadata": plain, "results": [_header_entry(pub) for pub in pubs]}
    if result_format is ResultFormat.NPZ:
        arrays = {f"{index}/{name}": array for index, pub in enumerate(pubs) for name, array in pub.data.items()}
        result_file.write_npz(file, header, arrays)
    else:
        _write_table(file, header, pubs)


def _header_entry(pub: EstimatorPubResult) -> dict[str, Any]:
    """Return a PUB without its values, with the additional axes of each array beyond the PUB's shape."""
    further = {name: list(array.shape[len(pub.shape) :]) for name, array in pub.data.items()}
    return {**manifest_entry(pub), "arrays": further, **pub.asked.to_json()}


def _write_table(file: IO[bytes], header: Mapping[str, Any], pubs: Sequence[EstimatorPubResult]) -> None:
    pa = result_file.import_pyarrow()
    axes = result_file.axis_names(pub.shape for pub in pubs)
    lists = _names(pubs)
    number, whole = pa.float64(), pa.int64()
    types = {"pub": whole, "point": whole, **dict.fromkeys(axes, whole)}
    asked = _asked_columns(pubs, axes)
    types |= {column: pa.string() if name == OBSERVABLE else number for name, column in asked.items()}
    types |= {_column(name, axes): pa.list_(number) if many else number for name, many in lists.items()}
    blocks = []
    for index, pub in enumerate(pubs):
        block = {
            name: result_file.arrow_axis(part) if name in axes else pa.array(part)
            for name, part in _points(index, pub, axes).items()
        }
        for name, column in asked.items():
            block[column] = pa.array(_asked(pub, name), types[column])
        for name, many in lists.items():
            block[_column(name, axes)] = _arrow(pub.data.get(name), prod(pub.shape), many)
        blocks.append(block)
    result_file.write_parquet(file, header, list(types.items()), blocks)


def read_estimates(
    data: bytes, max_bytes: int = MAX_DECODED_BYTES
) -> tuple[tuple[EstimatorPubResult, ...], dict[str, Any], dict[str, Any]]:
    """Read a file that :func:`write_estimates` wrote.

    Returns:
        The results of the PUBs, the metadata of the job, and the other facts about the job in the file.

    Raises:
        InvalidResultError: It is not such a file, or is damaged.
    """
    found = result_file.detect_format(data)
    if found is ResultFormat.JSON:
        return read_value(result_file.load_json(data))
    try:
        if found is ResultFormat.NPZ:
            header, arrays = result_file.read_npz(data, KIND, max_bytes)
            parts = [
                {name: arrays[f"{index}/{name}"] for name in entry["arrays"]}
                for index, entry in enumerate(header["results"])
            ]
        else:
            header, table = result_file.read_parquet(data, KIND, max_bytes)
            parts = _from_table(header["results"], table)
        pubs = [
            _pub(index, entry, part) for index, (entry, part) in enumerate(zip(header["results"], parts, strict=True))
        ]
    except DAMAGED as error:
        if isinstance(error, InvalidResultError):
            raise
        raise InvalidResultError(f"the file is damaged: {error!r}") from None
    return tuple(pubs), metadata_of(header), result_file.job_of(header)


def estimates_dataframe(pubs: Sequence[EstimatorPubResult]) -> Any:
    """Return the rows as a ``pandas.DataFrame``."""
    import numpy as np

    pandas = result_file.import_pandas()
    axes = result_file.axis_names(pub.shape for pub in pubs)
    parts = [_points(index, pub, axes) for index, pub in enumerate(pubs)]
    columns: dict[str, Any] = {
        name: np.concatenate([part[name] for part in parts] or [np.zeros(0, dtype=np.int64)])
        for name in ("pub", "point", *axes)
    }
    columns |= {name: result_file.pandas_axis(columns[name]) for name in axes}
    for name, column in _asked_columns(pubs, axes).items():
        found = [value for pub in pubs for value in _asked(pub, name)]
        columns[column] = found if name == OBSERVABLE else np.array(found, dtype=np.float64)
    for name, many in _names(pubs).items():
        columns[_column(name, axes)] = [
            value for pub in pubs for value in _values(pub.data.get(name), prod(pub.shape), many)
        ]
    return pandas.DataFrame(columns)


def _asked_columns(pubs: Sequence[EstimatorPubResult], axes: list[str]) -> dict[str, str]:
    """Return the columns of the parameters and of the observables by name."""
    taken = ("pub", "point", *axes, *(_column(name, axes) for name in _names(pubs)))
    return asked_columns((pub.asked for pub in pubs), taken)


def _asked(pub: EstimatorPubResult, name: str) -> list[Any]:
    import numpy as np

    return pub.asked.column_values(name, pub.shape, np.arange(prod(pub.shape), dtype=np.int64))


def _names(pubs: Sequence[EstimatorPubResult]) -> dict[str, bool]:
    """Return the names of all arrays, values and errors first, each with whether it has axes beyond its PUB's shape."""
    names = dict.fromkeys((VALUES, ERRORS), False)
    for pub in pubs:
        for name, array in pub.data.items():
            names[name] = names.get(name, False) or array.ndim > len(pub.shape)
    return names


def _column(name: str, axes: list[str]) -> str:
    """Return the column name of an array: a singular name for values and errors, otherwise the service's name."""
    column = {VALUES: "ev", ERRORS: "std"}.get(name, name)
    return f"{name}_" if column == name and name in ("pub", "point", "ev", "std", *axes) else column


def _points(index: int, pub: EstimatorPubResult, axes: list[str]) -> dict[str, NDArray[np.int64]]:
    import numpy as np

    return result_file.point_columns(index, pub.shape, np.arange(prod(pub.shape), dtype=np.int64), axes)


def _arrow(array: NDArray[np.float64] | None, points: int, many: bool) -> Any:
    """Return a column of numbers or of lists of numbers; null where the PUB has no such array."""
    import numpy as np

    pa = result_file.import_pyarrow()
    if array is None:
        return pa.nulls(points, pa.list_(pa.float64()) if many else pa.float64())
    flat = pa.array(np.ravel(array))
    if not many:
        return flat
    length = array.size // points if points else 0
    return pa.ListArray.from_arrays(pa.array(np.arange(points + 1, dtype=np.int32) * length, pa.int32()), flat)


def _values(array: NDArray[np.float64] | None, points: int, many: bool) -> list[Any]:
    if array is None:
        return [None if many else float("nan")] * points
    flat: list[Any] = (array.reshape(points, -1) if many and points else array.ravel()).tolist()
    return flat


def _from_table(entries: list[Any], table: Any) -> list[dict[str, NDArray[Any]]]:
    axes = [name for name in table.column_names if name.startswith("axis_")]
    parts = []
    rows_of = result_file.rows_by_pub(table["pub"].to_numpy(), table["point"].to_numpy(), len(entries))
    for entry, rows in zip(entries, rows_of, strict=True):
        part = {}
        for name, further in entry["arrays"].items():
            column = table[_column(name, axes)].take(rows).combine_chunks()
            values = column.flatten() if _is_list(column) else column
            part[name] = values.to_numpy(zero_copy_only=False).reshape((*entry["shape"], *further))
        parts.append(part)
    return parts


def _is_list(column: Any) -> bool:
    return bool(result_file.import_pyarrow().types.is_list(column.type))


def _pub(index: int, entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> EstimatorPubResult:
    found = pub_result(arrays, metadata_of(entry), f"results[{index}]")
    if found.shape != tuple(entry["shape"]):
        raise InvalidResultError(f"results[{index}]: the values are not of the shape {tuple(entry['shape'])}")
    return replace(found, asked=Asked.read(entry))
