"""Parse untrusted JSON with limits for nesting and for the number of values."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 64
"""Maximum nesting of lists and objects; IBM's answers and results have fewer than twenty levels."""
LONGEST_NUMBER = 40
"""Maximum number of digits of an integer; IBM's largest has twenty."""
MOST_CONTAINERS = 4_000_000
"""Maximum number of lists and objects: each takes about seventy bytes of memory, but only two or three in the text."""
MOST_PARTS = 24_000_000
"""Maximum number of values. IBM's largest results have ten million shots, in the worst case one text each."""
CONTAINERS = frozenset({dict, list, tuple})
_PIECE = 1 << 16
"""Characters that are examined at a time, so that they stay in the processor's cache."""
_LONG_NUMBER = b"0" * (LONGEST_NUMBER + 1)
_ZERO_FOR_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_NOT_STRUCTURE = bytes(code for code in range(256) if code not in b"[{,")


class UnfitJsonError(ValueError):
    """JSON that is nested too deeply, too large in memory, or holds implausible numbers."""


def parse_json(text: str | bytes | bytearray, *, strict: bool = True) -> Any:
    """Parse JSON.

    Args:
        text: The JSON.
        strict: Whether to reject NaN and infinities, which are not valid JSON although Python writes them.

    Raises:
        UnfitJsonError: It is JSON, but exceeds the limits.
        ValueError: It is not JSON.
    """
    hooks: dict[str, Any] = {"parse_constant": _refuse_constant} if strict else {}
    if _check_text(text):
        # Only if needed, since this is slow; bitstrings are long runs of digits too.
        hooks["parse_int"] = _whole
    try:
        value = json.loads(text, **hooks)
    except RecursionError:
        raise UnfitJsonError("it is nested too deep") from None
    check_depth(value)
    return value


def _check_text(text: str | bytes | bytearray) -> bool:
    """Check the number of values, and return whether more than :data:`LONGEST_NUMBER` digits follow each other.

    Tables of bytes do it in a tenth of the time of a regular expression, which took longer than the parser.
    """
    containers = parts = 0
    many_digits = False
    for start in range(0, len(text), _PIECE):
        # The pieces overlap, so that a number across their border is found.
        piece = text[start : start + _PIECE + LONGEST_NUMBER]
        codes = piece.encode("ascii", "replace") if isinstance(piece, str) else piece
        many_digits = many_digits or _LONG_NUMBER in codes.translate(_ZERO_FOR_DIGITS)
        structure = codes[:_PIECE].translate(None, _NOT_STRUCTURE)
        commas = structure.count(b",")
        parts += commas
        containers += len(structure) - commas
    if containers > MOST_CONTAINERS:
        raise UnfitJsonError(f"it holds {containers:,} lists and objects; at most {MOST_CONTAINERS:,} are read")
    if parts > MOST_PARTS:
        raise UnfitJsonError(f"it holds {parts:,} values; at most {MOST_PARTS:,} are read")
    return many_digits


def check_depth(value: Any, deepest: int = DEEPEST) -> None:
    """Check that lists and objects are not nested too deeply for recursive code.

    Raises:
        UnfitJsonError: If they are.
    """
    level = [value] if isinstance(value, dict | list | tuple) else []
    depth = 0
    while level:
        depth += 1
        if depth > deepest:
            raise UnfitJsonError(f"it is nested more than {deepest} deep")
        below: list[Any] = []
        for one in level:
            parts = one.values() if isinstance(one, dict) else one
            # Fast for long lists of texts and numbers, which are most of a result.
            if not CONTAINERS.isdisjoint(map(type, parts)):
                below += [part for part in parts if type(part) in CONTAINERS]
        level = below


def _refuse_constant(name: str) -> float:
    raise UnfitJsonError(f"it holds {name}, which is no number in JSON")


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise UnfitJsonError(f"it holds a whole number of {len(digits)} digits")
    return int(digits)
