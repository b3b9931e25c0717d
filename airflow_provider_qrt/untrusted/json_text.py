"""Parse untrusted JSON with limits for nesting and for the number of values."""

from __future__ import annotations

import json
import re
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
_LONG_NUMBER = re.compile(f"[0-9]{{{LONGEST_NUMBER + 1}}}")
_LONG_NUMBER_BYTES = re.compile(_LONG_NUMBER.pattern.encode())


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
    _check_size(text)
    hooks: dict[str, Any] = {"parse_constant": _refuse_constant} if strict else {}
    if (_LONG_NUMBER if isinstance(text, str) else _LONG_NUMBER_BYTES).search(text):  # type: ignore[arg-type]
        # Only if needed, since this is slow; the search also matches bitstrings.
        hooks["parse_int"] = _whole
    try:
        value = json.loads(text, **hooks)
    except RecursionError:
        raise UnfitJsonError("it is nested too deep") from None
    check_depth(value)
    return value


def _check_size(text: str | bytes | bytearray) -> None:
    def count(letter: str) -> int:
        return text.count(letter) if isinstance(text, str) else text.count(letter.encode())

    containers = count("[") + count("{")
    if containers > MOST_CONTAINERS:
        raise UnfitJsonError(f"it holds {containers:,} lists and objects; at most {MOST_CONTAINERS:,} are read")
    parts = count(",")
    if parts > MOST_PARTS:
        raise UnfitJsonError(f"it holds {parts:,} values; at most {MOST_PARTS:,} are read")


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
