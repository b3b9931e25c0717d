"""The inputs of the programs of the older generations: version 1 of the primitives, and the circuit runners.

Circuits are in one list and are selected by index; values and observables are in separate lists. Each run becomes a
PUB here, so that the same simulation can run it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.errors import bad_request
from airflow_provider_qrt.emulator.legacy import catalogue
from airflow_provider_qrt.emulator.programs import Pub

DEFAULT_SHOTS_V1 = 4000
DEFAULT_SHOTS_OF_RUNNERS = 1024

_SETTINGS = frozenset(
    {"run_options", "options", "transpilation_settings", "transpilation_options", "resilience_settings"}
    | {"resilience_options", "resilience_level", "optimization_level", "skip_transpilation"}
)
_RUNS = frozenset({"circuits", "circuit_ids", "circuit_indices", "parameters", "parameter_values"})
_SAMPLER_KEYS = _RUNS | _SETTINGS
_ESTIMATOR_KEYS = _SAMPLER_KEYS | {"observables", "observable_indices"}
_RUNNER_KEYS = frozenset({"circuits", "shots", "initial_layout", "layout_method", "routing_method"}) | (
    {"translation_method", "seed_transpiler", "optimization_level", "init_qubits", "rep_delay"}
    | {"transpiler_options", "measurement_error_mitigation", "skip_transpilation", "run_options", "run_config"}
)


def read_sampler(params: dict[str, Any]) -> tuple[Pub, ...]:
    """Read the input of a sampler, version 1.

    Raises:
        ApiError: 400 for what is malformed.
    """
    _check(params, _SAMPLER_KEYS)
    shots = _shots(params) or DEFAULT_SHOTS_V1
    circuits = _circuits(params)
    picked = _indices(params, "circuit_indices", len(circuits), len(circuits))
    values = _values(params, len(picked))
    return tuple(Pub(*circuits[place], row, shots) for place, row in zip(picked, values, strict=True))


def read_estimator(params: dict[str, Any]) -> tuple[Pub, ...]:
    """Read the input of an estimator, version 1; the n-th observable is measured on the n-th circuit.

    Raises:
        ApiError: 400 for what is malformed.
    """
    _check(params, _ESTIMATOR_KEYS)
    shots = _shots(params) or DEFAULT_SHOTS_V1
    circuits = _circuits(params)
    given = params.get("observables")
    given = given if isinstance(given, list) else [given]
    observables = [_observable(one, f"params.observables[{place}]") for place, one in enumerate(given)]
    picked = _indices(params, "circuit_indices", len(circuits), len(circuits))
    measured = _indices(params, "observable_indices", len(observables), len(observables))
    if len(picked) != len(measured):
        raise bad_request(
            f"{len(picked)} circuits and {len(measured)} observables do not pair.",
            "Send one observable for each circuit, or pair them by circuit_indices and observable_indices.",
        )
    runs = zip(picked, measured, _values(params, len(picked)), strict=True)
    return tuple(
        Pub(*circuits[place], row, shots, observables=observables[other], precision=1 / math.sqrt(shots))
        for place, other, row in runs
    )


def read_runner(params: dict[str, Any]) -> tuple[Pub, ...]:
    """Read the input of a circuit runner.

    Raises:
        ApiError: 400 for what is malformed.
    """
    _check(params, _RUNNER_KEYS)
    shots = checks.shots(params.get("shots"), "params.shots") or _shots(params) or DEFAULT_SHOTS_OF_RUNNERS
    return tuple(Pub(*circuit, None, shots) for circuit in _circuits(params))


def read_simple(params: dict[str, Any]) -> tuple[Pub, ...]:
    """Read the input of the test program of 2021, which runs no circuit.

    Raises:
        ApiError: 400 for what is malformed.
    """
    _check(params, frozenset({"iterations"}))
    rounds = params.get("iterations")
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 0:
        raise bad_request("iterations must be a whole number from 0 on.")
    return ()


READERS: dict[str, Callable[[dict[str, Any]], tuple[Pub, ...]]] = {
    catalogue.SAMPLER: read_sampler,
    catalogue.ESTIMATOR: read_estimator,
    catalogue.SIMPLE: read_simple,
    **dict.fromkeys(catalogue.COUNTING, read_runner),
}
"""How to read the input of each program."""


def _check(params: dict[str, Any], known: frozenset[str]) -> None:
    if "pubs" in params:
        raise bad_request(
            "params.pubs is version 2 of the primitives, which came after this generation of the API.",
            "Send params.circuits, or use the present API under /api/v1.",
        )
    checks.refuse_unknown(params, known, "params")


def _shots(params: dict[str, Any]) -> int | None:
    found = None
    for name in ("run_options", "options"):
        group = params.get(name)
        if group is not None:
            place = f"params.{name}"
            found = found or checks.shots(checks.mapping(group, place).get("shots"), f"{place}.shots")
    return found


def _circuits(params: dict[str, Any]) -> list[tuple[str, bool]]:
    circuits = params.get("circuits")
    circuits = circuits if isinstance(circuits, list) else [circuits]
    if not circuits:
        raise bad_request("params.circuits must hold at least one circuit.")
    return [_circuit(one, f"params.circuits[{place}]") for place, one in enumerate(circuits)]


def _circuit(circuit: Any, where: str) -> tuple[str, bool]:
    is_qpy = isinstance(circuit, dict) and circuit.get("__type__") == "QuantumCircuit"
    text = circuit.get("__value__") if is_qpy else circuit
    if not isinstance(text, str) or not text.strip():
        raise bad_request(f"{where} must be OpenQASM 3 text or an encoded QuantumCircuit.")
    return text, is_qpy


def _indices(params: dict[str, Any], name: str, number: int, default: int) -> list[int]:
    indices = params.get(name)
    if indices is None:
        return list(range(default))
    if not isinstance(indices, list) or not indices:
        raise bad_request(f"params.{name} must be a list of indices.")
    if not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < number for one in indices):
        raise bad_request(f"params.{name} must hold whole numbers from 0 to {number - 1}.")
    return indices


def _values(params: dict[str, Any], number: int) -> list[list[Any] | None]:
    values = params.get("parameter_values")
    if values is None or values == []:
        return [None] * number
    if not isinstance(values, list) or len(values) != number or not all(isinstance(row, list) for row in values):
        raise bad_request(f"params.parameter_values must be a list of {number} lists of numbers, one for each run.")
    return list(values)


def _observable(observable: Any, where: str) -> dict[str, float]:
    """Return an observable as a map: from a Pauli string, from such a map, or from lists of strings and numbers."""
    if isinstance(observable, str) and observable:
        return {observable: 1.0}
    if isinstance(observable, dict) and set(observable) == {"paulis", "coeffs"}:
        paulis, numbers = observable["paulis"], observable["coeffs"]
        if not isinstance(paulis, list) or not isinstance(numbers, list) or len(paulis) != len(numbers):
            raise bad_request(f"{where} must have as many coeffs as paulis.")
        observable = _sum(list(zip(paulis, numbers, strict=True)), where)
    elif isinstance(observable, dict):
        observable = _sum(list(observable.items()), where)
    elif isinstance(observable, list) and all(isinstance(term, list) and len(term) == 2 for term in observable):
        observable = _sum(observable, where)
    if not isinstance(observable, dict) or not observable:
        raise bad_request(f"{where} must be a Pauli string, or Pauli strings with numbers.")
    return observable


def _sum(terms: list[Any], where: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for pauli, number in terms:
        if not isinstance(pauli, str) or isinstance(number, bool) or not isinstance(number, int | float):
            raise bad_request(f"{where} must have texts as Pauli strings and real numbers as coefficients.")
        found[pauli] = found.get(pauli, 0.0) + number
    return found
