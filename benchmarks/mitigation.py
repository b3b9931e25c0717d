"""Estimates one energy on an emulated machine with noise, without mitigation and with each method that we offer.

The circuit is a Trotter evolution of four spins in a transverse field, and the energy a weighted sum of ZZ and X. The
exact value is that of the same circuit without noise. Every method runs with several seeds of the emulator, and PEA and
PEC with a noise model that is learned for each seed. Programs are prepared, sent and read by the functions that the
operators use; no Airflow is involved.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.report import Goal, Report, Table

if TYPE_CHECKING:
    from airflow_provider_qrt.client import QiskitRuntimeClient
    from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
    from airflow_provider_qrt.primitives.inputs.official_program import PreparedProgram
    from airflow_provider_qrt.primitives.noise_model import NoiseModel

BACKEND = "ibm_fez"
SPINS = 4
STEPS = 6
STEP = 0.25
COUPLING, FIELD = 1.0, 1.0
PRECISION = 0.02
SEEDS = range(1, 21)
SECONDS_PER_JOB, SECONDS_PER_EXECUTION = 2.0, 0.00035
"""IBM's estimate for a simple job: https://quantum.cloud.ibm.com/docs/guides/estimate-job-run-time"""
RAW, TREX, ZNE, PEA, PEC = "none (level 0)", "TREX (level 1)", "ZNE by folded gates (level 2)", "PEA", "PEC"
LEARNING = "learning the noise, for PEA and PEC"
METHODS: Mapping[str, tuple[int, dict[str, Any]]] = {
    RAW: (0, {}),
    TREX: (1, {}),
    ZNE: (2, {}),
    PEA: (1, {"resilience": {"zne_mitigation": True, "zne": {"amplifier": "pea"}}}),
    PEC: (1, {"resilience": {"pec_mitigation": True}}),
}
"""The resilience level and the options of each method."""
LEAST_GAIN = 2


@dataclass(frozen=True)
class Estimate:
    """One estimate of the energy.

    Attributes:
        value: The energy.
        error: The standard error that came with it.
        executions: How often circuits were run for it.
    """

    value: float
    error: float
    executions: int


def energy() -> dict[str, float]:
    """Return the observable: what the spins' neighbours and the field contribute."""
    neighbours = {f"Z{spin} Z{spin + 1}": -COUPLING for spin in range(SPINS - 1)}
    return neighbours | {f"X{spin}": -FIELD for spin in range(SPINS)}


def trotter() -> Any:
    """Return the circuit, in the gates of the backend."""
    from qiskit import QuantumCircuit, transpile

    circuit = QuantumCircuit(SPINS)
    for _ in range(STEPS):
        for first in (*range(0, SPINS - 1, 2), *range(1, SPINS - 1, 2)):
            circuit.rzz(-2 * COUPLING * STEP, first, first + 1)
        circuit.rx(-2 * FIELD * STEP, range(SPINS))
    # Without a coupling map the qubits stay where they are.
    return transpile(circuit, basis_gates=["cz", "rz", "sx", "x"], optimization_level=1, seed_transpiler=1)


def exact(circuit: Any) -> float:
    """Return the energy without noise and without shots."""
    from qiskit.quantum_info import SparsePauliOp, Statevector

    terms = [
        ("".join(one[0] for one in name.split()), [int(one[1:]) for one in name.split()], weight)
        for name, weight in energy().items()
    ]
    return float(Statevector(circuit).expectation_value(SparsePauliOp.from_sparse_list(terms, SPINS)).real)


def run(client: QiskitRuntimeClient, program: PreparedProgram) -> str:
    """Run a program, and return the text of its result.

    Raises:
        RuntimeError: The job has failed.
    """
    job = client.submit_job(program_id="executor", backend=BACKEND, params=program.params)
    while not (found := client.job(job.id)).status.is_final:
        time.sleep(0.05)
    if found.status != "Completed":
        raise RuntimeError(f"the job has ended as {found.status}: {found.reason}")
    return client.job_result(job.id)


def learn(client: QiskitRuntimeClient, snapshot: BackendSnapshot, circuit: Any) -> tuple[NoiseModel, int]:
    """Learn the noise of the circuit's layers with IBM's defaults; return the model, and the executions it took."""
    from airflow_provider_qrt.primitives import decode_noise_model
    from airflow_provider_qrt.primitives.inputs.noise_learning import coerce_learning_circuits, prepare_noise_learner

    circuits = coerce_learning_circuits(circuit)
    program, _ = prepare_noise_learner(circuits, [one.circuit for one in circuits], options={}, backend=snapshot)
    return decode_noise_model(run(client, program)), program.executions


def estimate(client: QiskitRuntimeClient, circuit: Any, method: str, model: NoiseModel) -> Estimate:
    """Estimate the energy with one method, with the circuit that the model belongs to."""
    from airflow_provider_qrt.primitives import (
        coerce_estimator_pubs,
        decode_executor_estimates,
        prepare_executor_estimator,
    )

    level, options = METHODS[method]
    program = prepare_executor_estimator(
        coerce_estimator_pubs(circuit, observables=energy(), precision=PRECISION),
        resilience_level=level,
        options=options,
        noise_model=model if method in (PEA, PEC) else None,
    )
    [pub] = decode_executor_estimates(run(client, program))
    return Estimate(float(pub.evs), float(pub.stds), program.executions)


def measure(seeds: Sequence[int] = SEEDS) -> tuple[float, dict[str, list[Estimate]], int]:
    """Return the exact energy, the estimates of each method with each seed, and the executions of the learning."""
    from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient
    from airflow_provider_qrt.emulator import Emulator
    from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot

    circuit, executions = trotter(), 0
    found: dict[str, list[Estimate]] = {method: [] for method in METHODS}
    for seed in seeds:
        with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, noise=True, seed=seed) as emulator:
            settings = ClientSettings.create(
                api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
            )
            with QiskitRuntimeClient(settings) as client:
                snapshot = BackendSnapshot(
                    BACKEND, client.backend_configuration(BACKEND), client.backend_properties(BACKEND)
                )
                model, executions = learn(client, snapshot, circuit)
                for method, estimates in found.items():
                    estimates.append(estimate(client, circuit, method, model))
    return exact(circuit), found, executions


def report() -> Report:
    """Measure, and return the report."""
    right, found, learning = measure()
    off = {method: _off(estimates, right) for method, estimates in found.items()}
    rows = [("exact", f"{right:.3f}", "", "", "", "", "")]
    rows += [_row(method, estimates, right) for method, estimates in found.items()]
    rows.append((LEARNING, "", "", "", "", f"{learning:,}", _seconds(learning)))
    table = Table(
        f"The energy of {SPINS} spins after {STEPS} Trotter steps, {PRECISION} asked for as precision, {len(SEEDS)} "
        "seeds:",
        ("method", "mean", "mean off by", "one is off by", "its standard error", "executions", "QPU seconds"),
        rows,
    )
    goals = [
        Goal(
            f"{method}: one is off by at most 1/{LEAST_GAIN} of what it is without",
            f"{off[method] / off[RAW]:.2f}",
            off[method] * LEAST_GAIN <= off[RAW],
        )
        for method in (ZNE, PEA, PEC)
    ]
    notes = [
        "One is off by: the root mean square of the distances from the exact value, over the seeds.",
        "Its standard error: the one in the result, root mean square; what a method leaves over is not in it.",
        f"QPU seconds: IBM's estimate, {SECONDS_PER_JOB:g} s for a job and {SECONDS_PER_EXECUTION} s for an execution.",
    ]
    return Report("Mitigation", [table], goals, notes)


def _off(estimates: Sequence[Estimate], right: float) -> float:
    return math.sqrt(statistics.fmean((one.value - right) ** 2 for one in estimates))


def _row(method: str, estimates: Sequence[Estimate], right: float) -> tuple[str, ...]:
    mean = statistics.fmean(one.value for one in estimates)
    executions = round(statistics.fmean(one.executions for one in estimates))
    return (
        method,
        f"{mean:.3f}",
        f"{mean - right:+.3f}",
        f"{_off(estimates, right):.3f}",
        f"{math.sqrt(statistics.fmean(one.error**2 for one in estimates)):.3f}",
        f"{executions:,}",
        _seconds(executions),
    )


def _seconds(executions: int) -> str:
    return f"{SECONDS_PER_JOB + SECONDS_PER_EXECUTION * executions:.0f} s"
