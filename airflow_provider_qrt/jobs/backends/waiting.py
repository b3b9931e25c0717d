"""Waiting for a backend: what a look at the list means, and how the wait ended. Pure; ``now`` is passed in.

The sensor on its worker and the trigger are two short loops around :class:`BackendPoller`. No hiccup ends the wait:
server errors, 429, dropped connections and unreadable answers are waited out until the deadline. Only a backend that is
ready, the deadline, a refusal that goes on for minutes, or a wish that can never come true ends it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria, processor
from airflow_provider_qrt.jobs.backends.select import (
    check_names,
    describe_hopeless,
    describe_misfits,
    is_hopeless,
    named,
    rank,
    wait_seconds,
)
from airflow_provider_qrt.jobs.counting import counted
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE, LEAST_BUSY
from airflow_provider_qrt.jobs.refusals import REFUSALS, Refusals
from airflow_provider_qrt.jobs.wait.pacing import KeepWaiting, Patience

REFUSED = (*REFUSALS, errors.BadRequestError, errors.ApiVersionNotHonouredError)
"""Answers to ``GET /backends`` that the same request meets again."""


class BackendEnding(StrEnum):
    """Why there is nothing more to wait for."""

    READY = "ready"
    """A backend is online and fits."""
    TIMED_OUT = "timed_out"
    """The deadline passed first."""
    REFUSED = "refused"
    """There is no such backend, or none can ever fit."""
    UNREAD = "unread"
    """The service would not tell for minutes, or this package made a mistake."""


@dataclass(frozen=True)
class ReadyBackend:
    """A backend that was waited for, as it stood at the last look.

    Attributes:
        backend: Its name.
        queue_length: Jobs waiting.
        wait_time_seconds: How long a job waits there, by the median; None if the service does not say.
        qubits: Qubits; None if the service does not say.
        processor: Such as ``Heron r2``; None if the service does not say.
        status: ``online``.
    """

    backend: str
    queue_length: int
    wait_time_seconds: float | None
    qubits: int | None
    processor: str | None
    status: str

    @classmethod
    def of(cls, backend: Backend) -> ReadyBackend:
        """Take from a listed backend what is handed on."""
        return cls(
            backend=backend.name,
            queue_length=backend.queue_length,
            wait_time_seconds=wait_seconds(backend),
            qubits=backend.num_qubits,
            processor=processor(backend),
            status=backend.status,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a small JSON object, for XCom."""
        return asdict(self)


@dataclass(frozen=True)
class BackendOutcome:
    """The end of a wait, in a form that can travel from the triggerer to a worker.

    Attributes:
        ending: Why it ended.
        backend: The backend that is ready; None if the wait ended otherwise.
        message: For people.
    """

    ending: BackendEnding
    backend: ReadyBackend | None
    message: str

    def to_event(self) -> dict[str, Any]:
        """Return a small JSON object."""
        return {
            "ending": self.ending.value,
            "backend": self.backend.to_json() if self.backend else None,
            "message": self.message,
        }

    @classmethod
    def from_event(cls, event: Any) -> BackendOutcome:
        """Read what :meth:`to_event` wrote.

        Raises:
            ValueError: If it is something else; a wait that ended in a way nobody understands is not a success.
        """
        try:
            ending, backend = BackendEnding(event["ending"]), event["backend"]
            ready = ReadyBackend(**backend) if isinstance(backend, Mapping) else None
            if (ending is BackendEnding.READY) != (ready is not None):
                raise ValueError
            return cls(ending, ready, str(event["message"]))
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"The trigger sent an event that is not understood: {event!r}") from None


@dataclass(frozen=True)
class BackendWish:
    """Which backend is waited for.

    Attributes:
        backend: A name; or ``least_busy``: any that fits.
        criteria: What it must be like, a backend with a name too.
    """

    backend: str
    criteria: BackendCriteria

    def candidates(self, backends: Sequence[Backend], *, where: str) -> tuple[list[Backend], BackendCriteria]:
        """Return the backends that may come into question, and what they must be like.

        Raises:
            InvalidSettingsError: If there is no backend of a name that is asked for; says which there are.
        """
        check_names(backends, self.criteria, where=where)
        if self.backend == LEAST_BUSY:
            return list(backends), self.criteria
        # Who names a simulator wants one.
        return [named(backends, self.backend, where=where)], replace(self.criteria, simulators=True)


@dataclass
class BackendPoller:
    """Decides about one wait. Times are epoch seconds.

    Attributes:
        wish: What is waited for.
        since: When the wait began; looks are more frequent at first.
        deadline: Until when to wait; None for no end.
        poll_interval: Longest time between two looks, seconds.
        where: Connection, instance and region, for messages.
        first_delay: Seconds before the first look.
        patience: Seconds for which a refusal must be repeated before it ends the wait.
        random: Source of jitter.
    """

    wish: BackendWish
    since: float
    deadline: float | None
    poll_interval: float
    where: str = ""
    first_delay: float = 0.0
    patience: float = DEFAULT_PATIENCE
    random: random.Random = field(default_factory=random.Random, repr=False)
    _last_lacks: Any = field(default=None, init=False)
    _last_state: str = field(default="The backends could not be read", init=False)
    _patience: Patience = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin to wait."""
        self._patience = Patience(
            self.since, self.deadline, self.poll_interval, self.random, Refusals(REFUSED, self.patience)
        )

    def first(self, now: float) -> KeepWaiting:
        """When to look for the first time."""
        return KeepWaiting(self._patience.until_deadline(max(self._patience.delay(now), self.first_delay), now))

    def on_backends(self, backends: Sequence[Backend], now: float) -> KeepWaiting | BackendOutcome:
        """Decide after the list was read."""
        self._patience.on_success()
        try:
            candidates, criteria = self.wish.candidates(backends, where=self.where)
        except errors.InvalidSettingsError as error:
            return _refused(str(error))
        lacks = {one.name: criteria.misfits(one) for one in candidates}
        ready = rank([one for one in candidates if not lacks[one.name]])
        if ready:
            return _ready(ReadyBackend.of(ready[0]))
        why = describe_misfits(candidates, criteria)
        if is_hopeless(candidates, criteria):
            return _refused(describe_hopeless(why, self.where))
        self._last_state = f"No backend is ready: {why}"
        if self._patience.is_over(now):
            return self._timed_out()
        # Not by the text: a queue has another length at each look.
        kinds = {name: [misfit.lack for misfit in misfits] for name, misfits in lacks.items()}
        note = "" if kinds == self._last_lacks else f"{self._last_state}."
        self._last_lacks = kinds
        return KeepWaiting(self._patience.delay(now), note)

    def on_error(self, error: errors.QiskitRuntimeError, now: float) -> KeepWaiting | BackendOutcome:
        """Decide after the list could not be read."""
        if self._patience.is_refused(error, now):
            place = f" Asked with {self.where}." if self.where else ""
            return BackendOutcome(BackendEnding.UNREAD, None, f"The backends cannot be watched. {error}{place}")
        if self._patience.is_over(now):
            return self._timed_out()
        seconds, is_first = self._patience.after_error(error, self._patience.delay(now), now)
        return KeepWaiting(seconds, f"The backends could not be read, waiting on. {error}" if is_first else "")

    def _timed_out(self) -> BackendOutcome:
        waited = round((self.deadline or 0) - self.since)
        return BackendOutcome(
            BackendEnding.TIMED_OUT, None, f"{self._last_state}. The sensor's timeout of {waited} s has passed."
        )


def _ready(backend: ReadyBackend) -> BackendOutcome:
    wait = backend.wait_time_seconds
    told = "" if wait is None else f"; a job waits about {wait:.0f} s"
    jobs = counted(backend.queue_length, "job")
    message = f"Backend {backend.backend} is {backend.status} with {jobs} in its queue{told}."
    return BackendOutcome(BackendEnding.READY, backend, message)


def _refused(message: str) -> BackendOutcome:
    return BackendOutcome(BackendEnding.REFUSED, None, message)
