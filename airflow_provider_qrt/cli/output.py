"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TextIO

DEFAULT_PRICE = 1.60
"""US dollars for a QPU second of IBM's Pay-As-You-Go plan."""


def print_json(value: Any, out: TextIO) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, default=str, allow_nan=False), file=out)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """Print rows under their heads, each column as wide as its widest entry; numbers to the right."""
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
    """Print names and values, one pair a line; what is not known is left out."""
    known = [(name, _text(value)) for name, value in facts if value not in (None, "", [])]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        print(f"{name.ljust(width)}  {value}", file=out)


class Money(float):
    """An amount: a number for programs, and with its currency for people.

    Args:
        amount: How much.
        currency: Of what, such as ``USD``.
    """

    currency: str

    def __new__(cls, amount: float, currency: str) -> Money:
        """Keep the currency beside the amount."""
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
    """What QPU seconds cost; None if nothing is known. The price is Airflow's setting where it is known."""
    if seconds is None:
        return None
    price, currency = _price()
    return Money(round(seconds * price, 2), currency)


def _price() -> tuple[float, str]:
    price, currency = (os.environ.get(f"AIRFLOW__QISKIT_RUNTIME__PRICE_{name}") for name in ("PER_SECOND", "CURRENCY"))
    if price is None and "airflow" in sys.modules:
        from airflow.sdk import conf

        price = conf.get("qiskit_runtime", "price_per_second", fallback=None)
        currency = currency or conf.get("qiskit_runtime", "price_currency", fallback=None)
    try:
        return float(price or DEFAULT_PRICE), currency or "USD"
    except ValueError:
        return DEFAULT_PRICE, "USD"
