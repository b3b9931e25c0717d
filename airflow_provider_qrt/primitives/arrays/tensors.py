"""Reads and writes the tensors of the program ``executor`` (schema v2.0).

``{"data": base64(zlib(bytes)), "shape": [...], "dtype": name}``: little-endian, in C order. The type ``bool`` uses one
bit for each element, with the first in the lowest bit of the first byte; Qiskit's ``BitArray`` uses the reverse order.
Source: IBM's schemas for the executor, ``CompressedTensorModel``.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.arrays.inflate import Inflater, most_bytes
from airflow_provider_qrt.primitives.arrays.npy import cost_of
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results.bits import BitRegister
from airflow_provider_qrt.primitives.results.decoding import MAX_BITS, Budget, describe
from airflow_provider_qrt.primitives.results.quasi_dists import MAX_SHOTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_AXES = 32
_COMPLEX = {"c64": "<c8", "c128": "<c16"}
"""numpy's names of the types of complex numbers."""
TYPES = {
    "bool": "|b1",
    **{f"{kind}{8 * size}": f"<{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)},
    **{f"f{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    **_COMPLEX,
}
"""numpy's names of all types of tensors."""
_BLOCK = 1 << 14
"""Shots that are unpacked at a time; a multiple of eight, so that each block begins at a byte boundary."""


def write_floats(values: NDArray[np.float64]) -> dict[str, Any]:
    """Write real numbers as a tensor of type ``f64``."""
    raw = values.astype("<f8").tobytes()
    return {
        "data": base64.b64encode(zlib.compress(raw)).decode("ascii"),
        "shape": list(values.shape),
        "dtype": "f64",
    }


def read_bits(tensor: Any, where: str, budget: Budget) -> BitRegister:
    """Read the shots of a classical register.

    Args:
        tensor: A tensor of type ``bool`` and shape ``(*sweep, shots, bits)``; the last axis is the index of the bit.
        where: The place named at the start of an error message.
        budget: The bytes that the register may use.

    Raises:
        InvalidResultError: It is not such a tensor, is damaged, or is too large.
    """
    if not isinstance(tensor, Mapping) or not isinstance(tensor.get("data"), str):
        raise InvalidResultError(f"{where}: expected a tensor, with data, shape and dtype, but {describe(tensor)}")
    if tensor.get("dtype") != "bool":
        raise InvalidResultError(
            f"{where}: the register holds numbers of type {tensor.get('dtype')!r} instead of bits. Read the job with "
            "qiskit-ibm-runtime instead"
        )
    shape = _shape(tensor.get("shape"), where)
    text = tensor["data"]
    num_bits = shape[-1]
    packed = -(-prod(shape) // 8)
    if packed > most_bytes(text):
        raise InvalidResultError(f"{where}: the shape {shape} is more than {len(text):,} characters can hold")
    try:
        # A register without bits takes no bytes, but its shots still count against the budget.
        budget.take(prod(shape[:-1]) * max(1, -(-num_bits // 8)))
        raw = Inflater(text).rest(packed)
    except InvalidResultError as error:
        raise InvalidResultError(f"{where}: {error}") from None
    rows = _rows(raw, prod(shape[:-1]), num_bits)
    return BitRegister(rows.reshape(*shape[:-1], rows.shape[-1]), num_bits)


def is_complex(tensor: Any) -> bool:
    """Return whether a tensor holds complex numbers: readout points."""
    return isinstance(tensor, Mapping) and is_type(tensor.get("dtype")) and tensor["dtype"] in _COMPLEX


def is_type(name: Any) -> bool:
    """Return whether a value names a type of tensors."""
    return isinstance(name, str) and name in TYPES


def read_complex(tensor: Mapping[str, Any], where: str, budget: Budget) -> NDArray[np.complex128]:
    """Read the readout points of a classical register.

    Args:
        tensor: A tensor of complex numbers.
        where: The place named at the start of an error message.
        budget: The bytes that the register may use.

    Raises:
        InvalidResultError: The tensor is damaged, or too large.
    """
    import numpy as np

    text, dtype = tensor.get("data"), np.dtype(_COMPLEX[tensor["dtype"]])
    if not isinstance(text, str):
        raise InvalidResultError(f"{where}: expected a tensor, with data, shape and dtype, but {describe(tensor)}")
    shape = _shape(tensor.get("shape"), where, at_least=1)
    size = prod(shape) * dtype.itemsize
    if size > most_bytes(text):
        raise InvalidResultError(f"{where}: the shape {shape} is more than {len(text):,} characters can hold")
    try:
        budget.take(prod(shape) * np.dtype(np.complex128).itemsize)
        raw = Inflater(text).rest(size)
    except InvalidResultError as error:
        raise InvalidResultError(f"{where}: {error}") from None
    return raw.view(dtype).reshape(shape).astype(np.complex128)


def read_tensor(tensor: Any, where: str, budget: Budget) -> NDArray[Any]:
    """Read a tensor of any type.

    Args:
        tensor: The tensor.
        where: The place named at the start of an error message.
        budget: The bytes that the array may use; a bit uses one byte.

    Returns:
        An array of the tensor's type and shape.

    Raises:
        InvalidResultError: It is no tensor, is damaged, or is too large.
    """
    import numpy as np

    text = tensor.get("data") if isinstance(tensor, Mapping) else None
    if not isinstance(text, str) or not is_type(tensor.get("dtype")):
        raise InvalidResultError(f"{where}: expected a tensor, with data, shape and dtype, but {describe(tensor)}")
    dtype, shape = np.dtype(TYPES[tensor["dtype"]]), read_shape(tensor.get("shape"), where)
    number = prod(shape)
    size = -(-number // 8) if dtype.kind == "b" else number * dtype.itemsize
    if size > most_bytes(text):
        raise InvalidResultError(f"{where}: the shape {shape} is more than {len(text):,} characters can hold")
    try:
        budget.take(cost_of(shape, number * dtype.itemsize))
        raw = Inflater(text).rest(size)
    except InvalidResultError as error:
        raise InvalidResultError(f"{where}: {error}") from None
    if dtype.kind == "b":
        return np.unpackbits(raw, count=number, bitorder="little").view(np.bool_).reshape(shape)
    return raw.view(dtype).reshape(shape)


def read_shape(shape: Any, where: str) -> tuple[int, ...]:
    """Read the shape of an array.

    Raises:
        InvalidResultError: It is no list of sizes.
    """
    if not _are_sizes(shape) or len(shape) > MAX_AXES:
        raise InvalidResultError(f"{where}: expected a list of sizes as shape, not {str(shape)[:200]}")
    return tuple(shape)


def check_sizes(document: Any, budget: Budget) -> None:
    """Refuse a document whose tensors are too large, before another library unpacks them.

    Args:
        document: Parsed JSON; every mapping with ``data`` and ``dtype`` is treated as a tensor.
        budget: The bytes that all tensors may use together. A bit counts as a byte, as in a numpy array.

    Raises:
        InvalidResultError: The tensors exceed the budget, or one is damaged.
    """
    unread = [document]
    while unread:
        value = unread.pop()
        if isinstance(value, Mapping):
            unread.extend(value.values())
            if isinstance(value.get("data"), str) and "dtype" in value:
                # Count the data and ignore the shape, because a library may unpack the data before it checks the shape.
                width = 8 if value["dtype"] == "bool" else 1
                budget.take(width * Inflater(value["data"]).count(budget.left // width))
        elif isinstance(value, list):
            unread.extend(value)


def _shape(shape: Any, where: str, *, at_least: int = 2) -> tuple[int, ...]:
    if not _are_sizes(shape) or not at_least <= len(shape) <= MAX_AXES or shape[-1] > MAX_BITS:
        raise InvalidResultError(f"{where}: the shape of a register is (sweep, shots, bits), not {str(shape)[:200]}")
    if 0 in shape[:-1]:
        raise InvalidResultError(f"{where}: the register has the shape {shape}, so there are no shots")
    return tuple(shape)


def _are_sizes(shape: Any) -> bool:
    return isinstance(shape, list) and all(
        isinstance(axis, int) and not isinstance(axis, bool) and 0 <= axis <= MAX_SHOTS for axis in shape
    )


def _rows(raw: NDArray[np.uint8], number: int, num_bits: int) -> NDArray[np.uint8]:
    """Convert the bits of each shot, lowest first, into one big-endian number per shot, padded on the left."""
    import numpy as np

    width = -(-num_bits // 8)
    if num_bits % 8 == 0:
        return np.ascontiguousarray(raw.reshape(number, width)[:, ::-1])
    rows = np.empty((number, width), dtype=np.uint8)
    for start in range(0, number, _BLOCK):
        count = min(_BLOCK, number - start)
        first = start * num_bits // 8
        bits = np.unpackbits(raw[first:], count=count * num_bits, bitorder="little").reshape(count, num_bits)
        rows[start : start + count] = np.packbits(bits, axis=-1, bitorder="little")[:, ::-1]
    return rows
