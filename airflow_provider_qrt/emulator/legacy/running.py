"""Runs the programs of the older generations.

Circuits run as they are, because the service used to transpile them, so any gate on any qubits is allowed. The n-th
virtual qubit is the machine's n-th qubit.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.errors import NOT_ON_THESE_QUBITS
from airflow_provider_qrt.emulator.legacy import Generation, catalogue, quasi
from airflow_provider_qrt.emulator.legacy.machines import misread
from airflow_provider_qrt.emulator.programs import Pub
from airflow_provider_qrt.emulator.simulation import circuits, estimator, expectation, sampling
from airflow_provider_qrt.emulator.simulation.noise import GateNoise, Machine
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError, Prepared, check_executions, seeds_for
from airflow_provider_qrt.emulator.submission import Submission

ALL_DONE = "All done!"
"""The last message of the test program of 2021."""


def run(submission: Submission, machine: Machine, seed: int | None) -> str:
    """Run a job of an older generation.

    Args:
        submission: The job.
        machine: The machine to run it on, with a device of :mod:`~airflow_provider_qrt.emulator.legacy.machines`.
        seed: Seed of the samples.

    Returns:
        The result as text.

    Raises:
        JobFailedError: The job cannot run.
    """
    if submission.program_id == catalogue.SIMPLE:
        return ALL_DONE
    device = machine.device
    noisy = machine.noise is not None and device.has_snapshot
    # Readout errors are added and mitigated separately.
    machine = replace(machine, noise=GateNoise(device) if noisy else None)
    prepared = [_prepare(pub, device, f"circuit {index}") for index, pub in enumerate(submission.pubs)]
    check_executions(sum(pub.pub.shots for pub in prepared))
    seeds = seeds_for(seed, len(prepared))
    if submission.program_id == catalogue.ESTIMATOR:
        return _estimate(prepared, seeds, machine)
    for pub in prepared:
        sampling.check(pub)
    if submission.program_id == catalogue.SAMPLER:
        named = submission.generation is Generation.IBM_CLOUD
        return _sample(prepared, seeds, machine, device, {"circuit_metadata": {}} if named else {})
    return _count(prepared, seeds, machine, device)


def _prepare(pub: Pub, device: Device, where: str) -> Prepared:
    circuit = circuits.parse(pub, where)
    if device.has_snapshot and circuit.num_qubits > device.qubits:
        raise JobFailedError(
            f"The circuit {where} has {circuit.num_qubits} qubits, {device.name} has {device.qubits}.",
            NOT_ON_THESE_QUBITS,
            "Choose a larger backend, or use fewer qubits.",
        )
    shape, rows = circuits.bind(circuit, pub.parameters, where)
    return Prepared(where, pub, circuit, shape, rows)


def _sample(
    prepared: list[Prepared], seeds: list[int | None], machine: Machine, device: Device, extra: dict[str, Any]
) -> str:
    distributions, metadata = [], []
    for pub, seed in zip(prepared, seeds, strict=True):
        bits, misreads = _read(pub, seed, machine, device)
        shots = pub.pub.shots
        about: dict[str, Any] = {"shots": shots, **extra}
        if device.is_simulator:
            found = {number: times / shots for number, times in quasi.count(bits).items()}
        else:
            mitigated = quasi.mitigate(bits, misreads)
            found = mitigated.probabilities
            about["readout_mitigation_overhead"] = mitigated.overhead
            about["readout_mitigation_time"] = mitigated.seconds
        distributions.append({str(number): share for number, share in found.items()})
        metadata.append(about)
    return json.dumps({"quasi_dists": distributions, "metadata": metadata})


def _estimate(prepared: list[Prepared], seeds: list[int | None], machine: Machine) -> str:
    values, metadata = [], []
    for pub in prepared:
        expectation.check(pub)
    for pub, seed in zip(prepared, seeds, strict=True):
        found = estimator.estimate(pub, seed, machine)
        values.append(float(found.evs))
        # Version 1 returns the variance of a single shot, version 2 the error of the mean.
        metadata.append({"variance": float(found.stds) ** 2 * pub.pub.shots, "shots": pub.pub.shots})
    return json.dumps({"values": values, "metadata": metadata})


def _count(prepared: list[Prepared], seeds: list[int | None], machine: Machine, device: Device) -> str:
    counts = []
    for pub, seed in zip(prepared, seeds, strict=True):
        bits, _ = _read(pub, seed, machine, device)
        width = bits.shape[-1]
        counts.append({format(number, f"0{width}b"): times for number, times in quasi.count(bits).items()})
    return json.dumps({"counts": counts, "metadata": [{"shots": pub.pub.shots} for pub in prepared]})


def _read(pub: Prepared, seed: int | None, machine: Machine, device: Device) -> tuple[Any, quasi.Misreads]:
    """Return the measured bits, of shape ``(shots, bits)``, and the readout errors of each bit."""
    of_circuit, of_reading = seeds_for(seed, 2)
    bits = sampling.measure(pub.circuit, pub.rows, pub.pub.shots, of_circuit, machine, pub.where)[0]
    measured = {
        pub.circuit.find_bit(bit).index: pub.circuit.find_bit(qubit).index
        for instruction in pub.circuit.data
        if instruction.operation.name == "measure"
        for qubit, bit in zip(instruction.qubits, instruction.clbits, strict=True)
    }
    width = bits.shape[-1]
    misreads = [misread(device, measured[place]) if place in measured else (0.0, 0.0) for place in range(width)]
    if not any(map(any, misreads)):
        return bits, misreads
    return quasi.misread(bits, misreads, of_reading), misreads
