"""Reads the body of ``POST /jobs`` in the older generations."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.errors import NOT_FOUND, ApiError, bad_request
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.legacy.catalogue import NOT_EMULATED, RUNNING
from airflow_provider_qrt.emulator.legacy.inputs import READERS
from airflow_provider_qrt.emulator.legacy.machines import SIMULATORS, accepts
from airflow_provider_qrt.emulator.settings import MAX_COST_SECONDS, SESSION_TTL_SECONDS
from airflow_provider_qrt.emulator.submission import Submission, read_cost, read_tags

_PROVIDER = ("hub", "group", "project")
_COMMON = frozenset({"program_id", "backend", "params", "tags", "cost", "log_level", "runtime"})
_KEYS: dict[Generation, frozenset[str]] = {
    Generation.IBM_CLOUD: _COMMON | {"start_session", "session_id", "session_time"},
    Generation.IBM_QUANTUM: _COMMON | set(_PROVIDER),
    Generation.API_TOKEN: frozenset({"programId", "backend", "params", *_PROVIDER}),
}


def read_older(body: Any, generation: Generation) -> Submission:
    """Check the body of ``POST /jobs`` of an older generation.

    Raises:
        ApiError: 400 for a malformed body and for a program that does not run here, 404 for a program or a backend
            that the generation does not have.
    """
    body = checks.mapping(body, "the body")
    checks.refuse_unknown(body, _KEYS[generation], "the body")
    key = "programId" if generation is Generation.API_TOKEN else "program_id"
    program = checks.text(body, key)
    backend = checks.text(body, "backend")
    if program is None or backend is None:
        missing = key if program is None else "backend"
        raise bad_request(f"{missing} is missing.", f"Name the {'program' if program is None else 'backend'}.")
    if generation is not Generation.IBM_CLOUD:
        for name in _PROVIDER:
            if checks.text(body, name) is None:
                raise bad_request(f"{name} is missing.", "Name the hub, the group and the project.")
    _check_program(program, generation)
    if not accepts(generation, backend):
        raise ApiError(404, NOT_FOUND, f"Backend {backend!r} was not found.", "List the backends.")
    params = _params(body.get("params"), generation)
    starts = checks.boolean(body, "start_session", "the body")
    session_id = checks.text(body, "session_id", 36)
    _check_session(starts, session_id, backend)
    return Submission(
        program_id=program,
        backend=backend,
        params=params,
        tags=read_tags(body.get("tags")),
        cost=MAX_COST_SECONDS if body.get("cost") is None else read_cost(body["cost"]),
        session_id=session_id,
        calibration_id=None,
        runtime=checks.text(body, "runtime"),
        private=False,
        pubs=READERS[program](params),
        support_qiskit=False,
        generation=generation,
        starts_session=starts,
        session_seconds=_session_seconds(body.get("session_time")),
    )


def _check_program(program: str, generation: Generation) -> None:
    known = f"Programs that run here: {', '.join(RUNNING[generation])}."
    reason = NOT_EMULATED[generation].get(program)
    if reason is not None:
        raise bad_request(f"The emulator does not run {program}: {reason}.", known)
    if program not in RUNNING[generation]:
        raise ApiError(404, NOT_FOUND, f"Program {program!r} was not found.", known)


def _params(params: Any, generation: Generation) -> dict[str, Any]:
    if generation is not Generation.API_TOKEN:
        return checks.mapping(params, "params")
    if not isinstance(params, list) or len(params) != 1 or not isinstance(params[0], str):
        raise bad_request("params must be a list of one text, the program's input as JSON.")
    try:
        read = json.loads(params[0])
        # Python accepts values that JSON does not allow, which it could not store.
        json.dumps(read, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"params[0] is not JSON: {type(error).__name__}.") from error
    return checks.mapping(read, "params[0]")


def _check_session(starts: bool, session_id: str | None, backend: str) -> None:
    if starts and session_id is not None:
        raise bad_request("start_session and session_id exclude each other.", "Start a session once, then name it.")
    if starts and backend in SIMULATORS:
        raise bad_request(f"{backend} is a simulator, and sessions are for machines.", "Leave start_session out.")


def _session_seconds(value: Any) -> int:
    longest = SESSION_TTL_SECONDS["paid"]
    if value is None:
        return longest
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise bad_request("session_time must be a whole number of seconds.")
    return min(value, longest)
