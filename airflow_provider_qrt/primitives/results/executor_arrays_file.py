"""Writes the arrays of a directed execution to files, and reads them back.

npz: every array under ``"<item>/<name>"``, in its own type and shape. JSON: as in XCom. Arrays of many shapes are no
table, so there is no Parquet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidInputError, InvalidResultError
from airflow_provider_qrt.primitives.results import result_file
from airflow_provider_qrt.primitives.results.decoding import DAMAGED, MAX_DECODED_BYTES, metadata_of
from airflow_provider_qrt.primitives.results.executor_arrays_json import (
    PASSTHROUGH,
    Items,
    described,
    item_json,
    item_manifest,
    read_items,
    read_value,
)
from airflow_provider_qrt.primitives.results.result_file import ResultFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray

KIND = "executor"


def check_arrays_format(result_format: ResultFormat) -> None:
    """Check that arrays can be written in a format.

    Raises:
        InvalidInputError: It is Parquet.
    """
    if result_format is ResultFormat.PARQUET:
        raise InvalidInputError(
            "result_format: parquet holds tables, and a directed execution returns arrays of many shapes. Write 'npz' "
            "or 'json'."
        )


def write_executor(
    file: IO[bytes],
    items: Sequence[tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]],
    job_facts: Mapping[str, Any],
    result_format: ResultFormat,
    job: Mapping[str, Any],
) -> None:
    """Write arrays in a format.

    Args:
        file: The open file.
        items: Arrays by name and metadata of each item.
        job_facts: Metadata and passthrough data of the whole job.
        result_format: The format.
        job: Facts about the job.

    Raises:
        InvalidInputError: The format is Parquet.
    """
    check_arrays_format(result_format)
    if result_format is ResultFormat.JSON:
        result_file.dump_json(file, {**job, **job_facts, "results": [item_json(*item) for item in items]})
        return
    header = {**job, **job_facts, "kind": KIND, "results": [item_manifest(*item) for item in items]}
    arrays = {f"{index}/{name}": array for index, (found, _) in enumerate(items) for name, array in found.items()}
    result_file.write_npz(file, header, arrays)


def read_executor(data: bytes, max_bytes: int = MAX_DECODED_BYTES) -> tuple[Items, dict[str, Any], Any, dict[str, Any]]:
    """Read a file that :func:`write_executor` wrote.

    Returns:
        The items, the metadata of the job, its passthrough data, and the other facts about the job in the file.

    Raises:
        InvalidResultError: It is not such a file, is damaged or too large.
    """
    if result_file.detect_format(data) is not ResultFormat.NPZ:
        document = result_file.load_json(data)
        if not isinstance(document, Mapping):
            raise InvalidResultError("the file holds no result of an executor's operator")
        items, metadata, passthrough, job = read_value({**document, "results": []})
        items = read_items(document.get("results"), document.get("result_path"), max_bytes)
        return items, metadata, passthrough, job
    header, arrays = result_file.read_npz(data, KIND, max_bytes)
    try:
        items = [_read_item(index, entry, arrays) for index, entry in enumerate(header["results"])]
    except DAMAGED as error:
        if isinstance(error, InvalidResultError):
            raise
        raise InvalidResultError(f"the file is damaged: {error!r}") from None
    job = result_file.job_of(header)
    passthrough = job.pop(PASSTHROUGH, None)
    return items, metadata_of(header), passthrough, job


def _read_item(
    index: int, entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    found = {}
    for name, array in entry["arrays"].items():
        where = f"results[{index}].{name}"
        dtype, shape = described(array, where)
        found[name] = arrays[f"{index}/{name}"]
        if found[name].dtype != dtype or found[name].shape != shape:
            raise InvalidResultError(f"{where}: the array is not of the type and shape of the header")
    return found, metadata_of(entry)
