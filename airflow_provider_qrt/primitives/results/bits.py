"""The sampler's bit arrays, and counts that stay packed until strings are needed.

The layout is that of Qiskit's ``BitArray``: unsigned bytes of shape ``(*sweep, shots, ceil(num_bits / 8))``,
big-endian, unused bits on the left and zero. Element 0 of a register is the last, rightmost bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.results.counting import count_rows, sort_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 512
"""Rows converted to text at a time. The text and the strings of a block, some hundred kilobytes, stay in the cache of
the processor until they are in the dictionary; with blocks of 16 384 a dictionary takes twice as long."""

_SPLIT_BLOCK = 16_384
"""Rows whose bits are unpacked at a time."""


class Counts(Mapping[str, int]):
    """The counts of bitstrings: a read-only mapping that stores packed rows instead of strings.

    The outcomes are in the order of first appearance unless ``sorted()``. A million distinct outcomes of 127 bits take
    16 MB here and some 210 MB as a dictionary, so call ``to_dict()`` only when a dictionary is needed.

    Attributes:
        rows: The distinct outcomes, ``uint8`` of shape ``(distinct, ceil(num_bits / 8))``.
        values_array: The count of each outcome, ``int64`` of shape ``(distinct,)``; read-only if all of them are 1.
        num_bits: The length of the strings.
    """

    __slots__ = ("_index", "num_bits", "rows", "values_array")

    def __init__(self, rows: NDArray[np.uint8], values: NDArray[np.int64], num_bits: int) -> None:
        self.rows = rows
        self.values_array = values
        self.num_bits = num_bits
        self._index: dict[bytes, int] | None = None

    @property
    def shots(self) -> int:
        """The total number of shots."""
        return int(self.values_array.sum())

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return _strings(self.rows, self.num_bits)

    def __getitem__(self, key: str) -> int:
        if not isinstance(key, str) or len(key) != self.num_bits or key.strip("01"):
            raise KeyError(key)
        if self._index is None:
            self._index = {row.tobytes(): i for i, row in enumerate(self.rows)}
        packed = int(key or "0", 2).to_bytes(self.rows.shape[-1], "big")
        try:
            return int(self.values_array[self._index[packed]])
        except KeyError:
            raise KeyError(key) from None

    def __repr__(self) -> str:
        few = ", ".join(f"{key!r}: {count}" for key, count in self.most_common(4))
        return f"Counts({{{few}{', ...' if len(self) > 4 else ''}}}, {len(self)} distinct, {self.shots} shots)"

    def most_common(self, n: int | None = None) -> list[tuple[str, int]]:
        """Return the n most frequent outcomes, most frequent first; None returns all outcomes."""
        import numpy as np

        order = np.argsort(-self.values_array, kind="stable")[:n]
        return list(zip(_strings(self.rows[order], self.num_bits), self.values_array[order].tolist(), strict=True))

    def sorted(self) -> Counts:
        """Return the same counts in ascending order of the bitstrings."""
        order = sort_rows(self.rows)
        return Counts(self.rows[order], self.values_array[order], self.num_bits)

    def to_dict(self) -> dict[str, int]:
        """Return a plain dictionary, which can be written as JSON."""
        plain: dict[str, int] = {}
        start = 0
        for strings in _string_blocks(self.rows, self.num_bits):
            values = self.values_array[start : start + len(strings)]
            start += len(strings)
            if (values == values[0]).all():
                # As of distinct outcomes. A dictionary is updated faster from another one than from pairs.
                plain.update(dict.fromkeys(strings, int(values[0])))
            else:
                plain.update(zip(strings, values.tolist(), strict=True))
        return plain


@dataclass(frozen=True, eq=False)
class BitRegister:
    """The shots of one classical register, packed.

    Attributes:
        array: ``uint8`` of shape ``(*shape, shots, ceil(num_bits / 8))``, big-endian, padded on the left.
        num_bits: The size of the register.

    Raises:
        ValueError: The array has another type or shape.
    """

    array: NDArray[np.uint8]
    num_bits: int

    def __post_init__(self) -> None:
        import numpy as np

        array = self.array
        if array.dtype != np.uint8:
            raise ValueError(f"a bit array holds unsigned bytes (uint8), not {array.dtype}")
        if array.ndim < 2 or array.shape[-1] != -(-self.num_bits // 8):
            raise ValueError(
                f"{self.num_bits} bits take {-(-self.num_bits // 8)} bytes a shot; the shape of the array is "
                f"{array.shape}"
            )
        used = 0xFF >> (-self.num_bits % 8)
        if array.size and used != 0xFF and array[..., 0].max() > used:
            array = array.copy()  # Bits beyond the register have no meaning, but would make equal shots differ.
            array[..., 0] &= used
            object.__setattr__(self, "array", array)

    @property
    def shots(self) -> int:
        """Shots for each point of the sweep."""
        return int(self.array.shape[-2])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the sweep; ``()`` without one."""
        return tuple(self.array.shape[:-2])

    def counts(self, loc: int | tuple[int, ...] | None = None) -> Counts:
        """Return the counts at one point of a sweep, or over all points together (None)."""
        return self._all_counts if loc is None else self._count(self.array[loc])

    @cached_property
    def _all_counts(self) -> Counts:
        return self._count(self.array)

    @cached_property
    def point_counts(self) -> tuple[Counts, ...]:
        """Yield the counts of every point of the sweep, with the last axis varying fastest."""
        if not self.shape:
            return (self._all_counts,)
        return tuple(self._count(point) for point in self.array.reshape(prod(self.shape), *self.array.shape[-2:]))

    def bitstrings(self, loc: int | tuple[int, ...] | None = None) -> list[str]:
        """Return one string for each shot in order, for one point of a sweep or for all points (None)."""
        array = self.array if loc is None else self.array[loc]
        return list(_strings(self._flat(array), self.num_bits))

    def _count(self, array: NDArray[np.uint8]) -> Counts:
        return Counts(*count_rows(self._flat(array)), self.num_bits)

    @staticmethod
    def _flat(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return array.reshape(prod(array.shape[:-1]), array.shape[-1])


def join_registers(registers: list[BitRegister]) -> BitRegister:
    """Join the registers of one circuit, with the first on the right and the last on the left.

    Raises:
        ValueError: There are no registers, or they differ in shape or shots.
    """
    import numpy as np

    if not registers:
        raise ValueError("there are no registers to join")
    if len(registers) == 1:
        return registers[0]
    if len({register.array.shape[:-1] for register in registers}) > 1:
        raise ValueError("the registers differ in shots or in the shape of the sweep")
    num_bits = sum(register.num_bits for register in registers)
    lead = registers[0].array.shape[:-1]
    joined = np.zeros((*lead, -(-num_bits // 8)), dtype=np.uint8)
    offset = 0  # Number of bits that are already used, counted from the right.
    for register in registers:
        skipped, shift = divmod(offset, 8)
        end = joined.shape[-1] - skipped
        for column in range(register.array.shape[-1]):
            byte = register.array[..., -1 - column]
            joined[..., end - 1 - column] |= byte << np.uint8(shift)
            if shift and end - 2 - column >= 0:
                joined[..., end - 2 - column] |= byte >> np.uint8(8 - shift)
        offset += register.num_bits
    return BitRegister(joined, num_bits)


def split_register(joined: BitRegister, widths: Mapping[str, int]) -> dict[str, BitRegister]:
    """Undo ``join_registers``: split a joined register into its parts, with the first name on the right."""
    import numpy as np

    lead = joined.array.shape[:-1]
    rows = joined.array.reshape(-1, joined.array.shape[-1]) if joined.array.size else joined.array.reshape(0, 0)
    sizes = {name: -(-width // 8) for name, width in widths.items()}
    parts = {name: np.zeros((prod(lead), size), dtype=np.uint8) for name, size in sizes.items()}
    # Work in blocks, because a bit takes a byte here.
    for start in range(0, len(rows), _SPLIT_BLOCK):
        bits = np.unpackbits(rows[start : start + _SPLIT_BLOCK], axis=-1)
        end = bits.shape[-1]
        for name, width in widths.items():
            parts[name][start : start + len(bits)] = pack(bits[..., end - width : end]).array
            end -= width
    return {name: BitRegister(parts[name].reshape(*lead, sizes[name]), width) for name, width in widths.items()}


def pack(bits: NDArray[np.uint8]) -> BitRegister:
    """Pack zeros and ones along the last axis, most significant first."""
    import numpy as np

    num_bits = bits.shape[-1]
    padding: Any = [(0, 0)] * (bits.ndim - 1) + [(-num_bits % 8, 0)]
    return BitRegister(np.packbits(np.pad(bits, padding), axis=-1), num_bits)


def rows_from_strings(strings: list[str], num_bits: int) -> NDArray[np.uint8]:
    """Pack bitstrings of one length into rows.

    Raises:
        ValueError: A string has the wrong length or characters other than 0 and 1.
    """
    import numpy as np

    if any(len(string) != num_bits for string in strings):
        raise ValueError(f"expected strings of {num_bits} bits")
    codes = np.frombuffer("".join(strings).encode("ascii", "replace"), dtype=np.uint8)
    bits = codes.reshape(len(strings), num_bits) - np.uint8(ord("0"))
    if bits.size and bits.max() > 1:
        raise ValueError("expected strings of the characters 0 and 1")
    return pack(bits).array


def _strings(rows: NDArray[np.uint8], num_bits: int) -> Iterator[str]:
    """Yield rows as strings of zeros and ones."""
    return chain.from_iterable(_string_blocks(rows, num_bits))


def _string_blocks(rows: NDArray[np.uint8], num_bits: int) -> Iterator[list[str]]:
    """Yield rows as strings in blocks."""
    import numpy as np

    if num_bits == 0:
        if len(rows):
            yield [""] * len(rows)
        return
    for start in range(0, len(rows), _BLOCK):
        bits = np.unpackbits(rows[start : start + _BLOCK], axis=-1)
        # The column before the bits becomes a line break, so that one split separates the whole block into strings.
        text = np.empty((len(bits), num_bits + 1), dtype=np.uint8)
        np.add(bits[:, bits.shape[1] - num_bits :], np.uint8(ord("0")), out=text[:, 1:])
        text[:, 0] = ord("\n")
        yield text.tobytes()[1:].decode("ascii").split("\n")
