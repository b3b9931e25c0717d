"""The journal of all requests that reached the emulator; it contains no secrets."""

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
"""The only headers that are recorded; Authorization and Service-CRN are not among them."""


MOST_ENTRIES = 10_000
"""Number of requests that are kept; older ones are forgotten, so that an emulator can run for days."""


@dataclass(slots=True)
class Entry:
    """One request.

    Attributes:
        ordinal: Its number; 1 for the first request.
        time: Time of arrival, as RFC 3339.
        method: HTTP method.
        path: Path without the query.
        query: Query as it was sent.
        headers: Its headers that are in ``HARMLESS_HEADERS``, with names in lower case.
        status: HTTP status of the answer; None when there was no answer.
        authenticated: Whether it carried a valid token.
        fault: Number of the fault rule applied, or None.
        dropped: ``before`` or ``after`` when the connection was dropped, ``truncated`` when the answer was cut, or
            None.
        seconds: Duration of the request.
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
    """The requests since the journal was last cleared, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self._numbered = 0
        # A client's headers rarely change, so requests with equal headers share one object.
        self._headers: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def open(self, method: str, path: str, query: str, time: str | None, headers: dict[str, str]) -> Entry:
        """Record a request; its answer is filled in later."""
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
