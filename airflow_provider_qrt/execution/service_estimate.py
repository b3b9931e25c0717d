"""Asking IBM what jobs would be charged, by dry runs on the backend's mock twin, which run nothing and cost nothing.

Source: https://quantum.cloud.ibm.com/docs/guides/dry-run-jobs
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.execution.job_info import JobFacts
from airflow_provider_qrt.jobs.backends.mock import has_twin, mock_name

if TYPE_CHECKING:
    from airflow_provider_qrt.execution.stages import Stages
    from airflow_provider_qrt.jobs.submit.identity import JobRequest, ProgramInput

log = logging.getLogger(__name__)

STAGE = "dry"
"""Name of the stages; those of several jobs have a number besides."""


@dataclass(frozen=True)
class ServiceEstimate:
    """IBM's estimate of one job.

    Attributes:
        job_id: The dry run.
        seconds: QPU seconds that the job would be charged; None if IBM does not say.
    """

    job_id: str
    seconds: float | None


def ask_service(
    stages: Stages,
    requests: Sequence[JobRequest],
    ready: JobRequest,
    inputs: Sequence[Callable[[], ProgramInput]],
) -> list[ServiceEstimate] | None:
    """Let the service check and estimate jobs; None if the instance has no dry runs on this backend.

    Args:
        stages: Runs the dry runs.
        requests: The jobs as they are asked for, by which a retry finds their dry runs again.
        ready: The whole, fitted to the backend.
        inputs: For each job, makes its input as it is submitted.

    Raises:
        AirflowException: IBM refuses a job: so it would the real one.
    """
    client, twin = stages.client, mock_name(ready.backend)
    listed = client.channel.offers(Feature.BACKEND_DETAILS) and has_twin(
        client.backends(include_mocks=True), ready.backend
    )
    if not listed:
        log.warning(
            "This instance has no dry runs on %s: %s is not among its backends. IBM offers them on Flex, Premium and "
            "On-Prem plans. The estimate is that of IBM's rule of thumb.",
            ready.backend,
            twin,
        )
        return None
    estimates = []
    for number, (request, make_input) in enumerate(zip(requests, inputs, strict=True), start=1):
        asked = replace(request, dry_run=True, session_id=None, start_session=False, make_alternative=None)
        job = stages.complete(
            STAGE if len(requests) == 1 else f"{STAGE}{number}",
            asked,
            lambda one, make_input=make_input: replace(one, backend=twin, input=make_input()),  # type: ignore[misc]
        )
        seconds = JobFacts.read(client, job, with_calibration=False).usage.seconds
        log.info("Dry run %s on %s: the job is valid, and would be charged %s s.", job.id, twin, seconds)
        estimates.append(ServiceEstimate(job.id, seconds))
    return estimates
