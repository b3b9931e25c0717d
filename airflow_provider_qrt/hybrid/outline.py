"""Outlines of what calls were given, short enough to keep, and how two of them differ."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST_TEXT = 60
"""Characters; longer texts, such as circuits, are kept as digests."""
LONGEST_LIST = 64
"""Items; longer lists are kept as digests."""
TOLERANCE = 1e-9
"""By how much numbers may differ, relative or absolute, to be the same; the last bits depend on the processor."""
SIGNIFICANT_DIGITS = 9
"""Of numbers in what is kept as a digest."""
MOST_BYTES = 4_000
"""Of JSON for one call; of a larger one only digests are kept."""


def outline(given: Mapping[str, Any], *, salt: str = "", with_texts: bool = True) -> dict[str, Any]:
    """Return what a call was given, with long texts and lists replaced by digests.

    Args:
        given: JSON values by the names of arguments.
        salt: Makes the digests those of one loop, so that nobody can look texts up by them.
        with_texts: Whether short texts are kept as they are; they may be secrets.
    """
    # Without tuples, as it comes back from the journal.
    given = json.loads(json.dumps(given))
    longest = LONGEST_TEXT if with_texts else 0
    short = {name: _shortened(value, salt, longest) for name, value in given.items()}
    if len(json.dumps(short)) <= MOST_BYTES:
        return short
    return {name: _digest(value, salt) for name, value in given.items()}


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Return the first difference of two outlines in words; None if there is none.

    Args:
        before: What the journal has.
        now: What the function gives now.
    """
    old, new = dict(_leaves(before)), dict(_leaves(now))
    for path in [*new, *(path for path in old if path not in new)]:
        if path not in old or path not in new or not _equal(old[path], new[path]):
            return f"{path} was {_shown(old, path)} and is {_shown(new, path)}"
    return None


def _equal(before: Any, now: Any) -> bool:
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(before, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(before == now)


def _shortened(value: Any, salt: str, longest: int) -> Any:
    if isinstance(value, str) and len(value) > longest:
        return _digest(value, salt)
    if isinstance(value, list):
        return _digest(value, salt) if len(value) > LONGEST_LIST else [_shortened(one, salt, longest) for one in value]
    if isinstance(value, dict):
        return {name: _shortened(one, salt, longest) for name, one in value.items()}
    return value


def _digest(value: Any, salt: str) -> str:
    text = value if isinstance(value, str) else json.dumps(_rounded(value), sort_keys=True)
    return f"sha256:{hashlib.sha256(f'{salt}{text}'.encode()).hexdigest()[:16]}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return 0.0 if abs(value) < TOLERANCE else float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, one in value.items():
            yield from _leaves(one, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from _leaves(one, f"{path}[{index}]")
    else:
        yield path, value


def _shown(leaves: Mapping[str, Any], path: str) -> str:
    if path not in leaves:
        return "not there"
    value = leaves[path]
    if isinstance(value, str) and value.startswith("sha256:"):
        return f"a long text or list with the digest {value}"
    return repr(value)
