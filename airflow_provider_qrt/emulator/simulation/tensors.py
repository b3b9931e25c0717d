"""Reads and writes the tensors of the executor.

IBM's REST API reference: ``{"data": base64(zlib(raw little-endian bytes in C order)), "shape", "dtype"}``;
``bool`` is packed eight elements to a byte, the first element in the lowest bit.
"""

from __future__ import annotations

import base64
import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_TENSOR_BYTES = 256 * 1024 * 1024

DTYPES: dict[str, str] = {
    **{f"i{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"u{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    **{f"f{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    **{f"c{8 * size}": f"<c{size}" for size in (8, 16)},
}
"""NumPy's name of every tensor type except ``bool``."""

_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}


def encode(array: NDArray[Any]) -> dict[str, Any]:
    """Write an array as a tensor.

    Raises:
        ValueError: The type of the array is not a tensor type.
    """
    if array.dtype == np.bool_:
        name, raw = "bool", np.packbits(array, bitorder="little").tobytes()
    elif array.dtype.newbyteorder("<") in _NAMES:
        name = _NAMES[array.dtype.newbyteorder("<")]
        raw = np.ascontiguousarray(array, dtype=DTYPES[name]).tobytes()
    else:
        raise ValueError(f"a tensor cannot hold {array.dtype}")
    return {"data": base64.b64encode(zlib.compress(raw)).decode(), "shape": list(array.shape), "dtype": name}


def decode(tensor: dict[str, Any]) -> NDArray[Any]:
    """Read a tensor.

    Raises:
        ValueError: It is not a tensor, or its data does not match its shape.
    """
    name, shape, data = tensor.get("dtype"), tensor.get("shape"), tensor.get("data")
    if not isinstance(data, str) or not is_shape(shape) or (name != "bool" and name not in DTYPES):
        raise ValueError('a tensor is {"data": base64 text, "shape": list of numbers, "dtype": name}')
    assert isinstance(shape, list)
    count = math.prod(shape)
    needed = -(-count // 8) if name == "bool" else count * np.dtype(DTYPES[name]).itemsize
    raw = inflate(data, MAX_TENSOR_BYTES)
    if len(raw) != needed:
        raise ValueError(f"{needed} bytes make {name} of shape {tuple(shape)}, there are {len(raw)}")
    if name == "bool":
        bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8), count=count, bitorder="little")
        return bits.astype(np.bool_).reshape(shape)
    return np.frombuffer(raw, dtype=DTYPES[name]).reshape(shape)


def is_shape(value: Any) -> bool:
    """Return whether a JSON value is a list of sizes."""
    return isinstance(value, list) and all(
        isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= MAX_TENSOR_BYTES for size in value
    )


def inflate(text: str, most: int) -> bytes:
    """Decode base64 and decompress zlib, up to a maximum number of bytes.

    Raises:
        ValueError: The text has another format, or decompresses to more bytes.
    """
    unpack = zlib.decompressobj()
    try:
        raw = unpack.decompress(base64.b64decode(text, validate=True), most)
    except zlib.error as error:
        raise ValueError(f"not base64 of zlib: {error}") from error
    if unpack.unconsumed_tail:
        raise ValueError(f"more than {most} bytes")
    if not unpack.eof:
        raise ValueError("not base64 of zlib: it is cut short")
    return raw
