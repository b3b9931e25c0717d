"""Lists that come page by page: each entry once, and no list without end."""

from __future__ import annotations

from airflow_provider_qrt.client.errors import InvalidAnswer

IDLE_PAGES = 10
"""Pages in a row with nothing new in them, after which a list counts as one without end. One such page can be right:
entries that are added between two requests push older ones onto the next page."""
MOST_ENTRIES = 1_000_000
"""Entries of one list."""


class Pages:
    """What the pages of a list have held so far.

    Args:
        label: The request, for messages.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._seen: set[str] = set()
        self._before = 0
        self._idle = 0

    def is_new(self, entry_id: str) -> bool:
        """Tell whether an entry comes for the first time, and take note of it."""
        if entry_id in self._seen:
            return False
        self._seen.add(entry_id)
        return True

    def end_page(self) -> None:
        """Take note that a page was read to its end.

        Raises:
            InvalidAnswer: The list does not end: page after page holds nothing new, or there are too many entries.
        """
        self._idle = self._idle + 1 if len(self._seen) == self._before else 0
        self._before = len(self._seen)
        if self._idle >= IDLE_PAGES or self._before > MOST_ENTRIES:
            raise InvalidAnswer(
                f"{self._label}: the list does not end: {self._before:,} entries so far, and the last "
                f"{self._idle} pages held nothing new."
            )
