"""Writes quasi-distributions to files and tables, and reads them back.

npz: two arrays for each circuit in the service's order, ``"<circuit>/outcomes"`` with decimal digits as text, and
``"<circuit>/quasi_probabilities"`` with ``float64``. Parquet and ``to_dataframe``: a row for each outcome of each
circuit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results import result_file
from airflow_provider_qrt.primitives.results.decoding import metadata_of
from airflow_provider_qrt.primitives.results.quasi_dists import QuasiDistribution, read_distribution
from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTCOMES, VALUES = "outcomes", "quasi_probabilities"
"""Names of the arrays in an npz file."""
COLUMNS = ("pub", "outcome", "quasi_probability")
"""The columns of the table."""


def write_arrays(index: int, quasi: QuasiDistribution) -> dict[str, NDArray[Any]]:
    """Return the arrays of one circuit by their names in an npz file."""
    import numpy as np

    return {
        f"{index}/{OUTCOMES}": np.array(list(quasi), dtype=np.str_),
        f"{index}/{VALUES}": np.array(list(quasi.values()), dtype=np.float64),
    }


def read_arrays(index: int, entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SamplerPubResult:
    """Read the arrays that :func:`write_arrays` returned.

    Raises:
        KeyError, ValueError: The file is damaged.
    """
    return _pub(index, entry, arrays[f"{index}/{OUTCOMES}"].tolist(), arrays[f"{index}/{VALUES}"].tolist())


def write_table(file: IO[bytes], header: Mapping[str, Any], quasi_dists: Sequence[QuasiDistribution]) -> None:
    """Write a Parquet file with a row group for each circuit.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pa = result_file.import_pyarrow()
    types = dict(zip(COLUMNS, (pa.int64(), pa.string(), pa.float64()), strict=True))
    blocks = (
        {name: pa.array(part, types[name]) for name, part in _rows(index, one).items()}
        for index, one in enumerate(quasi_dists)
    )
    result_file.write_parquet(file, header, list(types.items()), blocks)


def read_table(entries: Sequence[Mapping[str, Any]], table: Any) -> list[SamplerPubResult]:
    """Read a table that :func:`write_table` wrote.

    Raises:
        KeyError, ValueError: The file is damaged.
    """
    import numpy as np

    pubs = table["pub"].to_numpy()
    read = []
    for index, (entry, found) in enumerate(
        zip(entries, result_file.rows_by_pub(pubs, np.arange(len(pubs)), len(entries)), strict=True)
    ):
        rows = table.take(found)
        read.append(_pub(index, entry, rows["outcome"].to_pylist(), rows["quasi_probability"].to_pylist()))
    return read


def dataframe(quasi_dists: Sequence[QuasiDistribution]) -> Any:
    """Return the rows as a ``pandas.DataFrame``.

    Raises:
        ImportError: pandas is not installed.
    """
    pandas = result_file.import_pandas()
    blocks = [_rows(index, one) for index, one in enumerate(quasi_dists)]
    return pandas.DataFrame({name: [value for block in blocks for value in block[name]] for name in COLUMNS})


def _rows(index: int, quasi: QuasiDistribution) -> dict[str, list[Any]]:
    return dict(zip(COLUMNS, ([index] * len(quasi), list(quasi), list(quasi.values())), strict=True))


def _pub(index: int, entry: Mapping[str, Any], outcomes: list[str], values: list[float]) -> SamplerPubResult:
    metadata = metadata_of(entry)
    quasi = read_distribution(dict(zip(outcomes, values, strict=True)), metadata)
    if quasi.shots != entry["shots"] or len(quasi) != len(outcomes):
        raise InvalidResultError(f"results[{index}]: the quasi-probabilities are not those of the header")
    return SamplerPubResult({}, metadata, quasi)
