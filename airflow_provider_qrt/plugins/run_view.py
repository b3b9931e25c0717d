"""View of a task and its jobs for the page *Result*, as plain JSON. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client.models import parse_time
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.backends.select import wait_seconds
from airflow_provider_qrt.jobs.failure import retry_can_help
from airflow_provider_qrt.links.qiskit_runtime import job_url
from airflow_provider_qrt.plugins.claims import Claim, may_see, read_claim
from airflow_provider_qrt.plugins.dry_run import is_plan, plan_view
from airflow_provider_qrt.plugins.loop_view import loop_view
from airflow_provider_qrt.plugins.overview import Price, task_url
from airflow_provider_qrt.plugins.sweeps import sweep_view
from airflow_provider_qrt.plugins.task_results import circuit_sources, has_values, is_number, is_result, pub_views

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend, Job, JobMetrics
    from airflow_provider_qrt.plugins.readings import JobDetails
    from airflow_provider_qrt.plugins.run_data import TaskData

MOST_JOBS = 20
"""Maximum number of jobs of one task whose times are shown."""
GOES_ON = ("running", "deferred", "queued", "scheduled", "up_for_retry", "up_for_reschedule", "restarting")
NO_JOB = "This task has submitted no job. Its log in Airflow says what it did."
NO_RESULT = (
    "The task left no result in XCom that can be drawn here. A custom XCom backend may keep it outside of Airflow's "
    "database."
)
NOT_SHOWN = "The job was submitted elsewhere, or belongs to another DAG: its times are not shown here."


def task_view(
    task: TaskData,
    details: Mapping[str, JobDetails | None],
    price: Price,
    *,
    dag_id: str,
    run_id: str,
    airflow: str,
    airflow_name: str,
    base_url: str,
    problem: str | None,
    backends: Sequence[Backend] = (),
) -> dict[str, Any]:
    """Describe a task instance.

    Args:
        task: Its data in Airflow.
        details: The data of its jobs; None for a job that is still to be read.
        price: Price of a QPU second.
        dag_id: The DAG.
        run_id: The DAG run.
        airflow: Path of Airflow's own pages.
        airflow_name: Name of this Airflow in the identity of its jobs.
        base_url: Base URL of the API; empty if unknown.
        problem: Why the service cannot be used, or None.
        backends: As they were read last.
    """
    by_name = {backend.name: backend for backend in backends}
    result = task.result if is_result(task.result) else None
    pubs, more_pubs = _pubs(result) if result else ([], 0)
    loop = loop_view(task.loop, price)
    jobs = [
        _job_view(job_id, details.get(job_id), price, dag_id, airflow_name, base_url, problem, by_name)
        for job_id in task.job_ids[:MOST_JOBS]
        # The course of a loop has the jobs that have completed.
        if job_id not in {known for call in task.loop for known in call.job_ids}
    ]
    if result and len(jobs) == 1:
        _add_from_xcom(jobs[0], result, price)
    goes_on = task.state in GOES_ON
    # Even if the service cannot be reached now, since it may answer the next time.
    unread = any(details.get(job["id"]) is None for job in jobs)
    return {
        "task": task.name,
        "task_id": task.task_id,
        "map_index": task.map_index,
        "url": task_url(airflow, Claim((dag_id,), run_id, task.task_id, task.map_index)),
        "state": task.state,
        "operator": task.operator,
        "program": result.get("program_id")
        if result
        else _planned(task) or next((job["program"] for job in jobs), None),
        "goes_on": goes_on or unread,
        "jobs": jobs,
        "estimate": _estimate(result) if result else None,
        "more_jobs": max(0, len(task.job_ids) - MOST_JOBS),
        "pubs": pubs,
        "more_pubs": more_pubs,
        "circuits": circuit_sources(task.rendered),
        "downloads": (["json", "csv"] if has_values(result) else ["json"]) if result else [],
        "note": "" if is_plan(task.result) or loop else _note(task, result, pubs),
        "loop": loop,
        "plan": plan_view(task.result, price) if is_plan(task.result) else [],
    }


def _pubs(result: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Return the views of PUBs, each with its sweep, and the number of those that are left out."""
    pubs, more = pub_views(result)
    entries = result.get("results") or []
    return [{**pub, "sweep": sweep_view(entries[pub["index"]])} for pub in pubs], more


def _estimate(result: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the expected QPU seconds of a task's jobs beside those that were charged, if both are known."""
    expected, charged = result.get("estimated_seconds"), result.get("usage_seconds")
    return {"expected": expected, "charged": charged} if is_number(expected) and is_number(charged) else None


def _planned(task: TaskData) -> str | None:
    return task.result.get("program_id") if is_plan(task.result) else None


def belongs_to(job: Job, dag_id: str, airflow_name: str) -> bool:
    """Return whether a job's tags prove that this DAG submitted it.

    XCom is no proof: anyone who may write to it could name any job of the instance.
    """
    claim = read_claim(job.tags, airflow_name)
    return claim is not None and may_see(claim, {dag_id}, {dag_id})


def _job_view(
    job_id: str,
    details: JobDetails | None,
    price: Price,
    dag_id: str,
    airflow_name: str,
    base_url: str,
    problem: str | None,
    backends: Mapping[str, Backend],
) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": job_id,
        "url": job_url(base_url, job_id) if base_url else None,
        "state": None,
        "backend": None,
        "program": None,
        "timeline": {"created": None, "running": None, "finished": None},
        "seconds": None,
        "cost": None,
        "in_session": details is not None and details.in_session,
        "failure": None,
        "waiting": None,
        "to_be_read": details is None and problem is None,
        "note": problem or "" if details is None else details.problem or "",
    }
    if details is None or details.job is None:
        return view
    job, metrics = details.job, details.metrics
    if not belongs_to(job, dag_id, airflow_name):
        return {**view, "note": NOT_SHOWN}
    usage = (metrics.usage if metrics else None) or job.usage
    seconds = usage.seconds if usage and usage.complete else None
    return {
        **view,
        "state": job.status.value,
        "backend": job.backend,
        "program": job.program_id,
        "timeline": _timeline(job, metrics),
        "seconds": seconds,
        # The cost of a dedicated session depends on how long it holds the backend.
        "cost": None if details.in_session else price.of(seconds),
        "failure": _failure(job),
        "waiting": _waiting(job, metrics, backends.get(str(job.backend))),
    }


def _timeline(job: Job, metrics: JobMetrics | None) -> dict[str, str | None]:
    created = (metrics.created if metrics else None) or job.created
    moments = {
        "created": created,
        "running": metrics.running if metrics else None,
        "finished": metrics.finished if metrics and job.status.is_final else None,
    }
    return {name: moment.isoformat() if moment else None for name, moment in moments.items()}


def _waiting(job: Job, metrics: JobMetrics | None, backend: Backend | None) -> dict[str, Any] | None:
    """Return what is known of the rest of the wait for a job; None if it has ended."""
    if job.status.is_final:
        return None
    running, expected = metrics.running if metrics else None, job.estimated_running_seconds
    ends = running + timedelta(seconds=expected) if running is not None and expected is not None else None
    return {
        "queue": backend.queue_length if backend is not None else None,
        "wait_seconds": wait_seconds(backend) if backend is not None else None,
        "expected_seconds": expected,
        "ends": ends.isoformat() if ends is not None else None,
    }


def _failure(job: Job) -> dict[str, Any] | None:
    """Return IBM's explanation for a job that did not complete."""
    if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        return None
    return {
        "reason": job.state.reason or "No reason was given.",
        "code": job.state.reason_code,
        "solution": job.state.reason_solution,
        "retry": retry_can_help(job.state),
    }


def _add_from_xcom(job: dict[str, Any], result: Mapping[str, Any], price: Price) -> None:
    """Fill in missing values, which were not read or are no longer available, from the task's XCom."""
    if result.get("job_id") != job["id"]:
        return
    # Anybody's code may have written it.
    job["state"] = job["state"] or next((one.value for one in JobStatus if one.value == result.get("status")), None)
    job["backend"] = job["backend"] or _text(result.get("backend"))
    job["program"] = job["program"] or _text(result.get("program_id"))
    for name in ("created", "finished"):
        moment = parse_time(result.get(name))
        job["timeline"][name] = job["timeline"][name] or (moment.isoformat() if moment else None)
    seconds = result.get("usage_seconds")
    if job["seconds"] is None and is_number(seconds):
        job["seconds"], job["cost"] = seconds, None if job["in_session"] else price.of(seconds)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _note(task: TaskData, result: Mapping[str, Any] | None, pubs: Sequence[Any]) -> str:
    if not task.job_ids:
        return NO_JOB
    if task.state in GOES_ON:
        return "The task waits for its job. This page follows it."
    if pubs:
        return ""
    if result is None:
        return NO_RESULT if task.state == "success" else ""
    if "results" not in result:
        return "The task did not wait for its job, so it returned no result."
    return "The result has a form that is not drawn. Download it as JSON."
