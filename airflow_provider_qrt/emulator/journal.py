"""The request journal: what reached the emulator, without any secret."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

HARMLESS_HEADERS = frozenset(
    {
        "accept",
        "content-length",
        "content-type",
        "ibm-api-version",
        "parent-job-id",
        "user-agent",
        "x-qx-client-application",
    }
)
"""The only headers that are written down: neither Authorization nor Service-CRN is among them."""


MOST_ENTRIES = 10_000
"""Older requests are forgotten, so that an emulator may run for days."""


@dataclass(slots=True)
class Entry:
    """One request.

    Attributes:
        ordinal: 1 for the first.
        time: When it came, RFC 3339.
        method: HTTP method.
        path: Path without the query.
        query: Query as it was sent.
        headers: Those of ``HARMLESS_HEADERS`` that it had, names in lower case.
        status: HTTP status of the answer; None when there was none.
        authenticated: Whether a valid token came with it.
        fault: Number of the fault rule applied, or None.
        dropped: ``before`` or ``after`` when the connection was dropped, ``truncated`` when the answer was cut, or
            None.
        seconds: How long it took.
    """

    ordinal: int
    time: str | None
    method: str
    path: str
    query: str
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    authenticated: bool = False
    fault: int | None = None
    dropped: str | None = None
    seconds: float = 0.0


class Journal:
    """The requests since the last clearing, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self._numbered = 0
        # A client's headers hardly vary: those of like requests are one object.
        self._headers: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def open(self, method: str, path: str, query: str, time: str | None, headers: dict[str, str]) -> Entry:
        """Write down that a request came; the answer is filled in later."""
        self._numbered += 1
        kept = {name: value for name, value in headers.items() if name in HARMLESS_HEADERS}
        if len(self._headers) >= MOST_ENTRIES:
            self._headers.clear()
        kept = self._headers.setdefault(tuple(kept.items()), kept)
        entry = Entry(self._numbered, time, method, path, query, kept)
        self._entries.append(entry)
        return entry

    def view(self) -> list[dict[str, Any]]:
        """Return all entries as JSON."""
        return [asdict(entry) for entry in self._entries]

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()
