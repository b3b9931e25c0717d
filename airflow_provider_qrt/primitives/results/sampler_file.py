"""Writes a sampler's result to files and tables, and reads it back.

npz: one array for each register, ``"<pub>/<register>"``: ``uint8`` of shape ``(*sweep, shots, ceil(num_bits / 8))``
in the layout of Qiskit's ``BitArray``, with the shots in the order of time. Parquet and ``to_dataframe``: a row for
each outcome at each point of each PUB, with its count. Quasi-distributions and readout points have separate forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results import kerneled_file, quasi_file, result_file
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
from airflow_provider_qrt.primitives.results.kerneled import is_kerneled
from airflow_provider_qrt.primitives.results.plain_json import strict_json
from airflow_provider_qrt.primitives.results.result_file import ResultFormat
from airflow_provider_qrt.primitives.results.sampler_decoding import QUASI_DISTS, decode_samples
from airflow_provider_qrt.primitives.results.sampler_pub import (
    SamplerPubResult,
    has_kerneled,
    has_quasi_dists,
    quasi_dists_of,
)
from airflow_provider_qrt.primitives.results.xcom import manifest_entry, pub_json, read_value, register_widths

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "sampler"
ROW_GROUP = 100_000
"""Rows after which a Parquet row group ends at the next point: few groups for sweeps, and little text in memory."""


def write_sampler(
    file: IO[bytes],
    pubs: Sequence[SamplerPubResult],
    metadata: Mapping[str, Any],
    result_format: ResultFormat,
    job: Mapping[str, Any],
) -> None:
    """Write a sampler's result in a format.

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
    entries = [{**manifest_entry(pub), "shape": list(pub.shape), **pub.asked.to_json()} for pub in pubs]
    header = {**job, "kind": KIND, "metadata": plain, "results": entries}
    if result_format is ResultFormat.NPZ:
        result_file.write_npz(file, header, _arrays(pubs))
    elif has_kerneled(pubs):
        kerneled_file.write_table(file, header, pubs)
    elif has_quasi_dists(pubs):
        quasi_file.write_table(file, header, quasi_dists_of(pubs))
    else:
        _write_table(file, header, pubs)


def _arrays(pubs: Sequence[SamplerPubResult]) -> dict[str, NDArray[Any]]:
    """Return the arrays of all PUBs by their names in an npz file."""
    arrays: dict[str, NDArray[Any]] = {}
    for index, pub in enumerate(pubs):
        arrays |= {f"{index}/{name}": register.array for name, register in pub.registers.items()}
        arrays |= kerneled_file.write_arrays(index, pub)
        if pub.quasi_dists is not None:
            arrays |= quasi_file.write_arrays(index, pub.quasi_dists)
    return arrays


def _write_table(file: IO[bytes], header: Mapping[str, Any], pubs: Sequence[SamplerPubResult]) -> None:
    pa = result_file.import_pyarrow()
    axes = result_file.axis_names(pub.shape for pub in pubs)
    whole, text = pa.int64(), pa.string()
    asked = _asked_columns(pubs, axes)
    types = {"pub": whole, "point": whole, **dict.fromkeys(axes, whole)}
    types |= {**dict.fromkeys(asked.values(), pa.float64()), "bitstring": text, "count": whole}
    blocks = (
        {
            name: result_file.arrow_axis(part) if name in axes else pa.array(part, types[name])
            for name, part in block.items()
        }
        for block in _blocks(pubs, axes)
    )
    result_file.write_parquet(file, header, list(types.items()), blocks)


def read_sampler(
    data: bytes, max_bytes: int = MAX_DECODED_BYTES
) -> tuple[tuple[SamplerPubResult, ...], dict[str, Any], dict[str, Any]]:
    """Read a file that :func:`write_sampler` wrote, or a saved result of version 1 of the sampler.

    Returns:
        The results of the PUBs, the metadata of the job, and the other facts about the job in the file.

    Raises:
        InvalidResultError: It is not such a file, or is damaged.
    """
    found = result_file.detect_format(data)
    if found is ResultFormat.JSON:
        document = result_file.load_json(data)
        return (*decode_samples(document), {}) if is_v1(document, QUASI_DISTS) else read_value(document)
    try:
        if found is ResultFormat.NPZ:
            header, arrays = result_file.read_npz(data, KIND, max_bytes)
            pubs = [_from_arrays(index, entry, arrays) for index, entry in enumerate(header["results"])]
        else:
            header, table = result_file.read_parquet(data, KIND, max_bytes)
            if "imaginary" in table.column_names:
                pubs = kerneled_file.read_table(header["results"], table, Budget(max_bytes))
            elif "outcome" in table.column_names:
                pubs = quasi_file.read_table(header["results"], table)
            else:
                pubs = _from_table(header["results"], table, Budget(max_bytes))
    except DAMAGED as error:
        if isinstance(error, InvalidResultError):
            raise
        raise InvalidResultError(f"the file is damaged: {error!r}") from None
    return tuple(pubs), metadata_of(header), result_file.job_of(header)


def sampler_dataframe(pubs: Sequence[SamplerPubResult]) -> Any:
    """Return the rows as a ``pandas.DataFrame``."""
    if has_kerneled(pubs):
        return kerneled_file.dataframe(pubs)
    if has_quasi_dists(pubs):
        return quasi_file.dataframe(quasi_dists_of(pubs))
    import numpy as np

    pandas = result_file.import_pandas()
    axes = result_file.axis_names(pub.shape for pub in pubs)
    blocks = list(_blocks(pubs, axes))
    asked = list(_asked_columns(pubs, axes).values())
    columns: dict[str, Any] = {
        name: np.concatenate([block[name] for block in blocks] or [np.zeros(0, dtype=np.int64)])
        for name in ("pub", "point", *axes, *asked, "count")
    }
    columns |= {name: result_file.pandas_axis(columns[name]) for name in axes}
    columns["bitstring"] = [string for block in blocks for string in block["bitstring"]]
    return pandas.DataFrame({name: columns[name] for name in ("pub", "point", *axes, *asked, "bitstring", "count")})


def _asked_columns(pubs: Sequence[SamplerPubResult], axes: list[str]) -> dict[str, str]:
    """Return the columns of the parameters by name."""
    taken = ("pub", "point", *axes, "bitstring", "count")
    return asked_columns((pub.asked for pub in pubs), taken)


def _blocks(pubs: Sequence[SamplerPubResult], axes: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table in blocks, with the points of each PUB in order and their outcomes ascending."""
    asked = _asked_columns(pubs, axes)
    for index, pub in enumerate(pubs):
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
        # Use floats, with NaN where a PUB has no such parameter.
        where[column] = np.array(pub.asked.column_values(name, pub.shape, points), dtype=np.float64)
    return {**where, "bitstring": strings, "count": np.concatenate(counts)}


def _from_arrays(index: int, entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SamplerPubResult:
    if "quasi_dists" in entry:
        return quasi_file.read_arrays(index, entry, arrays)
    if is_kerneled(entry):
        return kerneled_file.read_arrays(index, entry, arrays)
    registers = {
        name: BitRegister(arrays[f"{index}/{name}"], num_bits)
        for name, num_bits in register_widths(entry["registers"]).items()
    }
    expected = (*entry["shape"], entry["shots"])
    if any(register.array.shape[:-1] != expected for register in registers.values()):
        raise InvalidResultError(f"results[{index}]: the registers are not of the sweep and shots {expected}")
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
            raise InvalidResultError(f"results[{index}]: the rows are not those of a sweep of the shape {shape}")
        if rows.size and not 0 <= counts[rows].min() <= counts[rows].max() <= shots:
            raise InvalidResultError(f"results[{index}]: a count is not from 0 to {shots}")
        budget.take(size * shots * max(1, -(-num_bits // 8)))
        found = np.bincount(points[rows], weights=counts[rows], minlength=size)
        if len(found) != size or (found != shots).any():
            raise InvalidResultError(
                f"results[{index}]: the counts do not add up to {shots} shots at each of {size} points"
            )
        packed = rows_from_strings(table["bitstring"].take(rows).to_pylist(), num_bits)
        shots_array = np.repeat(packed, counts[rows], axis=0).reshape((*shape, shots, packed.shape[-1]))
        joined = BitRegister(shots_array, num_bits)
        registers = {next(iter(widths)): joined} if len(widths) == 1 else split_register(joined, widths)
        pubs.append(SamplerPubResult(registers, metadata_of(entry), asked=Asked.read(entry)))
    return pubs
