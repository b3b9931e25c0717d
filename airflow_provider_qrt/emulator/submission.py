"""Reads the body of ``POST /jobs``, refuses malformed ones, and keeps the inputs for the run.

IBM's REST API reference: the top level of ``params`` and its ``options`` are closed objects. Errors in the circuit
itself are found only when the job runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.calibrate import CALIBRATE, check_calibrate
from airflow_provider_qrt.emulator.errors import (
    NOT_FOUND,
    PROGRAM_NOT_FOUND,
    TAG_TOO_LONG,
    TOO_MANY_TAGS,
    ApiError,
    bad_request,
)
from airflow_provider_qrt.emulator.executor_input import QuantumProgram, read_executor
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.noise_learner_input import NOISE_LEARNER, NoiseLearning, read_noise_learner
from airflow_provider_qrt.emulator.programs import EXECUTOR, KNOWN, READERS, Pub
from airflow_provider_qrt.emulator.settings import (
    DEFAULT_COST_SECONDS,
    MAX_COST_SECONDS,
    MAX_TAG_LENGTH,
    MAX_TAGS,
)

LOG_LEVELS = ("critical", "error", "warning", "info", "debug")

_BODY_KEYS = frozenset(
    {"program_id", "backend", "params", "tags", "log_level", "cost", "session_id", "calibration_id", "runtime"}
    | {"private", "start_session", "session_time"}
)


@dataclass(frozen=True)
class Submission:
    """A job submission that passed the checks of its body.

    Attributes:
        cost: The job's maximum execution time in seconds.
        pubs: The PUBs of a sampler or an estimator; empty for other programs.
        support_qiskit: Whether the result is requested in the tagged Qiskit encoding.
        quantum_program: The program of an executor, or None.
        noise_learning: The input of a noise learner, or None.
        generation: The generation of the API that it was sent to.
        starts_session: Whether it opens a session with its own id; in older generations only.
        session_seconds: Maximum lifetime of that session.
    """

    program_id: str
    backend: str
    params: dict[str, Any]
    tags: tuple[str, ...]
    cost: int
    session_id: str | None
    calibration_id: str | None
    runtime: str | None
    private: bool
    pubs: tuple[Pub, ...]
    support_qiskit: bool
    quantum_program: QuantumProgram | None = None
    noise_learning: NoiseLearning | None = None
    generation: Generation = Generation.PRESENT
    starts_session: bool = False
    session_seconds: int = 0


def read_submission(body: Any, backends: Iterable[str], withdrawn: Collection[str] = ()) -> Submission:
    """Check the body of ``POST /jobs``.

    Args:
        body: The body.
        backends: The names of the backends.
        withdrawn: Programs that the service no longer knows.

    Raises:
        ApiError: 400 for a malformed body, 404 for a program or a backend that does not exist.
    """
    body = checks.mapping(body, "the body")
    checks.refuse_unknown(body, _BODY_KEYS, "the body")
    program_id = checks.text(body, "program_id")
    backend = checks.text(body, "backend")
    if program_id is None:
        raise bad_request("program_id is missing.")
    if backend is None:
        raise bad_request("backend is missing.", "Name the backend that the job is to run on.")
    if program_id not in KNOWN or program_id in withdrawn:
        raise ApiError(404, PROGRAM_NOT_FOUND, f"Program {program_id!r} was not found.", _hint(withdrawn))
    if backend not in backends:
        raise ApiError(404, NOT_FOUND, f"Backend {backend!r} was not found.", "List the backends.")
    level = checks.text(body, "log_level")
    # IBM's reference lists them in lower case; the official client sends upper case.
    if level is not None and level.lower() not in LOG_LEVELS:
        raise bad_request(f"log_level must be one of {', '.join(LOG_LEVELS)}.")
    private = checks.boolean(body, "private", "the body")
    params = checks.mapping(body.get("params"), "params")
    session_id = checks.text(body, "session_id", 36)
    if program_id == CALIBRATE:
        check_calibrate(params, session_id)
    quantum_program = read_executor(params) if program_id == EXECUTOR else None
    if quantum_program is not None and quantum_program.chunked and session_id is None:
        raise bad_request("chunk_size may only be a number inside a session.", "Send auto.")
    return Submission(
        program_id=program_id,
        backend=backend,
        params=params,
        tags=read_tags(body.get("tags")),
        cost=DEFAULT_COST_SECONDS if body.get("cost") is None else read_cost(body["cost"]),
        session_id=session_id,
        calibration_id=checks.text(body, "calibration_id", 100),
        runtime=checks.text(body, "runtime"),
        private=private,
        pubs=READERS[program_id](params) if program_id in READERS else (),
        support_qiskit=program_id in READERS and checks.boolean(params, "support_qiskit", "params"),
        quantum_program=quantum_program,
        noise_learning=read_noise_learner(params) if program_id == NOISE_LEARNER else None,
    )


def read_tags(tags: Any) -> tuple[str, ...]:
    """Check a list of tags; None becomes an empty list.

    Raises:
        ApiError: 400 with code 1204 for more than 8 tags and 1205 for a tag longer than 86 characters.
    """
    if tags is None:
        return ()
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise bad_request("tags must be a list of strings.")
    if len(tags) > MAX_TAGS:
        raise ApiError(400, TOO_MANY_TAGS, f"A job has at most {MAX_TAGS} tags.", "Send fewer tags.")
    if any(len(tag) > MAX_TAG_LENGTH for tag in tags):
        message = f"A tag has at most {MAX_TAG_LENGTH} characters."
        raise ApiError(400, TAG_TOO_LONG, message, "Shorten the tag.")
    return tuple(tags)


def _hint(withdrawn: Collection[str]) -> str:
    return f"Programs that exist here: {', '.join(name for name in KNOWN if name not in withdrawn)}."


def read_cost(value: Any) -> int:
    """Check a maximum execution time in seconds, and reduce it to the allowed maximum.

    Raises:
        ApiError: 400 when it is not an integer number of seconds.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise bad_request(f"cost must be a whole number of seconds from 0 to {MAX_COST_SECONDS}.")
    return min(value, MAX_COST_SECONDS)
