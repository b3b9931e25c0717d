"""The plan of a task: its jobs and what they would be charged, by the formula or by IBM's own dry runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.execution.service_estimate import ServiceEstimate, ask_service
from airflow_provider_qrt.jobs.budget.spending import FORMULA, SERVICE
from airflow_provider_qrt.primitives.errors import ProgramUnfitError

if TYPE_CHECKING:
    from airflow_provider_qrt.execution.program_choice import ProgramChoice
    from airflow_provider_qrt.execution.stages import Stages
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.programs.base import TaskProgram

log = logging.getLogger(__name__)


def make_plan(choice: ProgramChoice, request: JobRequest, stages: Stages | None) -> dict[str, Any]:
    """Return the plan of a dry run.

    Args:
        choice: Of the program.
        request: What is asked for.
        stages: Runs the service's own dry runs; None if IBM is not asked.
    """
    first = choice.program.preliminary()
    if first is not None:
        # What the task's own job takes depends on what this one finds.
        request = choice.preliminary_request(first, request.backend)
    preparation = choice.preparation()
    try:
        ready = preparation.fit_ahead(request)
    except ProgramUnfitError as refusal:
        other = choice.change(request, refusal)
        if other is None:
            raise
        request, preparation = other, choice.preparation()
        ready = preparation.fit_ahead(request)
    program = choice.program
    split = program.split()
    jobs = [ready] if len(split) == 1 else [program.part_of(ready, pubs) for pubs in split]
    formula = None if ready.input.executions is None else sum(map(preparation.estimate, jobs))
    estimates = None if stages is None else estimates_by_service(program, stages, request, ready, split)
    if estimates is not None:
        jobs = [replace(job, estimated_seconds=one.seconds) for job, one in zip(jobs, estimates, strict=True)]
    plan = preparation.plan(request, ready, jobs)
    if first is not None:
        plan["of"] = "learning the noise; what the task's own job takes is known after that"
    if stages is not None:
        plan |= {
            "estimate": FORMULA if estimates is None else SERVICE,
            "formula_seconds": formula,
            "dry_run_job_ids": [one.job_id for one in estimates or ()],
        }
    log.info("Dry run, nothing is bought: %s", plan)
    return plan


def estimates_by_service(
    program: TaskProgram, stages: Stages, request: JobRequest, ready: JobRequest, split: Sequence[Sequence[int]]
) -> list[ServiceEstimate] | None:
    """Let IBM check and estimate a task's jobs, of which nothing is submitted yet.

    Args:
        program: The task's.
        stages: Runs the dry runs.
        request: What is asked for.
        ready: The same, fitted to the backend.
        split: The positions of the PUBs in each job.

    Returns:
        One estimate for each job; None if the instance has no dry runs on this backend.
    """
    if len(split) == 1:
        return ask_service(stages, [request], ready, [lambda: ready.input])
    parts = [program.part_of(request, pubs) for pubs in split]
    inputs = [partial(program.fit_part, part.input, pubs) for part, pubs in zip(parts, split, strict=True)]
    return ask_service(stages, parts, ready, inputs)
