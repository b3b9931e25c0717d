"""Python values as JSON and back: what a step returned, and what a call was given.

JSON has no tuples, complex numbers, bytes or arrays. Each of them is an object with one key that begins with ``$``.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from airflow_provider_qrt.hybrid.errors import NotKeepableError

TUPLE, COMPLEX, FLOAT, BYTES, ARRAY, MAPPING = "$tuple", "$complex", "$float", "$bytes", "$array", "$dict"
MOST_BYTES = 1 << 30
"""Of one array."""


def comparable(value: Any) -> Any:
    """Return a value as plain JSON in which numbers can be compared, those of arrays too.

    Args:
        value: Anything; of what the journal cannot keep, only the type is told.
    """
    try:
        return to_json(value, to_json_of_array=_array_to_numbers)
    except NotKeepableError:
        return type(value).__name__


def to_json(value: Any, where: str = "the value", *, to_json_of_array: Callable[[Any, str], Any] | None = None) -> Any:
    """Return a value as plain JSON, from which :func:`from_json` makes an equal one.

    Args:
        value: None, numbers, texts, bytes, lists, tuples, dictionaries with texts as keys, numpy arrays and numbers,
            and combinations of them.
        where: Names the value, for the error.
        to_json_of_array: Makes JSON of an array and its name in another way.

    Raises:
        NotKeepableError: It is something else.
    """
    again = partial(to_json, to_json_of_array=to_json_of_array)
    if value is None or isinstance(value, bool | str):
        return value
    if type(value) is int:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {FLOAT: str(value)}
    if isinstance(value, complex) and type(value) is complex:
        return {COMPLEX: [to_json(value.real), to_json(value.imag)]}
    if isinstance(value, bytes):
        return {BYTES: base64.b64encode(value).decode()}
    if isinstance(value, tuple) and type(value) is tuple:
        return {TUPLE: [again(one, f"{where}[{index}]") for index, one in enumerate(value)]}
    if isinstance(value, list):
        return [again(one, f"{where}[{index}]") for index, one in enumerate(value)]
    if isinstance(value, Mapping):
        return _mapping_to_json(value, where, again)
    if hasattr(value, "dtype") and hasattr(value, "tobytes"):
        return (to_json_of_array or _array_to_json)(value, where)
    raise NotKeepableError(
        f"{where} is of the type {type(value).__name__}, which the journal cannot keep. Return numbers, texts, lists, "
        "tuples, dictionaries or numpy arrays."
    )


def from_json(value: Any) -> Any:
    """Return the value of which :func:`to_json` made JSON.

    Raises:
        ValueError: It is damaged.
    """
    if isinstance(value, list):
        return [from_json(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(tag, content)] = value.items()
        if tag in _READERS:
            return _READERS[tag](content)
    return {name: from_json(one) for name, one in value.items()}


def _mapping_to_json(value: Mapping[Any, Any], where: str, again: Callable[[Any, str], Any]) -> dict[str, Any]:
    for name in value:
        if not isinstance(name, str):
            raise NotKeepableError(
                f"{where} has the key {name!r}, and the journal keeps texts only as keys. Write str({name!r}), or "
                "return a list of pairs."
            )
    made = {str(name): again(one, f"{where}[{name!r}]") for name, one in value.items()}
    return {MAPPING: made} if any(name.startswith("$") for name in made) else made


def _array_to_json(value: Any, where: str) -> dict[str, str]:
    import numpy as np

    array = np.asarray(value)
    if array.dtype.kind not in "biufcSU":
        raise NotKeepableError(f"{where} is an array of {array.dtype}; the journal keeps numbers and texts only.")
    written = io.BytesIO()
    np.lib.format.write_array(written, array, allow_pickle=False)
    return {ARRAY: base64.b64encode(written.getvalue()).decode()}


def _array_to_numbers(value: Any, where: str) -> Any:
    if value.dtype.kind not in "fc":
        return _array_to_json(value, where)
    return to_json(value.tolist(), where)


def _read_array(text: str) -> Any:
    from airflow_provider_qrt.primitives.arrays.npy import read_file

    array = read_file(io.BytesIO(base64.b64decode(text)), MOST_BYTES)
    # A number of numpy's comes back as one; arrays can be changed, as those that the function made.
    return array[()] if array.ndim == 0 else array.copy()


_READERS: Mapping[str, Callable[[Any], Any]] = {
    TUPLE: lambda items: tuple(from_json(one) for one in items),
    COMPLEX: lambda parts: complex(*map(from_json, parts)),
    FLOAT: float,
    BYTES: base64.b64decode,
    ARRAY: _read_array,
    MAPPING: lambda items: {name: from_json(one) for name, one in items.items()},
}
