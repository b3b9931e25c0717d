"""The store of an emulator's jobs, in order of submission."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_qrt.emulator.errors import JOB_NOT_FOUND, ApiError
from airflow_provider_qrt.emulator.jobs import Job
from airflow_provider_qrt.emulator.legacy import Generation


class JobStore:
    """All jobs of one emulator, in order of submission."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._unfinished: dict[str, Job] = {}
        self._accepted = 0

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __reversed__(self) -> Iterator[Job]:
        return reversed(self._jobs.values())

    def of(self, generation: Generation) -> list[Job]:
        """Return the jobs that are visible in a generation of the API."""
        return [job for job in self if job.submission.generation == generation]

    def unfinished(self) -> list[Job]:
        """Return the jobs that have not ended."""
        return list(self._unfinished.values())

    @property
    def accepted(self) -> int:
        """The number of jobs accepted so far, including deleted ones."""
        return self._accepted

    def went_before(self, accepted: int) -> None:
        """Continue the numbering of an earlier process, which accepted this many jobs."""
        self._accepted = max(self._accepted, accepted)

    def add(self, job: Job) -> None:
        """Add a job."""
        self._accepted = max(self._accepted, job.ordinal)
        self._jobs[job.id] = job
        if not job.final:
            self._unfinished[job.id] = job

    def ended(self, job: Job) -> None:
        """Record that a job has ended."""
        self._unfinished.pop(job.id, None)

    def find(self, job_id: str) -> Job | None:
        """Return a job, or None."""
        return self._jobs.get(job_id)

    def get(self, job_id: str, generation: Generation = Generation.PRESENT) -> Job:
        """Return a job that is visible in a generation of the API.

        Raises:
            ApiError: 404 with code 1291 if there is no such job.
        """
        job = self._jobs.get(job_id)
        if job is None or job.submission.generation != generation:
            raise ApiError(404, JOB_NOT_FOUND, "Job not found.", "Check the job id and the instance.")
        return job

    def remove(self, job_id: str) -> None:
        """Forget a job."""
        self._jobs.pop(job_id, None)
        self._unfinished.pop(job_id, None)

    def clear(self) -> None:
        """Forget all jobs and restart the numbering at one."""
        for job in self._unfinished.values():
            if job.work is not None:
                job.work.cancel()
        self._jobs.clear()
        self._unfinished.clear()
        self._accepted = 0
