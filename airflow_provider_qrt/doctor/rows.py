"""The rows of an examination, and the checks that produce them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from airflow_provider_qrt.client import errors

MISSING = object()
"""Returned by :func:`at` if there is no value."""


class Verdict(StrEnum):
    """The result of a check."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    NOT_TRIED = "not tried"


class NotTriedError(Exception):
    """A check could not be made; the message says why."""


@dataclass(frozen=True)
class Row:
    """One claim about the service.

    Attributes:
        id: The id in ``docs/emulator-reference.md``.
        claim: The assumption.
        verdict: The result.
        found: The difference, the reason why it was not tried, or a measured value. Contains no secret.
    """

    id: str
    claim: str
    verdict: Verdict
    found: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the row as plain JSON."""
        return {"id": self.id, "claim": self.claim, "verdict": self.verdict.value, "found": self.found}


Check = Callable[[], str | None]
"""Returns the difference, or None. Raises :class:`NotTriedError`."""


@dataclass
class Examination:
    """Collects rows.

    Attributes:
        rows: The rows in the order of the checks.
        on_row: Called with each new row.
    """

    rows: list[Row] = field(default_factory=list)
    on_row: Callable[[Row], object] = lambda _: None

    def check(self, id: str, claim: str, check: Check) -> bool:  # noqa: A002
        """Make a check; return whether the service behaves as assumed.

        A permission that the key lacks does not count as a difference. Other rejected requests, and answers that cannot
        be read, do.
        """
        try:
            differs = check()
        except NotTriedError as error:
            return self._add(Row(id, claim, Verdict.NOT_TRIED, str(error)))
        except errors.ForbiddenError:
            return self._add(Row(id, claim, Verdict.NOT_TRIED, "the key lacks the right (403)"))
        except errors.QiskitRuntimeError as error:
            return self._add(Row(id, claim, Verdict.DIFFERS, one_line(str(error))))
        return self._add(Row(id, claim, Verdict.DIFFERS if differs else Verdict.AS_ASSUMED, differs or ""))

    def skip(self, why: str, *claims: tuple[str, str]) -> None:
        """Record claims that were not tried."""
        for row_id, claim in claims:
            self._add(Row(row_id, claim, Verdict.NOT_TRIED, why))

    def seen(self, id: str, claim: str, found: str) -> None:  # noqa: A002
        """Record a measured value without an assumption."""
        self._add(Row(id, claim, Verdict.AS_ASSUMED, found))

    @property
    def differs(self) -> bool:
        """Whether a row differs."""
        return any(row.verdict is Verdict.DIFFERS for row in self.rows)

    def _add(self, row: Row) -> bool:
        self.rows.append(row)
        self.on_row(row)
        return row.verdict is Verdict.AS_ASSUMED


def at(data: Any, path: str) -> Any:
    """Return the value at a path such as ``timestamps.created``, or ``MISSING``."""
    for name in path.split("."):
        if not isinstance(data, Mapping) or name not in data:
            return MISSING
        data = data[name]
    return data


def wrong_fields(data: Any, fields: Mapping[str, type | tuple[type, ...]]) -> str | None:
    """Describe the fields that an object lacks, or that have the wrong type; None if there are none.

    Args:
        data: The object.
        fields: The expected types by path, with ``NoneType`` for a field that may be null.
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
    """Return a list in an answer.

    Raises:
        NotTriedError: There is no list, or it is empty.
    """
    value = at(data, name)
    if not isinstance(value, list) or not value:
        raise NotTriedError(f"there is nothing in {name} to look at")
    return value


def one_line(text: str) -> str:
    """Return a message on one line, of at most 300 characters."""
    return " ".join(text.split())[:300]


def _each(kinds: type | tuple[type, ...]) -> tuple[type, ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)
