"""IBM's official client works with this emulator unchanged: service, jobs, tags, sessions."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_qrt.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def _running():
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=5) as emulator:
        yield emulator, emulator.qiskit_service()


@pytest.fixture
def emulator(_running):
    emulator = _running[0]
    emulator.reset()
    emulator.configure(queue_seconds=0, run_seconds=0)
    return emulator


@pytest.fixture
def service(_running, emulator):
    return _running[1]


@pytest.fixture
def bell(service):
    from qiskit import QuantumCircuit, transpile

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return transpile(circuit, service.backend("ibm_fez"))


@pytest.fixture
def run(service, bell):
    from qiskit_ibm_runtime import SamplerV2

    def submit(backend="ibm_fez", mode=None, tags=(), shots=10):
        sampler = SamplerV2(mode or service.backend(backend))
        sampler.options.environment.job_tags = list(tags)
        return sampler.run([bell], shots=shots)

    return submit


def ids(jobs):
    return [job.job_id() for job in jobs]


def test_the_client_names_the_emulators_instance_and_backends(service, emulator):
    assert [one["crn"] for one in service.instances()] == [emulator.instance]
    assert {backend.name for backend in service.backends()} == {"ibm_fez", "ibm_marrakesh", "ibm_boston", "ibm_miami"}


def test_the_least_busy_backend_is_the_one_with_the_shortest_queue(emulator):
    # The client keeps the list of backends, with their queues, for as long as it lives.
    busy = {name: {"queue_length": 9} for name in ("ibm_fez", "ibm_marrakesh", "ibm_boston")}
    emulator.configure(backends=busy)
    assert emulator.qiskit_service().least_busy(operational=True).name == "ibm_miami"
    emulator.configure(backends={"ibm_miami": {"status": "offline"}, "ibm_boston": {"queue_length": 2}})
    assert emulator.qiskit_service().least_busy(operational=True).name == "ibm_boston"


def test_jobs_are_found_by_each_of_the_filters(service, emulator, run):
    from qiskit_ibm_runtime import Batch

    plain, tagged = run(), run(tags=["one", "two"])
    with Batch(backend=service.backend("ibm_marrakesh")) as batch:
        batched = run(mode=batch)
    for job in (plain, tagged, batched):
        job.result(timeout=60)
    now = datetime.now(tz=UTC)
    everything = ids([batched, tagged, plain])
    assert ids(service.jobs()) == everything
    assert ids(service.jobs(descending=False)) == everything[::-1]
    assert ids(service.jobs(limit=1)) == everything[:1]
    assert ids(service.jobs(limit=1, skip=1)) == everything[1:2]
    assert ids(service.jobs(backend_name="ibm_marrakesh")) == ids([batched])
    assert ids(service.jobs(session_id=batch.session_id)) == ids([batched])
    assert ids(service.jobs(job_tags=["two", "one"])) == ids([tagged])
    assert ids(service.jobs(job_tags=["two", "three"])) == []
    assert ids(service.jobs(program_id="sampler")) == everything
    assert ids(service.jobs(program_id="estimator")) == []
    assert ids(service.jobs(pending=True)) == []
    assert ids(service.jobs(pending=False)) == everything
    assert ids(service.jobs(created_after=now - timedelta(hours=1))) == everything
    assert ids(service.jobs(created_after=now + timedelta(hours=1))) == []
    assert ids(service.jobs(created_before=now - timedelta(hours=1))) == []
    assert ids(service.jobs(instance=emulator.instance)) == everything


def test_metrics_and_usage_tell_what_a_job_took(emulator, run):
    emulator.configure(run_seconds=3)
    job = run()
    emulator.advance(10)
    job.result(timeout=60)
    metrics = job.metrics()
    assert job.usage() == pytest.approx(3, abs=0.1)
    assert metrics["usage"]["qpu_charge_time_seconds"] == pytest.approx(3, abs=0.1)
    assert set(metrics["timestamps"]) == {"created", "running", "finished"}
    assert job.properties().backend_name == "ibm_fez"
    assert job.creation_date is not None


def test_a_queued_job_can_be_cancelled(emulator, run):
    emulator.configure(queue_seconds=600)
    job = run()
    assert job.status() == "QUEUED"
    job.cancel()
    assert job.cancelled()
    assert job.in_final_state()


def test_tags_can_be_replaced(service, run):
    job = run(tags=["old"])
    job.update_tags(["new", "newer"])
    assert sorted(service.job(job.job_id()).tags) == ["new", "newer"]


def test_a_deleted_job_is_gone(service, run):
    from qiskit_ibm_runtime import RuntimeJobNotFound

    job = run()
    job.result(timeout=60)
    service.delete_job(job.job_id())
    with pytest.raises(RuntimeJobNotFound):
        service.job(job.job_id())


def test_a_job_found_again_gives_the_same_result(service, run):
    job = run(shots=50)
    counts = job.result(timeout=60)[0].data.meas.get_counts()
    again = service.job(job.job_id())
    assert again.result(timeout=60)[0].data.meas.get_counts() == counts
    assert again.inputs["pubs"]


def test_a_session_is_open_until_it_is_left(service, emulator, run):
    from qiskit_ibm_runtime import Session

    with Session(backend=service.backend("ibm_fez")) as session:
        run(mode=session).result(timeout=60)
        assert session.details()["mode"] == "dedicated"
        assert session.details()["accepting_jobs"]
    assert not session.details()["accepting_jobs"]
    assert session.status() == "Closed"
    assert emulator.jobs()[0]["session_id"] == session.session_id


def test_a_cancelled_batch_is_closed_and_its_queued_jobs_are_cancelled(service, emulator, run):
    from qiskit_ibm_runtime import Batch

    emulator.configure(queue_seconds=600)
    batch = Batch(backend=service.backend("ibm_fez"))
    job = run(mode=batch)
    batch.cancel()
    assert batch.status() == "Closed"
    assert job.status() == "CANCELLED"


def test_the_client_sees_why_a_job_failed(service):
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


def test_no_byte_leaves_this_machine(monkeypatch, bell):
    from copy import deepcopy

    from qiskit_ibm_runtime import Batch
    from qiskit_ibm_runtime.executor_sampler import Sampler

    met, resolved = set(), set()
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def watched(self, address):
        met.add(address[0] if isinstance(address, tuple) else address)
        return connect(self, address)

    def watched_look_up(host, *args, **kwargs):
        resolved.add(host)
        return look_up(host, *args, **kwargs)

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy.invalid:1")
    monkeypatch.setattr(socket.socket, "connect", watched)
    monkeypatch.setattr(socket, "getaddrinfo", watched_look_up)
    with Emulator(queue_seconds=0, run_seconds=0) as emulator:
        service = emulator.qiskit_service()
        backend = deepcopy(service.backend("ibm_fez"))
        backend.status()
        with Batch(backend=backend) as batch:
            Sampler(batch).run([bell], shots=10).result()
        assert service.usage()
        assert len(service.jobs()) == 1
    assert met == {"127.0.0.1"}
    assert resolved == {"127.0.0.1"}


def test_the_environment_is_as_it_was_once_the_emulator_has_stopped(monkeypatch):
    monkeypatch.setenv("IAM_URL", "https://before.invalid")
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:1")
    before = dict(os.environ)
    with Emulator() as emulator:
        emulator.qiskit_service()
        assert os.environ["IAM_URL"] == emulator.iam_url
    assert dict(os.environ) == before
