"""The checks at the end of an episode."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_qrt.jobs.submit.record import STORE_KEY
from tests.fuzz.plan import cost
from tests.fuzz.world import Delivery, World, job_ids, moment

OURS = ("AttributeError", "TypeError", "NameError", "ImportError", "ModuleNotFoundError")
"""Names of errors that are somebody's mistake, and never the service's."""
FINAL = ("success", "failed", "skipped")


def broken_promises(world: World) -> list[str]:
    """Return descriptions of all failed checks."""
    jobs = {job["id"]: job for job in world.jobs()}
    return [
        *_paid_twice(world, jobs),
        *_still_active(world, jobs),
        *_wrong_results(world, jobs),
        *_untrue_records(world, jobs),
        *(f"An error of ours: {text}" for text in world.airflow.errors),
    ]


def _paid_twice(world: World, jobs: dict[str, Any]) -> list[str]:
    """Two jobs for one wish ran, and the first did not have to be replaced."""
    found = []
    ran = [one for one in world.airflow.purchases if jobs[one.job_id]["started"] is not None]
    for later, second in enumerate(ran):
        for first in ran[:later]:
            if (first.wish, first.part, first.cost) != (second.wish, second.part, second.cost):
                continue
            one, other = jobs[first.job_id], jobs[second.job_id]
            replaced = one["status"] != "Completed" and _ended_before(one, other)
            if not replaced and not _is_gone(world, one):
                found.append(
                    f"PAID TWICE for wish {first.wish}, part {first.part}: job {first.job_id} "
                    f"({one['status']}, ended {one['ended']}) by {first.by}, and job {second.job_id} "
                    f"({other['status']}, created {other['created']}) by {second.by}"
                )
    return found


def _is_gone(world: World, job: dict[str, Any]) -> bool:
    """Whether the result of a private job was given out, which it is once, and may have been lost on the way."""
    return bool(job["private"]) and job["id"] in world.airflow.results_read


def _ended_before(one: dict[str, Any], other: dict[str, Any]) -> bool:
    ended, created = moment(one["ended"]), moment(other["created"])
    return ended is not None and created is not None and ended <= created


def _still_active(world: World, jobs: dict[str, Any]) -> list[str]:
    """The task is over, and a job of it is not."""
    if world.airflow.state not in FINAL:
        return [f"The task is {world.airflow.state} at the end."]
    if not world.plan.waits:
        # Its jobs are meant to outlive it, and may be awaited elsewhere as soon as they exist.
        return []
    return [
        f"STILL ACTIVE: job {job['id']} is {job['status']}, the task is {world.airflow.state}"
        for job in jobs.values()
        if not job["final"]
    ]


def _wrong_results(world: World, jobs: dict[str, Any]) -> list[str]:
    """A delivered value is not that of the right job, or is wrong."""
    found = []
    by_job: dict[str, Delivery] = {}
    for delivery in world.airflow.deliveries:
        value, version = delivery.value, delivery.version
        ids = job_ids(value)
        label = f"delivery of try {delivery.try_number} (wish {delivery.wish}, input {version})"
        if len(ids) != world.plan.jobs:
            found.append(f"WRONG RESULT: {label} has the jobs {ids}, not {world.plan.jobs}: {value}")
            continue
        for job_id in ids:
            if job_id not in jobs or jobs[job_id]["cost"] != cost(version):
                found.append(f"WRONG RESULT: {label} is of job {job_id}, which is no job for this input")
            elif (first := by_job.setdefault(job_id, delivery)).wish != delivery.wish and not first.disturbed:
                found.append(f"OLD RESULT: {label} is of job {job_id}, which was delivered for wish {first.wish}")
            elif world.plan.waits and jobs[job_id]["status"] != "Completed":
                found.append(f"WRONG RESULT: {label} is of job {job_id}, which is {jobs[job_id]['status']}")
        if world.plan.waits:
            counts = [one.get("counts") for one in value["results"]]
            wanted = [world.plan.counts(version, part) for part in range(1, world.plan.jobs + 1)]
            if counts != wanted:
                found.append(f"WRONG RESULT: {label} has the counts {counts}, not {wanted}")
    return found


def _untrue_records(world: World, jobs: dict[str, Any]) -> list[str]:
    """The state store says something that is not so."""
    found = []
    for key, text in world.airflow.store.items():
        record = json.loads(text)
        if key.partition(".")[0] != STORE_KEY or not isinstance(record, dict):
            continue
        job_id = record.get("job_id")
        if job_id is not None and job_id not in jobs:
            found.append(f"UNTRUE RECORD: {key} names job {job_id}, which does not exist")
        elif job_id is not None and record["tag"] not in jobs[job_id]["tags"]:
            found.append(f"UNTRUE RECORD: {key} names job {job_id} with the tag {record['tag']}, which it has not")
        elif record.get("delivered") and job_id not in world.airflow.handed_over and not _is_gone(world, jobs[job_id]):
            found.append(f"UNTRUE RECORD: {key} calls job {job_id} delivered, which Airflow does not have")
    return found
