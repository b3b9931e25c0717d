"""IBM's own client, which knows nothing of emulators, can work with this one."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def service(emulator: Emulator, monkeypatch):
    from qiskit_ibm_runtime import QiskitRuntimeService
    from qiskit_ibm_runtime.accounts.account import Account

    monkeypatch.setenv("IAM_URL", emulator.iam_url)
    # Which instances a key has is asked of another IBM service, which is not emulated.
    found = [{"crn": emulator.instance, "plan": "internal", "name": "emulator", "tags": [], "pricing_type": "paid"}]
    monkeypatch.setattr(Account, "list_instances", lambda self: found)
    return QiskitRuntimeService(
        channel="ibm_quantum_platform",
        token=emulator.api_key,
        url=emulator.root_url,
        instance=emulator.instance,
        url_resolver=lambda *args, **kwargs: emulator.url,
    )


def test_the_official_sampler_gets_a_bell_pair(service):
    from qiskit import QuantumCircuit, transpile
    from qiskit_ibm_runtime import SamplerV2

    backend = service.backend("ibm_fez")
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    job = SamplerV2(backend).run([transpile(circuit, backend)], shots=200)
    counts = job.result(timeout=60)[0].data.meas.get_counts()
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 200


def test_the_official_estimator_works_in_a_batch_that_it_closes(service, emulator):
    from qiskit import QuantumCircuit, transpile
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_ibm_runtime import Batch, EstimatorV2

    backend = service.backend("ibm_fez")
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    isa = transpile(circuit, backend)
    observable = SparsePauliOp(["ZZ", "XX"], [1, 0.5]).apply_layout(isa.layout)
    with Batch(backend=backend) as batch:
        job = EstimatorV2(mode=batch).run([(isa, observable)])
        assert job.result(timeout=60)[0].data.evs == pytest.approx(1.5)
    assert batch.status() == "Closed"
    assert emulator.jobs()[0]["session_id"] == batch.session_id


def test_the_official_client_sees_why_a_job_failed(service):
    from qiskit import QuantumCircuit
    from qiskit.primitives.containers.sampler_pub import SamplerPub
    from qiskit_ibm_runtime import RuntimeJobFailureError

    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    pubs = [SamplerPub.coerce(circuit, 10)]
    job = service._run(
        program_id="sampler", options={"backend": service.backend("ibm_fez")}, inputs={"pubs": pubs, "version": 2}
    )
    with pytest.raises(RuntimeJobFailureError, match="instruction h"):
        job.result(timeout=60)
