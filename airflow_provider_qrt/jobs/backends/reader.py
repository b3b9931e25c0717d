"""One reading of the backends, and of each one's calibration, for all who wait with one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.jobs.backends.calibration import Calibration
from airflow_provider_qrt.jobs.backends.select import WAIT_TIME
from airflow_provider_qrt.jobs.refusals import REFUSALS
from airflow_provider_qrt.jobs.wait.clock import SteadyClock
from airflow_provider_qrt.jobs.wait.shared_poller import Answer, Connect, SharedPoller

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

Backends = Sequence[Backend]
STILL_FRESH = 2.0
"""Seconds for which a reading is good enough for those who come later."""


class BackendReader(SharedPoller):
    """Reads the backends when the first of those who wait wants them, and hands them to all.

    Args:
        connect: See :class:`~airflow_provider_qrt.jobs.wait.shared_poller.SharedPoller`.
        clock: Epoch seconds.
    """

    def __init__(self, connect: Connect, *, clock: Callable[[], float] | None = None) -> None:
        super().__init__(connect)
        self._clock = clock or SteadyClock()
        self._wanted: dict[asyncio.Future[Backends], float] = {}
        self._latest: Backends = ()
        self._latest_at = 0.0
        self._calibrations: dict[str, tuple[Calibration, float]] = {}
        self._calibrations_wanted: dict[asyncio.Future[Calibration], str] = {}

    async def backends(self, seconds: float) -> Backends:
        """Return the backends as they are so many seconds from now, or earlier if somebody else wants them earlier.

        Raises:
            QiskitRuntimeError: They could not be read.
        """
        if seconds <= 0 and self._clock() - self._latest_at < STILL_FRESH:
            return self._latest
        wanted: asyncio.Future[Backends] = asyncio.get_running_loop().create_future()
        self._wanted[wanted] = self._clock() + seconds
        self._changed.set()
        try:
            return await wanted
        finally:
            self._wanted.pop(wanted, None)

    async def calibration(self, name: str, max_age: float) -> Calibration:
        """Return a backend's last calibration, as it was read so many seconds ago at most.

        Raises:
            QiskitRuntimeError: It could not be read.
        """
        kept = self._calibrations.get(name)
        if kept is not None and self._clock() - kept[1] < max_age:
            return kept[0]
        wanted: asyncio.Future[Calibration] = asyncio.get_running_loop().create_future()
        self._calibrations_wanted[wanted] = name
        self._changed.set()
        try:
            return await wanted
        finally:
            self._calibrations_wanted.pop(wanted, None)

    async def _turn(self) -> None:
        for name in set(self._calibrations_wanted.values()):
            await self._read_calibration(name)
        now = self._clock()
        moment = min(self._wanted.values(), default=float("inf"))
        if moment > now:
            await self._pause(moment - now)
            return
        served = list(self._wanted)
        self._wanted.clear()
        backends = await self._serve(_read, lambda: served)
        if backends is not None:
            self._latest, self._latest_at = backends, self._clock()

    async def _read_calibration(self, name: str) -> None:
        def served() -> Sequence[asyncio.Future[Calibration]]:
            # Those too who have come while it was read.
            found = [wanted for wanted, whose in self._calibrations_wanted.items() if whose == name]
            for wanted in found:
                del self._calibrations_wanted[wanted]
            return found

        calibration = await self._serve(partial(_read_calibration, name), served)
        if calibration is not None:
            self._calibrations[name] = calibration, self._clock()

    async def _serve(
        self,
        read: Callable[[QiskitRuntimeClient], Answer],
        served: Callable[[], Sequence[asyncio.Future[Answer]]],
    ) -> Answer | None:
        """Ask the service and hand its answer, or its error, to those who wait; return the answer, or None."""
        try:
            answer = await self._ask(read)
        except errors.QiskitRuntimeError as error:
            if isinstance(error, REFUSALS):
                # By the next reading somebody may have set the connection right.
                self._disconnect()
            for wanted in served():
                if not wanted.done():
                    wanted.set_exception(error)
            return None
        for wanted in served():
            if not wanted.done():
                wanted.set_result(answer)
        return answer


def _read(client: QiskitRuntimeClient) -> Backends:
    return client.backends(fields=WAIT_TIME)


def _read_calibration(name: str, client: QiskitRuntimeClient) -> Calibration:
    try:
        return Calibration.from_properties(client.backend_properties(name))
    except errors.NotFoundError:
        # It was never calibrated, as simulators are not.
        return Calibration()
