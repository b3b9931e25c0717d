"""The operators against localqpu, an independent implementation of the same API.

What they and we understand alike is unlikely to be a misunderstanding. localqpu takes circuits as Qiskit's objects
only, simulates without noise, and moves a job on each time somebody looks at it.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred

from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator, QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import (
    QiskitRuntimeCloseSessionOperator,
    QiskitRuntimeCreateSessionOperator,
)
from airflow_provider_qrt.primitives import EstimatorResult, SamplerResult

BACKEND = "ibm_fez"
INSTANCE = f"crn:v1:bluemix:public:quantum-computing:us-east:a/{'0' * 32}:12345678-1234-1234-1234-123456789012::"
START_SECONDS = 60
ANGLES = [0.0, 0.7, math.pi]
GIVEN = {"backend": BACKEND, "optimization_level": 1, "poll_interval": 0.05, "durable": False}
"""Arguments of every task. It is not durable, so that several tasks of a test are not tries of one."""


@dataclass(frozen=True)
class Localqpu:
    """A localqpu process, seen through its control API."""

    url: str

    def control(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_localqpu/{path}", None if body is None else json.dumps(body).encode(), method=method
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def requests(self, method: str, end: str) -> list[dict[str, Any]]:
        journal = self.control("GET", "requests")["requests"]
        return [one for one in journal if one["method"] == method and one["path"].endswith(end)]

    def jobs(self) -> list[dict[str, Any]]:
        return list(self.control("GET", "jobs")["jobs"])


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """The address of a localqpu of our own."""
    said = tmp_path_factory.mktemp("localqpu") / "output"
    command = [str(Path(sys.executable).with_name("localqpu")), "start", "--port", "0", "--backends", BACKEND]
    with said.open("wb") as output:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + START_SECONDS
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", said.read_text())):
            assert server.poll() is None, said.read_text()
            assert time.monotonic() < end, "localqpu did not start"
            time.sleep(0.1)
        yield found.group()
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture
def localqpu(process, monkeypatch, tmp_path):
    """localqpu without jobs, and the default connection leads to it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    connection = {
        "conn_type": "qiskit_runtime",
        "password": "any key",
        "host": f"{process}/api/v1",
        "extra": {"instance": INSTANCE, "iam_url": process},
    }
    monkeypatch.setenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CIRCUIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("airflow_provider_qrt.jobs.submit.look_up.LOOK_UP_PAUSES", (0.0, 0.0))
    server = Localqpu(process)
    server.control("POST", "reset")
    return server


@pytest.fixture
def run(localqpu, context, in_the_triggerer):
    """Run a whole task, whichever way it waits."""

    def execute(kind: type, **arguments: Any) -> Any:
        def operator() -> Any:
            return kind(task_id="the_task", **arguments)

        try:
            return operator().execute(context)
        except TaskDeferred as deferred:
            event = in_the_triggerer(deferred.trigger)
            given = {**(deferred.kwargs or {}), "event": event}
            return operator().resume_execution(deferred.method_name, given, context)

    return execute


@pytest.fixture
def sample(run):
    def sample(circuits: Any, **more: Any) -> Any:
        return run(QiskitRuntimeSamplerOperator, circuits=circuits, **{**GIVEN, "shots": 500, **more})

    return sample


@pytest.fixture
def estimate(run):
    def estimate(circuits: Any, **more: Any) -> Any:
        given = {
            "backend": BACKEND,
            "precision": 0.05,
            "optimization_level": 1,
            "poll_interval": 0.05,
            "durable": False,
        }
        return run(QiskitRuntimeEstimatorOperator, circuits=circuits, **{**given, **more})

    return estimate


def ghz(measured=False):
    """Three qubits in two states at once."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    if measured:
        circuit.measure_all()
    return circuit


def rotation(measured=False):
    """A qubit that an angle turns, beside one that is flipped."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("angle"), 0)
    circuit.x(1)
    if measured:
        circuit.measure_all()
    return circuit


# Both primitives, over both programs


@pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferred"])
@pytest.mark.parametrize("program", ["sampler", "executor"])
def test_the_sampler_counts(sample, localqpu, program, deferrable):
    sweep = (rotation(measured=True), {"angle": ANGLES})
    value = sample([ghz(measured=True), sweep], program_id=program, deferrable=deferrable)
    result = SamplerResult.from_xcom(value)
    counts = result.get_counts(0)
    assert set(counts) == {"000", "111"}
    assert counts["000"] / 500 == pytest.approx(0.5, abs=5 * math.sqrt(0.25 / 500))
    assert result[1].shape == (3,)
    assert [result[1].get_counts(point) for point in (0, 2)] == [{"10": 500}, {"11": 500}]
    turned = math.sin(0.7 / 2) ** 2
    assert result[1].get_counts(1)["11"] / 500 == pytest.approx(turned, abs=5 * math.sqrt(turned / 500))
    assert [job["program_id"] for job in localqpu.jobs()] == [program]
    assert (value["backend"], value["status"]) == (BACKEND, "Completed")


@pytest.mark.parametrize("deferrable", [False, True], ids=["blocking", "deferred"])
@pytest.mark.parametrize("program", ["estimator", "executor"])
def test_the_estimator_gives_expectation_values(estimate, localqpu, program, deferrable):
    swept = (rotation(), [["IZ"], [{"ZI": 2.0, "II": 1.0}]], {"angle": ANGLES})
    value = estimate(
        [(ghz(), ["ZZI", "XXX", "YXY"]), swept], program_id=program, deferrable=deferrable, resilience_level=0
    )
    result = EstimatorResult.from_xcom(value)
    np.testing.assert_allclose(result[0].evs, [1, 1, -1], atol=5 * 0.05)
    np.testing.assert_allclose(result[1].evs, [np.cos(ANGLES), [-1] * 3], atol=5 * 0.05 * 2)
    assert result[1].stds.shape == (2, 3)
    assert [job["program_id"] for job in localqpu.jobs()] == [program]


def test_readout_is_calibrated_in_the_same_job(estimate):
    value = estimate((ghz(), ["ZZI", "XXX"]), program_id="executor", resilience_level=1)
    np.testing.assert_allclose(value["results"][0]["evs"], [1, 1])


def test_a_backend_is_chosen_among_theirs(sample):
    assert sample(ghz(measured=True), backend="least_busy")["backend"] == BACKEND


# Sessions and batches


@pytest.mark.parametrize("mode", ["batch", "dedicated"])
def test_jobs_run_in_a_session_until_it_is_closed(run, sample, estimate, localqpu, mode):
    session_id = run(QiskitRuntimeCreateSessionOperator, mode=mode, backend=BACKEND, max_ttl=600)
    values = [
        sample(ghz(measured=True), session_id=session_id),
        estimate((ghz(), "ZZI"), session_id=session_id),
        estimate((ghz(), "ZZI"), session_id=session_id, program_id="executor"),
    ]
    assert [value["session_id"] for value in values] == [session_id] * 3
    run(QiskitRuntimeCloseSessionOperator, session_id=session_id)
    with pytest.raises(AirflowFailException, match=r"(?i)closed|accept"):
        sample(ghz(measured=True), session_id=session_id)
    assert len(localqpu.jobs()) == 3
    run(QiskitRuntimeCloseSessionOperator, session_id=session_id)


# When something goes wrong


def test_a_lost_answer_leaves_one_job(sample, localqpu):
    lost = {"method": "POST", "path": "/api/v1/jobs", "status": 503, "phase": "after"}
    localqpu.control("PUT", "scenario", {"http_faults": [lost]})
    value = sample(ghz(measured=True), durable=True)
    assert len(localqpu.jobs()) == len(localqpu.requests("POST", "/jobs")) == 1
    assert sum(value["results"][0]["counts"].values()) == 500


def test_hiccups_while_waiting_do_not_end_the_wait(estimate, localqpu):
    hiccups = [{"method": "GET", "path": "/api/v1/jobs/*", "status": status} for status in (502, 503)]
    dropped = {"method": "GET", "path": "/api/v1/jobs/*", "drop_connection": True}
    localqpu.control("PUT", "scenario", {"http_faults": [*hiccups, dropped]})
    assert estimate((ghz(), "ZZI"))["status"] == "Completed"
    assert len(localqpu.jobs()) == 1


def test_a_failed_job_fails_the_task_with_its_reason(sample, localqpu):
    failure = {"outcome": "failed", "reason": "QPU calibration in progress", "reason_code": 1517}
    localqpu.control("PUT", "scenario", {"next_jobs": [failure]})
    with pytest.raises(AirflowException, match="QPU calibration in progress") as failed:
        sample(ghz(measured=True))
    assert "1517" in str(failed.value)
