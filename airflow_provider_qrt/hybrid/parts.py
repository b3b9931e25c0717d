"""The parts of a loop that its calls share, and the jobs that are under way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.execution.task_jobs import JobHandle
from airflow_provider_qrt.hybrid.slots import jobs_of
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord

if TYPE_CHECKING:
    from airflow_provider_qrt.execution.task_jobs import TaskJobs
    from airflow_provider_qrt.hybrid.journal import Journal
    from airflow_provider_qrt.hybrid.machine import LoopLimits, Machine
    from airflow_provider_qrt.hybrid.slots import Slots
    from airflow_provider_qrt.hybrid.turn import Turn
    from airflow_provider_qrt.hybrid.waiting import Waiting
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob
    from airflow_provider_qrt.jobs.submit.record import StateStore
    from airflow_provider_qrt.jobs.submit.submitter import JobSubmitter

MakeSubmitter = Callable[[str, "StateStore"], "JobSubmitter"]
"""Makes what obtains a job, from the name of the job in its tag and from where its record is."""


@dataclass(frozen=True)
class CallRules:
    """The rules for each job of a loop.

    Attributes:
        tags: The user's.
        max_execution_seconds: QPU seconds after which IBM stops a job; None: the plan's default.
        private: IBM never returns the input, and returns the result only once.
        cancel_on_timeout: Cancel a job whose timeout has passed.
        cancel_on_kill: Cancel a job that nobody waits for any more.
    """

    tags: tuple[str, ...] = ()
    max_execution_seconds: int | None = None
    private: bool = False
    cancel_on_timeout: bool = True
    cancel_on_kill: bool = True


@dataclass
class LoopParts:
    """The parts that the calls of a loop share.

    Attributes:
        journal: Of the loop.
        slots: Where jobs that are under way are recorded.
        machine: Backend, session and budget.
        limits: What the loop may ask for at most.
        rules: About each job.
        waiting: Waits for jobs.
        submitter: Makes what obtains a job.
        jobs: The jobs that are under way, for whoever stops the loop.
        turn: Waits after a submission was answered 429.
        submitted: Called with each job as soon as its id is known.
        attached: The jobs that an earlier leg or try has submitted and that no call has asked for yet, by their names.
        returned: The jobs whose wait in the triggerer has just ended.
        expected: QPU seconds that the jobs under way are expected to take, by their names.
        lost_seconds: QPU seconds of jobs of this try that did not complete.
    """

    journal: Journal
    slots: Slots
    machine: Machine
    limits: LoopLimits
    rules: CallRules
    waiting: Waiting
    submitter: MakeSubmitter
    jobs: TaskJobs
    turn: Turn
    submitted: Callable[[ObtainedJob], Any] = lambda _: None
    attached: dict[str, JobHandle] = field(default_factory=dict)
    returned: frozenset[str] = frozenset()
    expected: dict[str, float] = field(default_factory=dict)
    lost_seconds: float = 0.0

    @property
    def submitted_jobs(self) -> int:
        """Number of jobs of the loop, in all its tries."""
        return self.journal.submitted + len(self.jobs.job_ids)

    @property
    def seconds(self) -> float:
        """QPU seconds of the loop in all its tries, as far as they are known."""
        return self.journal.seconds + self.lost_seconds

    def attach(self) -> None:
        """Take on the jobs of earlier legs and tries, so that they are seen to if the loop ends before their calls."""
        for store in self.slots.calls_from(1):
            for name, own in jobs_of(store):
                self.attached[name] = handle = self.add_handle(name, own)
                if handle.record is not None and handle.record.estimated_seconds is not None:
                    self.expected[name] = handle.record.estimated_seconds

    def add_handle(self, name: str, store: StateStore) -> JobHandle:
        """Take on the job with this name among the jobs under way, whether there is one already or not.

        Args:
            name: In its tag.
            store: Where its record is.
        """
        submitter, record = self.submitter(name, store), SubmissionRecord.read(store)
        if record is not None and record.job_id is None and not record.refused:
            # It may exist: whoever stops the loop looks for it.
            submitter.outstanding_tag = record.tag
        handle = JobHandle(submitter, None if record is None else record.job_id, record)
        self.jobs.handles = [*self.jobs.handles, handle]
        return handle

    def remove_handles(self, handles: Sequence[JobHandle]) -> None:
        """Take jobs off those under way."""
        removed = {id(handle) for handle in handles}
        self.jobs.handles = [one for one in self.jobs.handles if id(one) not in removed]

    def forget(self, name: str) -> None:
        """Forget the job with this name, which no call will ask for."""
        self.expected.pop(name, None)
        if (handle := self.attached.pop(name, None)) is not None:
            self.remove_handles([handle])
