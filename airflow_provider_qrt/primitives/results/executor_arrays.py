"""The result of a directed execution: every array that the program ``executor`` returned, as it returned it.

Nothing is flipped back, merged or averaged, which ``decode_executor_result`` does for a sampler's input. Source: IBM's
schemas for the executor, v2.0 (``QuantumProgramResultModel``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.arrays.tensors import read_tensor
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.inputs.official_program import SCHEMA_VERSION
from airflow_provider_qrt.primitives.results.decoding import (
    MAX_DECODED_BYTES,
    Budget,
    describe,
    load_payload,
    metadata_of,
)
from airflow_provider_qrt.primitives.results.plain_json import strict_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from airflow_provider_qrt.primitives.results.result_file import ResultFormat


@dataclass(frozen=True, eq=False)
class ExecutorItemResult(Mapping[str, Any]):
    """The arrays of one item of the program: a read-only mapping of their names to numpy arrays.

    A classical register of n bits is an array of ``bool`` of shape ``(*item, shots, n)`` under its name; the last axis
    is the index of the bit. Its readout points, for ``meas_level`` other than ``classified``, are complex numbers in
    arbitrary units: ``<name>_iq`` of the same shape, or ``<name>_avg_iq`` of shape ``(*item, n)``. An item with a
    samplex has its outputs too, such as ``measurement_flips.<name>``.

    Attributes:
        arrays: The arrays by name.
        metadata: ``scheduler_timing`` and ``stretch_values``, null unless the options asked for them.
    """

    arrays: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


@dataclass(frozen=True, eq=False)
class ExecutorResult:
    """The result of a directed execution: a sequence of ``ExecutorItemResult``, one for each item of the program.

    Attributes:
        items: The results of the items, in their order.
        metadata: The service's metadata of the whole job, as plain JSON; ``chunk_timing`` has start and stop of each
            stretch of the execution.
        passthrough_data: The program's ``passthrough_data``, as the service returned it: plain JSON, in which arrays
            stay encoded.
        job: After ``from_xcom`` of an operator's value, or ``from_file``: the other keys (``job_id``, ...).
    """

    items: tuple[ExecutorItemResult, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    passthrough_data: Any = None
    job: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> ExecutorItemResult:
        return self.items[index]

    def __iter__(self) -> Iterator[ExecutorItemResult]:
        return iter(self.items)

    def to_xcom_results(self) -> list[dict[str, Any]]:
        """Return one plain dictionary for each item, ready for JSON.

        ``{"arrays": {name: {"dtype", "shape", "values"}}, "metadata"}``. ``values`` are nested lists in which a bit is
        0 or 1, and a complex number is ``[real, imaginary]``. NaN and infinities are null.
        """
        from airflow_provider_qrt.primitives.results.executor_arrays_json import item_json

        return [item_json(item.arrays, item.metadata) for item in self.items]

    def manifest(self) -> list[dict[str, Any]]:
        """Return the part of a large result that goes to XCom: ``to_xcom_results`` with null for all values."""
        from airflow_provider_qrt.primitives.results.executor_arrays_json import item_manifest

        return [item_manifest(item.arrays, item.metadata) for item in self.items]

    def job_facts(self) -> dict[str, Any]:
        """Return ``metadata`` and ``passthrough_data``, which stand beside the results."""
        return {"metadata": strict_json(self.metadata), "passthrough_data": strict_json(self.passthrough_data)}

    def estimated_xcom_bytes(self) -> int:
        """Return an upper bound of the JSON of ``to_xcom_results`` and of :meth:`job_facts`, in bytes."""
        from airflow_provider_qrt.primitives.results.executor_arrays_json import array_json_bytes

        values = sum(array_json_bytes(array) for item in self.items for array in item.arrays.values())
        return len(json.dumps([self.manifest(), self.job_facts()])) + values

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any] | list[Any]) -> ExecutorResult:
        """Rebuild a result from the return value of an executor's operator, or from its ``results`` alone.

        Raises:
            InvalidResultError: The value is a manifest (its arrays were too large and are in ``result_path``; the
                message shows how to read them), or is not the result of such an operator. It is a ``ValueError``.
        """
        from airflow_provider_qrt.primitives.results.executor_arrays_json import read_value

        return _of(*read_value(value))

    @classmethod
    def from_file(cls, path: Any, *, max_bytes: int = MAX_DECODED_BYTES) -> ExecutorResult:
        """Read a result that an operator wrote to its ``result_path``, as json or npz.

        Args:
            path: ``ObjectStoragePath``, ``pathlib.Path``, or the text of a local path or URL. A URL that names an
                Airflow connection has to be an ``ObjectStoragePath``.
            max_bytes: Maximum size of the arrays in bytes, uncompressed.

        Raises:
            InvalidResultError: It is too large, damaged, or not a file of such a result.
            OSError: It cannot be read.
        """
        from airflow_provider_qrt.primitives.results.executor_arrays_file import read_executor
        from airflow_provider_qrt.primitives.results.result_file import read_bytes

        return _of(*read_executor(read_bytes(path), max_bytes))

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write the result and the facts about its job to an open file; ``from_file`` reads it.

        Raises:
            InvalidInputError: The format is Parquet, which holds tables.
        """
        from airflow_provider_qrt.primitives.results.executor_arrays_file import write_executor

        write_executor(
            file, [(item.arrays, item.metadata) for item in self.items], self.job_facts(), result_format, job
        )


def decode_executor_arrays(
    payload: str | bytes | Mapping[str, Any], *, max_bytes: int = MAX_DECODED_BYTES
) -> ExecutorResult:
    """Read all arrays of the result of an ``executor`` job, whoever built it.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, or its parsed JSON.
        max_bytes: Maximum total size of all arrays in bytes, uncompressed; a bit takes one byte.

    Raises:
        InvalidResultError: The text is not JSON (the message shows its end, which is the reason for a failed job), is
            the result of another program or schema, or is damaged or too large.
    """
    document = load_executor_document(payload)
    budget = Budget(max_bytes)
    items = tuple(_read_item(item, f"data[{index}]", budget) for index, item in enumerate(document["data"]))
    return ExecutorResult(items, metadata_of(document), document.get("passthrough_data"))


def load_executor_document(payload: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parsed result of an ``executor`` job.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, or its parsed JSON.

    Raises:
        InvalidResultError: The text is not JSON, or is the result of another program or schema.
    """
    document = load_payload(payload)
    if not isinstance(document, Mapping) or not isinstance(document.get("data"), list):
        raise InvalidResultError(f"this is no result of the program executor: {describe(document)}")
    if document.get("schema_version") != SCHEMA_VERSION:
        raise InvalidResultError(
            f"the result has the schema {str(document.get('schema_version'))[:50]!r}; only {SCHEMA_VERSION} is read. "
            "Read the job with qiskit-ibm-runtime instead"
        )
    return document


def _read_item(item: Any, where: str, budget: Budget) -> ExecutorItemResult:
    results = item.get("results") if isinstance(item, Mapping) else None
    if not isinstance(results, Mapping):
        raise InvalidResultError(f"{where}: expected results by name, but {describe(item)}")
    arrays = {name: read_tensor(tensor, f"{where}.{name}", budget) for name, tensor in results.items()}
    return ExecutorItemResult(arrays, metadata_of(item))


def _of(
    items: list[tuple[dict[str, Any], dict[str, Any]]], metadata: Mapping[str, Any], passthrough: Any, job: Any
) -> ExecutorResult:
    return ExecutorResult(tuple(ExecutorItemResult(*item) for item in items), metadata, passthrough, job)
