"""Lines in the log of a waiting task, at growing intervals, so that a log never looks dead."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.counting import counted

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

FIRST_PAUSE = 60.0
"""Seconds until the first line; the pause after it is twice as long, and so on."""
LONGEST_PAUSE = 3600.0
FRESH_SECONDS = 60.0
"""For how long the length of a queue is good enough for all tasks of a process that wait in it."""


@dataclass
class Progress:
    """When the next line is due, and what it says. Times are epoch seconds.

    Attributes:
        since: When the job was submitted.
        next_at: When the next line is due.
    """

    since: float
    next_at: float = field(init=False)
    _pause: float = field(default=FIRST_PAUSE, init=False)

    def __post_init__(self) -> None:
        """Begin to wait."""
        self.next_at = self.since + self._pause

    def skip_to(self, now: float) -> None:
        """Leave out the lines that were due before; somebody else has written them."""
        while self.next_at < now:
            self._go_on()

    def line(self, job: Job, now: float, queue_length: int | None = None) -> str:
        """Return the line that is due now, and go on to the next.

        Args:
            job: As it was last read.
            now: The present.
            queue_length: How many jobs wait for its backend, if that is known.
        """
        self._go_on()
        self.skip_to(now)
        facts = []
        if job.status is JobStatus.QUEUED and queue_length is not None:
            facts.append(f"{counted(queue_length, 'job')} in the queue of {job.backend}")
        if job.estimated_running_seconds is not None:
            facts.append(f"the service expects {job.estimated_running_seconds:.1f} s of QPU time")
        state = job.state.word.lower() or "in no known state"
        more = f": {', '.join(facts)}" if facts else ""
        return f"Job {job.id} is still {state} after {in_words(now - self.since)}{more}."

    def _go_on(self) -> None:
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self.next_at += self._pause


def in_words(seconds: float) -> str:
    """Write a duration for people: ``42 s``, ``7 min``, ``3 h 20 min``, ``2 d 4 h``."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


_lengths: dict[tuple[str, str, str], tuple[float, int | None]] = {}
"""By service, instance and backend: when it was read, and what."""


def queue_length(client: QiskitRuntimeClient, backend: str | None) -> int | None:
    """Ask how many jobs wait for a backend, at most once a minute for all tasks of the process; None if not known.

    Args:
        client: The API. Its errors are no reason to stop waiting.
        backend: The backend's name.
    """
    if backend is None or not client.channel.offers(Feature.BACKEND_DETAILS):
        return None
    key = (client.settings.base_url, str(client.settings.instance), backend)
    read_at, length = _lengths.get(key, (-FRESH_SECONDS, None))
    now = time.monotonic()
    if now - read_at < FRESH_SECONDS:
        return length
    try:
        length = client.backend_status(backend).queue_length
    except errors.QiskitRuntimeError:
        length = None
    _lengths[key] = (now, length)
    return length
