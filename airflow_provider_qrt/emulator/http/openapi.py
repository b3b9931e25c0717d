"""The emulator's API description, at ``/openapi.json`` and, as interactive pages, at ``/docs``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

DESCRIPTION = """A local Qiskit Runtime service. Under `/api/v1` is IBM's REST API: it asks for a bearer token from
`/identity/token` and the header `Service-CRN`. At the root are the API's older generations, told apart by the
credentials of a request. Under `/_emulator` are the emulator's controls, which ask for nothing.
"""

SUMMARIES = {
    "POST /identity/token": "Exchange an API key for an access token (IBM Cloud IAM)",
    "GET /api/v1/versions": "List the API versions",
    "POST /api/v1/jobs": "Submit a job",
    "GET /api/v1/jobs": "List jobs, with filters and pages",
    "GET /api/v1/jobs/{job_id}": "Read a job: its state, its input, its usage",
    "GET /api/v1/jobs/{job_id}/results": "Read the results of a job that has ended",
    "POST /api/v1/jobs/{job_id}/cancel": "Cancel a job that has not ended",
    "DELETE /api/v1/jobs/{job_id}": "Delete a job that has ended",
    "GET /api/v1/jobs/{job_id}/metrics": "Read a job's timestamps, usage and place in the queue",
    "GET /api/v1/jobs/{job_id}/logs": "Read the logs of a job that failed",
    "GET /api/v1/jobs/{job_id}/transpiled_circuits": "Read where a job's transpiled circuits are",
    "PUT /api/v1/jobs/{job_id}/tags": "Replace the tags of a job",
    "POST /api/v1/sessions": "Open a session or a batch",
    "GET /api/v1/sessions/{session_id}": "Read a session",
    "PATCH /api/v1/sessions/{session_id}": "Stop a session from accepting jobs, or let it accept them",
    "DELETE /api/v1/sessions/{session_id}/close": "Close a session and cancel its queued jobs",
    "GET /api/v1/backends": "List the backends with their status and queues",
    "GET /api/v1/backends/{name}/status": "Read whether a backend is online, and its queue",
    "GET /api/v1/backends/{name}/configuration": "Read a backend's qubits, gates and coupling",
    "GET /api/v1/backends/{name}/properties": "Read a backend's calibration",
    "GET /api/v1/backends/{name}/defaults": "Pulse defaults: withdrawn, always 404",
    "GET /api/v1/instance": "Read the instance: plan, backends, limit",
    "GET /api/v1/instances/configuration": "Read the usage limit of the instance",
    "PUT /api/v1/instances/configuration": "Set the usage limit of the instance",
    "GET /api/v1/instances/usage": "Read what the instance has used of its allocation",
    "GET /api/v1/workloads": "List jobs, sessions and batches, page by page",
    "GET /api/v1/tags": "Search the tags of jobs",
    "GET /api/v1/accounts/{account}": "Read the account and its plans",
    "GET /api/v1/analytics/filters": "List what analytics can be filtered by",
    "GET /api/v1/analytics/usage": "Total the usage",
    "GET /api/v1/analytics/usage_grouped": "Total the usage by instance, backend or user",
    "GET /api/v1/analytics/usage_grouped_by_date": "Total the usage by day",
    "GET /programs": "List the programs of an older generation",
    "GET /backends": "List the names of an older generation's backends",
    "POST /jobs": "Submit a job of an older generation",
    "GET /jobs": "List the jobs of an older generation, with filters and pages",
    "GET /jobs/{job_id}": "Read a job of an older generation",
    "GET /jobs/{job_id}/results": "Read the results of an older generation's job",
    "GET /jobs/{job_id}/metrics": "Read timestamps and usage of an older generation's job",
    "GET /jobs/{job_id}/logs": "Read the logs of an older generation's job that failed",
    "POST /jobs/{job_id}/cancel": "Cancel a job of an older generation that has not ended",
    "DELETE /sessions/{session_id}/close": "Close a session of IBM Cloud's older generation",
    "POST /api/users/loginWithToken": "Exchange an API token for a login id (ibm_quantum)",
    "POST /api/users/logout": "Give a login id back (ibm_quantum)",
    "POST /_discovery/v3/resources/search": "List the instances of an API key (IBM Cloud Global Search)",
    "GET /_discovery/{plan_id}": "Describe the plan of an instance (IBM Cloud Global Catalog)",
    "GET /_emulator/jobs": "List every job in order of submission",
    "POST /_emulator/jobs/{job_id}": "End a job now",
    "GET /_emulator/requests": "Read the journal of requests",
    "DELETE /_emulator/requests": "Empty the journal",
    "GET /_emulator/faults": "List the faults in force",
    "POST /_emulator/faults": "Put a fault in force",
    "DELETE /_emulator/faults": "Lift all faults",
    "GET /_emulator/rules": "List the rules about how jobs go",
    "POST /_emulator/rules": "Put a rule about how jobs go in force",
    "DELETE /_emulator/rules": "Lift all rules about jobs",
    "GET /_emulator/circuits/{job_id}": "Read the circuits of a job",
    "GET /_emulator/settings": "Read the settings",
    "POST /_emulator/settings": "Change settings",
    "POST /_emulator/clock": "Move the clock forward",
    "POST /_emulator/tokens/revoke": "Make every access token expired",
    "POST /_emulator/reset": "Forget jobs, sessions, faults and the journal",
}
"""A one-line summary of each operation."""

_TAGS = {
    "/api/v1": "Qiskit Runtime",
    "/identity": "IBM Cloud",
    "/_discovery": "IBM Cloud",
    "/_emulator": "Controls",
    "/programs": "Older generations",
    "/backends": "Older generations",
    "/jobs": "Older generations",
    "/sessions": "Older generations",
    "/api/users": "Older generations",
}


def describe(app: FastAPI) -> None:
    """Add these summaries to the API description of an application."""
    generate = app.openapi

    def with_summaries() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            schema["info"]["description"] = DESCRIPTION
            for path, operations in schema["paths"].items():
                for method, operation in operations.items():
                    operation["summary"] = SUMMARIES.get(f"{method.upper()} {path}", operation.get("summary"))
                    operation["tags"] = [tag for start, tag in _TAGS.items() if path.startswith(start)]
        found: dict[str, Any] = app.openapi_schema or {}
        return found

    # This is FastAPI's documented way to change the description.
    app.openapi = with_summaries  # type: ignore[method-assign]
