"""Writes readout points to files and tables, and reads them back.

npz: one array for each register, ``"<pub>/<register>"``: ``complex128`` of shape ``(*sweep, shots, bits)``, or
``(*sweep, bits)`` for averages. Parquet and ``to_dataframe``: a row for each readout point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.inputs.executor_sampler_options import AVERAGED
from airflow_provider_qrt.primitives.results import result_file
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.primitives.results.decoding import Budget, metadata_of
from airflow_provider_qrt.primitives.results.kerneled import MEAS_TYPE, KerneledRegister
from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult
from airflow_provider_qrt.primitives.results.xcom import register_widths

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = ("pub", "point", "register", "shot", "bit", "real", "imaginary")
"""The columns of the table; ``shot`` is -1 for averages."""


def write_arrays(index: int, pub: SamplerPubResult) -> dict[str, NDArray[Any]]:
    """Return the arrays of one PUB by their names in an npz file."""
    return {f"{index}/{name}": register.array for name, register in pub.kerneled.items()}


def read_arrays(index: int, entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SamplerPubResult:
    """Read the arrays that :func:`write_arrays` returned.

    Raises:
        KeyError, ValueError: The file is damaged.
    """
    return _pub(entry, {name: arrays[f"{index}/{name}"] for name in register_widths(entry["registers"])}, index)


def write_table(file: IO[bytes], header: Mapping[str, Any], pubs: Sequence[SamplerPubResult]) -> None:
    """Write a Parquet file with a row group for each register.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pa = result_file.import_pyarrow()
    whole, real = pa.int64(), pa.float64()
    types = dict(zip(COLUMNS, (whole, whole, pa.string(), whole, whole, real, real), strict=True))
    blocks = ({name: pa.array(part, types[name]) for name, part in block.items()} for block in _blocks(pubs))
    result_file.write_parquet(file, header, list(types.items()), blocks)


def read_table(entries: Sequence[Mapping[str, Any]], table: Any, budget: Budget) -> list[SamplerPubResult]:
    """Read a table that :func:`write_table` wrote.

    Raises:
        KeyError, ValueError: The file is damaged.
        InvalidResultError: Rows are missing or too many.
    """
    import numpy as np

    columns = {name: table[name].to_numpy() for name in ("pub", "point", "shot", "bit", "real", "imaginary")}
    registers = np.array(table["register"].to_pylist(), dtype=object)
    read = []
    for index, entry in enumerate(entries):
        arrays = {}
        for name, num_bits in register_widths(entry["registers"]).items():
            shape = (*entry["shape"], *(() if entry[MEAS_TYPE] == AVERAGED else (entry["shots"],)), num_bits)
            rows = np.flatnonzero((columns["pub"] == index) & (registers == name))
            budget.take(16 * prod(shape))
            if len(rows) != prod(shape):
                raise InvalidResultError(f"results[{index}].{name}: the rows are not those of the shape {shape}")
            order = rows[np.lexsort((columns["bit"][rows], columns["shot"][rows], columns["point"][rows]))]
            points = columns["real"][order] + 1j * columns["imaginary"][order]
            arrays[name] = points.reshape(shape)
        read.append(_pub(entry, arrays, index))
    return read


def dataframe(pubs: Sequence[SamplerPubResult]) -> Any:
    """Return the rows as a ``pandas.DataFrame``.

    Raises:
        ImportError: pandas is not installed.
    """
    import numpy as np

    pandas = result_file.import_pandas()
    blocks = list(_blocks(pubs))
    return pandas.DataFrame({name: np.concatenate([block[name] for block in blocks]) for name in COLUMNS})


def _blocks(pubs: Sequence[SamplerPubResult]) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the rows of each register."""
    import numpy as np

    for index, pub in enumerate(pubs):
        for name, register in pub.kerneled.items():
            shots = register.shots or 1
            size, bits = prod(register.shape), register.num_bits
            flat = register.array.reshape(-1)
            shot = np.full(shots, -1) if register.averaged else np.arange(shots)
            yield {
                "pub": np.full(flat.size, index, dtype=np.int64),
                "point": np.repeat(np.arange(size, dtype=np.int64), shots * bits),
                "register": np.full(flat.size, name, dtype=object),
                "shot": np.tile(np.repeat(shot.astype(np.int64), bits), size),
                "bit": np.tile(np.arange(bits, dtype=np.int64), size * shots),
                "real": flat.real,
                "imaginary": flat.imag,
            }


def _pub(entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], index: int) -> SamplerPubResult:
    averaged = entry[MEAS_TYPE] == AVERAGED
    registers = {name: KerneledRegister(array, averaged) for name, array in arrays.items()}
    expected = tuple(entry["shape"])
    if any(one.shape != expected or one.shots != entry["shots"] for one in registers.values()):
        raise InvalidResultError(f"results[{index}]: the readout points are not of the sweep and shots of the header")
    return SamplerPubResult({}, metadata_of(entry), asked=Asked.read(entry), kerneled=registers)
