"""Numbers in messages. Internal."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 job`` and ``1,200 jobs``."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"
