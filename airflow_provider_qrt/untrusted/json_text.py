"""JSON that somebody else wrote: neither nested without end, nor of more parts than memory has room for."""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 64
"""How deep lists and objects may be nested; IBM's answers and results are less than twenty deep."""
LONGEST_NUMBER = 40
"""Digits of a whole number; the largest of IBM's has twenty."""
MOST_CONTAINERS = 4_000_000
"""Lists and objects in one text: each takes some seventy bytes of memory, and two or three in the text."""
MOST_PARTS = 24_000_000
"""Values in one text. IBM's largest results have ten million shots, each of which is a text at worst."""
_LONG_NUMBER = re.compile(f"[0-9]{{{LONGEST_NUMBER + 1}}}")
_LONG_NUMBER_BYTES = re.compile(_LONG_NUMBER.pattern.encode())


class UnfitJson(ValueError):
    """JSON that is nested too deep, too large in memory, or holds numbers that nobody means."""


def parse_json(text: str | bytes | bytearray, *, strict: bool = True) -> Any:
    """Parse JSON.

    Args:
        text: The JSON.
        strict: Whether to refuse NaN and infinities, which JSON does not know and Python writes all the same.

    Raises:
        UnfitJson: It is JSON, and more than can be meant.
        ValueError: It is no JSON.
    """
    _check_size(text)
    hooks: dict[str, Any] = {"parse_constant": _refuse_constant} if strict else {}
    if (_LONG_NUMBER if isinstance(text, str) else _LONG_NUMBER_BYTES).search(text):  # type: ignore[arg-type]
        # Slow, and bitstrings look like numbers here.
        hooks["parse_int"] = _whole
    try:
        value = json.loads(text, **hooks)
    except RecursionError:
        raise UnfitJson("it is nested too deep") from None
    check_depth(value)
    return value


def _check_size(text: str | bytes | bytearray) -> None:
    def count(letter: str) -> int:
        return text.count(letter) if isinstance(text, str) else text.count(letter.encode())

    containers = count("[") + count("{")
    if containers > MOST_CONTAINERS:
        raise UnfitJson(f"it holds {containers:,} lists and objects; at most {MOST_CONTAINERS:,} are read")
    parts = count(",")
    if parts > MOST_PARTS:
        raise UnfitJson(f"it holds {parts:,} values; at most {MOST_PARTS:,} are read")


def check_depth(value: Any, deepest: int = DEEPEST) -> None:
    """See that lists and objects are not nested too deep for programs that walk through them.

    Raises:
        UnfitJson: They are.
    """
    level = [value] if isinstance(value, dict | list | tuple) else []
    depth = 0
    while level:
        depth += 1
        if depth > deepest:
            raise UnfitJson(f"it is nested more than {deepest} deep")
        below: list[Any] = []
        for one in level:
            parts = one.values() if isinstance(one, dict) else one
            # Cheap for the long lists of texts and numbers that results consist of.
            if not {dict, list, tuple}.isdisjoint(map(type, parts)):
                below.extend(part for part in parts if isinstance(part, dict | list | tuple))
        level = below


def _refuse_constant(name: str) -> float:
    raise UnfitJson(f"it holds {name}, which is no number in JSON")


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise UnfitJson(f"it holds a whole number of {len(digits)} digits")
    return int(digits)
