"""The JSON of a job in each dated version of IBM's REST API."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from airflow_provider_qrt.emulator import versions
from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.executions import estimated_seconds
from airflow_provider_qrt.emulator.jobs import Job
from airflow_provider_qrt.emulator.settings import USER_ID

PENDING = "pending"
COMPLETE = "complete"


def usage_status(job: Job, now: float, pending_seconds: float) -> str:
    """Return whether a job's usage is ``pending`` or ``complete``."""
    return COMPLETE if job.ended is not None and now >= job.ended + pending_seconds else PENDING


def usage(job: Job, now: float, pending_seconds: float, api_version: str) -> dict[str, Any]:
    """Return the usage of a job, in seconds of QPU time; 0 while it is pending."""
    status = usage_status(job, now, pending_seconds)
    seconds = round(job.charged, 6) if status == COMPLETE else 0
    if api_version >= versions.QPU_CHARGE_TIME:
        return {"qpu_charge_time_seconds": seconds, "status": status}
    return {"quantum_seconds": seconds, "seconds": seconds}


def estimate(job: Job) -> float:
    """Return the estimated QPU time in seconds."""
    return estimated_seconds(job.submission.executions)


def job_view(job: Job, now: float, pending_seconds: float, api_version: str, with_params: bool) -> dict[str, Any]:
    """Return a job as ``GET /jobs`` and ``GET /jobs/{id}`` show it."""
    state: dict[str, Any] = {"status": job.state.value}
    if job.reason is not None:
        state["reason"] = job.reason
    if job.reason_code is not None:
        state["reason_code"] = job.reason_code
    if job.reason_solution is not None:
        state["reason_solution"] = job.reason_solution
    view: dict[str, Any] = {
        "id": job.id,
        "backend": job.submission.backend,
        "state": state,
        "status": job.status,
        "program": {"id": job.submission.program_id},
        "created": timestamp(job.created),
        "cost": int(job.limit),
        "tags": list(job.tags),
        "user_id": USER_ID,
        "usage": usage(job, now, pending_seconds, api_version),
        "estimated_running_time_seconds": estimate(job),
    }
    for name in ("session_id", "calibration_id", "runtime"):
        value = getattr(job.submission, name)
        if value is not None:
            view[name] = value
    if job.submission.private:
        view["private"] = True
    elif with_params and job.body is not None:
        view["params"] = job.params
    return view


def metrics_view(job: Job, now: float, pending_seconds: float, api_version: str) -> dict[str, Any]:
    """Return the answer of ``GET /jobs/{id}/metrics``."""
    charged = usage(job, now, pending_seconds, api_version)
    on_circuits = int(job.charged * 1e9) if job.ended is not None else 0
    view: dict[str, Any] = {
        "caller": job.caller,
        "qiskit_version": _qiskit_version(),
        "timestamps": {
            "created": timestamp(job.created),
            "running": timestamp(job.started),
            "finished": timestamp(job.ended),
        },
        "usage": charged,
    }
    if api_version >= versions.EXECUTION_TIME_AT_TOP:
        view["circuits_execution_time_ns"] = on_circuits
    else:
        charged["circuits_execution_time_ns"] = on_circuits
    if api_version < versions.QPU_CHARGE_TIME:
        view["bss"] = {"seconds": charged["seconds"]}
        view["executions"] = job.submission.executions
        view["num_circuits"] = job.submission.circuits
    return view


def failure_text(job: Job) -> str:
    """Return the text that a client reads in place of the results of a failed job.

    IBM's service may answer with a traceback here; clients use its last line.
    """
    return f"Traceback (most recent call last):\n  ...\nJobFailed: {job.reason_code}: {job.reason}\n"


def caller(header: str | None) -> str:
    """Shorten ``X-Qx-Client-Application`` to the calling application.

    IBM's REST API reference: the header is ``qiskit-version-2/<versions>/<caller>[/<custom>]``.
    """
    parts = (header or "").split("/")
    return "/".join(parts[2:]) if len(parts) > 2 else parts[0]


@cache
def _qiskit_version() -> str:
    try:
        return version("qiskit")
    except PackageNotFoundError:
        return ""
