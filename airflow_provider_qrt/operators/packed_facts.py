"""What is known of several jobs that are one task's, as of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client.models import Usage
from airflow_provider_qrt.operators.job_facts import JobFacts

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job


@dataclass(frozen=True)
class PackedFacts(JobFacts):
    """The facts of the first job, with what all of them used and when the last of them ended.

    Attributes:
        each: Of all jobs, in their order.
        fingerprint: Digest of the task's whole input.
    """

    each: tuple[JobFacts, ...] = ()
    fingerprint: str = ""

    @classmethod
    def read_all(
        cls, client: QiskitRuntimeClient, jobs: Sequence[Job], fingerprint: str, *, with_calibration: bool
    ) -> PackedFacts:
        """Ask the service; the arguments are those of :meth:`JobFacts.read`, and the input's digest."""
        # They ran on one backend; when it was calibrated is asked for once.
        each = [
            JobFacts.read(client, job, with_calibration=with_calibration and place == 0)
            for place, job in enumerate(jobs)
        ]
        return cls(each[0].job, each[0].metrics, each[0].calibrated, tuple(each), fingerprint)

    @property
    def usage(self) -> Usage:
        """QPU time charged for all jobs; not known as long as one is not known."""
        known = [facts.usage for facts in self.each]
        seconds = [usage.seconds for usage in known if usage.seconds is not None]
        return Usage(
            sum(seconds) if len(seconds) == len(known) else None, complete=all(usage.complete for usage in known)
        )

    def summary(self, program_id: str) -> dict[str, Any]:
        """Return what an operator's value says of its jobs, plain JSON."""
        value = super().summary(program_id)
        ends = [facts.summary(program_id)["finished"] for facts in self.each]
        finished = max(ends) if all(ends) else None
        job_ids = [facts.job.id for facts in self.each]
        return {"job_id": value.pop("job_id"), "job_ids": job_ids, **value, "finished": finished}

    def provenance(self, summary: Mapping[str, Any], *, used_qiskit: bool) -> dict[str, Any]:
        """Return where a result came from, plain JSON."""
        return {**super().provenance(summary, used_qiskit=used_qiskit), "input_fingerprint": self.fingerprint[:16]}
