"""Bookkeeping for paged lists: yield each entry once, and detect endless lists."""

from __future__ import annotations

from airflow_provider_qrt.client.errors import InvalidAnswerError

IDLE_PAGES = 10
"""Consecutive pages without a new entry after which a list counts as endless. A single such page is legitimate: entries
that are added between two requests push older ones onto the next page."""
MOST_ENTRIES = 1_000_000
"""Maximum number of entries in one list."""


class Pages:
    """Keeps track of the entries that a list's pages have held so far.

    Args:
        label: The request, for messages.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._seen: set[str] = set()
        self._before = 0
        self._idle = 0

    def is_new(self, entry_id: str) -> bool:
        """Return whether an entry occurs for the first time, and remember it."""
        if entry_id in self._seen:
            return False
        self._seen.add(entry_id)
        return True

    def end_page(self) -> None:
        """Record that a page was read completely.

        Raises:
            InvalidAnswerError: The list is endless: several pages held nothing new, or there are too many entries.
        """
        self._idle = self._idle + 1 if len(self._seen) == self._before else 0
        self._before = len(self._seen)
        if self._idle >= IDLE_PAGES or self._before > MOST_ENTRIES:
            raise InvalidAnswerError(
                f"{self._label}: the list does not end: {self._before:,} entries so far, and the last "
                f"{self._idle} pages held nothing new."
            )
