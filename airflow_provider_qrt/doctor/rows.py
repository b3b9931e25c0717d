"""The rows of an examination, and how a check becomes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from airflow_provider_qrt.client import errors

MISSING = object()
"""What :func:`at` returns where there is nothing."""


class Verdict(StrEnum):
    """What came of a check."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    NOT_TRIED = "not tried"


class NotTried(Exception):
    """A check could not be made here; says why."""


@dataclass(frozen=True)
class Row:
    """One claim about the service.

    Attributes:
        id: The id in ``docs/emulator-reference.md``.
        claim: What is assumed.
        verdict: What came of it.
        found: What was seen instead, or why nothing was; at times what was seen. Holds no secret.
    """

    id: str
    claim: str
    verdict: Verdict
    found: str = ""

    def to_json(self) -> dict[str, str]:
        """The row as plain JSON."""
        return {"id": self.id, "claim": self.claim, "verdict": self.verdict.value, "found": self.found}


Check = Callable[[], str | None]
"""Returns what differs, or nothing. Raises :class:`NotTried`."""


@dataclass
class Examination:
    """Collects rows.

    Attributes:
        rows: In the order in which they were tried.
        on_row: Told of each as it comes.
    """

    rows: list[Row] = field(default_factory=list)
    on_row: Callable[[Row], object] = lambda _: None

    def check(self, id: str, claim: str, check: Check) -> bool:  # noqa: A002
        """Make a check; return whether the service does as assumed.

        A right that the key lacks is no difference. What the service refuses otherwise, or answers in a shape that
        cannot be read, is one.
        """
        try:
            differs = check()
        except NotTried as error:
            return self._add(Row(id, claim, Verdict.NOT_TRIED, str(error)))
        except errors.Forbidden:
            return self._add(Row(id, claim, Verdict.NOT_TRIED, "the key lacks the right (403)"))
        except errors.QiskitRuntimeError as error:
            return self._add(Row(id, claim, Verdict.DIFFERS, one_line(str(error))))
        return self._add(Row(id, claim, Verdict.DIFFERS if differs else Verdict.AS_ASSUMED, differs or ""))

    def skip(self, why: str, *claims: tuple[str, str]) -> None:
        """Note claims that were not tried."""
        for row_id, claim in claims:
            self._add(Row(row_id, claim, Verdict.NOT_TRIED, why))

    def seen(self, id: str, claim: str, found: str) -> None:  # noqa: A002
        """Note something that was measured and of which nothing is assumed."""
        self._add(Row(id, claim, Verdict.AS_ASSUMED, found))

    @property
    def differs(self) -> bool:
        """Whether a row does."""
        return any(row.verdict is Verdict.DIFFERS for row in self.rows)

    def _add(self, row: Row) -> bool:
        self.rows.append(row)
        self.on_row(row)
        return row.verdict is Verdict.AS_ASSUMED


def at(data: Any, path: str) -> Any:
    """Return what stands at a path such as ``timestamps.created``, or ``MISSING``."""
    for name in path.split("."):
        if not isinstance(data, Mapping) or name not in data:
            return MISSING
        data = data[name]
    return data


def wrong_fields(data: Any, fields: Mapping[str, type | tuple[type, ...]]) -> str | None:
    """Say which fields an object lacks, and which are of another type.

    Args:
        data: The object.
        fields: By path, what each is to be. A field that may be null names ``NoneType``.
    """
    if not isinstance(data, Mapping):
        return f"expected an object, got {type(data).__name__}"
    problems = []
    for path, kinds in fields.items():
        value = at(data, path)
        if value is MISSING:
            problems.append(f"no {path}")
        elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in _each(kinds)):
            problems.append(f"{path} is {type(value).__name__}")
    return "; ".join(problems) or None


def items_of(data: Any, name: str) -> list[Any]:
    """Return the list in an answer.

    Raises:
        NotTried: There is no list, or it is empty.
    """
    value = at(data, name)
    if not isinstance(value, list) or not value:
        raise NotTried(f"there is nothing in {name} to look at")
    return value


def one_line(text: str) -> str:
    """Write a message in one line of a table."""
    return " ".join(text.split())[:300]


def _each(kinds: type | tuple[type, ...]) -> tuple[type, ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)
