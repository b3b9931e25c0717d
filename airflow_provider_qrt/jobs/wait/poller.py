"""Judging what was read about a job: wait on, or stop and why. Pure; ``now`` is passed in.

The blocking and the deferred path are two short loops around :class:`JobPoller`. No hiccup ends a wait: server errors,
429, dropped connections and unreadable answers are waited out until the deadline. Only a final state, the deadline, a
refusal (401 with fresh tokens, 403, 404) that goes on for minutes, a state that nobody knows or a mistake of this
package ends it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE
from airflow_provider_qrt.jobs.place import ELSEWHERE, describe_elsewhere
from airflow_provider_qrt.jobs.refusals import REFUSALS, Refusals, describe_patience
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.wait.pacing import SHORTEST_DELAY, KeepWaiting, Patience, running_delay, sooner
from airflow_provider_qrt.jobs.wait.quick_pace import QuickPace

UNKNOWN_STATE_READS = 5
"""Reads of an unknown state word before it is given up; one may be a slip of a service that is being updated."""

Decision = KeepWaiting | WaitOutcome


@dataclass
class JobPoller:
    """Decides about one job. Times are epoch seconds.

    Attributes:
        job_id: The job.
        submitted_at: When it was submitted; young jobs are looked at more often.
        deadline: Until when to wait; None for no end.
        poll_interval: Longest time between two looks, seconds.
        where: Connection, instance and region, for messages.
        first_delay: Seconds before the first look; 0: as the pace says.
        submitted_to: Instance, region and host that the job was submitted to; None if that is not known.
        patience: Seconds for which a refusal must be repeated before it ends the wait.
        shortest: Seconds between two looks at least.
        pace: When to look while the job is young, if it may end within seconds; None: as at any other job.
        random: Source of jitter.
    """

    job_id: str
    submitted_at: float
    deadline: float | None
    poll_interval: float
    where: str = ""
    first_delay: float = 0.0
    submitted_to: str | None = None
    patience: float = DEFAULT_PATIENCE
    shortest: float = SHORTEST_DELAY
    pace: QuickPace | None = None
    random: random.Random = field(default_factory=random.Random, repr=False)
    _unknown_reads: int = field(default=0, init=False)
    _last_status: JobStatus | None = field(default=None, init=False)
    _last_job: Job | None = field(default=None, init=False)
    _waited_at: float = field(init=False)
    _running_since: float | None = field(default=None, init=False)
    _patience: Patience = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin to wait."""
        self._waited_at = self.submitted_at
        self._patience = Patience(
            self.submitted_at,
            self.deadline,
            self.poll_interval,
            self.random,
            Refusals(patience=self.patience),
            self.shortest,
        )

    def first(self, now: float) -> KeepWaiting:
        """When to look for the first time: as soon as that is allowed, if it is not at once."""
        return KeepWaiting(self._patience.until_deadline(self.first_delay or self._delay(now), now))

    def on_job(self, job: Job, now: float) -> Decision:
        """Decide after the job was read."""
        self._patience.on_success()
        self._last_job = job
        if self.pace is not None:
            self.pace.seen(job, now)
        if job.status is not JobStatus.RUNNING:
            self._waited_at = now
        elif self._running_since is None:
            self._running_since = now
        if job.status.is_final:
            return WaitOutcome(Ending.FINAL, self.job_id, job)
        if job.status is JobStatus.UNKNOWN:
            self._unknown_reads += 1
            if self._unknown_reads >= UNKNOWN_STATE_READS:
                return WaitOutcome(
                    Ending.UNKNOWN_STATE,
                    self.job_id,
                    job,
                    f"The service reports the state {job.state.word!r} for job {self.job_id}, which this version "
                    "of the provider does not know. The job may still be running. Look at it on IBM Quantum Platform "
                    "and update airflow-provider-qrt; a retry looks at the same job again.",
                )
        else:
            self._unknown_reads = 0
        if self._is_over(now):
            return self._timed_out(job)
        note = ""
        if job.status is not self._last_status:
            note = f"Job {self.job_id} is {job.state.word.lower() or 'in no known state'}."
            self._last_status = job.status
        return KeepWaiting(self._delay(now), note)

    def on_error(
        self, error: errors.QiskitRuntimeError, now: float, *, asked: str | None = None, definite: bool = False
    ) -> Decision:
        """Decide after the job could not be read.

        Args:
            error: Why.
            now: Epoch seconds.
            asked: Instance, region and host that were asked; None if that is not known.
            definite: Whether somebody who reads for several waiters judges that the refusal has gone on for long.
        """
        place = f" Asked with {self.where}." if self.where else ""
        if isinstance(error, ELSEWHERE) and None not in (asked, self.submitted_to) and asked != self.submitted_to:
            return WaitOutcome(
                Ending.ELSEWHERE, self.job_id, None, describe_elsewhere(self.job_id, str(self.submitted_to), str(asked))
            )
        refused = self._patience.is_refused(error, now)
        if isinstance(error, errors.InternalError):
            return WaitOutcome(Ending.BROKEN, self.job_id, None, f"Job {self.job_id} cannot be watched. {error}{place}")
        if refused or definite:
            return WaitOutcome(
                Ending.REFUSED,
                self.job_id,
                None,
                f"Job {self.job_id} could not be read for {self.patience / 60:g} minutes. {error}{place}",
            )
        if self._is_over(now):
            return self._timed_out(None)
        if self.pace is not None:
            self.pace.failed()
        seconds, is_first = self._patience.after_error(error, self._delay(now), now)
        if self.pace is not None and self.pace.is_over(now + seconds):
            return self._timed_out(None)
        if not is_first and not self._patience.refusals.is_first:
            return KeepWaiting(seconds)
        until = f" {describe_patience(self.patience)}" if isinstance(error, REFUSALS) else ""
        return KeepWaiting(seconds, f"Job {self.job_id} could not be read, waiting on. {error}{until}")

    def on_deadline(self) -> WaitOutcome:
        """Give up: the deadline has passed, and a last look brought nothing."""
        return self._timed_out(self._last_job)

    def _is_over(self, now: float) -> bool:
        return self._patience.is_over(now) or (self.pace is not None and self.pace.is_over(now))

    def _delay(self, now: float) -> float:
        if self.pace is None:
            return self._later_delay(now)
        if self._unknown_reads or not self.pace.is_young(now):
            return self.pace.within(self._later_delay(now), now)
        return self._patience.until_deadline(min(self.pace.delay(now), self.poll_interval), now)

    def _later_delay(self, now: float) -> float:
        seconds = self._patience.delay(now)
        expected = self._last_job.estimated_running_seconds if self._last_job else None
        if self._running_since is None or expected is None:
            return seconds
        ran, doubt = now - self._running_since, self._running_since - self._waited_at
        return sooner(seconds, running_delay(ran, expected, self.poll_interval, self.random, doubt=doubt))

    def _timed_out(self, job: Job | None) -> WaitOutcome:
        state = f"is still {job.state.word.lower()}" if job else "could not be read"
        waited = round((self.deadline or 0) - self.submitted_at)
        return WaitOutcome(
            Ending.TIMED_OUT, self.job_id, job, f"Job {self.job_id} {state} after its timeout of {waited} s."
        )
