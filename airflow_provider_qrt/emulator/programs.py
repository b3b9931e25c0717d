"""The inputs of the programs that take PUBs: ``sampler`` and ``estimator``, version 2.

IBM's REST API reference: ``params`` and its ``options`` are closed objects. A sampler PUB is ``[circuit,
parameter values, shots]``, an estimator PUB ``[circuit, observables, parameter values, precision]``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.calibrate import CALIBRATE
from airflow_provider_qrt.emulator.errors import bad_request
from airflow_provider_qrt.emulator.mitigation import Pec, Zne, read_mitigation
from airflow_provider_qrt.emulator.noise_learner_input import NOISE_LEARNER
from airflow_provider_qrt.emulator.shots import EstimatorShots, needed, of_sampler


@dataclass(frozen=True)
class Pub:
    """One PUB, not yet parsed.

    Attributes:
        circuit: OpenQASM 3 text, or QPY compressed with zlib and encoded as base64.
        is_qpy: Whether ``circuit`` is QPY.
        parameters: The parameter values as they were sent.
        shots: Shots for each parameter set; for an estimator, for each Pauli string.
        observables: The observables of an estimator as they were sent; None for a sampler.
        precision: The standard error that an estimator aims at.
        reads_mitigated: Whether an estimator mitigates readout errors.
        decoupled: Whether idle qubits are dynamically decoupled.
        gates_randomized: Whether gates are twirled, or gate errors are cancelled or amplified.
        each: Shots of one randomized circuit; 0 if there is only one circuit.
        no_room: The reason why its shots cannot be divided among randomized circuits, or None.
        mitigation: The mitigation of an estimator's gate errors, or None.
        meas_type: The form of a sampler's results: ``classified``, ``kerneled`` or ``avg_kerneled``.
    """

    circuit: str
    is_qpy: bool
    parameters: Any
    shots: int
    observables: Any = None
    precision: float | None = None
    reads_mitigated: bool = True
    decoupled: bool = False
    gates_randomized: bool = False
    each: int = 0
    no_room: str | None = None
    meas_type: str = "classified"
    mitigation: Zne | Pec | None = None


MEAS_TYPES = ("classified", "kerneled", "avg_kerneled")
_TWIRLING = frozenset({"enable_gates", "enable_measure", "num_randomizations", "shots_per_randomization", "strategy"})
_DECOUPLING = frozenset(
    {"enable", "sequence_type", "extra_slack_distribution", "scheduling_method", "skip_reset_qubits"}
)
_RESILIENCE = frozenset(
    {"measure_mitigation", "measure_noise_learning", "zne_mitigation", "zne", "pec_mitigation", "pec"}
    | {"layer_noise_learning", "layer_noise_model"}
)
_Groups = dict[str, frozenset[str] | None]
_SAMPLER_KEYS = frozenset({"pubs", "version", "support_qiskit", "shots", "options"})
_SAMPLER_OPTIONS: _Groups = {
    "default_shots": None,
    "dynamical_decoupling": _DECOUPLING,
    "execution": frozenset({"init_qubits", "rep_delay", "meas_type"}),
    "twirling": _TWIRLING,
    "simulator": None,
    "experimental": None,
}
_ESTIMATOR_KEYS = frozenset({"pubs", "version", "support_qiskit", "precision", "resilience_level", "options"})
_ESTIMATOR_OPTIONS: _Groups = {
    "default_precision": None,
    "default_shots": None,
    "seed_estimator": None,
    "dynamical_decoupling": _DECOUPLING,
    "execution": frozenset({"init_qubits", "rep_delay"}),
    "twirling": _TWIRLING,
    "resilience": _RESILIENCE,
    "simulator": None,
    "experimental": None,
}


def read_sampler(params: dict[str, Any]) -> tuple[Pub, ...]:
    """Read the input of a sampler.

    Raises:
        ApiError: 400 for what is malformed.
    """
    options = _options(params, _SAMPLER_KEYS, _SAMPLER_OPTIONS)
    meas_type = _meas_type(options)
    shots = checks.shots(params.get("shots"), "params.shots")
    checks.shots(options.get("default_shots"), "params.options.default_shots")
    twirling, default = of_sampler(options)
    pubs = []
    for where, pub in _pubs(params):
        if not 1 <= len(pub) <= 3:
            raise bad_request(f"{where} must be [circuit, parameter values, shots].")
        circuit, parameters, own = (*pub, None, None)[:3]
        text, is_qpy = checks.circuit(circuit, f"{where}[0]")
        named = checks.shots(own, f"{where}[2]") or shots
        pubs.append(
            Pub(
                text,
                is_qpy,
                _values(parameters, f"{where}[1]"),
                named or default,
                decoupled=_switched_on(options, "dynamical_decoupling", "enable"),
                gates_randomized=_switched_on(options, "twirling", "enable_gates"),
                no_room=None if named is None else twirling.problem(named),
                meas_type=meas_type,
            )
        )
    return tuple(pubs)


def read_estimator(params: dict[str, Any]) -> tuple[Pub, ...]:
    """Read the input of an estimator.

    Raises:
        ApiError: 400 for what is malformed.
    """
    options = _options(params, _ESTIMATOR_KEYS, _ESTIMATOR_OPTIONS)
    level = params.get("resilience_level")
    if level is not None and (isinstance(level, bool) or level not in (0, 1, 2)):
        raise bad_request("params.resilience_level must be 0, 1 or 2.")
    resilience = options.get("resilience") or {}
    mitigation = read_mitigation(resilience, level)
    mitigated = resilience.get("measure_mitigation")
    if mitigated is None:
        mitigated = level != 0
    if resilience.get("measure_noise_learning") and not mitigated:
        raise bad_request("measure_noise_learning options are set, but readout errors are not mitigated.")
    wanted = checks.precision(params.get("precision"), "params.precision")
    checks.shots(options.get("default_shots"), "params.options.default_shots")
    checks.precision(options.get("default_precision"), "params.options.default_precision")
    dealt = EstimatorShots(options, level)
    pubs = []
    for where, pub in _pubs(params):
        if not 2 <= len(pub) <= 4:
            raise bad_request(f"{where} must be [circuit, observables, parameter values, precision].")
        circuit, observables, parameters, own = (*pub, None, None)[:4]
        text, is_qpy = checks.circuit(circuit, f"{where}[0]")
        if not isinstance(observables, str | list | dict) or not observables:
            raise bad_request(f"{where}[1] must be a Pauli string, a map of them, or a list of either.")
        precision = checks.precision(own, f"{where}[3]") or wanted
        number, each = dealt.shots(precision)
        pubs.append(
            Pub(
                circuit=text,
                is_qpy=is_qpy,
                parameters=_values(parameters, f"{where}[2]"),
                shots=number * each,
                observables=observables,
                precision=precision or dealt.default_precision,
                reads_mitigated=bool(mitigated),
                decoupled=_switched_on(options, "dynamical_decoupling", "enable"),
                gates_randomized=_randomizes_gates(options, level),
                each=each,
                no_room=None if precision is None else dealt.twirling.problem(needed(precision)),
                mitigation=mitigation,
            )
        )
    return tuple(pubs)


READERS: dict[str, Callable[[dict[str, Any]], tuple[Pub, ...]]] = {
    "sampler": read_sampler,
    "estimator": read_estimator,
}
"""How to read the input of each program whose input is PUBs."""

EXECUTOR = "executor"
"""The program that runs circuits with tensors of arguments."""

KNOWN = (*READERS, EXECUTOR, NOISE_LEARNER, CALIBRATE)
"""The programs that run here."""


def _options(params: dict[str, Any], keys: frozenset[str], groups: _Groups) -> dict[str, Any]:
    checks.refuse_unknown(params, keys, "params")
    if params.get("version", 2) != 2:
        raise bad_request("params.version must be 2: version 1 of the primitives was withdrawn.")
    options = params.get("options")
    options = {} if options is None else checks.mapping(options, "params.options")
    checks.refuse_unknown(options, frozenset(groups), "params.options")
    for name, known in groups.items():
        if known is not None and options.get(name) is not None:
            group = checks.mapping(options[name], f"params.options.{name}")
            checks.refuse_unknown(group, known, f"params.options.{name}")
    return options


def _meas_type(options: dict[str, Any]) -> str:
    meas_type = (options.get("execution") or {}).get("meas_type", MEAS_TYPES[0])
    if not isinstance(meas_type, str) or meas_type not in MEAS_TYPES:
        raise bad_request(f"params.options.execution.meas_type must be one of {', '.join(MEAS_TYPES)}.")
    if meas_type != MEAS_TYPES[0] and _switched_on(options, "twirling", "enable_measure"):
        raise bad_request("Only classified measurements can be twirled.", "Switch twirling.enable_measure off.")
    return meas_type


def _switched_on(options: dict[str, Any], group: str, name: str) -> bool:
    return bool((options.get(group) or {}).get(name))


def _randomizes_gates(options: dict[str, Any], level: int | None) -> bool:
    resilience = options.get("resilience") or {}
    twirled = (options.get("twirling") or {}).get("enable_gates")
    amplified = resilience.get("zne_mitigation", level == 2) and (resilience.get("zne") or {}).get("amplifier") == "pea"
    return bool(level == 2 if twirled is None else twirled) or bool(amplified or resilience.get("pec_mitigation"))


def _pubs(params: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    pubs = params.get("pubs")
    if not isinstance(pubs, list) or not pubs:
        raise bad_request("params.pubs must be a list of at least one PUB.")
    return [(f"params.pubs[{index}]", pub if isinstance(pub, list) else [pub]) for index, pub in enumerate(pubs)]


def _values(parameters: Any, where: str) -> Any:
    if parameters is not None and not isinstance(parameters, list | dict):
        raise bad_request(f"{where} must be a map or a list of parameter values.")
    return parameters
