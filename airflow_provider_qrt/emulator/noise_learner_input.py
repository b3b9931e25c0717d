"""The input of the program ``noise-learner``, in its two forms.

IBM's REST API reference: version 2 takes circuits, whose layers of two-qubit gates it finds by itself; the newer form,
with a schema version, takes QPY of a circuit whose instructions are the boxes to learn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.errors import bad_request

NOISE_LEARNER = "noise-learner"
"""The name of the program."""

SCHEMA_VERSIONS = ("v0.1", "v0.2", "v0.3")
STRATEGIES = ("active", "active-circuit", "active-accum", "all")
OLDEST_QPY = 13
BASES = 9
"""The number of measurement bases in which the noise of neighbouring qubits is learned."""

_COUNTS = {"shots_per_randomization": 128, "num_randomizations": 32}
_DEPTHS = [0, 1, 2, 4, 16, 32]
_MOST_LAYERS = 4
_OF_CIRCUITS = frozenset(
    {"max_layers_to_learn", "layer_pair_depths", "twirling_strategy", "support_qiskit", "experimental", "simulator"}
    | set(_COUNTS)
)
_OF_BOXES = frozenset(
    {"layer_pair_depths", "bit_flip_checks", "post_selection", "init_qubits", "rep_delay", "experimental"}
    | set(_COUNTS)
)


@dataclass(frozen=True)
class NoiseLearning:
    """A request to learn noise that passed the checks at submission.

    Attributes:
        schema_version: The schema of boxes, or None for circuits.
        circuits: Circuits, each as OpenQASM 3 text or QPY, with whether it is QPY.
        boxes: QPY of the boxes, encoded as base64.
        options: The options of circuits as the result repeats them.
        depths: The numbers of pairs of layers in the learning circuits.
        shots: Shots of each learning circuit, over its randomizations.
    """

    schema_version: str | None
    circuits: tuple[tuple[str, bool], ...]
    boxes: str
    depths: tuple[int, ...]
    shots: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def most_layers(self) -> int | None:
        """The number of layers that are learned, or None for all."""
        most: int | None = self.options.get("max_layers_to_learn")
        return most

    @property
    def executions(self) -> int:
        """The number of executions, if circuits have as many layers as may be learned, and one box was sent."""
        most = 1 if self.schema_version is not None else self.most_layers
        layers = _MOST_LAYERS if most is None else most
        return layers * BASES * len(self.depths) * self.shots


def read_noise_learner(params: dict[str, Any]) -> NoiseLearning:
    """Read the input of a noise learner.

    Raises:
        ApiError: 400 for what is malformed.
    """
    return _boxes(params) if "schema_version" in params else _circuits(params)


def _circuits(params: dict[str, Any]) -> NoiseLearning:
    checks.refuse_unknown(params, frozenset({"version", "circuits", "options"}), "params")
    if params.get("version", 2) not in (2, None):
        raise bad_request("params.version must be 2, or params.schema_version must be given.")
    circuits = params.get("circuits")
    if not isinstance(circuits, list) or not circuits:
        raise bad_request("params.circuits must be a list of at least one circuit.")
    read = [checks.circuit(one, f"params.circuits[{index}]") for index, one in enumerate(circuits)]
    options = _options(params.get("options"), _OF_CIRCUITS)
    most = options.get("max_layers_to_learn", _MOST_LAYERS)
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 0):
        raise bad_request("params.options.max_layers_to_learn must be a whole number, or null.")
    strategy = options.get("twirling_strategy", "active-accum")
    if strategy not in STRATEGIES:
        raise bad_request(f"params.options.twirling_strategy must be one of {', '.join(STRATEGIES)}.")
    counts, depths = _counts(options), _depths(options)
    repeated = {
        "max_layers_to_learn": most,
        **counts,
        "layer_pair_depths": list(depths),
        "twirling_strategy": strategy,
    }
    return NoiseLearning(None, tuple(read), "", depths, _product(counts), repeated)


def _boxes(params: dict[str, Any]) -> NoiseLearning:
    # The official client adds a version to the schema's version.
    checks.refuse_unknown(params, frozenset({"schema_version", "version", "instructions", "options"}), "params")
    version = params["schema_version"]
    if version not in SCHEMA_VERSIONS:
        raise bad_request(f"params.schema_version must be one of {', '.join(SCHEMA_VERSIONS)}.")
    if params.get("version", 3) != 3:
        raise bad_request("params.version must be 3 where there is a schema version.")
    where = "params.instructions"
    instructions = checks.mapping(params.get("instructions"), where)
    checks.refuse_unknown(instructions, frozenset({"circuit_b64", "qpy_version"}), where)
    blob, qpy = instructions.get("circuit_b64"), instructions.get("qpy_version")
    if not isinstance(blob, str) or not blob:
        raise bad_request(f"{where}.circuit_b64 must be QPY in base64.")
    if isinstance(qpy, bool) or not isinstance(qpy, int) or qpy < OLDEST_QPY:
        raise bad_request(f"{where}.qpy_version must be a whole number from {OLDEST_QPY} on.")
    options = _options(checks.mapping(params.get("options"), "params.options"), _OF_BOXES)
    return NoiseLearning(version, (), blob, _depths(options), _product(_counts(options)))


def _options(given: Any, known: frozenset[str]) -> dict[str, Any]:
    options = {} if given is None else checks.mapping(given, "params.options")
    checks.refuse_unknown(options, known, "params.options")
    return options


def _counts(options: dict[str, Any]) -> dict[str, int]:
    return {name: checks.shots(options.get(name), f"params.options.{name}") or value for name, value in _COUNTS.items()}


def _product(counts: dict[str, int]) -> int:
    return counts["shots_per_randomization"] * counts["num_randomizations"]


def _depths(options: dict[str, Any]) -> tuple[int, ...]:
    depths = options.get("layer_pair_depths", _DEPTHS)
    if not isinstance(depths, list) or not depths or not all(_is_depth(one) for one in depths):
        raise bad_request("params.options.layer_pair_depths must be a list of whole numbers from 0 on.")
    return tuple(depths)


def _is_depth(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
