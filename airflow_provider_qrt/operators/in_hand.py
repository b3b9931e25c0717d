"""The job a running task has in hand, and what is done about it when the task ends before the job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
    from airflow_provider_qrt.jobs.submission import JobSubmitter


@dataclass
class JobInHand:
    """One leg of a task, and its job.

    Attributes:
        hook: Of the task's connection.
        submitter: Obtains the job.
        durable: Whether a retry goes on with the job.
        cancel_on_kill: Whether the job is cancelled when the task stops.
        log: Takes a line for the task log.
        job_id: The job, as soon as it is known.
        completed: Whether the job was seen to have completed.
        settled: Whether the job needs no more seeing to, and the failure's message says what became of it.
        killed: Whether Airflow has asked the task to stop.
    """

    hook: QiskitRuntimeHook
    submitter: JobSubmitter
    durable: bool
    cancel_on_kill: bool
    log: Callable[[str], object]
    job_id: str | None = None
    completed: bool = False
    settled: bool = False
    killed: bool = False

    def kill(self) -> None:
        """Cancel the job quickly; one that is just being submitted is looked for by its tag."""
        self.killed = True
        if self._name() is None:
            return
        if self.cancel_on_kill:
            self.log(self._cancel_quickly())
        else:
            self.log(f"{self._name()} goes on and is charged: cancel_on_kill is off.")

    def stop_if_killed(self) -> None:
        """Airflow's signal handler returns to what it interrupted, which has a few seconds left until SIGKILL.

        Raises:
            AirflowException: If the task was killed.
        """
        if self.killed:
            self.kill()
            raise AirflowException(f"The task was killed while it obtained its job ({self.job_id or 'none yet'}).")

    def settle(self, *, for_good: bool) -> str:
        """See to the job of a task that fails; return what became of it and what a retry does.

        Args:
            for_good: Whether there will be no retry.
        """
        name = self._name()
        if self.killed or self.settled or name is None:
            return ""
        self.settled = True
        if self.completed:
            return f"{name} has completed: a retry, or a clear, fetches its result and buys nothing."
        if self.durable and not for_good:
            return f"{name} goes on; a retry goes on with it."
        if not self.cancel_on_kill:
            return f"{name} goes on and is charged: cancel_on_kill is off."
        fate = self._cancel_quickly()
        self.submitter.abandoned()
        return f"No retry will go on with the job: {fate}"

    def _name(self) -> str | None:
        if self.job_id is not None:
            return f"Job {self.job_id}"
        tag = self.submitter.outstanding_tag
        return f"The job with the tag {tag}, if there is one," if tag is not None else None

    def _cancel_quickly(self) -> str:
        """Cancel the job, or the one that is just being submitted."""
        if self.job_id is not None:
            return self.hook.cancel_job_quickly(self.job_id)
        return self.hook.cancel_tagged_jobs_quickly(self.submitter.identity, self.submitter.outstanding_tag)


def add_to_message(error: BaseException, text: str) -> None:
    """Let an error say one thing more, if there is one."""
    if not text:
        return
    if len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (f"{error.args[0]} {text}",)
    else:
        error.add_note(text)
