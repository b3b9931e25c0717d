"""Tells which texts are the names of QPY files. Every DAG file with circuits asks, so this imports nothing heavy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_FILE = re.compile(r"[^\n;]+\.qpy")


def names_a_file(item: Any) -> bool:
    """Return whether a value is the name of a QPY file as text."""
    return isinstance(item, str) and _FILE.fullmatch(item.strip()) is not None


def path_of(name: str) -> Path:
    """Return the path that a name stands for."""
    return Path(name.strip())
