"""Stores jobs, sessions and usage in an SQLite file, so that they survive a restart.

Only changes are written, before the answer that reports them is sent. The passing of time is not written: changes that
became due while no process ran are made by the next process.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from airflow_provider_qrt.emulator.jobs import Job, Outcome, State, Ticket, unpack
from airflow_provider_qrt.emulator.ledger import Charge
from airflow_provider_qrt.emulator.sessions import Session

FORMAT = 1
"""Version of the file format; it changes with the tables or their contents."""

LEAST_MOVE_SECONDS = 1.0
"""A clock change smaller than this is not written unless something else has changed."""

_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, ordinal INTEGER, record TEXT, body BLOB, result BLOB);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, record TEXT);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value REAL);
CREATE TABLE IF NOT EXISTS charges (moment REAL, seconds REAL);
"""
_APART = ("body", "result", "work")


@dataclass
class Kept:
    """The state that an earlier process saved.

    Attributes:
        jobs: The jobs in order of submission; each job that has not ended comes with the body of its submission.
        sessions: The sessions in order of opening.
        charges: The charges outside dedicated sessions.
        accepted: Number of jobs accepted so far.
    """

    jobs: list[tuple[Job, Any]] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    accepted: int = 0


class Keeper(Protocol):
    """The interface of a store for the state of an emulator."""

    def ahead(self) -> float:
        """Return how far the clock was ahead of the machine's, in seconds."""

    def load(self) -> Kept:
        """Return what an earlier process left."""

    def changed(self, one: Job | Session) -> None:
        """Take note of something to be written."""

    def removed(self, job: Job) -> None:
        """Take note of a job to be forgotten."""

    def save(self, ahead: float, charges: Sequence[Charge], accepted: int) -> None:
        """Write what was taken note of."""

    def clear(self) -> None:
        """Forget everything."""

    def close(self) -> None:
        """Keep nothing from now on."""


def open_keeper(path: str | None) -> Keeper:
    """Return a keeper that uses the file at ``path``; for None, one that keeps nothing.

    Raises:
        ValueError: The file does not belong to an emulator.
    """
    if path is None:
        return Forgetful()
    try:
        return StateFile(Path(path))
    except sqlite3.Error as error:
        raise ValueError(f"cannot keep the state in {path}: {error}") from error


def _make_private(path: Path) -> None:
    """Make the file readable by its owner only; SQLite gives its auxiliary files the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise ValueError(f"cannot keep the state in {path}: {error.strerror}") from error


class Forgetful:
    """A keeper that keeps nothing."""

    def ahead(self) -> float:
        """Return 0."""
        return 0.0

    def load(self) -> Kept:
        """Return nothing."""
        return Kept()

    def changed(self, one: Job | Session) -> None:
        """Do nothing."""

    def removed(self, job: Job) -> None:
        """Do nothing."""

    def save(self, ahead: float, charges: Sequence[Charge], accepted: int) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class StateFile:
    """A keeper with an SQLite file.

    Args:
        path: The file; it is created when there is none.

    Raises:
        sqlite3.Error: The file cannot be used.
        ValueError: It comes from another version of the emulator.
    """

    def __init__(self, path: Path) -> None:
        _make_private(path)
        # The thread that creates the emulator opens the file; the thread that serves uses it.
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.executescript(_TABLES)
        if self._fact("format", FORMAT) != FORMAT:
            raise ValueError(f"{path} was written by another version of the emulator: use another file")
        self._file.execute("INSERT OR REPLACE INTO facts VALUES ('format', ?)", (FORMAT,))
        self._dirty: dict[tuple[bool, str], Job | Session] = {}
        self._gone: set[str] = set()
        self._closed = False
        self._ahead = self.ahead()

    def ahead(self) -> float:
        """Return how far the clock was ahead of the machine's, in seconds."""
        return max(0.0, self._fact("ahead", 0.0))

    def load(self) -> Kept:
        """Return what an earlier process left."""
        kept = Kept(accepted=int(self._fact("accepted", 0)))
        # Files of earlier versions have the sum of all charges only.
        if earlier := self._fact("charged", 0.0):
            self._file.execute("INSERT INTO charges VALUES (?, ?)", (time.time() + self._ahead, earlier))
            self._file.execute("DELETE FROM facts WHERE name = 'charged'")
        kept.charges = list(self._file.execute("SELECT moment, seconds FROM charges"))
        for record, body, result in self._file.execute("SELECT record, body, result FROM jobs ORDER BY ordinal"):
            job = _job(json.loads(record), body, result)
            kept.jobs.append((job, None if job.final or body is None else unpack(body)))
        for (record,) in self._file.execute("SELECT record FROM sessions ORDER BY rowid"):
            read = json.loads(record)
            read["moments"] = [(word, moment) for word, moment in read["moments"]]
            kept.sessions.append(Session(**read))
        return kept

    def changed(self, one: Job | Session) -> None:
        """Take note of something to be written."""
        self._dirty[isinstance(one, Job), one.id] = one

    def removed(self, job: Job) -> None:
        """Take note of a job to be forgotten."""
        self._dirty.pop((True, job.id), None)
        self._gone.add(job.id)

    def save(self, ahead: float, charges: Sequence[Charge], accepted: int) -> None:
        """Write the noted changes in one transaction."""
        moved = abs(ahead - self._ahead) > LEAST_MOVE_SECONDS
        if self._closed or not (self._dirty or self._gone or charges or moved):
            return
        self._file.execute("BEGIN")
        for one in self._dirty.values():
            if isinstance(one, Job):
                row = (one.id, one.ordinal, json.dumps(_record(one)), one.body, one.result)
                self._file.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?)", row)
            else:
                # Updating in place preserves the order.
                self._file.execute(
                    "INSERT INTO sessions VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
                    (one.id, json.dumps(asdict(one))),
                )
        self._file.executemany("DELETE FROM jobs WHERE id = ?", [(name,) for name in self._gone])
        self._file.executemany("INSERT INTO charges VALUES (?, ?)", charges)
        facts = {"ahead": ahead, "accepted": accepted}
        self._file.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", list(facts.items()))
        self._file.execute("COMMIT")
        self._dirty.clear()
        self._gone.clear()
        self._ahead = ahead

    def clear(self) -> None:
        """Forget everything but the clock."""
        self._dirty.clear()
        self._gone.clear()
        self._file.executescript(
            "DELETE FROM jobs; DELETE FROM sessions; DELETE FROM charges; DELETE FROM facts WHERE name = 'accepted';"
        )

    def close(self) -> None:
        """Keep nothing from now on."""
        self._closed = True
        self._file.close()

    def _fact(self, name: str, default: float) -> float:
        found = self._file.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return default if found is None else float(found[0])


def _record(job: Job) -> dict[str, Any]:
    names = [name for name in Job.__dataclass_fields__ if name not in _APART]
    record = {name: getattr(job, name) for name in names}
    record["submission"] = asdict(job.submission)
    record["outcome"] = None if job.outcome is None else asdict(job.outcome)
    return record


def _job(record: dict[str, Any], body: bytes | None, result: bytes | None) -> Job:
    record["submission"] = Ticket(**record["submission"])
    record["outcome"] = None if record["outcome"] is None else Outcome(**record["outcome"])
    record["tags"] = tuple(record["tags"])
    record["state"] = State(record["state"])
    return Job(**record, body=body, result=result)
