"""Output of the commands: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TextIO

from airflow_provider_qrt.client.limits import PRICE_PER_SECOND


def print_json(value: Any, out: TextIO) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, default=str, allow_nan=False), file=out)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """Print a table with headings, each column as wide as its widest entry, and numbers aligned to the right."""
    listed = [list(row) for row in rows]
    cells = [[*heads], *([_text(value) for value in row] for row in listed)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    right = [
        bool(listed) and all(isinstance(row[column], int | float | None) for row in listed)
        for column in range(len(heads))
    ]
    for row in cells:
        line = "  ".join(
            value.rjust(width) if to_right else value.ljust(width)
            for value, width, to_right in zip(row, widths, right, strict=True)
        )
        print(line.rstrip(), file=out)


def print_facts(facts: Iterable[tuple[str, Any]], out: TextIO) -> None:
    """Print names and values, one pair per line; omit unknown values."""
    known = [(name, _text(value)) for name, value in facts if value not in (None, "", [])]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        print(f"{name.ljust(width)}  {value}", file=out)


class Money(float):
    """An amount of money: a number for programs, printed with its currency for people.

    Args:
        amount: The amount.
        currency: The currency, such as ``USD``.
    """

    currency: str

    def __new__(cls, amount: float, currency: str) -> Money:
        """Store the currency with the amount."""
        made = super().__new__(cls, amount)
        made.currency = currency
        return made

    def __str__(self) -> str:
        return f"${float(self):.2f}" if self.currency == "USD" else f"{float(self):.2f} {self.currency}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Money):
        return str(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.1f}"
    return str(value)


def cost(seconds: float | None) -> Money | None:
    """Return the cost of QPU seconds; None if they are unknown. The price comes from Airflow's settings if possible."""
    if seconds is None:
        return None
    price, currency = _price()
    return Money(round(seconds * price, 2), currency)


def _price() -> tuple[float, str]:
    price, currency = (os.environ.get(f"AIRFLOW__QISKIT_RUNTIME__PRICE_{name}") for name in ("PER_SECOND", "CURRENCY"))
    if price is None and "airflow" in sys.modules:
        from airflow_provider_qrt import config

        try:
            return config.price()
        except ValueError:
            return PRICE_PER_SECOND, "USD"
    try:
        return float(price or PRICE_PER_SECOND), currency or "USD"
    except ValueError:
        return PRICE_PER_SECOND, "USD"
