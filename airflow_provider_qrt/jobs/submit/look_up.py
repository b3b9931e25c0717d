"""Finding a job whose id is not known, by the identity tag that its submission carried."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.client.limits import LIST_LAG, MOCK_PREFIX
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.errors import LookUpFailedError

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.jobs.submit.identity import JobIdentity
    from airflow_provider_qrt.jobs.submit.record import SubmissionRecord

log = logging.getLogger(__name__)

LOOK_UP_PAUSES = (0.0, 1.0, 2.0, 3.0, 4.0)
"""Seconds before each look-up by tag; the last is repeated until a new job must be in the list."""
CLOCK_MARGIN = timedelta(hours=1)
"""How far the clocks of worker and service may be apart. Jobs older than that are not looked for."""
_PREFERENCE = {status: place for place, status in enumerate((JobStatus.COMPLETED, JobStatus.RUNNING, JobStatus.QUEUED))}
"""Which of several jobs that are the same is the best to have; those that have failed come last."""


class JobLookUp:
    """Looks for jobs by tag.

    Args:
        client: The API.
        cancel: Cancels a job that is one too many.
        sleep: Called with seconds.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        client: QiskitRuntimeClient,
        cancel: Callable[[Job], object],
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._cancel = cancel
        self._sleep = sleep
        self._clock = clock

    @property
    def is_possible(self) -> bool:
        """Whether the channel has tags."""
        return self._client.channel.offers(Feature.TAGS)

    @property
    def no_tags(self) -> str:
        """Why a job cannot be found on a channel without tags, for messages."""
        return f"the channel {self._client.channel.name!r} has no tags by which it could be found."

    def find(self, intent: SubmissionRecord) -> Job | None:
        """Return the job of a submission; None if there is none.

        It is looked for until some time after the submission, since a new job may not be in the list at once.

        Args:
            intent: What was written down before the submission.

        Raises:
            LookUpFailedError: Nobody knows whether the job exists.
        """
        if not self.is_possible:
            raise LookUpFailedError(
                f"This task sent a submission and does not know its job: {self.no_tags} The job may exist, run and "
                "be charged. No other job was submitted, and a retry submits none; clear the task to submit anew."
            )
        for _ in self._looks(intent.submitted_at + LIST_LAG - self._clock()):
            if found := self._listed(intent):
                return self.keep_one(found)
        return None

    def find_unrecorded(self, identity: JobIdentity, stem: str, *, include_mocks: bool = False) -> Sequence[Job]:
        """Return the jobs of a task whose identity tag is not known, but how it begins.

        An earlier try may have submitted until a moment ago, so they are looked for until a job of now must be listed.

        Args:
            identity: The task.
            stem: How their identity tags begin.
            include_mocks: Look for jobs on mock twins too.

        Raises:
            LookUpFailedError: Nobody knows whether there are such jobs.
        """
        dag, run, _ = identity.readable_tags()
        for _ in self._looks(LIST_LAG):
            listed = self._all_listed([dag, run], include_mocks=include_mocks)
            found = [job for job in listed if any(tag.startswith(stem) for tag in job.tags)]
            if found:
                return found
        return []

    def _looks(self, needed: float) -> Iterator[None]:
        """Pause before each look, until so many seconds have passed."""
        waited = 0.0
        for number, pause in enumerate(chain(LOOK_UP_PAUSES, repeat(LOOK_UP_PAUSES[-1]))):
            # Pauses of nothing, which tests ask for, never reach the moment that is waited for.
            if (number and waited >= needed) or (number >= len(LOOK_UP_PAUSES) and not pause):
                return
            self._sleep(pause)
            waited += pause
            yield

    def _all_listed(self, tags: Sequence[str], *, include_mocks: bool) -> Sequence[Job]:
        try:
            return list(self._client.jobs(tags=tags, newest_first=False, include_mocks=include_mocks))
        except errors.QiskitRuntimeError as error:
            raise LookUpFailedError(
                f"It is not known whether an earlier try has submitted this task's job, and looking for it failed: "
                f"{error} No other job was submitted; a retry looks again."
            ) from error

    def _listed(self, intent: SubmissionRecord) -> Sequence[Job]:
        since = datetime.fromtimestamp(intent.submitted_at, UTC) - CLOCK_MARGIN
        try:
            return list(
                self._client.jobs(
                    tags=[intent.tag],
                    created_after=since,
                    newest_first=False,
                    include_mocks=intent.backend is not None and intent.backend.startswith(MOCK_PREFIX),
                )
            )
        except errors.QiskitRuntimeError as error:
            raise LookUpFailedError(
                f"It is not known whether this task's job was submitted, and looking for it failed: {error} "
                "No other job was submitted; a retry looks again."
            ) from error

    def keep_one(self, found: Sequence[Job]) -> Job:
        """Keep the one of several jobs that is furthest, and cancel the others."""
        kept = min(found, key=lambda job: (_PREFERENCE.get(job.status, len(_PREFERENCE)), found.index(job)))
        for job in found:
            if job is not kept:
                log.warning("Job %s carries this task's tag too; the task resumes job %s.", job.id, kept.id)
                if not job.status.is_final:
                    self._cancel(job)
        return kept
