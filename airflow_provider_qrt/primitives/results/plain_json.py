"""Produces JSON that every parser and every database accepts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def strict_json(item: Any) -> Any:
    """Replace NaN and infinities, which JSON does not support and some databases refuse, by null."""
    if isinstance(item, Mapping):
        return {key: strict_json(part) for key, part in item.items()}
    if isinstance(item, list | tuple):
        return [strict_json(part) for part in item]
    return None if isinstance(item, float) and not math.isfinite(item) else item
