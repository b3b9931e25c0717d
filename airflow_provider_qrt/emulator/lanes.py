"""The lanes of a machine: how many jobs it works on at a time, and which one comes next.

IBM's REST API reference: a backend has about five execution lanes. An active session holds the backend's priority, so
its jobs come before those of others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from airflow_provider_qrt.emulator.jobs import Job


@dataclass
class Lanes:
    """The jobs that run on each machine, and those that wait for one of its lanes.

    Attributes:
        number: Returns the number of lanes of each machine, or None for any number.
        running: The ids of the jobs that run, by machine.
        waiting: The jobs that could run, by machine, in the order in which they came to the head of the queue.
    """

    number: Callable[[], int | None]
    running: dict[str, set[str]] = field(default_factory=dict)
    waiting: dict[str, list[Job]] = field(default_factory=dict)

    def is_full(self, job: Job) -> bool:
        """Return whether the job's machine has no lane for it; dry runs need none."""
        most = self.number()
        backend = job.submission.backend
        return most is not None and not job.submission.is_mock and len(self.running.get(backend, ())) >= most

    def wait(self, job: Job) -> None:
        """Let a job wait for a lane."""
        line = self.waiting.setdefault(job.submission.backend, [])
        if job not in line:
            line.append(job)

    def occupy(self, job: Job) -> None:
        """Note that a job runs."""
        if not job.submission.is_mock:
            self.running.setdefault(job.submission.backend, set()).add(job.id)

    def leave(self, job: Job) -> None:
        """Note that a job runs no longer."""
        self.running.get(job.submission.backend, set()).discard(job.id)

    def next(self, backend: str, has_priority: Callable[[Job], bool]) -> Job | None:
        """Take the job that comes next on a machine from those that wait; None if there is none, or no lane.

        Args:
            backend: The machine.
            has_priority: Says of a job whether it comes before others.
        """
        line = [job for job in self.waiting.get(backend, []) if job.started is None and not job.final]
        self.waiting[backend] = line
        if not line or self.is_full(line[0]):
            return None
        job = next((one for one in line if has_priority(one)), line[0])
        line.remove(job)
        return job

    def forget(self, backend: str) -> None:
        """Let no job wait for a lane of a machine that takes none; they come again when it does."""
        self.waiting.pop(backend, None)

    def clear(self) -> None:
        """Forget everything."""
        self.running.clear()
        self.waiting.clear()
