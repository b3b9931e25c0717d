"""The program ``estimator``: expectation values with shot noise, and with the mitigation that was asked for.

Zero-noise extrapolation runs each circuit at every noise factor, with folded gates, or with noisier gates for PEA, and
fits the values. Error cancellation leaves only a part of the noise of two-qubit gates, which is the part that its
circuits would leave on average. Mitigation of readings undoes all of their errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.mitigation import PEA, Pec, Zne
from airflow_provider_qrt.emulator.programs import Pub
from airflow_provider_qrt.emulator.simulation import expectation, extrapolation
from airflow_provider_qrt.emulator.simulation.noise import Machine, Noise
from airflow_provider_qrt.emulator.simulation.outcome import Extrapolations, Prepared, PubEstimates, seeds_for

MOST_OVERHEAD = 1e300


@dataclass(frozen=True)
class _Wanted:
    """The values that a PUB asks for.

    Attributes:
        terms: For each value, the coefficients of Pauli strings.
        sets: For each value, the index of its parameter set.
        paulis: All Pauli strings.
    """

    terms: NDArray[Any]
    sets: NDArray[np.int_]
    paulis: list[str]


def estimate(pub: Prepared, seed: int | None, machine: Machine) -> PubEstimates:
    """Estimate one PUB.

    Raises:
        JobFailedError: It cannot be simulated, or its observables and parameter values do not broadcast.
    """
    terms = expectation.broadcast(pub)
    sets = np.broadcast_to(np.arange(len(pub.rows)).reshape(pub.shape), terms.shape)
    wanted = _Wanted(terms, sets, sorted({pauli for one in terms.flat for pauli in one}))
    of_simulation, of_shots = seeds_for(seed, 2)
    random = np.random.default_rng(of_shots)
    mitigation = pub.pub.mitigation
    if machine.is_mock:
        found = _made_up(wanted, pub, random)
    elif isinstance(mitigation, Zne):
        found = _extrapolated(wanted, pub, of_simulation, random, machine, mitigation)
    else:
        overhead = None
        if isinstance(mitigation, Pec):
            machine, overhead = _cancel(pub, machine, mitigation)
        exact = expectation.exact(pub, wanted.paulis, of_simulation, machine)
        found = replace(_measured(wanted, pub, exact, random), overhead=overhead)
    return replace(found, randomizations=max(1, pub.pub.shots // pub.pub.each) if pub.pub.each else 1)


def about(pubs: Sequence[Pub]) -> dict[str, Any] | None:
    """Return the mitigation as the metadata tell it, the same for all PUBs; None if gates are not mitigated."""
    mitigation = pubs[0].mitigation
    if mitigation is None:
        return None
    found: dict[str, Any] = {
        "measure_mitigation": pubs[0].reads_mitigated,
        "zne_mitigation": isinstance(mitigation, Zne),
        "pec_mitigation": isinstance(mitigation, Pec),
    }
    if isinstance(mitigation, Zne):
        found["zne"] = {
            "noise_factors": mitigation.noise_factors,
            "extrapolator": mitigation.extrapolators,
            "extrapolated_noise_factors": mitigation.evaluated,
        }
    return found


def _measured(
    wanted: _Wanted, pub: Prepared, exact: list[dict[str, float]], random: np.random.Generator
) -> PubEstimates:
    """Return values with shot noise, each Pauli string being measured by itself."""
    evs, stds = np.zeros(wanted.terms.shape), np.zeros(wanted.terms.shape)
    for index in np.ndindex(wanted.terms.shape):
        values, terms = exact[int(wanted.sets[index])], _terms(wanted, index)
        variance = 0.0
        for pauli, coefficient in terms.items():
            value, error = _read(values[pauli], pub.pub.shots, random)
            evs[index] += coefficient * value
            variance += (coefficient * error) ** 2
        stds[index] = math.sqrt(variance)
    return _estimates(evs, stds, pub)


def _terms(wanted: _Wanted, index: tuple[int, ...]) -> dict[str, float]:
    terms: dict[str, float] = wanted.terms[index]
    return terms


def _read(exact: float, shots: int, random: np.random.Generator) -> tuple[float, float]:
    """Return a Pauli string's value as so many shots find it, and its standard error."""
    up = random.binomial(shots, min(1.0, max(0.0, (1 + exact) / 2)))
    value = 2 * up / shots - 1
    return value, math.sqrt((1 - value**2) / shots)


def _extrapolated(
    wanted: _Wanted, pub: Prepared, seed: int | None, random: np.random.Generator, machine: Machine, zne: Zne
) -> PubEstimates:
    runs = [_amplified(wanted, pub, seed, random, machine, zne, factor) for factor in zne.noise_factors]
    shape = wanted.terms.shape
    sizes = len(zne.noise_factors), len(zne.extrapolators), len(zne.evaluated)
    evs, variances = np.zeros(shape), np.zeros(shape)
    measured, measured_variances = np.zeros((*shape, sizes[0])), np.zeros((*shape, sizes[0]))
    values, value_variances = np.zeros((*shape, *sizes[1:])), np.zeros((*shape, *sizes[1:]))
    names: list[str | None] = []
    for index in np.ndindex(shape):
        chosen, terms = set(), _terms(wanted, index)
        for pauli, coefficient in terms.items():
            read = [_read(run[int(wanted.sets[index])][pauli], pub.pub.shots, random) for run in runs]
            found, errors = np.array(read).T
            fit = extrapolation.extrapolate(found, errors, pub.pub.shots, zne)
            chosen.add(fit.by)
            evs[index] += coefficient * fit.value
            variances[index] += (coefficient * fit.error) ** 2
            measured[index] += coefficient * found
            measured_variances[index] += (coefficient * errors) ** 2
            values[index] += coefficient * fit.values
            value_variances[index] += (coefficient * fit.errors) ** 2
        names.append(chosen.pop() if len(chosen) == 1 else None)
    extrapolations = Extrapolations(measured, np.sqrt(measured_variances), values, np.sqrt(value_variances), names)
    return replace(_estimates(evs, np.sqrt(variances), pub), extrapolations=extrapolations)


def _amplified(
    wanted: _Wanted,
    pub: Prepared,
    seed: int | None,
    random: np.random.Generator,
    machine: Machine,
    zne: Zne,
    factor: float,
) -> list[dict[str, float]]:
    """Return the exact values under amplified noise; without noise there is nothing to amplify."""
    if machine.noise is None:
        return expectation.exact(pub, wanted.paulis, seed, machine)
    if zne.amplifier == PEA:
        louder = replace(machine, noise=machine.noise.amplified(factor))
        return expectation.exact(pub, wanted.paulis, seed, louder)

    def fold(circuit: Any) -> Any:
        return extrapolation.fold(circuit, factor, zne.amplifier, random)

    return expectation.exact(pub, wanted.paulis, seed, machine, fold)


def _cancel(pub: Prepared, machine: Machine, pec: Pec) -> tuple[Machine, float]:
    """Return the machine with the noise that PEC leaves, and the overhead of executions."""
    if machine.noise is None:
        return machine, 1.0
    squared = 4 * _total_rate(pub.circuit, machine.noise)
    gain = pec.noise_gain
    if gain is None:
        gain = 0.0
        if pec.max_overhead is not None and squared > 0:
            gain = min(1.0, max(0.0, 1 - math.log(pec.max_overhead) / squared))
    overhead = math.exp(min(squared * max(0.0, 1 - gain), math.log(MOST_OVERHEAD)))
    return replace(machine, noise=machine.noise.amplified(gain)), overhead


def _total_rate(circuit: Any, noise: Noise) -> float:
    """Return the sum of the Lindblad rates of all Pauli strings of all two-qubit gates."""
    total = 0.0
    for instruction in circuit.data:
        if len(instruction.qubits) == 2 and instruction.operation.name not in ("barrier", "delay"):
            qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
            total += 15 * noise.lindblad_rate(instruction.operation.name, qubits)
    return total


def _made_up(wanted: _Wanted, pub: Prepared, random: np.random.Generator) -> PubEstimates:
    """Return random values that the observables could have."""
    shape = wanted.terms.shape
    most = np.array([sum(map(abs, terms.values())) for terms in wanted.terms.flat], dtype=np.float64).reshape(shape)

    def values(*more: int) -> NDArray[np.float64]:
        return most.reshape(*shape, *[1] * len(more)) * random.uniform(-1, 1, (*shape, *more))

    def errors(*more: int) -> NDArray[np.float64]:
        return np.abs(values(*more)) / math.sqrt(pub.pub.shots)

    found = _estimates(values(), errors(), pub)
    zne = pub.pub.mitigation
    if not isinstance(zne, Zne):
        return replace(found, overhead=1.0) if isinstance(zne, Pec) else found
    factors, fits = (len(zne.noise_factors),), (len(zne.extrapolators), len(zne.evaluated))
    names: list[str | None] = [zne.extrapolators[0]] * most.size
    return replace(
        found, extrapolations=Extrapolations(values(*factors), errors(*factors), values(*fits), errors(*fits), names)
    )


def _estimates(evs: NDArray[np.float64], stds: NDArray[np.float64], pub: Prepared) -> PubEstimates:
    assert pub.pub.precision is not None
    return PubEstimates(evs, stds, pub.pub.shots, pub.pub.precision)
