"""When something has happened to a backend: events, each of them once. Pure; ``now`` is passed in.

An event is a change, not a state: the backend lacked something at one look and lacks nothing at a later one. What it
has lacked since the last event is the watermark. Whoever keeps that loses no event and repeats none, however long
nobody looked.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import parse_time
from airflow_provider_qrt.jobs.backends.waiting import REFUSED
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.templated import flag, is_nothing, whole_number

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend
    from airflow_provider_qrt.jobs.backends.calibration import Calibration

SHORTEST_INTERVAL = 1.0
"""Seconds between two looks at least."""
LONGEST_PAUSE = 900.0
"""Seconds between two looks at most, however often the service has refused."""
GROWTH = 2.0
"""By how much a pause grows with each refusal: what is refused now is likely to be refused again."""
MOST_GROWTH = 10
"""How often a pause grows at most."""
DIGEST_CHARACTERS = 16


class Condition(StrEnum):
    """Reasons why a backend is not ready."""

    ONLINE = "online"
    """It is online and takes jobs out of its queue."""
    QUEUE = "queue"
    """Its queue is short enough."""
    TWO_QUBIT_ERROR = "two_qubit_error"
    """The median error of its two-qubit gates is low enough."""
    RECALIBRATED = "recalibrated"
    """It was calibrated since the last event."""


@dataclass(frozen=True)
class BackendConditions:
    """Conditions on a backend; that it is online is always one.

    Attributes:
        backend: Its name.
        max_queue: Jobs in its queue at most; None for any number.
        max_two_qubit_error: The median error of its two-qubit gates must be below this; None for any.
        recalibrated: Whether it must have been calibrated anew.
    """

    backend: str
    max_queue: int | None = None
    max_two_qubit_error: float | None = None
    recalibrated: bool = False

    @classmethod
    def from_arguments(
        cls, *, backend: Any, max_queue: Any = None, max_two_qubit_error: Any = None, recalibrated: Any = False
    ) -> BackendConditions:
        """Check what a user wrote.

        Raises:
            InvalidInputError: If something is wrong with it; says what to write instead.
        """
        name = backend.strip() if isinstance(backend, str) else ""
        if name in ("", LEAST_BUSY):
            raise InvalidInputError(f"backend: name the one to watch, such as 'ibm_fez', got {backend!r}.")
        return cls(
            backend=name,
            max_queue=whole_number("max_queue", max_queue, at_least=0),
            max_two_qubit_error=_error_bound(max_two_qubit_error),
            recalibrated=flag("recalibrated", recalibrated),
        )

    @property
    def want_calibration(self) -> bool:
        """Whether the calibration must be known to decide."""
        return self.recalibrated or self.max_two_qubit_error is not None

    def lacks(self, backend: Backend, calibration: Calibration | None, since: datetime | None) -> tuple[Condition, ...]:
        """Return what the backend lacks.

        Args:
            backend: As it was listed.
            calibration: Its last one; None if that was not read, and is not wanted.
            since: The calibration that is known already.
        """
        error = calibration.two_qubit_error if calibration else None
        calibrated = calibration.calibrated if calibration else None
        bound = self.max_two_qubit_error
        found = {
            Condition.ONLINE: not backend.is_available,
            Condition.QUEUE: self.max_queue is not None and backend.queue_length > self.max_queue,
            Condition.TWO_QUBIT_ERROR: bound is not None and (error is None or error >= bound),
            Condition.RECALIBRATED: self.recalibrated
            and (calibrated is None or (since is not None and calibrated <= since)),
        }
        return tuple(condition for condition, lacking in found.items() if lacking)

    def digest(self, *more: str) -> str:
        """Name these conditions, and whatever else tells one watcher or event from another."""
        text = json.dumps([asdict(self), *more], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]


@dataclass(frozen=True)
class BackendMark:
    """The watermark: what was seen of a backend last.

    Attributes:
        lacked: What it has lacked since the last event. If there is something, an event is due when it lacks nothing.
        since: Epoch seconds since when it lacks something, or nothing.
        calibrated: The calibration of the last event, or of the first look.
    """

    lacked: tuple[Condition, ...]
    since: float
    calibrated: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a small JSON object."""
        return {"lacked": [one.value for one in self.lacked], "since": self.since, "calibrated": _iso(self.calibrated)}

    @classmethod
    def from_json(cls, value: Any) -> BackendMark | None:
        """Read what :meth:`to_json` wrote; None if it is something else, with which one begins anew."""
        try:
            lacked = tuple(Condition(one) for one in value["lacked"])
            return cls(lacked, float(value["since"]), parse_time(value["calibrated"]))
        except (KeyError, TypeError, ValueError):
            return None

    @classmethod
    def latest(cls, values: Sequence[Any]) -> BackendMark | None:
        """Read the youngest of several, where several assets have one watcher."""
        marks = [mark for value in values if (mark := cls.from_json(value)) is not None]
        return max(marks, key=lambda mark: mark.since, default=None)


@dataclass(frozen=True)
class BackendEvent:
    """Something has happened to a backend.

    Attributes:
        backend: Its name.
        happened: What it had lacked since the last event.
        status: ``online``.
        queue_length: Jobs waiting.
        calibrated: When it was calibrated last; None if that is not known.
        two_qubit_error: Median error of its two-qubit gates; None if it is not known.
        seen: When it was seen.
        event_id: The same if the event is told twice, as after a triggerer was killed while it told it.
    """

    backend: str
    happened: tuple[Condition, ...]
    status: str
    queue_length: int
    calibrated: datetime | None
    two_qubit_error: float | None
    seen: datetime
    event_id: str

    def with_calibration(self, calibration: Calibration) -> BackendEvent:
        """Add what was not needed to decide."""
        return replace(self, calibrated=calibration.calibrated, two_qubit_error=calibration.two_qubit_error)

    def to_payload(self) -> dict[str, Any]:
        """Return what the asset event carries, plain JSON."""
        return {
            **asdict(self),
            "happened": [one.value for one in self.happened],
            "calibrated": _iso(self.calibrated),
            "seen": _iso(self.seen),
        }


def judge(
    conditions: BackendConditions,
    mark: BackendMark | None,
    backend: Backend,
    calibration: Calibration | None,
    now: float,
) -> tuple[BackendMark, BackendEvent | None]:
    """Say what a look means: the watermark from now on, and the event if there is one.

    Args:
        conditions: What is waited for.
        mark: The watermark so far; None at the very first look, which is no event.
        backend: As it was listed.
        calibration: Its last one; None only if it is not wanted.
        now: Epoch seconds.
    """
    calibrated = calibration.calibrated if calibration else None
    if mark is None:
        return BackendMark(conditions.lacks(backend, calibration, calibrated), now, calibrated), None
    lacks = conditions.lacks(backend, calibration, mark.calibrated)
    if lacks:
        lacked = tuple(one for one in Condition if one in mark.lacked or one in lacks)
        return replace(mark, lacked=lacked, since=mark.since if mark.lacked else now), None
    if not mark.lacked:
        return mark, None
    event = BackendEvent(
        backend=backend.name,
        happened=mark.lacked,
        status=backend.status,
        queue_length=backend.queue_length,
        calibrated=calibrated,
        two_qubit_error=calibration.two_qubit_error if calibration else None,
        seen=datetime.fromtimestamp(now, UTC),
        event_id=conditions.digest(str(mark.since)),
    )
    return BackendMark(conditions.lacks(backend, calibration, calibrated), now, calibrated), event


@dataclass
class Pace:
    """How long to wait until the next look. Nothing ends a watch, for nobody would begin it again.

    Attributes:
        poll_interval: Seconds between two looks.
    """

    poll_interval: float
    _refusals: int = field(default=0, init=False)
    _trouble: type[errors.QiskitRuntimeError] | None = field(default=None, init=False)

    def on_success(self) -> float:
        """Seconds until the next look after one that was answered."""
        self._refusals = 0
        self._trouble = None
        return self.poll_interval

    def on_error(self, error: errors.QiskitRuntimeError) -> float:
        """Seconds until the next look after one that was not: longer with each refusal, and as the service asks."""
        self._refusals = min(self._refusals + 1, MOST_GROWTH) if isinstance(error, REFUSED) else 0
        pause = self.poll_interval * GROWTH**self._refusals
        asked = getattr(error, "retry_after", None) or 0.0
        return max(self.poll_interval, min(max(pause, asked), LONGEST_PAUSE))

    def is_news(self, error: errors.QiskitRuntimeError) -> bool:
        """Whether the log does not have this trouble yet."""
        known, self._trouble = self._trouble, type(error)
        return known is not type(error)


def read_interval(value: Any) -> float:
    """Read ``poll_interval``, seconds.

    Raises:
        InvalidInputError: If it is no number, or too small.
    """
    seconds = _number("poll_interval", value)
    if not seconds >= SHORTEST_INTERVAL or math.isinf(seconds):
        raise InvalidInputError(f"poll_interval: must be at least {SHORTEST_INTERVAL:g} s, got {value!r}.")
    return seconds


def _error_bound(value: Any) -> float | None:
    if is_nothing(value):
        return None
    bound = _number("max_two_qubit_error", value)
    if not 0 < bound <= 1:
        raise InvalidInputError(f"max_two_qubit_error: expected an error such as 0.004 (0.4 %), got {value!r}.")
    return bound


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError):
        raise InvalidInputError(f"{name}: expected a number, got {value!r}.") from None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
