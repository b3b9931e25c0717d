"""Where an emulator's jobs are kept, in order of submission."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_qrt.emulator.errors import JOB_NOT_FOUND, ApiError
from airflow_provider_qrt.emulator.generations import Generation
from airflow_provider_qrt.emulator.jobs import Job


class JobStore:
    """Every job of one emulator, in order of submission."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._unfinished: dict[str, Job] = {}
        self._accepted = 0

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __reversed__(self) -> Iterator[Job]:
        return reversed(self._jobs.values())

    def of(self, generation: Generation) -> list[Job]:
        """Return the jobs that a generation of the API knows of."""
        return [job for job in self if job.submission.generation == generation]

    def unfinished(self) -> list[Job]:
        """Return the jobs that have not ended."""
        return list(self._unfinished.values())

    @property
    def accepted(self) -> int:
        """Number of jobs that were ever accepted."""
        return self._accepted

    def went_before(self, accepted: int) -> None:
        """Number on from jobs of an earlier process."""
        self._accepted = max(self._accepted, accepted)

    def add(self, job: Job) -> None:
        """Keep a job."""
        self._accepted = max(self._accepted, job.ordinal)
        self._jobs[job.id] = job
        if not job.final:
            self._unfinished[job.id] = job

    def ended(self, job: Job) -> None:
        """Take note that a job has ended."""
        self._unfinished.pop(job.id, None)

    def find(self, job_id: str) -> Job | None:
        """Return a job, or None."""
        return self._jobs.get(job_id)

    def get(self, job_id: str, generation: Generation = Generation.PRESENT) -> Job:
        """Return a job that a generation of the API knows of.

        Raises:
            ApiError: 404 with code 1291.
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
        """Forget all jobs and number from one again."""
        for job in self._unfinished.values():
            if job.work is not None:
                job.work.cancel()
        self._jobs.clear()
        self._unfinished.clear()
        self._accepted = 0
