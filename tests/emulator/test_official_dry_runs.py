"""IBM's official client does its dry runs on the emulator, unmodified."""

from __future__ import annotations

import numpy as np
import pytest

from airflow_provider_qrt.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def emulator():
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=5) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def service(emulator):
    return emulator.qiskit_service()


@pytest.fixture(scope="module")
def backend(service):
    return service.backend("ibm_fez")


def bell(backend, measured=True):
    from qiskit import QuantumCircuit, transpile

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    if measured:
        circuit.measure_all()
    return transpile(circuit, backend, initial_layout=[0, 1], optimization_level=1)


def assert_a_dry_run(job, service, estimate):
    assert job.backend().name == "mock_fez"
    assert job.backend().is_mock
    assert job.status() == "DONE"
    assert job.metrics()["usage"]["qpu_charge_time_seconds"] == pytest.approx(estimate, abs=0.001)
    assert job.job_id() in {one.job_id() for one in service.jobs(include_mocks=True)}
    assert job.job_id() not in {one.job_id() for one in service.jobs()}
    assert service.usage()["usage_consumed_seconds"] == 0


def test_the_client_lists_twins_on_request_only(service):
    assert not [one.name for one in service.backends() if one.is_mock]
    assert {one.name for one in service.backends(include_mocks=True) if one.is_mock} == {
        *("mock_fez", "mock_marrakesh", "mock_boston", "mock_miami")
    }
    assert not service.least_busy().is_mock


@pytest.mark.parametrize("twirled", [False, True])
@pytest.mark.parametrize("form", ["server-side", "client-side"])
def test_a_sampler(service, backend, form, twirled):
    if form == "server-side":
        from qiskit_ibm_runtime import SamplerV2 as Sampler
    else:
        from qiskit_ibm_runtime.executor_sampler import Sampler
    options = {"twirling": {"enable_gates": twirled, "enable_measure": twirled}}
    job = Sampler(backend, options=options).run([bell(backend)], shots=2048, dry_run=True)
    counts = job.result()[0].data.meas.get_counts()
    assert sum(counts.values()) == 2048
    # A Bell pair has no such outcomes; random bits have them.
    assert counts["01"] > 300
    assert counts["10"] > 300
    assert_a_dry_run(job, service, 2 + 0.00035 * 2048)


@pytest.mark.parametrize("form", ["server-side", "client-side"])
def test_an_estimator(service, backend, form):
    from qiskit.quantum_info import SparsePauliOp

    if form == "server-side":
        from qiskit_ibm_runtime import EstimatorV2 as Estimator
    else:
        from qiskit_ibm_runtime.executor_estimator import Estimator
    circuit = bell(backend, measured=False)
    exact = {"ZZ": 1, "XX": 1, "YY": -1, "ZI": 0, "IX": 0, "XY": 0}
    observables = [SparsePauliOp(pauli).apply_layout(circuit.layout) for pauli in exact]
    job = Estimator(backend, options={"resilience_level": 0}).run(
        [(circuit, observables)], precision=0.05, dry_run=True
    )
    data = job.result()[0].data
    assert data.evs.shape == data.stds.shape == (6,)
    assert np.abs(data.evs - list(exact.values())).max() > 0.3
    assert_a_dry_run(job, service, job.metrics()["usage"]["qpu_charge_time_seconds"])
    assert job.metrics()["usage"]["qpu_charge_time_seconds"] > 2


def test_an_executor_with_circuits_and_samplexes(service, backend):
    from qiskit_ibm_runtime import Executor, QuantumProgram
    from samplomatic import build
    from samplomatic.transpiler import generate_boxing_pass_manager

    boxed = generate_boxing_pass_manager(enable_gates=True, enable_measures=True).run(bell(backend))
    template, samplex = build(boxed)
    program = QuantumProgram(shots=100)
    program.append_circuit_item(bell(backend))
    program.append_samplex_item(template, samplex=samplex, shape=(8,))
    job = Executor(backend).run(program, dry_run=True)
    plain, twirled = job.result()
    assert plain["meas"].shape == (100, 2)
    assert 0.3 < np.mean(plain["meas"][:, 0] != plain["meas"][:, 1]) < 0.7
    assert twirled["meas"].shape == (8, 100, 2)
    assert twirled["measurement_flips.meas"].shape == (8, 1, 2)
    assert_a_dry_run(job, service, 2 + 0.00035 * 900)


def test_a_dry_run_in_a_session(service, backend):
    from qiskit_ibm_runtime import Session
    from qiskit_ibm_runtime.executor_sampler import Sampler

    with Session(backend=backend) as session:
        job = Sampler(session).run([bell(backend)], shots=10, dry_run=True)
        assert job.session_id == session.session_id
    assert job.result()[0].data.meas.num_shots == 10
    assert session.usage() in (None, 0)


def test_a_plan_without_dry_runs_makes_the_client_say_so():
    from qiskit.providers.exceptions import QiskitBackendNotFoundError
    from qiskit_ibm_runtime.executor_sampler import Sampler

    with Emulator(plan="pay-as-you-go") as emulator:
        backend = emulator.qiskit_service().backend("ibm_fez")
        with pytest.raises(QiskitBackendNotFoundError, match="mock_fez"):
            Sampler(backend).run([bell(backend)], dry_run=True)
        assert emulator.jobs() == []
