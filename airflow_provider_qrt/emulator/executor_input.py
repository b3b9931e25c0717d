"""The input of the program ``executor``, version 2.0: circuits, and one item with arguments for each circuit.

IBM's REST API reference: circuits come as one QPY blob or as a list of OpenQASM 3 texts. An item has the type
``circuit`` (a tensor of arguments) or ``samplex`` (a recipe from which the arguments are drawn, as for twirling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.errors import bad_request
from airflow_provider_qrt.emulator.simulation.tensors import is_shape

SCHEMA_VERSION = "v2.0"
MEAS_LEVELS = ("classified", "kerneled", "avg_kerneled", "both")
OLDEST_QPY = 10

_PROGRAM_KEYS = frozenset(
    {"shots", "circuits", "items", "meas_level", "passthrough_data", "semantic_role"},
)
_OPTIONS = frozenset({"init_qubits", "rep_delay", "scheduler_timing", "stretch_values", "experimental"})
_QPY_KEYS = frozenset({"b64_data", "qpy_version", "num_programs"})
_ITEM_KEYS = {
    "circuit": frozenset({"item_type", "circuit_arguments", "shape", "chunk_size"}),
    "samplex": frozenset({"item_type", "samplex", "samplex_arguments", "shape", "chunk_size"}),
}


@dataclass(frozen=True)
class Item:
    """The arguments of one circuit.

    Attributes:
        shape: The item's shape as it was sent; axes that the arguments do not have are repetitions.
        arguments: A tensor of circuit arguments, or the arguments of the samplex by name.
        samplex: The samplex as JSON text, or None for an item of type ``circuit``.
    """

    shape: tuple[int, ...]
    arguments: dict[str, Any]
    samplex: str | None = None


@dataclass(frozen=True)
class QuantumProgram:
    """A quantum program that passed the checks at submission.

    Attributes:
        shots: Shots for each set of arguments.
        texts: OpenQASM 3 programs, or None when the circuits come as QPY.
        qpy: QPY with one circuit for each item, compressed with zlib and encoded as base64.
        items: One item for each circuit.
        chunked: Whether chunk sizes are numbers, which only sessions allow.
        passthrough: A value that the result returns unchanged.
        role: A value that the result returns unchanged.
        meas_level: ``classified`` for bits, ``kerneled`` for points in the IQ plane, ``avg_kerneled`` for their average
            over the shots, ``both`` for bits and points.
        timed: Whether the schedule of each circuit is wanted.
        stretched: Whether the values of each circuit's stretches are wanted.
    """

    shots: int
    texts: tuple[str, ...] | None
    qpy: str
    items: tuple[Item, ...]
    chunked: bool
    passthrough: Any
    role: str | None
    meas_level: str = "classified"
    timed: bool = False
    stretched: bool = False


def read_executor(params: dict[str, Any]) -> QuantumProgram:
    """Read the input of an executor.

    Raises:
        ApiError: 400 for input that is malformed or cannot be simulated.
    """
    checks.refuse_unknown(params, frozenset({"schema_version", "quantum_program", "options"}), "params")
    if params.get("schema_version") != SCHEMA_VERSION:
        raise bad_request(f"params.schema_version must be {SCHEMA_VERSION}; older ones are not emulated.")
    options = checks.mapping(params.get("options"), "params.options")
    _check_options(options)
    where = "params.quantum_program"
    program = checks.mapping(params.get("quantum_program"), where)
    checks.refuse_unknown(program, _PROGRAM_KEYS, where)
    shots = checks.shots(program.get("shots"), f"{where}.shots")
    if shots is None:
        raise bad_request(f"{where}.shots is missing.")
    level = program.get("meas_level", "classified")
    if not isinstance(level, str) or level not in MEAS_LEVELS:
        raise bad_request(f"{where}.meas_level must be one of {', '.join(MEAS_LEVELS)}.")
    role = program.get("semantic_role")
    if role is not None and not isinstance(role, str):
        raise bad_request(f"{where}.semantic_role must be a string.")
    items = program.get("items")
    if not isinstance(items, list) or not items:
        raise bad_request(f"{where}.items must be a list of at least one item.")
    texts, qpy, number = _circuits(program.get("circuits"), f"{where}.circuits")
    if number != len(items):
        raise bad_request(f"There must be one circuit for every item; there are {number} for {len(items)}.")
    read = [_item(item, f"{where}.items[{index}]") for index, item in enumerate(items)]
    chunks = [item.get("chunk_size", "auto") for item in items]
    if "auto" in chunks and any(chunk != "auto" for chunk in chunks):
        raise bad_request(f"{where}.items: every chunk_size must be a number, or every one auto.")
    return QuantumProgram(
        shots=shots,
        texts=texts,
        qpy=qpy,
        items=tuple(read),
        chunked="auto" not in chunks,
        passthrough=program.get("passthrough_data"),
        role=role,
        meas_level=level,
        timed=bool(options.get("scheduler_timing")),
        stretched=bool(options.get("stretch_values")),
    )


def _check_options(options: dict[str, Any]) -> None:
    where = "params.options"
    checks.refuse_unknown(options, _OPTIONS, where)
    for name in ("init_qubits", "scheduler_timing", "stretch_values"):
        checks.boolean(options, name, where)
    delay = options.get("rep_delay")
    if delay is not None and (isinstance(delay, bool) or not isinstance(delay, int | float)):
        raise bad_request(f"{where}.rep_delay must be a number of seconds.")
    if options.get("experimental") is not None:
        checks.mapping(options["experimental"], f"{where}.experimental")


def _circuits(given: Any, where: str) -> tuple[tuple[str, ...] | None, str, int]:
    circuits = checks.mapping(given, where)
    if "data" in circuits:
        checks.refuse_unknown(circuits, frozenset({"data"}), where)
        texts = circuits["data"]
        if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
            raise bad_request(f"{where}.data must be a list of OpenQASM 3 texts.")
        return tuple(texts), "", len(texts)
    checks.refuse_unknown(circuits, _QPY_KEYS, where)
    blob, version, number = (circuits.get(key) for key in ("b64_data", "qpy_version", "num_programs"))
    if not isinstance(blob, str) or not blob:
        raise bad_request(f"{where} must hold data (OpenQASM 3 texts) or b64_data (QPY).")
    if isinstance(version, bool) or not isinstance(version, int) or version < OLDEST_QPY:
        raise bad_request(f"{where}.qpy_version must be a whole number from {OLDEST_QPY} on.")
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise bad_request(f"{where}.num_programs must be a whole number from 1 on.")
    return None, blob, number


def _item(given: Any, where: str) -> Item:
    item = checks.mapping(given, where)
    kind = item.get("item_type")
    if not isinstance(kind, str) or kind not in _ITEM_KEYS:
        raise bad_request(f"{where}.item_type must be circuit or samplex.")
    checks.refuse_unknown(item, _ITEM_KEYS[kind], where)
    shape = item.get("shape")
    if not is_shape(shape):
        raise bad_request(f"{where}.shape must be a list of sizes.")
    assert isinstance(shape, list)
    chunk = item.get("chunk_size", "auto")
    if chunk != "auto" and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
        raise bad_request(f"{where}.chunk_size must be auto or a whole number from 1 on.")
    if kind == "circuit":
        return Item(tuple(shape), checks.mapping(item.get("circuit_arguments"), f"{where}.circuit_arguments"))
    arguments = checks.mapping(item.get("samplex_arguments"), f"{where}.samplex_arguments")
    samplex = checks.mapping(item.get("samplex"), f"{where}.samplex")
    checks.refuse_unknown(samplex, frozenset({"ssv", "samplex_json"}), f"{where}.samplex")
    text = samplex.get("samplex_json")
    if not isinstance(text, str) or not text:
        raise bad_request(f"{where}.samplex.samplex_json must be a JSON text.")
    return Item(tuple(shape), arguments, text)
