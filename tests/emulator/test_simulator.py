"""Qiskit runs in a separate process, so that it cannot crash the process that serves."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

RUN = """
import json, sys, time, urllib.parse, urllib.request
from airflow_provider_qrt.emulator import Emulator

QASM = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'

def ask(url, body, headers):
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)

def run(emulator):
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": emulator.api_key}
    token = ask(f"{emulator.iam_url}/identity/token", urllib.parse.urlencode(form).encode(), {})["access_token"]
    headers = {
        "Authorization": f"Bearer {token}", "Service-CRN": emulator.instance, "Content-Type": "application/json",
    }
    body = {"program_id": "sampler", "backend": "ibm_fez", "params": {"version": 2, "pubs": [[QASM, None, 10]]}}
    job = ask(f"{emulator.url}/jobs", json.dumps(body).encode(), headers)["id"]
    return emulator.finish(job)["status"]

def quick():
    return Emulator(queue_seconds=600, run_seconds=0, rate_limit=False)
"""


def script(code, *arguments, timeout=300):
    done = subprocess.run(
        [sys.executable, "-c", RUN + code, *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done.stdout.split()


@pytest.mark.parametrize("delay", ["0", "0.1", "0.3", "0.6"])
def test_a_test_may_import_any_part_of_qiskit_at_any_moment(delay):
    code = """
with quick() as emulator:
    time.sleep(float(sys.argv[1]))
    from qiskit.quantum_info import SparsePauliOp
    print(SparsePauliOp("ZZ").num_qubits, run(emulator))
"""
    assert script(code, delay) == ["2", "Completed"]


def test_serving_and_simulating_import_nothing_of_qiskit():
    code = """
with quick() as emulator:
    print(run(emulator))
print([name for name in sys.modules if name.partition(".")[0] in ("qiskit", "qiskit_aer", "qiskit_ibm_runtime")])
"""
    assert script(code) == ["Completed", "[]"]


def test_emulators_of_one_process_share_the_process_that_simulates():
    code = """
from airflow_provider_qrt.emulator.simulation import simulator

with quick() as first, quick() as second:
    print(run(first), run(second))
before = simulator.start()
with quick() as third:
    print(run(third), simulator.start() is before)
"""
    assert script(code) == ["Completed", "Completed", "Completed", "True"]


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_the_process_that_simulates_ends_with_the_one_that_serves(end):
    code = f"""
import os
from airflow_provider_qrt.emulator.simulation import simulator

with quick() as emulator:
    print(run(emulator), simulator.start()._child.pid, flush=True)
{end}
"""
    _, pid = script(code)
    deadline = time.monotonic() + 60
    while is_running(int(pid)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_simulator_that_died_fails_its_job_and_is_replaced():
    code = """
from airflow_provider_qrt.emulator.simulation import simulator

with quick() as emulator:
    print(run(emulator))
    process = simulator.start()
    process._child.kill()
    while not process.is_lost:
        time.sleep(0.01)
    print(run(emulator))
"""
    assert script(code) == ["Completed", "Completed"]


def test_a_job_whose_simulator_dies_says_so(monkeypatch):
    from airflow_provider_qrt.emulator.clock import Clock
    from airflow_provider_qrt.emulator.devices import load_devices
    from airflow_provider_qrt.emulator.simulation import simulator

    class Dying:
        def ask(self, question):
            raise simulator.SimulatorLostError

    monkeypatch.setattr(simulator, "start", Dying)
    work = simulator.run(None, load_devices(("ibm_fez",))["ibm_fez"], Clock(), None, 24)
    assert work.failure.code == 9999
    assert "the process that simulates has ended" in work.failure.reason


def test_an_emulator_stopped_in_the_middle_of_a_simulation_does_not_take_the_process_with_it():
    code = """
for _ in range(2):
    with quick() as emulator:
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": emulator.api_key}
        token = ask(f"{emulator.iam_url}/identity/token", urllib.parse.urlencode(form).encode(), {})["access_token"]
        headers = {
            "Authorization": f"Bearer {token}", "Service-CRN": emulator.instance, "Content-Type": "application/json",
        }
        body = {"program_id": "sampler", "backend": "ibm_fez", "params": {"version": 2, "pubs": [[QASM, None, 10]]}}
        for _ in range(2):
            ask(f"{emulator.url}/jobs", json.dumps(body).encode(), headers)
print("stopped")
"""
    assert script(code) == ["stopped"]
