"""Reading the body of ``POST /jobs``: what is refused at once, and what is kept for the run.

IBM's REST API reference: the top level of ``params`` and its ``options`` are closed objects; what a circuit
itself does wrong is only found when the job runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.emulator.errors import (
    NOT_FOUND,
    TAG_TOO_LONG,
    TOO_MANY_TAGS,
    ApiError,
    bad_request,
)
from airflow_provider_qrt.emulator.settings import (
    DEFAULT_COST_SECONDS,
    DEFAULT_SHOTS,
    MAX_COST_SECONDS,
    MAX_TAG_LENGTH,
    MAX_TAGS,
)

LOG_LEVELS = ("critical", "error", "warning", "info", "debug")

_BODY_KEYS = frozenset(
    {"program_id", "backend", "params", "tags", "log_level", "cost", "session_id", "calibration_id", "runtime"}
    | {"private", "start_session", "session_time"}
)
_SAMPLER_KEYS = frozenset({"pubs", "version", "support_qiskit", "shots", "options"})
_SAMPLER_OPTIONS: dict[str, frozenset[str] | None] = {
    "default_shots": None,
    "dynamical_decoupling": frozenset(
        {"enable", "sequence_type", "extra_slack_distribution", "scheduling_method", "skip_reset_qubits"}
    ),
    "execution": frozenset({"init_qubits", "rep_delay", "meas_type"}),
    "twirling": frozenset(
        {"enable_gates", "enable_measure", "num_randomizations", "shots_per_randomization", "strategy"}
    ),
    "simulator": None,
    "experimental": None,
}


@dataclass(frozen=True)
class Pub:
    """One PUB of a sampler job, not yet parsed.

    Attributes:
        circuit: OpenQASM 3 text, or base64 of zlib of QPY.
        is_qpy: Which of the two.
        parameters: Values as they were sent.
        shots: Shots for each set of values.
    """

    circuit: str
    is_qpy: bool
    parameters: Any
    shots: int


@dataclass(frozen=True)
class Submission:
    """A job submission that passed the checks at the door.

    Attributes:
        cost: The job's maximum execution time in seconds.
        support_qiskit: Whether the result is wanted in the tagged Qiskit encoding.
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


def read_submission(body: Any, backends: Iterable[str]) -> Submission:
    """Check the body of ``POST /jobs``.

    Raises:
        ApiError: 400 for what is malformed, 404 for a program or a backend that does not exist.
    """
    body = _mapping(body, "the body")
    _refuse_unknown(body, _BODY_KEYS, "the body")
    program_id = _text(body, "program_id")
    backend = _text(body, "backend")
    if program_id is None:
        raise bad_request("program_id is missing.")
    if backend is None:
        raise bad_request("backend is missing.", "Name the backend that the job is to run on.")
    if program_id != "sampler":
        raise ApiError(404, NOT_FOUND, f"Program {program_id!r} was not found.", "Use program 'sampler'.")
    if backend not in backends:
        raise ApiError(404, NOT_FOUND, f"Backend {backend!r} was not found.", "List the backends.")
    level = _text(body, "log_level")
    # IBM's reference lists them in lower case, the official client sends capitals.
    if level is not None and level.lower() not in LOG_LEVELS:
        raise bad_request(f"log_level must be one of {', '.join(LOG_LEVELS)}.")
    private = _boolean(body, "private", "the body")
    params = _mapping(body.get("params"), "params")
    pubs, support_qiskit = _read_sampler(params)
    return Submission(
        program_id=program_id,
        backend=backend,
        params=params,
        tags=read_tags(body.get("tags")),
        cost=_cost(body.get("cost")),
        session_id=_text(body, "session_id", 36),
        calibration_id=_text(body, "calibration_id", 100),
        runtime=_text(body, "runtime"),
        private=private,
        pubs=pubs,
        support_qiskit=support_qiskit,
    )


def read_tags(tags: Any) -> tuple[str, ...]:
    """Check a list of tags; none is an empty list.

    Raises:
        ApiError: 400 with code 1204 for more than 8 tags and 1205 for one longer than 86 characters.
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


def _read_sampler(params: dict[str, Any]) -> tuple[tuple[Pub, ...], bool]:
    _refuse_unknown(params, _SAMPLER_KEYS, "params")
    if params.get("version", 2) != 2:
        raise bad_request("params.version must be 2: version 1 of the primitives was withdrawn.")
    options = params.get("options")
    options = {} if options is None else _mapping(options, "params.options")
    _refuse_unknown(options, frozenset(_SAMPLER_OPTIONS), "params.options")
    for name, keys in _SAMPLER_OPTIONS.items():
        if keys is not None and options.get(name) is not None:
            group = _mapping(options[name], f"params.options.{name}")
            _refuse_unknown(group, keys, f"params.options.{name}")
    meas_type = (options.get("execution") or {}).get("meas_type", "classified")
    if meas_type != "classified":
        raise bad_request("params.options.execution.meas_type: only classified results are simulated.")
    shots = _shots(params.get("shots"), "params.shots")
    if shots is None:
        shots = _shots(options.get("default_shots"), "params.options.default_shots")
    pubs = params.get("pubs")
    if not isinstance(pubs, list) or not pubs:
        raise bad_request("params.pubs must be a list of at least one PUB.")
    read = tuple(_read_pub(pub, f"params.pubs[{i}]", shots or DEFAULT_SHOTS) for i, pub in enumerate(pubs))
    return read, _boolean(params, "support_qiskit", "params")


def _read_pub(pub: Any, where: str, default_shots: int) -> Pub:
    if not isinstance(pub, list):
        pub = [pub]
    if not 1 <= len(pub) <= 3:
        raise bad_request(f"{where} must be [circuit, parameter values, shots].")
    circuit, parameters, shots = (*pub, None, None)[:3]
    pub_shots = _shots(shots, f"{where}[2]")
    is_qpy = isinstance(circuit, dict)
    if is_qpy:
        if circuit.get("__type__") != "QuantumCircuit":
            raise bad_request(f"{where}[0] is an object, but not an encoded QuantumCircuit.")
        circuit = circuit.get("__value__")
    if not isinstance(circuit, str) or not circuit:
        raise bad_request(f"{where}[0] must be OpenQASM 3 text or an encoded QuantumCircuit.")
    if parameters is not None and not isinstance(parameters, list | dict):
        raise bad_request(f"{where}[1] must be a map or a list of parameter values.")
    return Pub(circuit, is_qpy, parameters, default_shots if pub_shots is None else pub_shots)


def _shots(value: Any, where: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise bad_request(f"{where} must be a whole number of at least one shot.")
    return value


def _cost(value: Any) -> int:
    if value is None:
        return DEFAULT_COST_SECONDS
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise bad_request(f"cost must be a whole number of seconds from 0 to {MAX_COST_SECONDS}.")
    return min(value, MAX_COST_SECONDS)


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_request(f"{where} must be a JSON object.")
    return value


def _text(body: dict[str, Any], key: str, longest: int = 1000) -> str | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise bad_request(f"{key} must be a string of 1 to {longest} characters.")
    return value


def _boolean(body: dict[str, Any], key: str, where: str) -> bool:
    value = body.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise bad_request(f"{key} in {where} must be true or false.")
    return value


def _refuse_unknown(given: dict[str, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise bad_request(f"Unknown in {where}: {', '.join(unknown)}.", "Leave these keys out.")
