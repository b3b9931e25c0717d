"""When to look at a job whose status is streamed live. Pure; ``now`` is passed in.

A stream decides nothing. It says when to look, earlier than
:class:`~airflow_provider_qrt.jobs.wait.watch_plan.WatchPlan` would;
:class:`~airflow_provider_qrt.jobs.wait.poller.JobPoller` judges what is seen. While a stream is alive, looks without
its word are rare; without it they come when the plan wants them. A stream that lies, or says the same over and over,
brings looks at growing distances: it cannot flood the service.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from airflow_provider_qrt.client.states import JobStatus

RECONNECTS = 5
"""Connections tried in a row after a stream was lost, before the job is only polled."""
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 8.0
"""Seconds before the first of them, which double with each, and at most. What IBM's own client did."""
HEALTHY_SECONDS = 600.0
"""A stream that lived so long was no failure: gateways close connections now and then; a job may queue for a day."""
SAFETY_FACTOR = 4.0
SHORTEST_SAFETY = 60.0
"""A job whose stream is alive is still looked at, after so many poll intervals, and this many seconds at least."""
FIRST_SPACING = 0.5
"""Seconds between two looks that the stream asked for in vain; they double with each."""
MOST_DOUBLINGS = 20
"""Six days: more than any poll interval."""


def backoff(failures: int) -> float:
    """Seconds until the next try to connect, after so many failures in a row, from 1 on."""
    return min(FIRST_BACKOFF * 2.0 ** (failures - 1), LONGEST_BACKOFF)


def spacing(vain: int) -> float:
    """Seconds from the last look to one that the stream asks for, after so many in vain."""
    return FIRST_SPACING * 2.0 ** min(vain - 1, MOST_DOUBLINGS) if vain else 0.0


@dataclass
class StreamWatch:
    """Decides when to look at one job. Times are epoch seconds.

    Attributes:
        poll_interval: Longest time between two looks without a stream, seconds.
    """

    poll_interval: float
    _alive: bool = field(default=False, init=False)
    _trusted: bool = field(default=True, init=False)
    _opened: float | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _status: JobStatus | None = field(default=None, init=False)
    _hint: bool = field(default=False, init=False)
    _claim: bool = field(default=False, init=False)
    _vain_hints: int = field(default=0, init=False)
    _vain_claims: int = field(default=0, init=False)
    _asked: bool = field(default=False, init=False)
    _not_before: float = field(default=0.0, init=False)

    @property
    def alive(self) -> bool:
        """Whether the stream is connected and has said something."""
        return self._alive

    @property
    def rest(self) -> float | None:
        """Seconds for which nobody need look unless the stream says so; None if it is not to be relied on."""
        if not self._alive or not self._trusted or self._claim:
            return None
        return max(SAFETY_FACTOR * self.poll_interval, SHORTEST_SAFETY)

    def on_message(self, text: str, now: float) -> None:
        """Note that the stream said something.

        The first message acknowledges: whatever happens from then on is told, so one look covers what was before.
        """
        if not self._alive:
            self._alive, self._trusted, self._opened = True, True, now
            self._hint = True
        status = JobStatus.from_word(text[:100])
        if status.is_final:
            self._claim = True
            return
        if status is not JobStatus.UNKNOWN:
            self._claim = False
        if status is JobStatus.UNKNOWN or status is not self._status:
            self._hint = True

    def on_end(self) -> None:
        """Note that the service closed the stream as it does when the job has ended."""
        self._claim = True

    def on_lost(self, now: float, *, unauthorized: bool = False) -> float | None:
        """Note that the stream was lost, or could not be opened.

        Args:
            now: Epoch seconds.
            unauthorized: Whether the token was not accepted; a look replaces it.

        Returns:
            Seconds until it should be tried again; None if it should not.
        """
        if self._alive or unauthorized:
            self._hint = True
        if self._opened is not None and now - self._opened >= HEALTHY_SECONDS:
            self._failures = 0
        self._alive, self._opened = False, None
        self._failures += 1
        return None if self._failures > RECONNECTS else backoff(self._failures)

    def on_look(self) -> None:
        """Note that the job is about to be read; what the stream says from now on is news."""
        self._asked = self._hint or self._claim
        self._hint = False

    def on_seen(self, status: JobStatus) -> None:
        """Note the state in which the job was found."""
        self._not_before = 0.0
        if status is not self._status:
            if self._alive and not self._asked and self._status is not None:
                # It changed and the stream did not say so.
                self._trusted = False
            self._vain_hints = self._vain_claims = 0
        elif self._asked:
            self._vain_hints += 1
        if self._claim:
            self._vain_claims += 1
        self._status = status

    def on_error(self, now: float, retry_after: float | None) -> None:
        """Note that the job could not be read, so that the look is still due.

        Args:
            now: Epoch seconds.
            retry_after: Seconds the service asked to wait, which no stream shortens; None if it did not.
        """
        self._hint = self._hint or self._asked
        self._vain_hints += self._asked
        self._vain_claims += self._claim
        self._not_before = now + (retry_after or 0.0)

    def next_look(self, looked: float) -> float:
        """When the stream wants a look; infinity if it wants none.

        Args:
            looked: When the job was looked at last.
        """
        moment = math.inf
        if self._hint:
            moment = looked + spacing(self._vain_hints)
        if self._claim:
            moment = min(moment, looked + spacing(self._vain_claims))
        return max(moment, self._not_before)
