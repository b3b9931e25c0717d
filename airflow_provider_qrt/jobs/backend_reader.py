"""One reading of the list of backends for all who wait for a backend with one connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.jobs.backends import WAIT_TIME
from airflow_provider_qrt.jobs.sharing import Connect, SharedPoller

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

Backends = Sequence[Backend]
STILL_FRESH = 2.0
"""Seconds for which a reading is good enough for those who come later."""


class BackendReader(SharedPoller):
    """Reads the backends when the first of those who wait wants them, and hands them to all.

    Args:
        connect: See :class:`~airflow_provider_qrt.jobs.sharing.SharedPoller`.
        clock: Epoch seconds.
    """

    def __init__(self, connect: Connect, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(connect)
        self._clock = clock
        self._wanted: dict[asyncio.Future[Backends], float] = {}
        self._latest: Backends = ()
        self._latest_at = 0.0

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

    async def _turn(self) -> None:
        now = self._clock()
        moment = min(self._wanted.values(), default=float("inf"))
        if moment > now:
            await self._pause(moment - now)
            return
        served = list(self._wanted)
        self._wanted.clear()
        try:
            backends = await self._ask(_read)
        except errors.QiskitRuntimeError as error:
            for wanted in served:
                if not wanted.done():
                    wanted.set_exception(error)
        else:
            self._latest, self._latest_at = backends, self._clock()
            for wanted in served:
                if not wanted.done():
                    wanted.set_result(backends)


def _read(client: QiskitRuntimeClient) -> Backends:
    return client.backends(fields=WAIT_TIME)
