"""The backends that least_busy may choose in a task that submits a job."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt.jobs.errors import NoBackendAvailableError


@pytest.fixture
def busy(emulator):
    """The less busy a backend is, the less it fits."""
    emulator.configure(
        backends={
            "ibm_miami": {"queue_length": 0},
            "ibm_fez": {"queue_length": 1, "status": "paused"},
            "ibm_marrakesh": {"queue_length": 2},
            "ibm_boston": {"queue_length": 3},
        }
    )


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        (None, "ibm_miami"),
        ({"min_qubits": 150}, "ibm_marrakesh"),
        ({"processor_family": "Heron", "processor_revision": 3}, "ibm_boston"),
        ({"min_qubits": "{{ params.shots }}", "exclude": ["ibm_miami"]}, "ibm_marrakesh"),
        ({"names": ["ibm_fez", "{{ params.backend }}"]}, "ibm_boston"),
    ],
    ids=str,
)
def test_the_least_busy_that_fits_runs_the_job(task, busy, filters, chosen):
    assert task.run(backend="least_busy", backend_filters=filters)["backend"] == chosen


def test_the_shorter_wait_goes_before_the_shorter_queue(task, emulator):
    emulator.configure(
        backends={
            "ibm_fez": {"queue_length": 1, "run_seconds": 600},
            "ibm_boston": {"queue_length": 5, "run_seconds": 0},
        }
    )
    filters = {"names": ["ibm_fez", "ibm_boston"]}
    assert task.run(backend="least_busy", backend_filters=filters)["backend"] == "ibm_boston"


def test_a_name_is_taken_as_it_is(task, busy):
    assert task.run(backend="ibm_miami", backend_filters={"min_qubits": 150})["backend"] == "ibm_miami"


def test_when_none_fits_now_nothing_is_submitted_and_a_retry_may_help(task, busy, sent):
    with pytest.raises(NoBackendAvailableError, match="ibm_boston has queue 3 > 1") as none:
        task.run(backend="least_busy", backend_filters={"max_queue": 1, "processor_family": "Heron"})
    assert "ibm_miami has processor Nighthawk r1, not Heron" in str(none.value)
    assert "ibm_fez is paused" in str(none.value)
    assert sent("POST") == []


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({"min_qubits": 1000}, "ibm_fez has 156 qubits < 1000"),
        ({"min_qubit": 100}, "did you mean 'min_qubits'"),
        ({"names": ["ibm_fezz"]}, "Did you mean 'ibm_fez'"),
    ],
    ids=str,
)
def test_what_no_retry_mends_is_not_retried(task, sent, filters, says):
    with pytest.raises(AirflowFailException, match=says):
        task.run(backend="least_busy", backend_filters=filters)
    assert sent("POST") == []
