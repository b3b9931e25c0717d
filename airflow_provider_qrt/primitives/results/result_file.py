"""The file formats of results, which are detected by their first bytes, with their arrays and tables.

Every file has a header besides the data. It is a JSON object with the operator's facts about the job, the origin of the
result (``provenance``), and everything of each PUB except the measured values. A JSON file consists of the header.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from airflow_provider_qrt.primitives.arrays import npy
from airflow_provider_qrt.primitives.errors import InvalidInputError, InvalidResultError, did_you_mean
from airflow_provider_qrt.primitives.results.decoding import DAMAGED, MAX_DECODED_BYTES
from airflow_provider_qrt.primitives.results.parquet_footer import read_footer
from airflow_provider_qrt.untrusted.files import read_up_to
from airflow_provider_qrt.untrusted.json_text import UnfitJsonError, parse_json

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

HEADER = "header"
"""Name of the array with the header in an npz file, as bytes of JSON."""
PARQUET_KEY = b"airflow_provider_qrt"
"""Key of the header in the metadata of a Parquet file's schema."""
OWN_KEYS = ("kind", "metadata", "results")
"""The keys of a header in addition to those of an operator's return value."""
MAX_FILE_BYTES = 1 << 31
"""Maximum size of a result file; ten million outcomes of 156 bits take 1.8 GB as JSON."""
BYTES_OF_A_TEXT = 64
"""Memory of a string object in addition to its characters."""
BYTES_OF_A_VALUE = 8
TEXTS_PER_TABLE = 4
_TEXT_COLUMNS = {"bitstring", "outcome", "register"}
_MOST_CHUNKS = 1_000_000
"""Maximum of columns times row groups of a table."""
_ENCRYPTED = 1
"""The flag of an encrypted member of a zip archive."""
_MAGIC = {b"PK\x03\x04": "npz", b"PAR1": "parquet"}


class ResultFormat(StrEnum):
    """The formats of result files."""

    JSON = "json"
    NPZ = "npz"
    PARQUET = "parquet"

    @property
    def suffix(self) -> str:
        """The suffix of file names."""
        return f".{self.value}"

    @classmethod
    def read(cls, value: Any) -> Self:
        """Read the argument of an operator.

        Raises:
            InvalidInputError: There is no such format.
        """
        try:
            return cls(str(value).strip())
        except ValueError:
            names = [one.value for one in cls]
            raise InvalidInputError(
                f"result_format: {value!r} is not one of {', '.join(names)}{did_you_mean(str(value), names) or '.'}"
            ) from None


def read_bytes(source: Any) -> bytes:
    """Read a whole file.

    Args:
        source: A path object with ``open`` (``pathlib.Path``, ``ObjectStoragePath``, ``UPath``), a local path as text,
            or a URL that fsspec can open without the credentials of a connection.

    Raises:
        ValueError: The URL names an Airflow connection, which only ``ObjectStoragePath`` supports.
        OSError: The file cannot be read.
    """
    if not hasattr(source, "open"):
        text = os.fspath(source)
        if "://" in text:
            return _read_url(text)
        source = Path(text)
    with source.open("rb") as file:
        return _whole_file(file)


def _read_url(url: str) -> bytes:
    import fsspec

    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError(
            f"{url!r} names an Airflow connection: pass ObjectStoragePath({url!r}) of airflow.sdk instead."
        )
    with fsspec.open(url, "rb") as file:
        return _whole_file(file)


def _whole_file(file: Any) -> bytes:
    data = read_up_to(file, MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise InvalidResultError(f"the file is larger than {MAX_FILE_BYTES:,} bytes, and no result of this provider")
    return data


def detect_format(data: bytes) -> ResultFormat:
    """Return the format of a file by its first bytes; anything but a zip archive or Parquet counts as JSON."""
    return ResultFormat(_MAGIC.get(data[:4], "json"))


def load_json(data: bytes) -> Any:
    """Read a JSON file.

    Raises:
        InvalidResultError: It is not JSON.
    """
    try:
        return parse_json(data, strict=False)
    except UnfitJsonError as error:
        raise InvalidResultError(f"the file cannot be read: {error}") from None
    except ValueError as error:
        raise InvalidResultError(f"the file is neither JSON nor npz nor Parquet, or it is damaged: {error}") from None


def dump_json(file: IO[bytes], value: Any) -> None:
    """Write strict JSON."""
    file.write(json.dumps(value, allow_nan=False).encode())


# npz


def write_npz(file: IO[bytes], header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write compressed arrays by name, and the header as an additional array of bytes without dimensions."""
    import numpy as np

    packed: dict[str, Any] = {HEADER: np.array(json.dumps(header, allow_nan=False).encode()), **arrays}
    np.savez_compressed(file, **packed)


def read_npz(
    data: bytes, kind: str, max_bytes: int = MAX_DECODED_BYTES
) -> tuple[dict[str, Any], Mapping[str, NDArray[Any]]]:
    """Read header and arrays without ever unpickling anything.

    Args:
        data: The file.
        kind: Of result.
        max_bytes: The most bytes that all arrays may take together.

    Raises:
        InvalidResultError: It is no file of this kind of result, damaged, or too large.
    """
    arrays: dict[str, Any] = {}
    left = max_bytes
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                if member.flag_bits & _ENCRYPTED:
                    raise InvalidResultError("the npz file is encrypted")
                with archive.open(member) as file:
                    array = npy.read_file(file, left)
                # Strings become objects, which take more memory than their characters.
                objects = array.size * BYTES_OF_A_TEXT if array.dtype.kind in "SU" else 0
                left -= npy.cost_of(array.shape, array.nbytes) + objects
                if left < 0:
                    raise InvalidResultError(f"the arrays take more than {max_bytes:,} bytes; raise max_bytes")
                arrays[member.filename.removesuffix(".npy")] = array
        header = parse_json(arrays.pop(HEADER).item(), strict=False)
    except InvalidResultError as error:
        raise InvalidResultError(f"the npz file cannot be read: {error}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, *DAMAGED) as error:
        raise InvalidResultError(f"the npz file cannot be read: {error}") from None
    return _check_kind(header, kind), arrays


# Parquet


def write_parquet(
    file: IO[bytes], header: Mapping[str, Any], columns: Sequence[tuple[str, Any]], blocks: Iterable[Mapping[str, Any]]
) -> None:
    """Write a table with a row group for each block, and with the header in the metadata of its schema.

    Args:
        file: The open file.
        header: The header.
        columns: Names and Arrow types of the columns.
        blocks: The blocks, each with Arrow arrays by column.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pa = import_pyarrow()
    import pyarrow.parquet as pq

    schema = pa.schema(list(columns), metadata={PARQUET_KEY: json.dumps(header, allow_nan=False)})
    with pq.ParquetWriter(file, schema) as writer:
        for block in blocks:
            writer.write_table(pa.table(dict(block), schema=schema))


def read_parquet(data: bytes, kind: str, max_bytes: int = MAX_DECODED_BYTES) -> tuple[dict[str, Any], pa.Table]:
    """Read header and table.

    Args:
        data: The file.
        kind: Of result.
        max_bytes: The most bytes that all columns may take together.

    Raises:
        ImportError: pyarrow is not installed.
        InvalidResultError: It is no file of this kind of result, damaged, or too large.
    """
    pa = import_pyarrow()
    import pyarrow.parquet as pq

    limit = max_bytes
    try:
        limits = {"thrift_string_size_limit": len(data) + 1, "thrift_container_size_limit": _MOST_CHUNKS}
        _check_parquet(data, limit)
        with pq.ParquetFile(io.BytesIO(data), **limits) as file:
            texts = _TEXT_COLUMNS & set(file.schema_arrow.names)
            header = parse_json((file.schema_arrow.metadata or {})[PARQUET_KEY], strict=False)
        # Read strings as dictionary indices, so that repeated strings take their memory only once.
        with pq.ParquetFile(io.BytesIO(data), read_dictionary=list(texts), **limits) as file:
            table = file.read(use_threads=False)
        for name in texts:
            _check_texts(table[name], limit)
    except KeyError:
        raise InvalidResultError(
            "the Parquet file has no header of this provider: it was written by something else, or rewritten"
        ) from None
    except (pa.ArrowException, OSError, *DAMAGED) as error:
        raise InvalidResultError(f"the Parquet file cannot be read: {error}") from None
    return _check_kind(header, kind), table


def _check_parquet(data: bytes, max_bytes: int) -> None:
    """Check the size of a table before reading it, because a page of one kilobyte can expand to a billion rows."""
    footer = read_footer(data)
    # Numbers and dictionary indices take at most eight bytes, and dictionaries as much as in the file.
    size = BYTES_OF_A_VALUE * max(footer.values, footer.rows) + footer.unpacked_bytes
    if size > max_bytes:
        raise InvalidResultError(f"the table takes {size:,} bytes, more than {max_bytes:,}; raise max_bytes")


def _check_texts(column: Any, max_bytes: int) -> None:
    """Check the memory of the strings of a column as objects."""
    import pyarrow.compute as pc

    size = len(column) * BYTES_OF_A_TEXT
    for chunk in column.chunks:
        if hasattr(chunk, "dictionary"):
            lengths = pc.take(pc.binary_length(chunk.dictionary), chunk.indices)
        else:
            lengths = pc.binary_length(chunk)
        size += pc.sum(lengths).as_py() or 0
    # They may take as much as the table itself in addition, because they exist only briefly.
    if size > TEXTS_PER_TABLE * max_bytes:
        raise InvalidResultError(f"the texts of the table take {size:,} bytes; raise max_bytes")


def import_pyarrow() -> Any:
    """Return pyarrow.

    Raises:
        ImportError: It is not installed; says what to install.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(
            "Parquet files need pyarrow: pip install 'airflow-provider-qrt[parquet]'. The formats json and npz do not."
        ) from error
    return pyarrow


def import_pandas() -> Any:
    """Return pandas.

    Raises:
        ImportError: It is not installed; says what to install.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_dataframe() needs pandas: pip install 'airflow-provider-qrt[pandas]'.") from error
    return pandas


def _check_kind(header: Any, kind: str) -> dict[str, Any]:
    if not isinstance(header, dict) or not isinstance(header.get("results"), list):
        raise InvalidResultError("the file's header is not one of this provider")
    if not all(isinstance(entry, dict) for entry in header["results"]):
        raise InvalidResultError("the file's header is damaged")
    if header.get("kind") != kind:
        other = header.get("kind")
        names = {"sampler": "SamplerResult", "estimator": "EstimatorResult", "executor": "ExecutorResult"}
        remedy = f"; read it with {names[other]}.from_file" if isinstance(other, str) and other in names else ""
        raise InvalidResultError(f"the file holds the result of {str(other)[:50]!r}, not of {kind!r}{remedy}")
    return header


def job_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts about the job in a header."""
    return {key: part for key, part in header.items() if key not in OWN_KEYS}


# Points of sweeps, as columns


def axis_names(shapes: Iterable[tuple[int, ...]]) -> list[str]:
    """Return a column name for each axis of the PUB with the most axes."""
    return [f"axis_{axis}" for axis in range(max(map(len, shapes), default=0))]


def point_columns(
    pub: int, shape: tuple[int, ...], points: NDArray[np.int64], axes: Sequence[str]
) -> dict[str, NDArray[np.int64]]:
    """Return the columns that identify the point of each row.

    Args:
        pub: Index of the PUB.
        shape: Its shape.
        points: Flat index of each row's point, with the last axis varying fastest.
        axes: The names from :func:`axis_names`; columns of axes that this PUB does not have contain -1.
    """
    import numpy as np

    columns = {"pub": np.full(len(points), pub, dtype=np.int64), "point": points}
    found: Any = np.unravel_index(points, shape) if shape and len(points) else ()
    for number, name in enumerate(axes):
        given = number < len(found)
        columns[name] = found[number].astype(np.int64) if given else np.full(len(points), -1, dtype=np.int64)
    return columns


def arrow_axis(values: NDArray[np.int64]) -> Any:
    """Return an Arrow array with null where the PUB has no such axis."""
    pa = import_pyarrow()
    return pa.array(values, mask=values < 0)


def pandas_axis(values: NDArray[np.int64]) -> Any:
    """Return integers for pandas, which are nullable where an axis is missing."""
    if not (values < 0).any():
        return values
    pandas = import_pandas()
    column = pandas.array(values, dtype="Int64")
    column[values < 0] = pandas.NA
    return column


def rows_by_pub(pubs: NDArray[np.int64], points: NDArray[np.int64], number: int) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each PUB in the order of its points, independent of the order in the table."""
    import numpy as np

    order = np.lexsort((points, pubs))
    bounds = np.searchsorted(pubs[order], np.arange(number + 1))
    for pub in range(number):
        yield order[bounds[pub] : bounds[pub + 1]]
