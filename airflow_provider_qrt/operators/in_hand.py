"""The jobs a running task has in hand, mostly one, and what is done about them when the task ends before they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
    from airflow_provider_qrt.jobs.submission import JobSubmitter


@dataclass
class HeldJob:
    """One of a task's jobs.

    Attributes:
        submitter: Obtains it.
        job_id: Its id, as soon as it is known.
        ended: Whether it was seen to have ended.
    """

    submitter: JobSubmitter
    job_id: str | None = None
    ended: bool = False

    @property
    def name(self) -> str | None:
        """The job for people; None if there is none."""
        if self.job_id is not None:
            return f"Job {self.job_id}"
        tag = self.submitter.outstanding_tag
        return f"The job with the tag {tag}, if there is one," if tag is not None else None


@dataclass
class JobInHand:
    """One leg of a task, and its jobs.

    Attributes:
        hook: Of the task's connection.
        jobs: At least one.
        durable: Whether a retry goes on with the jobs.
        cancel_on_kill: Whether the jobs are cancelled when the task stops.
        log: Takes a line for the task log.
        completed: Whether all jobs were seen to have completed.
        settled: Whether the jobs need no more seeing to, and the failure's message says what became of them.
        left_to_retry: Whether they go on for a retry, which a retry policy may yet refuse.
        killed: Whether Airflow has asked the task to stop.
        batch_id: A batch of the task's own that is open.
    """

    hook: QiskitRuntimeHook
    jobs: Sequence[HeldJob]
    durable: bool
    cancel_on_kill: bool
    log: Callable[[str], object]
    completed: bool = False
    settled: bool = False
    left_to_retry: bool = False
    killed: bool = False
    batch_id: str | None = None

    @property
    def job_ids(self) -> list[str]:
        """The ids that are known."""
        return [job.job_id for job in self.jobs if job.job_id is not None]

    def find(self, job_id: str) -> HeldJob:
        """Return the job with this id; the only one there is, whatever its id.

        Raises:
            ValueError: There are several, and none is it.
        """
        if len(self.jobs) == 1:
            return self.jobs[0]
        for job in self.jobs:
            if job.job_id == job_id:
                return job
        raise ValueError(f"Job {job_id} is none of this task's jobs ({', '.join(self.job_ids)}).")

    def completed_before(self, job_id: str) -> None:
        """Note that the jobs before this one have completed: they are waited for one after the other."""
        found = self.find(job_id)
        for job in self.jobs:
            if job is found:
                break
            job.ended = True

    def delivered(self, *, arrived: bool = True) -> None:
        """Note that the task has handed on what its jobs have come to, or that Airflow could not take it."""
        for job in self.jobs:
            job.submitter.delivered(arrived=arrived)

    def abandoned(self) -> None:
        """Note that the jobs which have not ended are given up."""
        for job in self._left():
            self._abandon(job)

    def kill(self) -> None:
        """Cancel the jobs quickly; one that is just being submitted is looked for by its tag."""
        self.killed = True
        for job in self._left():
            if self.cancel_on_kill:
                self.log(self._cancel_quickly(job))
            else:
                self.log(f"{job.name} goes on and is charged: cancel_on_kill is off.")
        self._close_batch()

    def stop_if_killed(self) -> None:
        """Airflow's signal handler returns to what it interrupted, which has a few seconds left until SIGKILL.

        Raises:
            AirflowException: If the task was killed.
        """
        if self.killed:
            self.kill()
            known = ", ".join(self.job_ids) or "none yet"
            raise AirflowException(f"The task was killed while it obtained its job ({known}).")

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
            results, anew = ("its result", "a new job") if len(self.jobs) == 1 else ("their results", "new jobs")
            completed = self._said(self.jobs, "has completed", "have completed")
            if not self.durable:
                return (
                    f"{completed}; no record is kept of that, so a retry submits {anew}. "
                    f"QiskitRuntimeGetResultOperator fetches {results}."
                )
            return f"{completed}: a retry, or a clear, fetches {results} and buys nothing."
        left = list(self._left())
        if not left:
            self.settled = any(job.ended for job in self.jobs)
            return ""
        self.settled = True
        going_on = self._said(left, "goes on", "go on")
        if self.durable and not for_good:
            self.left_to_retry = True
            return f"{going_on}; a retry goes on with {'it' if len(left) == 1 else 'them'}."
        if not self.cancel_on_kill:
            return f"{going_on} and {'is' if len(left) == 1 else 'are'} charged: cancel_on_kill is off."
        fates = [self._cancel_quickly(job) for job in left]
        for job in left:
            self._abandon(job)
        return f"No retry will go on with the {'job' if len(left) == 1 else 'jobs'}: {' '.join(fates)}"

    def _left(self) -> Iterator[HeldJob]:
        return (job for job in self.jobs if not job.ended and job.name is not None)

    def _abandon(self, job: HeldJob) -> None:
        """Note that a job is given up. Nothing is raised: what matters is that it is cancelled."""
        try:
            job.submitter.abandoned()
        except Exception as error:
            self.log(f"That {job.name} is given up could not be noted: {error}")

    @staticmethod
    def _said(jobs: Sequence[HeldJob], one: str, many: str) -> str:
        if len(jobs) == 1:
            return f"{jobs[0].name} {one}"
        return f"Jobs {', '.join(job.job_id or 'one without an id yet' for job in jobs)} {many}"

    def _cancel_quickly(self, job: HeldJob) -> str:
        """Cancel a job, or the one that is just being submitted."""
        if job.job_id is not None:
            return self.hook.cancel_job_quickly(job.job_id)
        return self.hook.cancel_tagged_jobs_quickly(job.submitter.identity, job.submitter.outstanding_tag)

    def _close_batch(self) -> None:
        """Let the batch take no more jobs; those in it are seen to one by one."""
        if self.batch_id is not None:
            self.log(self.hook.close_batch_quickly(self.batch_id))
            self.batch_id = None


def add_to_message(error: BaseException, text: str) -> None:
    """Let an error say one thing more, if there is one."""
    if not text:
        return
    if len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (f"{error.args[0]} {text}",)
    else:
        error.add_note(text)
