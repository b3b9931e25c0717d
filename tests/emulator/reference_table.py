"""The rows of docs/emulator-reference.md, and the checks that go with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "emulator-reference.md"
FOLLOWED = ("yes", "partly", "no")

_ID = re.compile(r"`([EGR]-[a-z0-9-]+)`")

Check = Callable[[Any], None]


@dataclass(frozen=True)
class Row:
    """One row: its id, what the reference says, whether it is followed, and where not."""

    id: str
    cells: tuple[str, ...]

    @property
    def followed(self) -> str:
        return self.cells[-2]

    @property
    def remark(self) -> str:
        return self.cells[-1]


def rows() -> list[Row]:
    """Every row of the page's tables that has an id, in order."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        match = _ID.fullmatch(cells[0])
        if match:
            found.append(Row(match.group(1), tuple(cells[1:])))
    return found


class Checks:
    """The checks by the id of their row."""

    def __init__(self) -> None:
        self.by_id: dict[str, Check] = {}

    def __call__(self, *ids: str) -> Callable[[Check], Check]:
        def register(check: Check) -> Check:
            for one in ids:
                assert one not in self.by_id, f"two checks for {one}"
                self.by_id[one] = check
            return check

        return register


check = Checks()
"""Decorator: ``@check("R-tags-limit")`` says which row a function checks."""
