"""The number of shots of a job's circuits, and the number of executions that results.

Source: IBM's guides and the documentation of its client's options. A number in a PUB takes precedence; among the
options, the two numbers of twirling take precedence over ``default_shots``. All randomized circuits get the same number
of shots, so the sum is rounded up.
"""

from __future__ import annotations

import math
from typing import Any

from airflow_provider_qrt.emulator.settings import DEFAULT_PRECISION, DEFAULT_SHOTS


class Twirling:
    """The randomizations of one job.

    Args:
        options: The options of the job.
        on: Whether circuits are randomized.
        small: Whether each circuit gets few shots by default, as for error cancellation.
    """

    def __init__(self, options: dict[str, Any], on: bool, small: bool = False) -> None:
        group = options.get("twirling") or {}
        self._number = _whole(group.get("num_randomizations"))
        self._each = _whole(group.get("shots_per_randomization"))
        self._on = on
        self._small = small

    def split(self, shots: int) -> tuple[int, int]:
        """Return the number of circuits that share these shots, and the shots of each circuit."""
        if not self._on:
            return 1, shots
        number, each = self._number, self._each
        if number and each:
            return number, each
        if number:
            return number, -(-shots // number)
        if not each:
            each = 64 if self._small else max(64, -(-shots // 32))
        return -(-shots // each), each

    def problem(self, shots: int) -> str | None:
        """Return the reason why the shots that a PUB names cannot be divided; None if they can."""
        if not (self._on and self._number and self._each and shots > self._number * self._each):
            return None
        return (
            "The shots of a PUB are more than the twirling options num_randomizations and shots_per_randomization take "
            f"({shots} > {self._number} * {self._each})."
        )


def of_sampler(options: dict[str, Any]) -> tuple[Twirling, int]:
    """Return a sampler's twirling, and the default shots of a PUB."""
    group = options.get("twirling") or {}
    twirling = Twirling(options, bool(group.get("enable_gates") or group.get("enable_measure")))
    number, each = twirling.split(options.get("default_shots") or DEFAULT_SHOTS)
    return twirling, number * each


class EstimatorShots:
    """The circuits and shots of an estimator that follow from its options and resilience level.

    Args:
        options: The options of the job.
        level: The resilience level, or None.

    Attributes:
        twirling: The randomizations.
        default_precision: The default standard error of a PUB.
    """

    def __init__(self, options: dict[str, Any], level: int | None) -> None:
        level = 1 if level is None else level
        self._resilience: dict[str, Any] = options.get("resilience") or {}
        group = options.get("twirling") or {}
        self._readout = _said(self._resilience.get("measure_mitigation"), level > 0)
        self._cancels = bool(self._resilience.get("pec_mitigation"))
        extrapolates = _said(self._resilience.get("zne_mitigation"), level == 2)
        zne = self._resilience.get("zne") or {}
        self._factors = _length(zne.get("noise_factors"), 3) if extrapolates else 1
        self._learns = self._cancels or (extrapolates and zne.get("amplifier") == "pea")
        on = self._readout or self._learns
        on = on or _said(group.get("enable_gates"), level == 2) or _said(group.get("enable_measure"), level > 0)
        self.twirling = Twirling(options, on, self._cancels)
        self._default_shots = options.get("default_shots")
        self.default_precision: float = options.get("default_precision") or DEFAULT_PRECISION
        if self._default_shots:
            self.default_precision = 1 / math.sqrt(self._default_shots)

    def shots(self, precision: float | None) -> tuple[int, int]:
        """Return the number of circuits, and the shots of each, for a PUB with this precision or without one."""
        if precision is None and self._default_shots:
            return self.twirling.split(self._default_shots)
        return self.twirling.split(needed(precision or self.default_precision))

    def executions(self, parts: list[tuple[int, int]]) -> int:
        """Return the number of executions of the job; where the options set no limit, assume typical values.

        Args:
            parts: For each PUB, the executions without mitigation, and the shots of one of its circuits.
        """
        total = self._factors * sum(executions for executions, _ in parts)
        if self._cancels:
            most = (self._resilience.get("pec") or {}).get("max_overhead")
            total = math.ceil(total * max(1, most if isinstance(most, int | float) else 100))
        if self._readout:
            group = self._resilience.get("measure_noise_learning") or {}
            each = _whole(group.get("shots_per_randomization")) or max(each for _, each in parts)
            total += (_whole(group.get("num_randomizations")) or 32) * each
        if self._learns and self._resilience.get("layer_noise_model") is None:
            group = self._resilience.get("layer_noise_learning") or {}
            layers = 0 if group.get("max_layers_to_learn") == 0 else _whole(group.get("max_layers_to_learn")) or 4
            each = (_whole(group.get("num_randomizations")) or 32) * (
                _whole(group.get("shots_per_randomization")) or 128
            )
            total += 9 * layers * _length(group.get("layer_pair_depths"), 6) * each
        return total


def needed(precision: float) -> int:
    """Return the number of shots needed for a standard error."""
    return math.ceil(round(1 / precision**2, 6))


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _length(value: Any, otherwise: int) -> int:
    return len(value) if isinstance(value, list) and value else otherwise


def _said(value: Any, otherwise: bool) -> bool:
    return otherwise if value is None else bool(value)
