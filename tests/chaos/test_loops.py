"""A loop whose processes are killed again and again makes each of its calls once, and ends with the same answer."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from itertools import groupby

import pytest

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient
from airflow_provider_qrt.emulator import Emulator
from tests.chaos.dags.loop import CALLS
from tests.chaos.lanes import CALM, PATIENCE, Lane, Run
from tools.demo import connection
from tools.local_airflow import LocalAirflow, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

KILLS = 10
QUICK = {**CALM, "queue_seconds": 0, "run_seconds": 0.2}


@pytest.fixture
def seeded(airflow: LocalAirflow) -> Iterator[list[Lane]]:
    """Two services whose jobs give the same samples, in the order of their submission."""
    lanes = []
    for number in range(2):
        service = Emulator(seed=11, **QUICK).start()
        name = f"seeded_{number}"
        settings = connection(service)
        body = {
            "connection_id": name,
            "conn_type": settings["conn_type"],
            "host": settings["host"],
            "password": settings["password"],
            "extra": json.dumps(settings["extra"]),
        }
        airflow.api("POST", "/connections", json=body)
        lanes.append(Lane(airflow, service, name))
    yield lanes
    for lane in lanes:
        airflow.api("DELETE", f"/connections/{lane.connection}")
        lane.service.stop()


def expect_the_same(disturbed: Run, calm: Run) -> None:
    """Both runs have made their calls once, in one session at a time, and have returned the same."""
    for run in (calm, disturbed):
        run.lane.airflow.expect_end(run.dag_id, run.run_id, seconds=2 * PATIENCE)
        assert [job["status"] for job in run.jobs] == ["Completed"] * CALLS
        expect_one_session_at_a_time(run)
    values = [run.lane.airflow.xcom(run.dag_id, run.run_id, "measure") for run in (disturbed, calm)]
    sessions = {job["session_id"] for job in disturbed.jobs}
    assert values[0].pop("session_id") in sessions
    values[1].pop("session_id")
    assert values[0] == values[1]


def expect_one_session_at_a_time(run: Run) -> None:
    """No job ran in a session after one in a later session, and all sessions are closed."""
    jobs = sorted(run.jobs, key=lambda job: job["ordinal"])
    sessions = [session_id for session_id, _ in groupby(job["session_id"] for job in jobs)]
    assert len(sessions) == len(set(sessions))
    service = run.lane.service
    settings = ClientSettings.create(
        api_key=service.api_key, instance=service.instance, base_url=service.url, iam_url=service.iam_url
    )
    client = QiskitRuntimeClient(settings)
    for session_id in sessions:
        session = client.session(session_id)
        assert (session.state, session.accepting_jobs) == ("closed", False)


def kill(run: Run, source: random.Random) -> None:
    """Kill the processes of the task, or the task's alone, wherever it is."""
    try:
        processes = run.processes()
        if source.random() < 0.5:
            os.kill(processes.task, signal.SIGKILL)
        else:
            processes.signal(signal.SIGKILL)
            run.expire()
    except (RuntimeError, ProcessLookupError):
        # It was between two tries.
        return


def test_a_loop_that_is_killed_ten_times_buys_each_job_once(seeded, lanes):
    disturbed, calm = (lane.start("chaos_blocking_loop") for lane in seeded)
    source = random.Random(5)
    for number in range(KILLS):
        least = (number + 1) * (CALLS // (KILLS + 1))
        wait_until(lambda least=least: len(disturbed.jobs) >= least, seconds=PATIENCE, what=f"Job {least}", pause=0.1)
        disturbed.wait_for_state("running")
        time.sleep(source.uniform(0, 0.5))
        kill(disturbed, source)
    expect_the_same(disturbed, calm)
    assert disturbed.task["try_number"] > KILLS / 2


def test_a_triggerer_that_is_killed_while_a_loop_waits_in_a_call_costs_nothing(seeded, lanes, airflow):
    disturbed, calm = (lane.start("chaos_deferred_loop") for lane in seeded)
    wait_until(lambda: len(disturbed.jobs) >= 5, seconds=PATIENCE, what="Job 5", pause=0.1)
    disturbed.lane.service.configure(queue_seconds=20)
    disturbed.wait_for_state("deferred")
    airflow.kill_component("triggerer")
    airflow.start_component("triggerer")
    disturbed.lane.service.configure(**QUICK)
    disturbed.lane.service.add_fault(method="POST", path="/jobs", drop="after")
    disturbed.lane.service.add_fault(method="POST", path="/jobs", status=429, retry_after=5)
    expect_the_same(disturbed, calm)
