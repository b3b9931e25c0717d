"""Arrays in the tagged encoding: base64 of zlib of an ``.npy`` file, read without trusting it.

The text is decoded and decompressed piece by piece straight into the array, whose size is known and checked from
the header before its memory is taken. So at no time is there a second copy of the data, and a small text cannot
grow into more memory than the limit. Format: NEP 1, with pickled objects refused.
"""

from __future__ import annotations

import io
from math import prod
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.arrays.inflate import MAX_DEFLATE_RATIO, Inflater
from airflow_provider_qrt.primitives.errors import InvalidResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_HEADER = 4096
"""An ``.npy`` header is 128 bytes in practice; this bounds what is read in search of its end."""


def read_array(text: str, max_bytes: int) -> NDArray[Any]:
    """Decode one array.

    Args:
        text: base64 of zlib of an ``.npy`` file.
        max_bytes: The most bytes the array may take.

    Raises:
        InvalidResult: The text is damaged, too large, holds Python objects, or more or less data than it says.
    """
    import numpy as np

    inflater = Inflater(text)
    head = inflater.read(10)
    try:
        version = np.lib.format.read_magic(io.BytesIO(head))
    except ValueError as error:
        raise InvalidResult(f"an array is not in the .npy format: {error}") from None
    length_size = 2 if version[0] == 1 else 4
    head += inflater.read(8 + length_size - len(head))
    length = int.from_bytes(head[8 : 8 + length_size], "little")
    if length > _MAX_HEADER:
        raise InvalidResult(f"an array has a header of {length} bytes; at most {_MAX_HEADER} are read")
    head += inflater.read(8 + length_size + length - len(head))
    shape, fortran_order, dtype = _parse_header(io.BytesIO(head), version)
    if dtype.kind not in "biufc":
        raise InvalidResult(f"an array holds {dtype}; only numbers are read, never Python objects")
    if any(axis < 0 for axis in shape):
        raise InvalidResult(f"an array has the impossible shape {shape}")
    size = prod(shape) * dtype.itemsize
    if size > max_bytes:
        raise InvalidResult(
            f"an array of shape {shape} takes {size:,} bytes; {max_bytes:,} are left of the limit. If the result is "
            "meant to be that large, raise max_bytes"
        )
    if size > MAX_DEFLATE_RATIO * (len(text) + 1):
        raise InvalidResult(f"an array claims {size:,} bytes, more than {len(text):,} characters can hold")
    data = np.empty(size, dtype=np.uint8)
    inflater.read_into(data.data)
    array = data.view(dtype)
    return array.reshape(shape[::-1]).transpose() if fortran_order else array.reshape(shape)


def _parse_header(file: io.BytesIO, version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    import numpy as np

    np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    try:
        return read(file, max_header_size=_MAX_HEADER)
    except (ValueError, TypeError, SyntaxError, EOFError) as error:
        raise InvalidResult(f"an array has a damaged header: {error}") from None
