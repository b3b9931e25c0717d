"""The JSON of a job in the older generations."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import NOT_FOUND, NOT_READY, ApiError
from airflow_provider_qrt.emulator.http.views import failure_text
from airflow_provider_qrt.emulator.jobs import Job, State, unpack
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.settings import USER_ID

_OF_THE_BODY = ("hub", "group", "project", "params")


def accepted(job: Job) -> dict[str, Any]:
    """Return the answer to a submission."""
    asked = job.submission
    if asked.generation == Generation.API_TOKEN:
        return {"id": job.id}
    answer = {"id": job.id, "backend": asked.backend}
    return answer if asked.session_id is None else {**answer, "session_id": asked.session_id}


def job_view(job: Job, with_params: bool) -> dict[str, Any]:
    """Return a job as ``GET /jobs`` and ``GET /jobs/{id}`` show it."""
    state = {"status": job.status} if job.reason is None else {"status": job.status, "reason": job.reason}
    view: dict[str, Any] = {
        "id": job.id,
        "backend": job.submission.backend,
        "state": state,
        "status": job.status,
        "program": {"id": job.submission.program_id},
        "created": timestamp(job.created),
        "tags": list(job.tags),
        "user_id": USER_ID,
    }
    if job.submission.session_id is not None:
        view["session_id"] = job.submission.session_id
    body = {} if job.body is None else unpack(job.body)
    for name in _OF_THE_BODY:
        if name in body and (with_params or name != "params"):
            view[name] = body[name]
    return view


def results(job: Job) -> Response:
    """Return the answer of ``GET /jobs/{id}/results``.

    Raises:
        ApiError: There is no result, or it is not ready.
    """
    if job.submission.generation == Generation.API_TOKEN:
        return _text_result(job)
    if not job.final:
        message = f"The job is {job.state}; its results are not ready."
        raise ApiError(400, NOT_READY, message, "Wait until the job has ended.")
    if job.state is State.FAILED:
        return PlainTextResponse(failure_text(job))
    if job.result is None:
        raise ApiError(404, NOT_FOUND, "There are no results of this job.", "Read its state.")
    return Response(job.result_text, media_type="application/json")


def _text_result(job: Job) -> Response:
    if not job.final:
        return Response(status_code=204)
    if job.result is None:
        message = f"The job is {job.status}: {job.reason}"
        raise ApiError(400, job.reason_code or NOT_FOUND, message, job.reason_solution or "Submit the job again.")
    return PlainTextResponse(job.result_text)


def list_view(jobs: list[Job], offset: int, limit: int, with_params: bool) -> Response:
    """Return the answer of ``GET /jobs``."""
    page = [job_view(job, with_params) for job in jobs[offset : offset + limit]]
    return JSONResponse({"jobs": page, "count": len(jobs), "offset": offset, "limit": limit})
