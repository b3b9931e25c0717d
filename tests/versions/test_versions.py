"""The promises hold on each supported version of Airflow and Python."""

from __future__ import annotations

from functools import partial

import pytest

from tests.chaos.lanes import Lane, in_parallel
from tests.chaos.test_stopping import cleared, marked
from tests.chaos.test_workers_killed import (
    before_the_answer,
    before_the_result,
    die_alone,
    die_with_supervisor,
    kill,
    while_the_task_waits,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


def measured(lane: Lane, dag_id: str) -> None:
    """A task runs to its end, and its link leads to its job."""
    run = lane.start(dag_id)
    run.expect_success()
    links = lane.airflow.api("GET", f"{run.path}/links")["extra_links"]
    assert [link for link in links.values() if link and run.jobs[0]["id"] in link], links


SCENARIOS = {
    "a deferred task": partial(measured, dag_id="chaos_deferred"),
    "a blocking task": partial(measured, dag_id="chaos_blocking"),
    "worker killed before the answer": partial(
        kill, dag_id="chaos_deferred", moment=before_the_answer, die=die_with_supervisor
    ),
    "task killed while it waits": partial(kill, dag_id="chaos_blocking", moment=while_the_task_waits, die=die_alone),
    "worker killed after the deferral": partial(
        kill, dag_id="chaos_deferred", moment=before_the_result, die=die_with_supervisor
    ),
    "marked while deferred": partial(marked, dag_id="chaos_deferred", state="failed"),
    "cleared while deferred": partial(cleared, dag_id="chaos_deferred"),
}


def test_promises(all_lanes):
    """All at once, as each of them mostly waits."""
    groups = [list(SCENARIOS.items())[: len(all_lanes)], list(SCENARIOS.items())[len(all_lanes) :]]
    for group in groups:
        for lane in all_lanes:
            lane.calm()
        in_parallel({name: partial(scenario, lane) for (name, scenario), lane in zip(group, all_lanes, strict=False)})


def test_airflow_knows_the_provider(airflow):
    providers = airflow.api("GET", "/providers")["providers"]
    assert [one for one in providers if one["package_name"] == "airflow-provider-qrt"]
    assert airflow.api("GET", "/importErrors")["import_errors"] == []
    plugins = airflow.api("GET", "/plugins")["plugins"]
    [plugin] = [one for one in plugins if "qiskit" in one["name"]]
    assert {view["name"] for view in plugin["external_views"]} == {"Quantum", "Quantum result"}


def test_form_of_the_connection(airflow):
    metas = airflow._session.get(f"{airflow.url}/ui/connections/hook_meta", timeout=60).json()
    [meta] = [one for one in metas if one["connection_type"] == "qiskit_runtime"]
    assert "instance" in meta["extra_fields"]


def test_pages(airflow):
    page = airflow._session.get(f"{airflow.url}/qiskit-runtime/", timeout=120)
    assert page.status_code == 200
    assert "Quantum" in page.text
