"""The text of a finished sampler job, in either of IBM's encodings, as a ``SamplerResult``.

The tagged encoding wraps every object as ``{"__type__": T, "__value__": V}``; the plain one lists every shot as a
hexadecimal number. Both are recognised by themselves. Only data is read: forms that name a class to import are
left as the dictionaries they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.bits import BitRegister
from airflow_provider_qrt.primitives.errors import InvalidResult
from airflow_provider_qrt.primitives.npy import read_array
from airflow_provider_qrt.primitives.result import SamplerPubResult, SamplerResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_DECODED_BYTES = 1 << 30
"""Most bytes the arrays of one result may take together. IBM's ten million executions a job are 160 MB at 127
bits and 200 MB at 156; a gigabyte leaves room for several wide registers and stops a decompression bomb."""
_TAIL_CHARS = 2000
"""How much of a text that is no JSON is shown; the reason stands at the end of a traceback."""


def decode_sampler_result(
    payload: str | bytes | Mapping[str, Any], *, max_bytes: int = MAX_DECODED_BYTES
) -> SamplerResult:
    """Read the result of a ``sampler`` job.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, or what JSON made of it.
        max_bytes: The most bytes all arrays may take together, unpacked.

    Raises:
        InvalidResult: The text is no JSON (its end is shown: for a failed job that is the reason), is another
            program's result, is damaged or too large, or holds complex readout points (``meas_type`` kerneled)
            instead of bits.
    """
    document = load_document(payload) if isinstance(payload, str | bytes | bytearray) else payload
    del payload
    budget = _Budget(max_bytes)
    try:
        return _read(document, budget)
    except RecursionError:
        raise InvalidResult("the result is nested too deep to be read") from None


class _Budget:
    """Bytes that may still be decoded, over all arrays of a result."""

    def __init__(self, max_bytes: int) -> None:
        self.left = max_bytes

    def array(self, text: str) -> NDArray[Any]:
        array = read_array(text, self.left)
        self.left -= array.nbytes
        return array

    def take(self, count: int) -> None:
        if count > self.left:
            raise InvalidResult(f"the samples take {count:,} bytes; {self.left:,} are left of the limit max_bytes")
        self.left -= count


def load_document(text: str | bytes | bytearray) -> Any:
    """Parse the text of a result.

    Raises:
        InvalidResult: It is no JSON, or nested deeper than any result.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise InvalidResult("the result is nested too deep to be read") from None
    except ValueError:
        shown = text if isinstance(text, str) else text[-4 * _TAIL_CHARS :].decode("utf-8", "replace")
        shown = shown.strip()[-_TAIL_CHARS:]
        if not shown:
            raise InvalidResult("the result is empty; the job has none (yet)") from None
        raise InvalidResult(
            f"the result is no JSON. Jobs that failed return their reason this way; it ends: {shown}"
        ) from None


def _read(document: Any, budget: _Budget) -> SamplerResult:
    kind, value = _untag(document)
    if kind == "PrimitiveResult" and isinstance(value, Mapping):
        pubs = value.get("pub_results")
        read_pub = _read_tagged_pub
    elif kind is None and isinstance(value, Mapping) and isinstance(value.get("results"), list):
        pubs = value["results"]
        read_pub = _read_plain_pub
    else:
        raise InvalidResult(f"this is no result of a sampler (version 2): {_describe(document)}")
    if not isinstance(pubs, list):
        raise InvalidResult("the result has no list of PUB results")
    read = tuple(read_pub(pub, f"results[{index}]", budget) for index, pub in enumerate(pubs))
    return SamplerResult(read, _plain_mapping(value.get("metadata"), budget))


def _describe(document: Any) -> str:
    kind, value = _untag(document)
    if kind is not None:
        return f"it has the type {kind!r}"
    if isinstance(value, Mapping):
        if "quasi_dists" in value:
            return "it holds quasi-probabilities (quasi_dists), as the retired version 1 returned"
        return f"it has the keys {', '.join(map(repr, list(value)[:8]))}" if value else "it is empty"
    return f"it is a {type(value).__name__}"


def _untag(item: Any) -> tuple[str | None, Any]:
    if isinstance(item, Mapping) and isinstance(item.get("__type__"), str) and "__value__" in item:
        return item["__type__"], item["__value__"]
    return None, item


def _read_tagged_pub(pub: Any, where: str, budget: _Budget) -> SamplerPubResult:
    kind, value = _untag(pub)
    if kind == "EstimatorPubResult":
        raise InvalidResult(f"{where}: this is the result of an estimator, with expectation values and no counts")
    if kind not in ("SamplerPubResult", "PubResult") or not isinstance(value, Mapping):
        raise InvalidResult(f"{where}: expected the result of a PUB, but {_describe(pub)}")
    bin_kind, data = _untag(value.get("data"))
    if bin_kind != "DataBin" or not isinstance(data, Mapping) or not isinstance(data.get("fields"), Mapping):
        raise InvalidResult(f"{where}: the data is damaged: {_describe(value.get('data'))}")
    fields = data["fields"]
    names = data.get("field_names", list(fields))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or set(names) != set(fields):
        raise InvalidResult(f"{where}: the names of the registers and their data do not agree")
    registers = {name: _read_bit_array(fields[name], f"{where}.{name}", budget) for name in names}
    return _pub_result(registers, value.get("metadata"), where, budget)


def _read_bit_array(field: Any, where: str, budget: _Budget) -> BitRegister:
    kind, value = _untag(field)
    if kind == "ndarray":
        raise InvalidResult(
            f"{where}: the register holds an array of numbers instead of bits: an estimator's values, or readout "
            "points (meas_type kerneled), which have no counts. Read the job with qiskit-ibm-runtime instead"
        )
    if kind != "BitArray" or not isinstance(value, Mapping):
        raise InvalidResult(f"{where}: expected a BitArray, but {_describe(field)}")
    array_kind, text = _untag(value.get("array"))
    if array_kind != "ndarray" or not isinstance(text, str):
        raise InvalidResult(f"{where}: the bits are not an encoded array")
    return _register(budget.array(text), _num_bits(value, where), where)


def _num_bits(value: Mapping[str, Any], where: str) -> int:
    num_bits = value.get("num_bits")
    if isinstance(num_bits, bool) or not isinstance(num_bits, int) or num_bits < 0:
        raise InvalidResult(f"{where}: num_bits is {num_bits!r}, not a number of bits")
    return num_bits


def _register(array: NDArray[Any], num_bits: int, where: str) -> BitRegister:
    try:
        return BitRegister(array, num_bits)
    except ValueError as error:
        raise InvalidResult(f"{where}: {error}") from None


def _read_plain_pub(pub: Any, where: str, budget: _Budget) -> SamplerPubResult:
    if not isinstance(pub, Mapping) or not isinstance(pub.get("data"), Mapping):
        raise InvalidResult(f"{where}: expected data by register, but {_describe(pub)}")
    data = pub["data"]
    if "evs" in data and not isinstance(data["evs"], Mapping):
        raise InvalidResult(f"{where}: this is the result of an estimator, with expectation values and no counts")
    registers: dict[str, BitRegister] = {}
    for name, field in data.items():
        here = f"{where}.{name}"
        if not isinstance(field, Mapping) or not isinstance(field.get("samples"), list):
            raise InvalidResult(
                f"{here}: no list of samples; readout points (meas_type kerneled) have no counts and are not read"
            )
        registers[name] = _read_samples(field["samples"], _num_bits(field, here), here, budget)
    return _pub_result(registers, pub.get("metadata"), where, budget)


def _read_samples(samples: list[Any], num_bits: int, where: str, budget: _Budget) -> BitRegister:
    """Pack hexadecimal numbers, nested in the shape of the sweep, with the shots innermost."""
    import numpy as np

    shape = [len(samples)]
    level: list[Any] = samples
    while level and isinstance(level[0], list):
        length = len(level[0])
        if any(not isinstance(item, list) or len(item) != length for item in level):
            raise InvalidResult(f"{where}: the lists of samples differ in length")
        shape.append(length)
        level = [sample for item in level for sample in item]
    width = -(-num_bits // 8)
    budget.take(len(level) * width)
    digits = 2 * width
    try:
        packed = bytes.fromhex("".join([_hex_digits(sample).rjust(digits, "0") for sample in level]))
        array = np.frombuffer(packed, dtype=np.uint8).reshape(*shape, width)
    except (TypeError, ValueError):
        wrong = next((sample for sample in level if not _fits(sample, num_bits)), None)
        raise InvalidResult(f"{where}: {wrong!r} is not a hexadecimal number of {num_bits} bits") from None
    if array.size and array[..., 0].max() > 0xFF >> (-num_bits % 8):
        wrong = next((sample for sample in level if not _fits(sample, num_bits)), None)
        raise InvalidResult(f"{where}: {wrong!r} does not fit into {num_bits} bits")
    return _register(array, num_bits, where)


def _hex_digits(sample: Any) -> str:
    if not isinstance(sample, str) or not sample.startswith("0x"):
        raise TypeError
    return sample[2:]


def _fits(sample: Any, num_bits: int) -> bool:
    try:
        return int(_hex_digits(sample), 16) < 1 << num_bits
    except (TypeError, ValueError):
        return False


def _pub_result(registers: dict[str, BitRegister], metadata: Any, where: str, budget: _Budget) -> SamplerPubResult:
    if not registers:
        raise InvalidResult(f"{where}: the result holds no classical register")
    if len({register.array.shape[:-1] for register in registers.values()}) > 1:
        shapes = ", ".join(f"{name} {register.array.shape[:-1]}" for name, register in registers.items())
        raise InvalidResult(f"{where}: the registers differ in sweep or shots: {shapes}")
    return SamplerPubResult(registers, _plain_mapping(metadata, budget))


def _plain_mapping(metadata: Any, budget: _Budget) -> dict[str, Any]:
    plain = _plain(metadata, budget)
    return plain if isinstance(plain, dict) else {}


def _plain(item: Any, budget: _Budget) -> Any:
    """Turn metadata into plain JSON: dates into ISO text, sets and arrays into lists, spans into dictionaries."""
    kind, value = _untag(item)
    match kind:
        case None:
            if isinstance(item, Mapping):
                return {key: _plain(part, budget) for key, part in item.items() if key != "__int_keys__"}
            if isinstance(item, list | tuple):
                return [_plain(part, budget) for part in item]
            return item
        case "datetime" | "complex":
            return value
        case "set" | "ExecutionSpans":
            return _plain(value, budget)
        case "ExecutionSpan" | "DoubleSliceSpan" | "TwirledSliceSpan" | "TwirledSliceSpanV2":
            plain = _plain(value, budget)
            return {"type": kind, **plain} if isinstance(plain, dict) else plain
        case "ndarray":
            if not isinstance(value, str):
                return _plain(value, budget)
            return _complex_to_pairs(budget.array(value))
    return item


def _complex_to_pairs(array: NDArray[Any]) -> Any:
    """Return nested lists; a complex number becomes ``[real, imaginary]``, as in IBM's own encoding."""
    import numpy as np

    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    return array.tolist()
