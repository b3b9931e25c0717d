"""The report of a benchmark, as text for the terminal and as Markdown for the documentation."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import dataclass, field
from importlib import metadata


@dataclass(frozen=True)
class Table:
    """A table of text cells whose first column names the row.

    Attributes:
        title: The title above the table.
        columns: The names of the columns.
        rows: The cells.
        words: Whether the other columns contain words, aligned to the left, and not figures, aligned to the right.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    words: bool = False

    def text(self) -> str:
        """Return the table aligned with spaces: words to the left, figures to the right."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.columns))]
        shown = []
        for line in lines:
            cells = [
                cell.ljust(width) if self.words or not place else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            shown.append("  ".join(cells).rstrip())
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([self.title, "", shown[0], rule, *shown[1:]])

    def markdown(self) -> str:
        """Return a GitHub table."""
        rule = ["---", *["---" if self.words else "---:"] * (len(self.columns) - 1)]
        lines = [self.columns, rule, *self.rows]
        return "\n".join([self.title, "", *("| " + " | ".join(line) + " |" for line in lines)])


@dataclass(frozen=True)
class Goal:
    """A claim as a count or a ratio, with the measured value."""

    claim: str
    measured: str
    met: bool

    def __str__(self) -> str:
        return f"{'met' if self.met else 'MISSED'}: {self.claim}; measured: {self.measured}"


@dataclass(frozen=True)
class Report:
    """The outcome of one benchmark."""

    title: str
    tables: list[Table]
    goals: list[Goal]
    notes: list[str] = field(default_factory=list)

    @property
    def all_met(self) -> bool:
        """Whether all goals were met."""
        return all(goal.met for goal in self.goals)

    def text(self) -> str:
        """Return the complete report for a terminal."""
        parts = [f"{self.title}\n{'=' * len(self.title)}", *(table.text() for table in self.tables)]
        parts.append("\n".join(f"Goal {goal}" for goal in self.goals))
        parts.append("\n".join(f"Note: {note}" for note in self.notes))
        return "\n\n".join(part for part in parts if part)

    def markdown(self) -> str:
        """Return the complete report for a Markdown page, under a heading of level 3."""
        parts = [f"### {self.title}", *(table.markdown() for table in self.tables)]
        parts.append("\n".join(f"- Goal {goal}" for goal in self.goals))
        parts.append("\n".join(f"- {note}" for note in self.notes))
        return "\n\n".join(part for part in parts if part)


def with_busy(idle: Report, busy: Report, processes: int) -> Report:
    """Return a report whose tables have each row twice: as it is, and as it was measured under load.

    Args:
        idle: Measured without load; its goals and notes stay.
        busy: Measured under load.
        processes: How many other processes computed meanwhile.
    """
    tables = []
    for one, other in zip(idle.tables, busy.tables, strict=True):
        loaded = {row[0]: row for row in other.rows}
        rows = []
        for row in one.rows:
            rows.append(row)
            under_load = loaded.get(row[0])
            if under_load is not None:
                rows.append((f"{row[0]}, busy machine", *under_load[1:]))
        tables.append(Table(one.title, one.columns, rows, one.words))
    note = f"Busy machine: {processes} other processes computed all the time."
    return Report(idle.title, tables, idle.goals, [*idle.notes, note])


def version_of(distribution: str) -> str:
    """Return the installed version of a distribution, or ``absent``."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"


def machine() -> str:
    """Return the description of the machine and the versions that belongs to every set of figures."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    versions = ", ".join(
        f"{name} {version_of(distribution)}"
        for name, distribution in (
            ("numpy", "numpy"),
            ("Airflow", "apache-airflow"),
            ("qiskit", "qiskit"),
            ("qiskit-ibm-runtime", "qiskit-ibm-runtime"),
        )
    )
    return (
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {cores} cores ({platform.machine()}, {platform.system()}), "
        f"Python {platform.python_version()}, {versions}; load average at the start {load}"
    )
