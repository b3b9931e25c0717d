"""Tasks on the older channels: sessions, a job without tags, and what is refused before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.tokens import forget_all_tokens
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.errors import LookUpFailedError
from airflow_provider_qrt.jobs.orphans.finding import find_orphans
from airflow_provider_qrt.operators.jobs import QiskitRuntimeCancelJobOperator, QiskitRuntimeSubmitJobOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import (
    QiskitRuntimeCloseSessionOperator,
    QiskitRuntimeCreateSessionOperator,
)
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor

PROJECT = {"hub": "ibm-q-internal", "group": "near-time", "project": "qiskit-runtime"}
CIRCUIT = 'OPENQASM 3; include "stdgates.inc"; qreg q[1]; creg c[1]; x q[0]; c[0] = measure q[0];'
OLDER = ["ibm_cloud", "ibm_quantum", "api_token"]


@pytest.fixture
def on(connect, emulator):
    """Let the default connection speak a channel."""

    def use(channel, **extra):
        forget_all_tokens()
        connect({"channel": channel, **PROJECT, **extra}, host=emulator.iam_url)

    yield use
    forget_all_tokens()


@pytest.fixture
def run(context):
    return lambda kind, **arguments: kind(task_id="the_task", **arguments).execute(context)


def submit(run, **more):
    given = {"program_id": "runtime-simple", "program_params": {"iterations": 2}, "backend": "ibmq_montreal", **more}
    return run(QiskitRuntimeSubmitJobOperator, poll_interval=0.02, **given)


# Sessions


@pytest.mark.parametrize("mode", ["batch", "dedicated"])
def test_ibm_cloud_opens_no_session_on_its_own_and_says_how_it_does(on, run, emulator, mode):
    on("ibm_cloud")
    with pytest.raises(AirflowFailException, match=r"CreateSessionOperator: .*start_session=True on the first sampler"):
        run(QiskitRuntimeCreateSessionOperator, mode=mode, backend="ibm_algiers")
    assert not emulator.requests()


@pytest.mark.parametrize("channel", ["ibm_quantum", "api_token"])
def test_no_other_older_channel_opens_a_session(on, run, emulator, channel):
    on(channel)
    with pytest.raises(AirflowFailException, match=rf"'{channel}' has no batches\. Submit the jobs one by one"):
        run(QiskitRuntimeCreateSessionOperator, backend="ibm_wellington")
    assert not emulator.requests()


@pytest.mark.parametrize("cancel", [False, True])
def test_a_session_of_ibm_cloud_is_closed(on, run, emulator, ti, cancel):
    on("ibm_cloud")
    sampler = {"circuits": CIRCUIT, "backend": "ibm_algiers", "poll_interval": 0.02}
    run(QiskitRuntimeSamplerOperator, start_session=True, **sampler)
    session_id = ti.pushed["session_id"]
    closing = {"session_id": session_id, "cancel_queued_jobs": cancel}
    assert run(QiskitRuntimeCloseSessionOperator, **closing) == {"session_id": session_id}
    last = emulator.requests()[-1]
    assert (last["method"], last["path"], last["status"]) == ("DELETE", f"/sessions/{session_id}/close", 204)


def test_closing_a_session_where_there_are_none_is_refused(on, run, emulator):
    on("ibm_quantum")
    with pytest.raises(AirflowFailException, match="'ibm_quantum' has no sessions"):
        run(QiskitRuntimeCloseSessionOperator, session_id="s")
    assert not emulator.requests()


# A job without tags


def test_a_program_of_api_token_runs_and_its_text_is_returned(on, run, emulator, capsys, caplog):
    on("api_token")
    value = submit(run)
    # What the channel has not is not asked for, and its lack is no news.
    assert not [one for one in emulator.requests() if one["status"] >= 400]
    assert "could not be read" not in capsys.readouterr().out + caplog.text
    assert (value["results"], value["backend"], value["status"]) == ("All done!", "ibmq_montreal", "Completed")


def test_a_lost_answer_fails_every_try_until_the_task_is_cleared(on, run, emulator, ti):
    on("api_token")
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    for ti.try_number in (1, 2):
        with pytest.raises(LookUpFailedError, match="clear the task to submit anew"):
            submit(run, retries=3)
    assert len(emulator.jobs()) == 1
    ti.try_number, ti.max_tries = 3, 6
    assert submit(run, retries=3)["results"] == "All done!"
    assert len(emulator.jobs()) == 2


def test_a_failed_job_says_why(on, run, emulator):
    on("api_token")
    emulator.add_rule(status="Failed", reason="The refrigerator is open.")
    with pytest.raises(Exception, match=r"failed: .*The refrigerator is open\."):
        submit(run, retries=0)


def test_a_job_of_api_token_is_cancelled(on, run, emulator, ti):
    on("api_token")
    emulator.configure(queue_seconds=60.0)
    submit(run, wait_for_completion=False)
    assert "was cancelled" in run(QiskitRuntimeCancelJobOperator, job_id=ti.pushed["job_id"])


# What no older channel has


@pytest.mark.parametrize("channel", OLDER)
def test_waiting_for_the_least_busy_backend_is_refused(on, run, emulator, channel):
    on(channel)
    with pytest.raises(AirflowFailException, match="Name a backend"):
        run(QiskitRuntimeBackendSensor, poke_interval=0.02, timeout=5)
    assert not emulator.requests()


@pytest.mark.parametrize("channel", OLDER)
def test_orphans_are_not_looked_for(on, emulator, channel):
    on(channel)
    with pytest.raises(errors.NotOfferedError, match=f"Finding orphans: the channel '{channel}' has no"):
        find_orphans(QiskitRuntimeHook().client, None, "", older_than=timedelta(0), now=datetime.now(UTC))
    assert not emulator.requests()
