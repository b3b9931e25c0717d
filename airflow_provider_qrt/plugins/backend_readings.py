"""The calibrations of backends, read for the pages and kept."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.plugins.machine_data import Calibration, map_view, read_calibration

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

DAYS = 7
"""Days whose last calibrations are read."""
FRESH_SECONDS = 1800.0
"""Seconds for which a calibration counts as the present one; machines are calibrated a few times a day."""
KEPT = 2_000
"""Calibrations of past days that are kept."""
NOT_TOLD = "This service does not tell how its backends are calibrated."


@dataclass(frozen=True)
class BackendDetails:
    """The calibration of a backend.

    Attributes:
        now: The present one; None if it could not be read.
        history: The last one of each of the past days, the oldest first; only if it is whole.
        coupling_map: Pairs of qubits; only if it is whole.
        problem: Why it could not be read.
        read_at: Epoch seconds.
        is_whole: Whether all of it was read, and not only the present calibration.
    """

    now: Calibration | None
    history: Sequence[Calibration] = ()
    coupling_map: Any = field(default=(), repr=False)
    problem: str | None = None
    read_at: float = 0.0
    is_whole: bool = False

    def view(self) -> dict[str, Any]:
        """Return it as plain JSON, with the map."""
        now = self.now
        return {
            "now": now.medians() if now else None,
            "history": [one.medians() for one in self.history],
            "problem": self.problem or "",
            **(map_view(now, self.coupling_map) if now else {"qubits": [], "couplings": []}),
        }


class BackendReadings:
    """Reads calibrations in the reader's thread; others may ask for them at any time."""

    def __init__(self) -> None:
        self._details: dict[str, BackendDetails] = {}
        self._past: OrderedDict[tuple[str, str], _Past] = OrderedDict()

    def get(self, name: str) -> BackendDetails | None:
        """Return what is known of a backend; None if it is still to be read."""
        return self._details.get(name)

    def is_due(self, name: str, now: float, *, wholly: bool) -> bool:
        """Whether a backend is to be read, or read again.

        Args:
            name: The backend.
            now: Epoch seconds.
            wholly: Whether its map and its past are wanted, too.
        """
        known = self._details.get(name)
        return known is None or now - known.read_at > FRESH_SECONDS or (wholly and not known.is_whole)

    def read(self, client: QiskitRuntimeClient, name: str, now: float, *, wholly: bool) -> None:
        """Read a backend; see :meth:`is_due` for the arguments.

        Raises:
            QiskitRuntimeError: The service could not be asked.
        """
        if not client.channel.offers(Feature.BACKEND_DETAILS):
            self._details[name] = BackendDetails(None, problem=NOT_TOLD, read_at=now, is_whole=True)
            return
        try:
            self._details[name] = self._read(client, name, now, wholly)
        except errors.InvalidAnswerError as error:
            self._details[name] = BackendDetails(None, problem=str(error), read_at=now, is_whole=True)
        except errors.TRANSIENT:
            raise
        except errors.ApiError as error:
            self._details[name] = BackendDetails(None, problem=str(error), read_at=now, is_whole=True)

    def _read(self, client: QiskitRuntimeClient, name: str, now: float, wholly: bool) -> BackendDetails:
        present = read_calibration(client.backend_properties(name))
        if not wholly:
            return BackendDetails(present, read_at=now)
        coupling_map = client.backend_configuration(name).get("coupling_map")
        history = [*self._read_past(client, name, now), present]
        return BackendDetails(present, _distinct(history), coupling_map, read_at=now, is_whole=True)

    def past(self, client: QiskitRuntimeClient, name: str, day: datetime, now: float) -> Calibration | None:
        """Return the last calibration before the end of a day, UTC; None if there is none.

        Args:
            client: Of the connection.
            name: The backend.
            day: The day.
            now: Epoch seconds.

        Raises:
            QiskitRuntimeError: The service could not be asked.
        """
        key = (name, day.date().isoformat())
        known = self._past.get(key)
        if known is not None and now < known.until:
            return known.calibration
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        later = now + FRESH_SECONDS
        # On a day that is not over the machine may be calibrated once more.
        until = math.inf if end.timestamp() <= now else later
        if not client.channel.offers(Feature.BACKEND_DETAILS):
            found = _Past(None, math.inf)
        else:
            try:
                found = _Past(read_calibration(client.backend_properties(name, updated_before=end)), until)
            except (errors.InvalidAnswerError, errors.NotFoundError):
                found = _Past(None, until)
            except errors.TRANSIENT:
                raise
            except errors.ApiError:
                # A refusal may pass.
                found = _Past(None, later)
        self._past[key] = found
        while len(self._past) > KEPT:
            self._past.popitem(last=False)
        return found.calibration

    def known_past(self, name: str, day: str, now: float) -> tuple[bool, Calibration | None]:
        """Return whether the calibration of a day, ISO 8601, was read lately enough, and what it is."""
        known = self._past.get((name, day))
        return (False, None) if known is None or now >= known.until else (True, known.calibration)

    def _read_past(self, client: QiskitRuntimeClient, name: str, now: float) -> list[Calibration]:
        today = datetime.fromtimestamp(now, UTC)
        days = [today - timedelta(days=back) for back in reversed(range(1, DAYS + 1))]
        return [one for day in days if (one := self.past(client, name, day, now)) is not None]


@dataclass(frozen=True)
class _Past:
    """The calibration of a day; None if there is none, or if it was refused. It is read again after ``until``."""

    calibration: Calibration | None
    until: float


def _distinct(history: Sequence[Calibration]) -> list[Calibration]:
    """Leave out a day on which the machine was not calibrated, whose last calibration is an earlier one."""
    found: dict[datetime | None, Calibration] = {one.when: one for one in history}
    return list(found.values())
