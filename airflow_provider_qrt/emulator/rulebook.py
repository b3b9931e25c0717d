"""The common base of fault rules and job rules: they have an order, are counted, and expire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar


class Rule(Protocol):
    """A rule that a :class:`RuleBook` can hold.

    Attributes:
        id: Its number.
        times: Number of times that it still applies; None for no limit.
        skip: Number of matches that it lets pass first.
        applied: Number of times that it was applied.
    """

    id: int
    times: int | None
    skip: int
    applied: int

    def strikes(self) -> bool:
        """Decide whether the rule applies this time."""

    def view(self) -> dict[str, Any]:
        """Return the rule as JSON."""


R = TypeVar("R", bound=Rule)


class RuleBook(Generic[R]):
    """The active rules, oldest first.

    Args:
        read: Makes a rule from JSON and a number; raises ``ApiError`` (400) for an invalid rule.
    """

    def __init__(self, read: Callable[[Any, int], R]) -> None:
        self._read = read
        self._rules: list[R] = []
        self._numbered = 0

    def add(self, rule: Any) -> R:
        """Add a rule.

        Raises:
            ApiError: 400 for an invalid rule.
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
        """Return all rules, including expired ones."""
        return [rule.view() for rule in self._rules]

    def clear(self) -> None:
        """Remove all rules."""
        self._rules.clear()
