"""The jobs of a running task, mostly one, and what is done about them when the task ends before they do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException

# Not needed here: on_kill runs in a signal handler, which should find loaded what cancels.
import airflow_provider_qrt.client.client
import airflow_provider_qrt.jobs.cancel  # noqa: F401

if TYPE_CHECKING:
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
    from airflow_provider_qrt.jobs.submit.record import SubmissionRecord
    from airflow_provider_qrt.jobs.submit.submitter import JobSubmitter
    from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome

log = logging.getLogger(__name__)

LONGEST_SLEEP = 0.5
"""Seconds."""
FETCH = "QiskitRuntimeGetResultOperator fetches the result of"


@dataclass(frozen=True)
class KnownJob:
    """A job as it is known when the task starts on a worker, or returns to one.

    Attributes:
        job_id: Its id; None if it is not known, or there is none yet.
        record: What the task remembers of it, if it remembers anything.
    """

    job_id: str | None = None
    record: SubmissionRecord | None = None


@dataclass
class JobHandle:
    """One of a task's jobs.

    Attributes:
        submitter: Obtains it.
        job_id: Its id, as soon as it is known.
        record: What the task remembers of it, if it remembers anything.
        ended: Whether it is known to have ended.
    """

    submitter: JobSubmitter
    job_id: str | None = None
    record: SubmissionRecord | None = None
    ended: bool = False

    @property
    def submitted_to(self) -> str | None:
        """Instance, region and host that it was submitted to, if known."""
        return self.record.place if self.record is not None else None

    @property
    def name(self) -> str | None:
        """The job for people; None if there is none."""
        if self.job_id is not None:
            return f"Job {self.job_id}"
        tag = self.submitter.outstanding_tag
        return f"The job with the tag {tag}, if there is one," if tag is not None else None


@dataclass
class TaskJobs:
    """The jobs of a task, from its start on a worker, or its return to one, to its end there.

    Attributes:
        hook: Of the task's connection.
        handles: One for each job; at least one.
        durable: Whether a retry resumes the jobs.
        cancel_on_kill: Whether the jobs are cancelled when the task stops.
        completed: Whether all jobs are known to have completed.
        settled: Whether the jobs need no more seeing to, and the failure's message says what became of them.
        left_to_retry: Whether they go on for a retry, which a retry policy may yet refuse.
        killed: Whether somebody has stopped the task.
        leaving: Whether the worker is shut down, so that the task has to end and leave its jobs to a retry.
        batch_id: A batch of the task's own that is open.
        how_to_go_on: What to do to have the result of a job that was left running, for a task whose retry finds it.
    """

    hook: QiskitRuntimeHook
    handles: Sequence[JobHandle]
    durable: bool
    cancel_on_kill: bool
    completed: bool = False
    settled: bool = False
    left_to_retry: bool = False
    killed: bool = False
    leaving: bool = False
    batch_id: str | None = None
    how_to_go_on: str = "clear the task to go on with"

    @property
    def job_ids(self) -> list[str]:
        """The ids that are known."""
        return [job.job_id for job in self.handles if job.job_id is not None]

    def find(self, job_id: str) -> JobHandle:
        """Return the job with this id; the only one there is, whatever its id.

        Raises:
            ValueError: There are several, and none is it.
        """
        if len(self.handles) == 1:
            return self.handles[0]
        for job in self.handles:
            if job.job_id == job_id:
                return job
        raise ValueError(f"Job {job_id} is none of this task's jobs ({', '.join(self.job_ids)}).")

    def note_completed(self, outcome: WaitOutcome) -> None:
        """Note which jobs have completed, as a wait has ended."""
        if outcome.completed is not None:
            for job in self.handles:
                job.ended = job.ended or job.job_id in outcome.completed
            return
        # An earlier version waited for them one after the other.
        found = self.find(outcome.job_id)
        for job in self.handles:
            if job is found:
                break
            job.ended = True

    def delivered(self) -> None:
        """Note that Airflow has what the task handed on."""
        for job in self.handles:
            job.submitter.delivered()

    def abandoned(self) -> None:
        """Note that the jobs which have not ended are given up."""
        for job in self._left():
            self._abandon(job)

    def kept(self) -> None:
        """Note that the jobs which have not ended go on although the task ends."""
        for job in self._left():
            self._note(job, job.submitter.kept, "to go on")

    def kill(self) -> None:
        """Cancel the jobs quickly; one that is just being submitted is looked for by its tag."""
        self.killed = True
        left = list(self._left())
        if self.cancel_on_kill:
            for fate in self._cancel_quickly(left):
                log.info(fate)
        else:
            for job in left:
                log.warning("%s goes on and is charged: cancel_on_kill is off.", job.name)
        self._close_batch()

    def leave(self, *, for_good: bool) -> str:
        """Leave the jobs running, because they could not be read, which says nothing about them; say so.

        Args:
            for_good: Whether there will be no retry.
        """
        self._close_batch()
        if self.killed or self.settled:
            return ""
        left = list(self._left())
        self.settled = True
        if not left:
            return ""
        going_on = self._said(left, "was not cancelled and goes on", "were not cancelled and go on")
        one = len(left) == 1
        if self.durable and not for_good:
            return f"{going_on}; a retry goes on with {'it' if one else 'them'}."
        for job in left:
            self._note(job, job.submitter.left_unread, "left running")
        how = self.how_to_go_on if self.durable else FETCH
        return f"{going_on}. {'It' if one else 'They'} may be charged; {how} {'it' if one else 'them'}."

    def stop_if_killed(self) -> None:
        """Airflow's signal handler returns to what it interrupted, which has a few seconds left until SIGKILL.

        Raises:
            AirflowException: If the task was stopped, or its worker is shut down.
        """
        known = ", ".join(self.job_ids) or "none yet"
        if self.killed:
            # Jobs that another try has taken over are left to it.
            if not self.settled:
                self.kill()
            raise AirflowException(f"The task was killed while it obtained its job ({known}).")
        if self.leaving:
            raise AirflowException(f"The worker is shut down, and nobody has stopped the task (its job: {known}).")

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until the task was told to stop.

        Raises:
            AirflowException: See :meth:`stop_if_killed`.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            # A signal handler returns to the sleep that it interrupted.
            time.sleep(min(left, LONGEST_SLEEP))
            if self.leaving:
                self.stop_if_killed()

    def settle(self, *, for_good: bool) -> str:
        """See to the jobs of a task that fails; return what became of them and what a retry does.

        Args:
            for_good: Whether there will be no retry.
        """
        self._close_batch()
        if self.killed or self.settled:
            return ""
        if self.completed:
            self.settled = True
            results, anew = ("its result", "a new job") if len(self.handles) == 1 else ("their results", "new jobs")
            completed = self._said(self.handles, "has completed", "have completed")
            if not self.durable:
                return (
                    f"{completed}; no record is kept of that, so a retry submits {anew}. "
                    f"QiskitRuntimeGetResultOperator fetches {results}."
                )
            return f"{completed}: a retry, or a clear, fetches {results} and buys nothing."
        left = list(self._left())
        if not left:
            self.settled = any(job.ended for job in self.handles)
            return ""
        self.settled = True
        going_on = self._said(left, "goes on", "go on")
        if self.durable and not for_good:
            self.left_to_retry = True
            return f"{going_on}; a retry goes on with {'it' if len(left) == 1 else 'them'}."
        if not self.cancel_on_kill:
            return f"{going_on} and {'is' if len(left) == 1 else 'are'} charged: cancel_on_kill is off."
        fates = self._cancel_quickly(left)
        for job in left:
            self._abandon(job)
        return f"No retry will go on with the {'job' if len(left) == 1 else 'jobs'}: {' '.join(fates)}"

    def _left(self) -> Iterator[JobHandle]:
        return (job for job in self.handles if not job.ended and job.name is not None)

    def _abandon(self, job: JobHandle) -> None:
        self._note(job, job.submitter.abandoned, "given up")

    def _note(self, job: JobHandle, note: Callable[[], None], what: str) -> None:
        """Write something down about a job. Nothing is raised: it is said in the log and the error too."""
        try:
            note()
        except Exception as error:
            log.warning("That %s is %s could not be noted: %s: %s", job.name, what, type(error).__name__, error)

    @staticmethod
    def _said(jobs: Sequence[JobHandle], one: str, many: str) -> str:
        if len(jobs) == 1:
            return f"{jobs[0].name} {one}"
        return f"Jobs {', '.join(job.job_id or 'one without an id yet' for job in jobs)} {many}"

    def _cancel_quickly(self, jobs: Sequence[JobHandle]) -> list[str]:
        """Cancel jobs, and those that are just being submitted."""
        known = [job.job_id for job in jobs if job.job_id is not None]
        places = {job.submitted_to for job in jobs if job.job_id is not None}
        submitted_to = places.pop() if len(places) == 1 else None
        fates = self.hook.cancel_jobs_quickly(known, submitted_to=submitted_to)
        for job in jobs:
            tag = job.submitter.outstanding_tag
            if job.job_id is None and tag is not None:
                fates.append(self.hook.cancel_tagged_jobs_quickly(tag))
        return fates

    def _close_batch(self) -> None:
        """Let the batch take no more jobs; those in it are seen to one by one."""
        if self.batch_id is not None:
            log.info(self.hook.close_batch_quickly(self.batch_id))
            self.batch_id = None


def add_to_message(error: BaseException, text: str) -> None:
    """Let an error say one thing more, if there is one."""
    if not text:
        return
    if len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (f"{error.args[0]} {text}",)
        if isinstance(error, ImportError):
            # It shows this instead.
            error.msg = error.args[0]
    else:
        error.add_note(text)
