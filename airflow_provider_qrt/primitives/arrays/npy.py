"""Arrays in the tagged encoding: base64 of zlib of an ``.npy`` file, read without trusting it.

The text is decoded and decompressed piece by piece straight into the array, whose size is known and checked from
the header before its memory is taken. So at no time is there a second copy of the data, and a small text cannot
grow into more memory than the limit. Format: NEP 1, with pickled objects refused.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from math import prod
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.arrays.inflate import MAX_DEFLATE_RATIO, Inflater
from airflow_provider_qrt.primitives.errors import InvalidResult
from airflow_provider_qrt.untrusted.files import read_up_to

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_AXES = 32
"""As many as every version of numpy knows."""
_LONGEST_AXIS = 1 << 62
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
    shape, fortran_order, dtype = _read_header(inflater.read, "biufc")
    size = _checked_size(shape, dtype, max_bytes)
    if size > MAX_DEFLATE_RATIO * (len(text) + 1):
        raise InvalidResult(f"an array claims {size:,} bytes, more than {len(text):,} characters can hold")
    data = np.empty(size, dtype=np.uint8)
    inflater.read_into(data.data)
    return _shaped(data, shape, fortran_order, dtype)


def read_file(file: IO[bytes], max_bytes: int) -> NDArray[Any]:
    """Read one array of numbers or texts from an open ``.npy`` file, as :func:`read_array` does.

    Raises:
        InvalidResult: See :func:`read_array`.
    """
    import numpy as np

    def read(count: int) -> bytes:
        found = file.read(count)
        if len(found) < count:
            raise InvalidResult("an array ends within its header")
        return found

    shape, fortran_order, dtype = _read_header(read, "biufcSU")
    size = _checked_size(shape, dtype, max_bytes)
    # Not numpy's own reader, which takes the memory that a header claims before there is anything to fill it.
    content = read_up_to(file, size + 1)
    if len(content) != size:
        raise InvalidResult(f"an array holds {'more' if len(content) > size else 'less'} data than its header says")
    return _shaped(np.frombuffer(content, dtype=np.uint8), shape, fortran_order, dtype)


def cost_of(shape: tuple[int, ...], size: int) -> int:
    """Return the bytes that an array counts for: at least one for each item, also of those that take no memory."""
    return max(size, prod(axis or 1 for axis in shape))


def _read_header(read: Callable[[int], bytes], kinds: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    import numpy as np

    head = read(10)
    try:
        version = np.lib.format.read_magic(io.BytesIO(head))
    except ValueError as error:
        raise InvalidResult(f"an array is not in the .npy format: {error}") from None
    length_size = 2 if version[0] == 1 else 4
    head += read(8 + length_size - len(head))
    length = int.from_bytes(head[8 : 8 + length_size], "little")
    if length > _MAX_HEADER:
        raise InvalidResult(f"an array has a header of {length} bytes; at most {_MAX_HEADER} are read")
    head += read(8 + length_size + length - len(head))
    shape, fortran_order, dtype = _parse_header(io.BytesIO(head), version)
    if dtype.kind not in kinds:
        raise InvalidResult(f"an array holds {dtype}; only numbers are read, never Python objects")
    if len(shape) > _MAX_AXES or not all(0 <= axis <= _LONGEST_AXIS for axis in shape):
        raise InvalidResult(f"an array has the impossible shape {shape}")
    return shape, fortran_order, dtype


def _checked_size(shape: tuple[int, ...], dtype: np.dtype[Any], max_bytes: int) -> int:
    size = prod(shape) * dtype.itemsize
    if cost_of(shape, size) > max_bytes:
        raise InvalidResult(
            f"an array of shape {shape} takes {size:,} bytes; {max_bytes:,} are left of the limit. If the result is "
            "meant to be that large, raise [qiskit_runtime] max_decoded_bytes, or max_bytes where you read it yourself"
        )
    return size


def _shaped(data: NDArray[np.uint8], shape: tuple[int, ...], fortran_order: bool, dtype: np.dtype[Any]) -> NDArray[Any]:
    import numpy as np

    # Of texts without characters and arrays without items there is nothing to look at.
    array = data.view(dtype) if data.size else np.empty(prod(shape), dtype)
    return array.reshape(shape[::-1]).transpose() if fortran_order else array.reshape(shape)


def _parse_header(file: io.BytesIO, version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    import numpy as np

    np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            # Of the header being Python source that warns of something.
            warnings.simplefilter("ignore")
            return read(file, max_header_size=_MAX_HEADER)
    except Exception as error:  # numpy parses it as Python source, and lets out whatever that meets
        raise InvalidResult(f"an array has a damaged header: {error}") from None
