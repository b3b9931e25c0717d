"""The result of an estimator job: PUB by PUB, expectation values and their standard errors, as plain JSON too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResult
from airflow_provider_qrt.primitives.inputs.sizes import numbers_json_bytes
from airflow_provider_qrt.primitives.results.asked import OBSERVABLES, PARAMETERS, Asked
from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, check_nesting, metadata_of
from airflow_provider_qrt.primitives.results.plain_json import strict_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame
    from qiskit.primitives import PrimitiveResult

    from airflow_provider_qrt.primitives.results.result_file import ResultFormat

VALUES, ERRORS, ENSEMBLE = "evs", "stds", "ensemble_standard_error"
"""Names of fields that the service gives: expectation values, their standard errors, and the latter from shot noise
alone."""


@dataclass(frozen=True, eq=False)
class EstimatorPubResult:
    """What one PUB came to.

    Attributes:
        data: Arrays of ``float64`` by the service's names: ``evs`` and ``stds`` of the PUB's shape always,
            ``ensemble_standard_error`` often, and with ZNE arrays such as ``evs_extrapolated`` that have further axes.
        metadata: What the service said about the run, plain JSON.
        asked: The values of the circuit's parameters and the names of the observables, as far as the task that fetched
            the result knew them.
    """

    data: Mapping[str, NDArray[np.float64]]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)

    @property
    def parameter_values(self) -> Mapping[str, Any]:
        """By parameter: a number, or nested lists in the shape of the sweep; empty if not known."""
        return self.asked.parameter_values

    @property
    def observables(self) -> Any:
        """The observable's name, or nested lists of names; they broadcast to the PUB's shape. None if not known."""
        return self.asked.observables

    @property
    def evs(self) -> NDArray[np.float64]:
        """The expectation values; NaN where the service could not give one."""
        return self.data[VALUES]

    @property
    def stds(self) -> NDArray[np.float64]:
        """Their standard errors, in the same shape."""
        return self.data[ERRORS]

    @property
    def ensemble_standard_error(self) -> NDArray[np.float64] | None:
        """Their standard errors if all shots were one ensemble, without drift or twirling; None if not given."""
        return self.data.get(ENSEMBLE)

    @property
    def shape(self) -> tuple[int, ...]:
        """What observables and parameter values broadcast to; ``()`` for one number."""
        return self.evs.shape


@dataclass(frozen=True, eq=False)
class EstimatorResult:
    """The result of an estimator job: a sequence of ``EstimatorPubResult``, one for each PUB, in their order.

    Attributes:
        pubs: The results of the PUBs.
        metadata: What the service said about the job as a whole, plain JSON.
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
        """Return this result with the results of other PUBs."""
        return replace(self, pubs=tuple(pubs))

    def to_qiskit(self) -> PrimitiveResult[Any]:
        """Return Qiskit's ``PrimitiveResult``, for code written against Qiskit. The arrays are not copied.

        Raises:
            ImportError: Qiskit is not installed (``pip install airflow-provider-qrt[qiskit]``).
        """
        from airflow_provider_qrt.primitives.results.qiskit_result import estimates_to_qiskit

        return estimates_to_qiskit(self)

    def to_xcom_results(self) -> list[dict[str, Any]]:
        """Return one plain dictionary for each PUB, ready for JSON.

        ``{"evs", "stds", "metadata"}``, and the PUB's other arrays under their names. An array is a number or nested
        lists in its shape. NaN and infinities are null. ``observables`` has their names, and ``parameter_values`` the
        values of each parameter.
        """
        return [
            {
                **{name: _nested(array) for name, array in pub.data.items()},
                "metadata": strict_json(pub.metadata),
                **pub.asked.to_json(),
            }
            for pub in self.pubs
        ]

    def manifest(self) -> list[dict[str, Any]]:
        """Return null for all values, with their shape beside: what XCom keeps of a large result."""
        return [
            {VALUES: None, ERRORS: None, "shape": list(pub.shape), "metadata": strict_json(pub.metadata)}
            for pub in self.pubs
        ]

    def estimated_xcom_bytes(self) -> int:
        """Return an upper bound of the JSON text of ``to_xcom_results``, in bytes, without building it."""
        arrays = [(name, array) for pub in self.pubs for name, array in pub.data.items()]
        asked = sum(pub.asked.json_bytes() for pub in self.pubs)
        return (
            len(json.dumps(self.manifest()))
            + asked
            + sum(len(name) + numbers_json_bytes(array.shape) for name, array in arrays)
        )

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any] | list[Any]) -> EstimatorResult:
        """Rebuild a result from the return value of an estimator operator, or from its ``results`` alone.

        Null becomes NaN.

        Raises:
            ValueError: The value is a manifest (its values were too large and are in ``result_path``; the message
                shows how to read them), or is no result of an estimator operator.
        """
        if isinstance(value, Mapping):
            job = {key: part for key, part in value.items() if key not in ("results", "metadata")}
            return cls(_read_results(value.get("results"), job.get("result_path")), metadata_of(value), job)
        return cls(_read_results(value, None))

    @classmethod
    def from_file(cls, path: Any, *, max_bytes: int = MAX_DECODED_BYTES) -> EstimatorResult:
        """Read a result that an operator wrote to its ``result_path``, in any ``result_format``.

        Args:
            path: ``ObjectStoragePath``, ``pathlib.Path``, or the text of a local path or URL. A URL that names an
                Airflow connection has to be an ``ObjectStoragePath``.
            max_bytes: The most bytes that the values may take, unpacked.

        Raises:
            InvalidResult: It is too large, or no file of an estimator's result, or damaged.
            ImportError: It is a Parquet file, and pyarrow is not installed.
            OSError: It cannot be read.
        """
        from airflow_provider_qrt.primitives.results.estimator_file import read_estimates
        from airflow_provider_qrt.primitives.results.result_file import read_bytes

        return read_estimates(read_bytes(path), max_bytes)

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write the result to an open file, with what is known of its job; ``from_file`` reads it.

        Raises:
            ImportError: The format is Parquet, and pyarrow is not installed.
        """
        from airflow_provider_qrt.primitives.results.estimator_file import write_estimates

        write_estimates(file, self, result_format, job)

    def to_dataframe(self) -> DataFrame:
        """Return a ``pandas.DataFrame`` with a row for each point of each PUB.

        Columns: ``pub`` (its index), ``point`` (flat index in the PUB's shape, the last axis varying fastest),
        ``axis_0``, ``axis_1``, ... (the same by axes; NA where a PUB has fewer), one for each parameter, by its name,
        with its value there, ``observable`` (its name), ``ev``, ``std`` (NaN where the service could not give one), and
        the service's other arrays under their names. One with further axes, as with ZNE, is a flat list in each row.

        Raises:
            ImportError: pandas is not installed (``pip install airflow-provider-qrt[pandas]``).
        """
        from airflow_provider_qrt.primitives.results.estimator_file import estimates_dataframe

        return estimates_dataframe(self)


def _nested(array: NDArray[np.float64]) -> Any:
    """Return a number, or nested lists of numbers; null for what JSON has no number for."""
    import numpy as np

    finite = np.isfinite(array)
    if finite.all():
        return array.tolist()
    shown = np.asarray(array, dtype=object).copy()
    shown[~finite] = None
    return shown.tolist()


def _read_results(results: Any, result_path: Any) -> tuple[EstimatorPubResult, ...]:
    from airflow_provider_qrt.primitives.results.estimator_decoding import pub_result

    check_nesting(results)
    if not isinstance(results, list):
        raise InvalidResult(
            "this is not the value of an estimator operator: it has no list under 'results'. Pass the task's whole "
            "return_value (job_id, results, ...) or the list of results"
        )
    read: list[EstimatorPubResult] = []
    for index, entry in enumerate(results):
        where = f"results[{index}]"
        if not isinstance(entry, Mapping) or VALUES not in entry or ERRORS not in entry:
            raise InvalidResult(f"{where}: expected evs and stds, as an estimator operator returns them")
        if entry[VALUES] is None and "shape" in entry:
            raise InvalidResult(
                f"{where}: XCom holds only the manifest of this result; its values were too large and are in the file "
                f"result_path={result_path!r}. Read it with: "
                'EstimatorResult.from_file(ObjectStoragePath(value["result_path"]))'
            )
        asked = Asked.read(entry)
        arrays = {name: part for name, part in entry.items() if name not in ("metadata", PARAMETERS, OBSERVABLES)}
        # One value that is null was NaN; with the service's own results a field that is null is not there.
        arrays = {name: float("nan") if part is None else part for name, part in arrays.items()}
        read.append(replace(pub_result(arrays, metadata_of(entry), where), asked=asked))
    return tuple(read)
