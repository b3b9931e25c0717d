"""Hybrid functions without Airflow: in a notebook, a script or a test."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.hybrid.errors import CallFailedError, DivergenceError
from airflow_provider_qrt.hybrid.running import run_hybrid

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


class CrashError(Exception):
    """An error of user code."""


@pytest.fixture
def client(connection):
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    return QiskitRuntimeHook().client


@pytest.fixture
def run(client, tmp_path):
    def run_function(function, *args, folder="journal", **more):
        return run_hybrid(function, client, *args, journal=tmp_path / folder, backend="ibm_fez", **more)

    return run_function


def counts(qpu, times, *, crash=()):
    found = []
    for number in range(times):
        found.append(dict(qpu.sample(FLIP, shots=10).get_counts()))
        if number in crash:
            raise CrashError
    return found


def test_a_function_that_was_interrupted_goes_on(run, emulator):
    with pytest.raises(CrashError):
        run(counts, 4, crash=[1])
    assert run(counts, 4) == [{"1": 10}] * 4
    assert len(emulator.jobs()) == 4


def test_the_fixture_runs_a_function_and_goes_on_with_it(qiskit_runtime_hybrid, qiskit_runtime_emulator):
    with pytest.raises(CrashError):
        qiskit_runtime_hybrid(counts, 3, crash=[0])
    assert qiskit_runtime_hybrid(counts, 3) == [{"1": 10}] * 3
    assert len(qiskit_runtime_emulator.jobs()) == 3


def test_what_is_done_is_not_bought_again(run, emulator, sent):
    run(counts, 2)
    emulator.clear_requests()
    assert run(counts, 2) == [{"1": 10}] * 2
    assert sent() == []


def test_another_folder_begins_anew(run, emulator):
    run(counts, 2)
    run(counts, 2, folder="other")
    assert len(emulator.jobs()) == 4


def test_random_numbers_are_those_of_the_journal(run):
    def numbers(qpu):
        return qpu.rng.integers(0, 1_000_000, 3).tolist()

    assert run(numbers) == run(numbers)
    assert run(numbers) != run(numbers, folder="other")


def test_a_session_is_closed_in_the_end(run, client):
    def session_of(qpu):
        counts(qpu, 2)
        return qpu.session_id

    assert not client.session(run(session_of, mode="batch")).accepting_jobs


def test_other_calls_than_before_are_refused(run, emulator):
    with pytest.raises(CrashError):
        run(counts, 2, crash=[1])

    def others(qpu):
        return qpu.sample(FLIP, shots=11)

    others.__name__ = counts.__name__
    with pytest.raises(DivergenceError, match=r"was 10 and is 11"):
        run(others)
    assert len(emulator.jobs()) == 2


def test_a_job_that_failed_is_bought_again_by_the_next_run(run, emulator):
    failures = [True]

    def function(qpu):
        pending = qpu.submit_sample(FLIP, shots=10)
        if failures:
            failures.pop()
            emulator.finish(pending.job_ids[0], "Failed", reason="The fridge is warm.", reason_code=9999)
        return dict(pending.result().get_counts())

    emulator.configure(queue_seconds=3600)
    with pytest.raises(CallFailedError):
        run(function)
    emulator.configure(queue_seconds=0)
    assert run(function) == {"1": 10}
    assert len(emulator.jobs()) == 2


def test_a_job_that_fails_says_why(run, emulator):
    def function(qpu):
        pending = qpu.submit_sample(FLIP)
        emulator.finish(pending.job_ids[0], "Failed", reason="The fridge is warm.", reason_code=9999)
        return pending.result()

    emulator.configure(queue_seconds=3600)
    with pytest.raises(CallFailedError, match=r"Call 1 \(sample\).*The fridge is warm"):
        run(function)
