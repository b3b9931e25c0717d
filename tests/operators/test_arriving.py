"""A task decodes its result while it arrives, unless the service gives that out only once."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.client import QiskitRuntimeClient
from airflow_provider_qrt.primitives.results import arriving


@pytest.fixture
def received(monkeypatch):
    """The number of arrays that were unpacked on arrival, for each result."""
    found = []
    receive = QiskitRuntimeClient.receive_result

    def watched(client, job_id, new_reader):
        result = receive(client, job_id, new_reader)
        found.append(len(result._scanner._texts))
        return result

    monkeypatch.setattr(QiskitRuntimeClient, "receive_result", watched)
    # The results of the tests are small.
    monkeypatch.setattr(arriving, "SHORTEST", 4)
    return found


@pytest.mark.parametrize("program", ["sampler", "executor"])
def test_a_result_is_decoded_while_it_arrives(task, received, program):
    value = task.run(program_id=program)
    assert received == [1]
    assert sum(value["results"][0]["counts"].values()) == 20


def test_so_is_that_of_each_of_several_jobs(task, received, emulator, monkeypatch):
    from airflow_provider_qrt.programs.sampler import SamplerProgram

    monkeypatch.setattr(SamplerProgram, "max_executions", 20)
    value = task.run(circuits=[task.defaults["circuits"]] * 3)
    assert received == [1, 1, 1]
    assert [one["shots"] for one in value["results"]] == [20, 20, 20]
    assert len(emulator.jobs()) == 3


def test_a_private_result_is_read_as_text(task, received):
    assert task.run(private=True)["results"][0]["shots"] == 20
    assert received == []


def test_a_result_that_another_task_fetches_is_decoded_on_arrival_too(task, received, connection):
    from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator

    job_id = task.run(program_id="sampler")["job_id"]
    received.clear()
    operator = QiskitRuntimeGetResultOperator(task_id="fetch", job_id=job_id, poll_interval=0.02)
    assert operator.execute(task.context)["results"][0]["shots"] == 20
    assert received == [1]
