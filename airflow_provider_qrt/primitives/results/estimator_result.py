"""The result of an estimator job: expectation values and standard errors of each PUB, also as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, load_payload
from airflow_provider_qrt.primitives.results.estimator_decoding import decode_estimates
from airflow_provider_qrt.primitives.results.estimator_pub import EstimatorPubResult
from airflow_provider_qrt.primitives.results.estimator_xcom import (
    manifest_entry,
    pub_json,
    read_value,
    values_json_bytes,
)

if TYPE_CHECKING:
    from pandas import DataFrame
    from qiskit.primitives import PrimitiveResult

    from airflow_provider_qrt.primitives.results.result_file import ResultFormat


@dataclass(frozen=True, eq=False)
class EstimatorResult:
    """The result of an estimator job: a sequence of ``EstimatorPubResult``, one for each PUB, in their order.

    Attributes:
        pubs: The results of the PUBs.
        metadata: The service's metadata of the whole job, as plain JSON.
        job: After ``from_xcom`` of an operator's value, or ``from_file``: the other keys (``job_id``, ...).
    """

    pubs: tuple[EstimatorPubResult, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pubs)

    def __getitem__(self, index: int) -> EstimatorPubResult:
        return self.pubs[index]

    def __iter__(self) -> Iterator[EstimatorPubResult]:
        return iter(self.pubs)

    def with_pubs(self, pubs: Iterable[EstimatorPubResult]) -> EstimatorResult:
        """Return a copy of this result with other PUB results."""
        return replace(self, pubs=tuple(pubs))

    def to_qiskit(self) -> PrimitiveResult[Any]:
        """Return Qiskit's ``PrimitiveResult``, for code written against Qiskit. The arrays are not copied.

        Raises:
            ImportError: Qiskit is not installed (``pip install airflow-provider-qrt[qiskit]``).
        """
        from airflow_provider_qrt.primitives.results.qiskit_result import estimates_to_qiskit

        return estimates_to_qiskit(self.pubs, self.metadata)

    def to_xcom_results(self) -> list[dict[str, Any]]:
        """Return one plain dictionary for each PUB, ready for JSON.

        Each has ``{"evs", "stds", "metadata"}`` and the PUB's other arrays under their names. An array is a number or
        nested lists in its shape. NaN and infinities become null. ``observables`` contains the names of the
        observables, and ``parameter_values`` the values of each parameter.
        """
        return [pub_json(pub) for pub in self.pubs]

    def manifest(self) -> list[dict[str, Any]]:
        """Return the part of a large result that goes to XCom: null for all values, with their shapes."""
        return [manifest_entry(pub) for pub in self.pubs]

    def estimated_xcom_bytes(self) -> int:
        """Return an upper bound of the JSON text of ``to_xcom_results``, in bytes, without building it."""
        return len(json.dumps(self.manifest())) + sum(values_json_bytes(pub) for pub in self.pubs)

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any] | list[Any]) -> EstimatorResult:
        """Rebuild a result from the return value of an estimator operator, or from its ``results`` alone.

        Null becomes NaN.

        Raises:
            ValueError: The value is a manifest (its values were too large and are in ``result_path``; the message
                shows how to read them), or is not the result of an estimator operator.
        """
        return cls(*read_value(value))

    @classmethod
    def from_file(cls, path: Any, *, max_bytes: int = MAX_DECODED_BYTES) -> EstimatorResult:
        """Read a result that an operator wrote to its ``result_path``, in any ``result_format``.

        Args:
            path: ``ObjectStoragePath``, ``pathlib.Path``, or the text of a local path or URL. A URL that names an
                Airflow connection has to be an ``ObjectStoragePath``.
            max_bytes: Maximum size of the values in bytes, uncompressed.

        Raises:
            InvalidResultError: It is too large, damaged, or not a file of an estimator's result.
            ImportError: It is a Parquet file, and pyarrow is not installed.
            OSError: It cannot be read.
        """
        from airflow_provider_qrt.primitives.results.estimator_file import read_estimates
        from airflow_provider_qrt.primitives.results.result_file import read_bytes

        return cls(*read_estimates(read_bytes(path), max_bytes))

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write the result and the facts about its job to an open file; ``from_file`` reads it.

        Raises:
            ImportError: The format is Parquet, and pyarrow is not installed.
        """
        from airflow_provider_qrt.primitives.results.estimator_file import write_estimates

        write_estimates(file, self.pubs, self.metadata, result_format, job)

    def to_dataframe(self) -> DataFrame:
        """Return a ``pandas.DataFrame`` with a row for each point of each PUB.

        Columns: ``pub`` (its index), ``point`` (flat index in the PUB's shape, with the last axis varying fastest),
        ``axis_0``, ``axis_1``, ... (the index along each axis; NA where a PUB has fewer axes), one column with the
        value of each parameter under its name, ``observable`` (its name), ``ev``, ``std`` (NaN where the service
        returned none), and the service's other arrays under their names. An array with more axes, as with ZNE, is a
        flat list in each row.

        Raises:
            ImportError: pandas is not installed (``pip install airflow-provider-qrt[pandas]``).
        """
        from airflow_provider_qrt.primitives.results.estimator_file import estimates_dataframe

        return estimates_dataframe(self.pubs)


def decode_server_estimates(
    payload: str | bytes | Mapping[str, Any], *, max_bytes: int = MAX_DECODED_BYTES
) -> EstimatorResult:
    """Read the result of a job of the program ``estimator``, of version 1 or 2.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, or its parsed JSON.
        max_bytes: Maximum total size of all arrays in bytes, uncompressed.

    Raises:
        InvalidResultError: The text is not JSON (the message shows its end, which is the reason for a failed job), is
            the result of another program, or is damaged or too large.
    """
    document = load_payload(payload)
    del payload
    return EstimatorResult(*decode_estimates(document, max_bytes))
