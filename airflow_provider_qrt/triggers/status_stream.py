"""Follow a job's live status in a trigger: separate asyncio tasks listen, and request a poll when there is news."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.wait.status_stream import StreamWatch

if TYPE_CHECKING:
    from types import TracebackType

    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.states import JobStatus
    from airflow_provider_qrt.jobs.wait.watcher import JobWatch

MOST_STREAMS = 200
"""Maximum number of streams in a triggerer. Each uses one of often 1024 file descriptors; other jobs are polled."""
STOP_SECONDS = 2.0
"""Seconds for which closing the connection may delay the end of a wait."""

_streams: set[Follower] = set()
"""The active streams of this process."""
_said: set[str] = set()
"""Messages that this process has logged, and does not repeat for each job."""


class Follower:
    """Listens to one job's stream, and requests a poll when there is news. Use it in an ``async with`` block.

    Args:
        watch: The job.
        poll_interval: Longest time between two polls without a stream, seconds.
        log: Logger of the trigger.
    """

    def __init__(self, watch: JobWatch, poll_interval: float, log: Any) -> None:
        self._watched = watch
        self._job_id = watch.job_id
        self._log = log
        self._watch = StreamWatch(poll_interval)
        self._changed = asyncio.Event()
        self._looked = 0.0
        self._asked = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Follower:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                # Whatever ends this wait, even a second cancellation, the connection is abandoned afterwards.
                await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        finally:
            _streams.discard(self)

    def start(self, client: QiskitRuntimeClient) -> None:
        """Start to listen, once, if the channel has a stream, the connection allows it and the limit permits it."""
        if self._tasks or not client.settings.stream:
            return
        url = client.stream_url(self._job_id)
        if url is None:
            return
        if len(_streams) >= MOST_STREAMS:
            self._say_once(
                f"{MOST_STREAMS} jobs are followed live in this triggerer; others are polled until one of them ends."
            )
            return
        _streams.add(self)
        listener = asyncio.create_task(self._listen(client, url))
        # Another job may take its place as soon as the listener has ended.
        listener.add_done_callback(lambda _: _streams.discard(self))
        self._tasks = {listener, asyncio.create_task(self._ask())}

    def seen(self, status: JobStatus) -> None:
        """Record that the job was read."""
        self._was_looked_at()
        self._watch.on_seen(status)

    def failed(self, error: errors.QiskitRuntimeError) -> None:
        """Record that the job could not be read."""
        self._was_looked_at()
        self._watch.on_error(self._looked, getattr(error, "retry_after", None))

    def _was_looked_at(self) -> None:
        if not self._asked:
            self._watch.on_look()
        self._looked, self._asked = time.time(), False
        self._changed.set()

    async def _ask(self) -> None:
        """Request a poll when the stream reports a change, and at long intervals otherwise."""
        while True:
            self._changed.clear()
            if not self._asked:
                # Not while a poll is requested: this would delay it.
                self._watched.steady(self._watch.rest)
            left = math.inf if self._asked else self._watch.next_look(self._looked) - time.time()
            if left <= 0:
                self._watch.on_look()
                self._asked = True
                self._watched.ask()
                continue
            with suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it loses a cancellation that arrives at the same time as the event.
                async with asyncio.timeout(None if math.isinf(left) else left):
                    await self._changed.wait()

    async def _listen(self, client: QiskitRuntimeClient, url: str) -> None:
        """Follow the stream, and reconnect as long as that makes sense."""
        from airflow_provider_qrt.client.stream import PackageMissingError, StreamLostError, StreamUnavailableError

        while True:
            unauthorized = False
            try:
                await self._hear(client, url)
                reason = "the service closed it"
            except PackageMissingError as error:
                self._say_once(f"Jobs are polled, not followed live: {error}.")
                return
            except (StreamUnavailableError, errors.InvalidSettingsError, errors.UnauthorizedError) as error:
                self._log.info("Job %s is polled: its live status is not available: %s.", self._job_id, error)
                return
            except StreamLostError as error:
                reason, unauthorized = str(error), error.unauthorized
            except errors.QiskitRuntimeError as error:
                reason = str(error).rstrip(".")
            except Exception as error:
                # The text is not logged, since it may quote anything. The job is polled as without a stream.
                reason = f"an unexpected {type(error).__name__}"
            delay = self._watch.on_lost(time.time(), unauthorized=unauthorized)
            self._changed.set()
            if delay is None:
                self._log.info("Job %s is only polled from now on; its live status was lost: %s.", self._job_id, reason)
                return
            self._log.info(
                "Job %s is polled; its live status was lost (%s). Next try in %.1f s.", self._job_id, reason, delay
            )
            await asyncio.sleep(delay)

    async def _hear(self, client: QiskitRuntimeClient, url: str) -> None:
        """Follow the stream once, to its end."""
        from airflow_provider_qrt.client.stream import follow

        settings = client.settings
        headers = await asyncio.to_thread(client.stream_headers)
        async with aclosing(follow(url, headers, verify=settings.verify, proxies=settings.proxies)) as texts:
            async for text in texts:
                if not self._watch.alive:
                    self._log.info("Job %s is followed live.", self._job_id)
                self._watch.on_message(text, time.time())
                self._changed.set()
        self._watch.on_end()
        self._changed.set()

    def _say_once(self, text: str) -> None:
        if text not in _said:
            _said.add(text)
            self._log.info(text)
