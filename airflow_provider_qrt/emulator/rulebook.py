"""What rules for requests and rules for jobs have in common: they come in order, are counted, and lapse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar


class Rule(Protocol):
    """A rule that a :class:`RuleBook` can hold.

    Attributes:
        id: Its number.
        times: How often it still applies; None for always.
        skip: How many matches it lets pass first.
        applied: How often it was applied.
    """

    id: int
    times: int | None
    skip: int
    applied: int

    def strikes(self) -> bool:
        """Say whether it is this time's turn."""

    def view(self) -> dict[str, Any]:
        """Return the rule as JSON."""


R = TypeVar("R", bound=Rule)


class RuleBook(Generic[R]):
    """The rules in force, oldest first.

    Args:
        read: Makes a rule of JSON and its number; raises ``ApiError`` (400) for one that makes no sense.
    """

    def __init__(self, read: Callable[[Any, int], R]) -> None:
        self._read = read
        self._rules: list[R] = []
        self._numbered = 0

    def add(self, rule: Any) -> R:
        """Put a rule in force.

        Raises:
            ApiError: 400 for a rule that makes no sense.
        """
        read = self._read(rule, self._numbered + 1)
        self._numbered = read.id
        self._rules.append(read)
        return read

    def take_first(self, matches: Callable[[R], bool]) -> R | None:
        """Return the oldest rule that matches and applies, and count it."""
        for rule in self._rules:
            if rule.times == 0 or not matches(rule):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if not rule.strikes():
                continue
            if rule.times is not None:
                rule.times -= 1
            rule.applied += 1
            return rule
        return None

    def view(self) -> list[dict[str, Any]]:
        """Return all rules, used up ones included."""
        return [rule.view() for rule in self._rules]

    def clear(self) -> None:
        """Lift all rules."""
        self._rules.clear()
