"""A small page for each job, at the address that links in Airflow's UI point to. It can be read without a token."""

from __future__ import annotations

import html
import re

from starlette.requests import Request
from starlette.responses import HTMLResponse

from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import ApiError
from airflow_provider_qrt.emulator.faults import API_PREFIX
from airflow_provider_qrt.emulator.jobs import Job
from airflow_provider_qrt.emulator.service import Service

_PATH = re.compile(rf"(?:{re.escape(API_PREFIX)})?/jobs/([^/]+)")
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}"
    "th{text-align:left;padding-right:2rem;vertical-align:top;font-weight:600}td{overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#f4f4f4}a{color:#78a9ff}}"
)


def page_for_people(service: Service, request: Request) -> HTMLResponse | None:
    """Return the page of a job for a browser that has no token, and None for every other request.

    Args:
        service: The emulator.
        request: A request that was refused because it has no credentials.
    """
    found = _PATH.fullmatch(request.url.path)
    wants_page = "text/html" in request.headers.get("Accept", "")
    if found is None or request.method != "GET" or not wants_page or "Authorization" in request.headers:
        return None
    now = service.settle()
    try:
        job = service.jobs.get(found[1])
    except ApiError:
        text = "This emulator knows no such job. It was restarted, perhaps, which forgets jobs without --state."
        return _page(f"Job {found[1]}", f"<p>{html.escape(text)}</p>", 404)
    waited = max(0.0, (job.started or job.ended or now) - job.created)
    facts = {
        "State": job.state.value,
        "Reason": job.reason,
        "Reason code": job.reason_code,
        "What to do": job.reason_solution,
        "Backend": job.submission.backend,
        "Program": job.submission.program_id,
        "Session or batch": job.submission.session_id,
        "Created": timestamp(job.created),
        "Waited": f"{waited:.1f} s",
        "Started": timestamp(job.started),
        "Ended": timestamp(job.ended),
        _usage_name(job): f"{job.charged:.1f} s" if job.ended is not None else None,
        "Tags": ", ".join(job.tags),
    }
    rows = "".join(
        f"<tr><th>{name}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
        if value not in (None, "")
    )
    about = "A job of the emulator, which simulates IBM Quantum on this machine. Reload the page to see it go on."
    return _page(f"Job {job.id}", f"<p>{about}</p><table>{rows}</table>", 200)


def _usage_name(job: Job) -> str:
    return "QPU time that a real run would take" if job.submission.is_mock else "QPU time"


def _page(title: str, body: str, status: int) -> HTMLResponse:
    name = html.escape(title)
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{name}</h1>{body}</body></html>"
    )
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})
