"""A sampler's result as a file and as a table.

npz: one array for each register, ``"<pub>/<register>"``: ``uint8`` of shape ``(*sweep, shots, ceil(num_bits / 8))``
in the layout of Qiskit's ``BitArray``, shots in the order of time. Parquet, and ``to_dataframe``: a row for each
outcome at each point of each PUB, with its count. Quasi-distributions have a form of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResult
from airflow_provider_qrt.primitives.results import quasi_file, result_file
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.primitives.results.asked import columns as asked_columns
from airflow_provider_qrt.primitives.results.bits import BitRegister, rows_from_strings, split_register
from airflow_provider_qrt.primitives.results.decoding import (
    DAMAGED,
    MAX_DECODED_BYTES,
    Budget,
    is_v1,
    metadata_of,
)
from airflow_provider_qrt.primitives.results.plain_json import strict_json
from airflow_provider_qrt.primitives.results.result_file import ResultFormat
from airflow_provider_qrt.primitives.results.sampler_decoding import QUASI_DISTS, decode_sampler_result
from airflow_provider_qrt.primitives.results.sampler_result import SamplerPubResult, SamplerResult
from airflow_provider_qrt.primitives.results.xcom import register_widths

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "sampler"
ROW_GROUP = 100_000
"""Rows after which a row group of Parquet ends, at the next point: few groups for sweeps, little text in memory."""


def write_sampler(file: IO[bytes], result: SamplerResult, result_format: ResultFormat, job: Mapping[str, Any]) -> None:
    """Write a result in a format, with what is known of its job."""
    metadata = strict_json(result.metadata)
    if result_format is ResultFormat.JSON:
        result_file.dump_json(file, {**job, "metadata": metadata, "results": result.to_xcom_results()})
        return
    entries = [
        {**entry, "shape": list(pub.shape), **pub.asked.to_json()}
        for entry, pub in zip(result.manifest(), result.pubs, strict=True)
    ]
    header = {**job, "kind": KIND, "metadata": metadata, "results": entries}
    if result_format is ResultFormat.NPZ:
        arrays: dict[str, NDArray[Any]] = {}
        for index, pub in enumerate(result.pubs):
            arrays |= {f"{index}/{name}": register.array for name, register in pub.registers.items()}
            if pub.quasi_dists is not None:
                arrays |= quasi_file.write_arrays(index, pub.quasi_dists)
        result_file.write_npz(file, header, arrays)
        return
    if _is_quasi(result):
        quasi_file.write_table(file, header, result.quasi_dists)
        return
    pa = result_file.import_pyarrow()
    axes = result_file.axis_names(pub.shape for pub in result.pubs)
    whole, text = pa.int64(), pa.string()
    asked = _asked_columns(result, axes)
    types = {"pub": whole, "point": whole, **dict.fromkeys(axes, whole)}
    types |= {**dict.fromkeys(asked.values(), pa.float64()), "bitstring": text, "count": whole}
    result_file.write_parquet(
        file,
        header,
        list(types.items()),
        (
            {
                name: result_file.arrow_axis(part) if name in axes else pa.array(part, types[name])
                for name, part in block.items()
            }
            for block in _blocks(result, axes)
        ),
    )


def read_sampler(data: bytes, max_bytes: int = MAX_DECODED_BYTES) -> SamplerResult:
    """Read a file that :func:`write_sampler` wrote, or a saved answer of version 1 of the sampler.

    Raises:
        InvalidResult: It is none, or damaged.
    """
    found = result_file.detect_format(data)
    if found is ResultFormat.JSON:
        document = result_file.load_json(data)
        if is_v1(document, QUASI_DISTS):
            return decode_sampler_result(document)
        return SamplerResult.from_xcom(document)
    try:
        if found is ResultFormat.NPZ:
            header, arrays = result_file.read_npz(data, KIND, max_bytes)
            pubs = [_from_arrays(index, entry, arrays) for index, entry in enumerate(header["results"])]
        else:
            header, table = result_file.read_parquet(data, KIND, max_bytes)
            if "outcome" in table.column_names:
                pubs = quasi_file.read_table(header["results"], table)
            else:
                pubs = _from_table(header["results"], table, Budget(max_bytes))
    except DAMAGED as error:
        if isinstance(error, InvalidResult):
            raise
        raise InvalidResult(f"the file is damaged: {error!r}") from None
    return SamplerResult(tuple(pubs), metadata_of(header), result_file.job_of(header))


def sampler_dataframe(result: SamplerResult) -> Any:
    """Return the rows as a ``pandas.DataFrame``."""
    if _is_quasi(result):
        return quasi_file.dataframe(result.quasi_dists)
    import numpy as np

    pandas = result_file.import_pandas()
    axes = result_file.axis_names(pub.shape for pub in result.pubs)
    blocks = list(_blocks(result, axes))
    asked = list(_asked_columns(result, axes).values())
    columns: dict[str, Any] = {
        name: np.concatenate([block[name] for block in blocks] or [np.zeros(0, dtype=np.int64)])
        for name in ("pub", "point", *axes, *asked, "count")
    }
    columns |= {name: result_file.pandas_axis(columns[name]) for name in axes}
    columns["bitstring"] = [string for block in blocks for string in block["bitstring"]]
    return pandas.DataFrame({name: columns[name] for name in ("pub", "point", *axes, *asked, "bitstring", "count")})


def _asked_columns(result: SamplerResult, axes: list[str]) -> dict[str, str]:
    """The columns of the parameters, by their names."""
    taken = ("pub", "point", *axes, "bitstring", "count")
    return asked_columns((pub.asked for pub in result.pubs), taken)


def _is_quasi(result: SamplerResult) -> bool:
    return any(pub.quasi_dists is not None for pub in result.pubs)


def _blocks(result: SamplerResult, axes: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table in blocks: each PUB's points in order, each point's outcomes ascending."""
    asked = _asked_columns(result, axes)
    for index, pub in enumerate(result.pubs):
        strings: list[str] = []
        counts: list[NDArray[np.int64]] = []
        first = 0
        for point, found in enumerate(pub.join().point_counts):
            ordered = found.sorted()
            strings.extend(ordered)
            counts.append(ordered.values_array)
            if len(strings) >= ROW_GROUP:
                yield _block(index, pub, first, strings, counts, axes, asked)
                strings, counts, first = [], [], point + 1
        if strings:
            yield _block(index, pub, first, strings, counts, axes, asked)


def _block(
    index: int,
    pub: SamplerPubResult,
    first: int,
    strings: list[str],
    counts: list[NDArray[np.int64]],
    axes: list[str],
    asked: Mapping[str, str],
) -> dict[str, Any]:
    import numpy as np

    points = np.repeat(np.arange(first, first + len(counts), dtype=np.int64), [len(part) for part in counts])
    where: dict[str, Any] = dict(result_file.point_columns(index, pub.shape, points, axes))
    for name, column in asked.items():
        # As floats: NaN where a PUB has no such parameter.
        where[column] = np.array(pub.asked.column_values(name, pub.shape, points), dtype=np.float64)
    return {**where, "bitstring": strings, "count": np.concatenate(counts)}


def _from_arrays(index: int, entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SamplerPubResult:
    if "quasi_dists" in entry:
        return quasi_file.read_arrays(index, entry, arrays)
    registers = {
        name: BitRegister(arrays[f"{index}/{name}"], num_bits)
        for name, num_bits in register_widths(entry["registers"]).items()
    }
    expected = (*entry["shape"], entry["shots"])
    if any(register.array.shape[:-1] != expected for register in registers.values()):
        raise InvalidResult(f"results[{index}]: the registers are not of the sweep and shots {expected}")
    return SamplerPubResult(registers, metadata_of(entry), asked=Asked.read(entry))


def _from_table(entries: list[Any], table: Any, budget: Budget) -> list[SamplerPubResult]:
    import numpy as np

    points = table["point"].to_numpy()
    counts = table["count"].to_numpy()
    pubs = []
    rows_of = result_file.rows_by_pub(table["pub"].to_numpy(), points, len(entries))
    for index, (entry, rows) in enumerate(zip(entries, rows_of, strict=True)):
        shape, shots, widths = tuple(entry["shape"]), int(entry["shots"]), register_widths(entry["registers"])
        size, num_bits = prod(shape), sum(widths.values())
        if shots < 0 or min(shape, default=1) < 1 or (rows.size and not 0 <= points[rows].max() < size <= rows.size):
            raise InvalidResult(f"results[{index}]: the rows are not those of a sweep of the shape {shape}")
        if rows.size and not 0 <= counts[rows].min() <= counts[rows].max() <= shots:
            raise InvalidResult(f"results[{index}]: a count is not from 0 to {shots}")
        budget.take(size * shots * max(1, -(-num_bits // 8)))
        found = np.bincount(points[rows], weights=counts[rows], minlength=size)
        if len(found) != size or (found != shots).any():
            raise InvalidResult(f"results[{index}]: the counts do not add up to {shots} shots at each of {size} points")
        packed = rows_from_strings(table["bitstring"].take(rows).to_pylist(), num_bits)
        shots_array = np.repeat(packed, counts[rows], axis=0).reshape((*shape, shots, packed.shape[-1]))
        joined = BitRegister(shots_array, num_bits)
        registers = {next(iter(widths)): joined} if len(widths) == 1 else split_register(joined, widths)
        pubs.append(SamplerPubResult(registers, metadata_of(entry), asked=Asked.read(entry)))
    return pubs
