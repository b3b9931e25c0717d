"""Simulates the circuits of a job on qiskit-aer. All of this runs in a separate process."""

from __future__ import annotations

from airflow_provider_qrt.emulator.clock import Clock
from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.errors import INTERNAL_ERROR, INVALID_INPUT
from airflow_provider_qrt.emulator.legacy import Generation, running
from airflow_provider_qrt.emulator.programs import Pub
from airflow_provider_qrt.emulator.simulation import (
    circuits,
    estimator,
    executor,
    expectation,
    isa,
    noise_learner,
    sampling,
)
from airflow_provider_qrt.emulator.simulation.encoding import encode_estimates, encode_samples
from airflow_provider_qrt.emulator.simulation.instruction_limits import check_instructions
from airflow_provider_qrt.emulator.simulation.noise import Machine, Noise
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError, Prepared, Work, check_executions, seeds_for
from airflow_provider_qrt.emulator.submission import Submission


def run(
    submission: Submission,
    device: Device,
    clock: Clock,
    seed: int | None,
    max_active: int,
    noise: bool = False,
    mock: bool = False,
) -> Work:
    """Simulate a job.

    Args:
        submission: The job.
        device: The device to check it against.
        clock: Tells when the simulation has ended.
        seed: Seed of the samples.
        max_active: Largest group of coupled qubits that is simulated when it is not Clifford.
        noise: Whether the device has the noise in its calibration.
        mock: Whether it is a dry run, which checks the job and makes up the result.

    Returns:
        The result or the reason of the failure; nothing is raised.
    """
    machine = Machine(device, max_active, Noise(device) if noise else None, mock)
    try:
        if submission.generation is not Generation.PRESENT:
            result = running.run(submission, machine, seed)
        elif submission.quantum_program is not None:
            result = executor.run(submission.quantum_program, machine, seed)
        elif submission.noise_learning is not None:
            result = noise_learner.run(submission.noise_learning, machine, seed)
        else:
            result = _run(submission, machine, seed)
    except JobFailedError as failure:
        return Work(clock.now(), failure=failure)
    except Exception as error:
        fault = JobFailedError(
            f"The emulator could not carry out this job: {type(error).__name__}: {error}",
            INTERNAL_ERROR,
            "This is a fault or a limit of the emulator.",
        )
        return Work(clock.now(), failure=fault)
    return Work(clock.now(), result=result)


def _run(submission: Submission, machine: Machine, seed: int | None) -> str:
    estimating = submission.program_id == "estimator"
    prepared = [_prepare(pub, machine.device, f"PUB {index}", estimating) for index, pub in enumerate(submission.pubs)]
    for pub in prepared:
        expectation.check(pub) if estimating else sampling.check(pub)
    if not estimating:
        check_executions(sum(pub.pub.shots * len(pub.rows) for pub in prepared))
    seeds = seeds_for(seed, len(prepared))
    tagged = submission.support_qiskit
    if estimating:
        estimates = [estimator.estimate(pub, seed, machine) for pub, seed in zip(prepared, seeds, strict=True)]
        return encode_estimates(estimates, tagged, estimator.about(submission.pubs))
    samples = [sampling.sample(pub, seed, machine) for pub, seed in zip(prepared, seeds, strict=True)]
    return encode_samples(samples, tagged)


def _prepare(pub: Pub, device: Device, where: str, estimating: bool) -> Prepared:
    if pub.no_room is not None:
        hint = "Raise num_randomizations or shots_per_randomization, or ask for fewer shots."
        raise JobFailedError(f"{where}: {pub.no_room}", INVALID_INPUT, hint)
    circuit = circuits.parse(pub, where)
    isa.check(circuit, device, where)
    check_instructions(circuit, where)
    isa.check_options(circuit, where, decoupled=pub.decoupled, gates_randomized=pub.gates_randomized)
    if not estimating:
        isa.check_registers(circuit, where)
    shape, rows = circuits.bind(circuit, pub.parameters, where)
    isa.check_angles(circuit, rows, where)
    return Prepared(where, pub, circuits.without_boxes(circuit), shape, rows)
