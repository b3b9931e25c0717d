"""Converts values of numpy, pandas and the standard library to plain Python values, which are checked and sent."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from decimal import Decimal
from fractions import Fraction
from typing import Any

_LISTS = (Sequence, Iterator, KeysView, ValuesView, ItemsView)
_BYTES = (bytes, bytearray, memoryview)


def plain(value: Any, *, keep_arrays: bool = False) -> Any:
    """Replace everything in a value that has a plain Python equivalent.

    numpy scalars, ``Decimal`` and ``Fraction`` become numbers; arrays, all sequences, iterators and views of mappings
    become lists. Mappings become dictionaries. A pandas ``DataFrame`` becomes a dictionary of its columns; a ``Series``
    becomes a dictionary if its index contains names, otherwise a list. Sets are not converted, because they have no
    order. Other objects, such as those of Qiskit, are not converted either.

    Args:
        value: The user's value.
        keep_arrays: Whether to keep arrays of numbers, because sweeps are read from arrays and lists are slow.
    """
    return _plain(value, keep_arrays, named=True)


def _plain(value: Any, keep_arrays: bool, *, named: bool) -> Any:
    kind = type(value)
    if kind in (str, int, float, bool, type(None)) or isinstance(value, _BYTES):
        return value
    if isinstance(value, tuple):
        return tuple(_plain(one, keep_arrays, named=True) for one in value)
    if isinstance(value, _LISTS) and not isinstance(value, str):
        return [_plain(one, keep_arrays, named=True) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one, keep_arrays, named=False) for key, one in value.items()}
    if isinstance(value, Decimal | Fraction):
        number = float(value)
        return int(value) if number.is_integer() else number
    package = str(kind.__module__).partition(".")[0]
    if package == "numpy":
        return _from_numpy(value, keep_arrays)
    if package == "pandas":
        return _from_pandas(value, keep_arrays, named=named)
    return value


def _from_numpy(value: Any, keep_arrays: bool) -> Any:
    import numpy as np

    if isinstance(value, np.timedelta64):
        # timedelta supports only microseconds, whatever the unit of the value is.
        return value.astype("timedelta64[us]").item()
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.shape == ()):
        return value.item()
    if not isinstance(value, np.ndarray) or (keep_arrays and value.dtype.kind in "iuf"):
        return value
    return _plain(value.tolist(), keep_arrays, named=True)


def _from_pandas(value: Any, keep_arrays: bool, *, named: bool) -> Any:
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return {name: _plain(value[name], keep_arrays, named=False) for name in value.columns}
    if isinstance(value, pd.Series):
        if named and len(value) and all(isinstance(name, str) for name in value.index):
            return {name: _plain(one, keep_arrays, named=False) for name, one in value.items()}
        return _plain(value.tolist(), keep_arrays, named=True)
    if isinstance(value, pd.Index):
        return _plain(value.tolist(), keep_arrays, named=True)
    return value
