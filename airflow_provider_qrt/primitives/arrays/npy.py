"""Reads arrays of the tagged encoding (an ``.npy`` file in zlib in base64) from untrusted text.

The text is decoded and decompressed piece by piece straight into the array, whose size is read from the header and
checked before its memory is allocated. So there is never a second copy of the data, and a small text cannot use more
memory than the limit. Format: NEP 1; pickled objects are refused.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from math import prod
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.arrays.inflate import Inflater, most_bytes
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.untrusted.files import read_up_to

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_AXES = 32
"""The number of axes that every version of numpy supports."""
_LONGEST_AXIS = 1 << 62
_MAX_HEADER = 4096
"""Largest header in bytes. In practice an ``.npy`` header has 128 bytes."""


def read_array(text: str, max_bytes: int) -> NDArray[Any]:
    """Decode one array.

    Args:
        text: An ``.npy`` file in zlib in base64.
        max_bytes: Maximum size of the array in bytes.

    Raises:
        InvalidResultError: The text is damaged or too large, contains Python objects, or does not have the amount of
            data that its header states.
    """
    inflater = Inflater(text)
    shape, fortran_order, dtype = _read_header(inflater.read, "biufc")
    size = _checked_size(shape, dtype, max_bytes)
    if size > most_bytes(text):
        raise InvalidResultError(f"an array claims {size:,} bytes, more than {len(text):,} characters can hold")
    return _shaped(inflater.rest(size), shape, fortran_order, dtype)


def read_file(file: IO[bytes], max_bytes: int) -> NDArray[Any]:
    """Read one array of numbers or strings from an open ``.npy`` file, like :func:`read_array`.

    Raises:
        InvalidResultError: See :func:`read_array`.
    """
    import numpy as np

    def read(count: int) -> bytes:
        found = file.read(count)
        if len(found) < count:
            raise InvalidResultError("an array ends within its header")
        return found

    shape, fortran_order, dtype = _read_header(read, "biufcSU")
    size = _checked_size(shape, dtype, max_bytes)
    # numpy's own reader allocates the memory that a header claims before it reads any data, so it is not used.
    content = read_up_to(file, size + 1)
    if len(content) != size:
        raise InvalidResultError(
            f"an array holds {'more' if len(content) > size else 'less'} data than its header says"
        )
    return _shaped(np.frombuffer(content, dtype=np.uint8), shape, fortran_order, dtype)


def cost_of(shape: tuple[int, ...], size: int) -> int:
    """Return the bytes charged for an array: at least one for each item, even for items that take no memory."""
    return max(size, prod(axis or 1 for axis in shape))


def _read_header(read: Callable[[int], bytes], kinds: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    import numpy as np

    head = read(10)
    try:
        version = np.lib.format.read_magic(io.BytesIO(head))
    except ValueError as error:
        raise InvalidResultError(f"an array is not in the .npy format: {error}") from None
    length_size = 2 if version[0] == 1 else 4
    head += read(8 + length_size - len(head))
    length = int.from_bytes(head[8 : 8 + length_size], "little")
    if length > _MAX_HEADER:
        raise InvalidResultError(f"an array has a header of {length} bytes; at most {_MAX_HEADER} are read")
    head += read(8 + length_size + length - len(head))
    shape, fortran_order, dtype = _parse_header(io.BytesIO(head), version)
    if dtype.kind not in kinds:
        raise InvalidResultError(f"an array holds {dtype}; only numbers are read, never Python objects")
    if len(shape) > _MAX_AXES or not all(0 <= axis <= _LONGEST_AXIS for axis in shape):
        raise InvalidResultError(f"an array has the impossible shape {shape}")
    return shape, fortran_order, dtype


def _checked_size(shape: tuple[int, ...], dtype: np.dtype[Any], max_bytes: int) -> int:
    size = prod(shape) * dtype.itemsize
    if cost_of(shape, size) > max_bytes:
        raise InvalidResultError(
            f"an array of shape {shape} takes {size:,} bytes; {max_bytes:,} are left of the limit. If the result is "
            "meant to be that large, raise [qiskit_runtime] max_decoded_bytes, or max_bytes where you read it yourself"
        )
    return size


def _shaped(data: NDArray[np.uint8], shape: tuple[int, ...], fortran_order: bool, dtype: np.dtype[Any]) -> NDArray[Any]:
    import numpy as np

    # Strings without characters and arrays without items have no data to check.
    array = data.view(dtype) if data.size else np.empty(prod(shape), dtype)
    return array.reshape(shape[::-1]).transpose() if fortran_order else array.reshape(shape)


def _parse_header(file: io.BytesIO, version: tuple[int, int]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    import numpy as np

    np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            # numpy parses the header as Python source, which may emit warnings.
            warnings.simplefilter("ignore")
            return read(file, max_header_size=_MAX_HEADER)
    except Exception as error:  # numpy parses the header as Python source and lets any error of that escape.
        raise InvalidResultError(f"an array has a damaged header: {error}") from None
