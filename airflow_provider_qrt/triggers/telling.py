"""Progress lines in the log of a deferred task, at growing intervals."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.jobs.wait.progress import Progress, queue_length

if TYPE_CHECKING:
    from types import TracebackType

    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.jobs.wait.watcher import JobWatch


class Teller:
    """Writes the progress lines of one job. Use it in an ``async with`` block.

    A separate asyncio task does this, because the watcher only reports changes of a job's state.

    Args:
        watch: The job.
        since: When it was submitted, epoch seconds.
        log: Logger of the trigger.
    """

    def __init__(self, watch: JobWatch, since: float, log: Any) -> None:
        self._watch = watch
        self._progress = Progress(since)
        # A trigger that resumes after a restart does not repeat earlier lines.
        self._progress.skip_to(time.time())
        self._log = log
        self._job: Job | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Teller:
        self._task = asyncio.create_task(self._tell())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()

    def seen(self, job: Job) -> None:
        """Remember the job as it was read."""
        self._job = job

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(max(0.0, self._progress.next_at - time.time()))
            job, client = self._job, self._watch.client
            if job is None or client is None:
                self._progress.skip_to(time.time() + 1.0)
                continue
            length = await asyncio.to_thread(queue_length, client, job.backend)
            self._log.info(self._progress.line(job, time.time(), length))
