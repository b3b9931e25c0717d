"""Decodes the text of a finished sampler job, in any of IBM's encodings, PUB by PUB.

In the tagged encoding the shots of a register are an array of packed bits, in the plain one a list of hexadecimal
numbers. Version 1 of the sampler returned quasi-probabilities instead of shots:
``{"quasi_dists": [{"0": 0.002, "1": 0.998}, ...], "metadata": [{"shots": 4000, ...}, ...]}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results.bits import BitRegister
from airflow_provider_qrt.primitives.results.decoding import (
    MAX_BITS,
    MAX_DECODED_BYTES,
    Budget,
    describe,
    is_v1,
    plain_mapping,
    read_data_bin,
    read_pubs,
    untag,
    v1_metadata,
)
from airflow_provider_qrt.primitives.results.quasi_dists import read_distribution
from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult

if TYPE_CHECKING:
    from numpy.typing import NDArray


_BLOCK = 1 << 22
"""Bytes of samples that are packed at a time."""
QUASI_DISTS = "quasi_dists"
"""The key of the results in version 1."""


def decode_samples(
    document: Any, max_bytes: int = MAX_DECODED_BYTES
) -> tuple[tuple[SamplerPubResult, ...], dict[str, Any]]:
    """Read the result of a ``sampler`` job, of version 1 or 2.

    Args:
        document: The body of ``GET /jobs/{id}/results``, parsed by ``load_payload``.
        max_bytes: Maximum total size of all arrays in bytes, uncompressed.

    Returns:
        The results of the PUBs, and the metadata of the job as plain JSON.

    Raises:
        InvalidResultError: It is the result of another program, is damaged or too large, or contains complex readout
            points (``meas_type`` kerneled) instead of bits.
    """
    budget = Budget(max_bytes)
    if is_v1(document, QUASI_DISTS):
        return _read_v1(document, budget), {}
    return read_pubs(document, "a sampler", budget, tagged=_read_tagged_pub, plain=_read_plain_pub)


def _read_v1(document: Mapping[str, Any], budget: Budget) -> tuple[SamplerPubResult, ...]:
    values = document[QUASI_DISTS]
    pubs = []
    for index, (one, metadata) in enumerate(zip(values, v1_metadata(document, len(values), budget), strict=True)):
        try:
            pubs.append(SamplerPubResult({}, metadata, read_distribution(one, metadata)))
        except ValueError as error:
            raise InvalidResultError(f"{QUASI_DISTS}[{index}]: {error}") from None
    return tuple(pubs)


def _read_tagged_pub(pub: Any, where: str, budget: Budget) -> SamplerPubResult:
    if untag(pub)[0] == "EstimatorPubResult":
        raise InvalidResultError(f"{where}: this is the result of an estimator, with expectation values and no counts")
    fields, metadata = read_data_bin(pub, ("SamplerPubResult", "PubResult"), where)
    registers = {name: _read_bit_array(field, f"{where}.{name}", budget) for name, field in fields.items()}
    return _pub_result(registers, metadata, where, budget)


def _read_bit_array(field: Any, where: str, budget: Budget) -> BitRegister:
    kind, value = untag(field)
    if kind == "ndarray":
        raise InvalidResultError(
            f"{where}: the register holds an array of numbers instead of bits: an estimator's values, or readout "
            "points (meas_type kerneled), which have no counts. Read the job with qiskit-ibm-runtime instead"
        )
    if kind != "BitArray" or not isinstance(value, Mapping):
        raise InvalidResultError(f"{where}: expected a BitArray, but {describe(field)}")
    array_kind, text = untag(value.get("array"))
    if array_kind != "ndarray" or not isinstance(text, str):
        raise InvalidResultError(f"{where}: the bits are not an encoded array")
    return _register(budget.array(text), _num_bits(value, where), where)


def _num_bits(value: Mapping[str, Any], where: str) -> int:
    num_bits = value.get("num_bits")
    if isinstance(num_bits, bool) or not isinstance(num_bits, int) or not 0 <= num_bits <= MAX_BITS:
        raise InvalidResultError(f"{where}: num_bits is {_shown(num_bits)}, not a number of bits up to {MAX_BITS:,}")
    return num_bits


def _register(array: NDArray[Any], num_bits: int, where: str) -> BitRegister:
    try:
        return BitRegister(array, num_bits)
    except ValueError as error:
        raise InvalidResultError(f"{where}: {error}") from None


def _read_plain_pub(pub: Any, where: str, budget: Budget) -> SamplerPubResult:
    if not isinstance(pub, Mapping) or not isinstance(pub.get("data"), Mapping):
        raise InvalidResultError(f"{where}: expected data by register, but {describe(pub)}")
    data = pub["data"]
    if "evs" in data and not isinstance(data["evs"], Mapping):
        raise InvalidResultError(f"{where}: this is the result of an estimator, with expectation values and no counts")
    registers: dict[str, BitRegister] = {}
    for name, field in data.items():
        here = f"{where}.{name}"
        if not isinstance(field, Mapping) or not isinstance(field.get("samples"), list):
            raise InvalidResultError(
                f"{here}: no list of samples; readout points (meas_type kerneled) have no counts and are not read"
            )
        registers[name] = _read_samples(field["samples"], _num_bits(field, here), here, budget)
    return _pub_result(registers, pub.get("metadata"), where, budget)


def _read_samples(samples: list[Any], num_bits: int, where: str, budget: Budget) -> BitRegister:
    """Pack hexadecimal numbers that are nested in the shape of the sweep, with the shots innermost."""
    import numpy as np

    shape = [len(samples)]
    level: list[Any] = samples
    while level and isinstance(level[0], list):
        length = len(level[0])
        if any(not isinstance(item, list) or len(item) != length for item in level):
            raise InvalidResultError(f"{where}: the lists of samples differ in length")
        shape.append(length)
        level = [sample for item in level for sample in item]
    width = -(-num_bits // 8)
    # A register without bits takes no bytes, but its shots still count against the budget.
    budget.take(len(level) * max(1, width))
    array = np.empty((len(level), width), dtype=np.uint8)
    digits, block = 2 * width, max(1, _BLOCK // max(1, width))
    try:
        for start in range(0, len(level), block):
            some = level[start : start + block]
            packed = bytes.fromhex("".join([_hex_digits(sample).rjust(digits, "0") for sample in some]))
            array[start : start + len(some)] = np.frombuffer(packed, dtype=np.uint8).reshape(len(some), width)
    except (TypeError, ValueError):
        wrong = next((sample for sample in level if not _fits(sample, num_bits)), None)
        raise InvalidResultError(f"{where}: {_shown(wrong)} is not a hexadecimal number of {num_bits} bits") from None
    if array.size and array[..., 0].max() > 0xFF >> (-num_bits % 8):
        wrong = next((sample for sample in level if not _fits(sample, num_bits)), None)
        raise InvalidResultError(f"{where}: {_shown(wrong)} does not fit into {num_bits} bits")
    return _register(array.reshape(*shape, width), num_bits, where)


def _shown(sample: Any) -> str:
    """Return a short text of a wrong value without traversing it, because it may be anything."""
    if isinstance(sample, str):
        return repr(sample[:100])
    return str(sample) if isinstance(sample, int | float | None) else f"a {type(sample).__name__}"


def _hex_digits(sample: Any) -> str:
    if not isinstance(sample, str) or not sample.startswith("0x"):
        raise TypeError
    return sample[2:]


def _fits(sample: Any, num_bits: int) -> bool:
    try:
        digits = _hex_digits(sample)
        return len(digits) <= 2 * -(-num_bits // 8) and int(digits or "0", 16) < 1 << num_bits
    except (TypeError, ValueError):
        return False


def _pub_result(registers: dict[str, BitRegister], metadata: Any, where: str, budget: Budget) -> SamplerPubResult:
    if not registers:
        raise InvalidResultError(f"{where}: the result holds no classical register")
    if len({register.array.shape[:-1] for register in registers.values()}) > 1:
        shapes = ", ".join(f"{name} {register.array.shape[:-1]}" for name, register in registers.items())
        raise InvalidResultError(f"{where}: the registers differ in sweep or shots: {shapes}")
    return SamplerPubResult(registers, plain_mapping(metadata, budget))
