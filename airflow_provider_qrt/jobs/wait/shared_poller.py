"""One client and one polling loop for all who wait with a connection, in one process and event loop.

One client means one bearer token, one HTTP session, and one request in flight. It runs in a thread of its own, so the
event loop is never blocked and nobody else's threads are waited for. It begins with the first who waits and ends with
the last.
"""

from __future__ import annotations

import asyncio
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import Context
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.refusals import OF_THE_CONNECTION

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

log = logging.getLogger(__name__)

Connect = Callable[[], Awaitable[tuple["QiskitRuntimeClient", str]]]
"""Builds a client; also names connection, instance and region. Raises ``QiskitRuntimeError``."""
Answer = TypeVar("Answer")


class SharedPoller(ABC):
    """A loop that asks the service as long as somebody waits.

    Args:
        connect: Called before the first request.

    Attributes:
        where: Connection, instance and region; empty until the first request.
        on_end: Called when the last one has left.
    """

    def __init__(self, connect: Connect) -> None:
        self.where = ""
        self.on_end: Callable[[], object] = lambda: None
        self._connect = connect
        self._client: QiskitRuntimeClient | None = None
        self._members = 0
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._is_failing = False
        self._is_proved = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="qiskit-runtime-poll")

    @abstractmethod
    async def _turn(self) -> None:
        """Ask what is due and hand it on, or pause."""

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Belong to those who wait: what is shared lasts as long as anybody does."""
        self._members += 1
        self._changed.set()
        if self._task is None:
            # With no context of the one who happens to be first: its lines are not meant for that one's log.
            self._task = asyncio.create_task(self._run(), name=type(self).__name__, context=Context())
        try:
            yield
        finally:
            self._members -= 1
            if not self._members:
                self._end()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            await self._turn()

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        thread, self._thread = self._thread, ThreadPoolExecutor(1, thread_name_prefix="qiskit-runtime-poll")
        self._disconnect(thread)
        thread.shutdown(wait=False)
        self.on_end()

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until something changes."""
        with suppress(TimeoutError):
            # Not wait_for: in Python 3.11 that forgets a cancellation which comes with what is waited for.
            async with asyncio.timeout(None if math.isinf(seconds) else max(0.0, seconds)):
                await self._changed.wait()

    async def _ask(self, read: Callable[[QiskitRuntimeClient], Answer]) -> Answer:
        """Ask the service in a thread.

        Raises:
            QiskitRuntimeError: Whatever went wrong: nobody who waits may be left without news.
        """
        try:
            try:
                answer = await self._ask_once(read)
            except OF_THE_CONNECTION:
                was_proved = self._is_proved
                # The connection may have another key by now, or be set right before the next request.
                self._disconnect()
                if not was_proved:
                    raise
                answer = await self._ask_once(read)
        except errors.NotFoundError:
            # The service was asked, and has answered.
            raise
        except errors.QiskitRuntimeError as error:
            self._note(error)
            raise
        except errors.MISTAKES as error:
            log.exception("The service could not be asked")
            raise errors.InternalError.of(error, "the service was asked") from error
        except Exception as error:
            log.exception("Asking the service failed in a way nobody thought of")
            raise errors.UnexpectedAnswerError(f"{type(error).__name__} while the service was asked.") from error
        self._is_failing = False
        self._is_proved = True
        return answer

    async def _ask_once(self, read: Callable[[QiskitRuntimeClient], Answer]) -> Answer:
        if self._client is None:
            self._client, self.where = await self._connect()
        return await asyncio.get_running_loop().run_in_executor(self._thread, read, self._client)

    def _disconnect(self, asking: ThreadPoolExecutor | None = None) -> None:
        client, self._client, self._is_proved = self._client, None, False
        if client is None:
            return

        def close() -> None:
            if asking is not None:
                # A request that is under way would log in again.
                asking.shutdown()
            client.close()

        # In a thread, for it may log out; and not awaited, for whoever leaves may have been cancelled.
        _ = asyncio.get_running_loop().run_in_executor(None, close)

    def _note(self, error: errors.QiskitRuntimeError) -> None:
        if not self._is_failing:
            log.warning("The service cannot be asked at the moment; those who wait wait on. %s", error)
        self._is_failing = True


Poller = TypeVar("Poller", bound=SharedPoller)
_pollers: dict[Hashable, SharedPoller] = {}
"""Of this process, by event loop, kind and connection."""


def shared(kind: type[Poller], name: str, build: Callable[[], Poller]) -> Poller:
    """Return the poller of a connection in the running event loop; a new one if there is none.

    Args:
        kind: The class.
        name: The connection.
        build: Makes a new one.
    """
    key = (id(asyncio.get_running_loop()), kind, name)
    poller = _pollers.get(key)
    if poller is None:
        poller = _pollers[key] = build()
        poller.on_end = lambda: _pollers.pop(key, None)
    return poller  # type: ignore[return-value]
