"""The promises hold on each supported version of Airflow and Python."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.chaos.lanes import PATIENCE, Lane, in_parallel
from tests.chaos.test_stopping import cleared, marked
from tests.chaos.test_workers_killed import (
    before_the_answer,
    before_the_result,
    die_alone,
    die_with_supervisor,
    kill,
    while_the_task_waits,
)
from tests.versions.conftest import EXAMPLES, RECORDS
from tools.local_airflow import LocalAirflow
from tools.processes import wait_until

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
    "cleared while deferred": partial(cleared, dag_id="slow_to_read"),
}


def examples(airflow: LocalAirflow) -> None:
    """The example DAGs run to their end."""
    started = {f"qiskit_runtime_{name}": airflow.trigger(f"qiskit_runtime_{name}") for name in EXAMPLES}
    for dag_id, run_id in started.items():
        airflow.expect_end(dag_id, run_id, seconds=PATIENCE)


NOT_ON = {"3.4.0b2": "killed"}
"""Scenarios, by a word of their names, that an Airflow does not survive itself: the scheduler of this pre-release ends
with an IntegrityError of SQLite's when it handles the failure of a task whose process was killed."""


def test_promises(kind, airflow, all_lanes):
    """In two groups; within one all at once, as each of them mostly waits."""
    left_out = NOT_ON.get(kind[0].airflow)
    chosen = [(name, scenario) for name, scenario in SCENARIOS.items() if left_out is None or left_out not in name]
    first, second = chosen[: len(all_lanes)], chosen[len(all_lanes) :]
    in_parallel({name: partial(scenario, lane) for (name, scenario), lane in zip(first, all_lanes, strict=False)})
    for lane in all_lanes:
        lane.calm()
    scenarios = {name: partial(scenario, lane) for (name, scenario), lane in zip(second, all_lanes, strict=False)}
    in_parallel({**scenarios, "example DAGs": partial(examples, airflow)})


def test_an_event_starts_a_dag_once(kind, airflow, service):
    """A backend comes back, where changes are kept: while no triggerer runs."""

    def look() -> None:
        # The emulator keeps only the latest requests.
        service.clear_requests()
        # The first of two may have been on its way.
        wait_until(lambda: len(looks()) > 1, seconds=PATIENCE, what="two looks at the backends")

    def looks() -> list[str]:
        return [one["path"] for one in service.requests() if one["path"].endswith("/backends")]

    def runs() -> list[dict[str, Any]]:
        return airflow.api("GET", "/dags/on_event/dagRuns")["dag_runs"]

    look()
    service.configure(backends={"ibm_boston": {"status": "paused"}})
    look()
    if kind[1] == RECORDS:
        airflow.stop_component("triggerer")
    service.configure(backends={"ibm_boston": {"status": "online"}})
    airflow.start_missing_components()
    wait_until(runs, seconds=PATIENCE, what="a run that the event starts")
    look()
    [run] = runs()
    airflow.expect_end("on_event", run["dag_run_id"], seconds=PATIENCE)
    assert (run["run_type"], airflow.xcom("on_event", run["dag_run_id"], "what_happened")) == (
        "asset_triggered",
        ["online"],
    )


def test_airflow_knows_the_provider(airflow):
    providers = airflow.api("GET", "/providers")["providers"]
    assert [one for one in providers if one["package_name"] == "airflow-provider-qrt"]
    assert airflow.api("GET", "/importErrors")["import_errors"] == []
    plugins = airflow.api("GET", "/plugins")["plugins"]
    [plugin] = [one for one in plugins if "qiskit" in one["name"]]
    assert {app["name"] for app in plugin["react_apps"]} == {"Quantum", "Quantum result", "Quantum trends"}
    for app in plugin["react_apps"]:
        script = airflow._session.get(f"{airflow.url}{app['bundle_url']}", timeout=60)
        assert (script.status_code, script.headers["content-type"].partition(";")[0]) == (200, "text/javascript")


def test_form_of_the_connection(airflow):
    metas = airflow._session.get(f"{airflow.url}/ui/connections/hook_meta", timeout=60).json()
    [meta] = [one for one in metas if one["connection_type"] == "qiskit_runtime"]
    assert "instance" in meta["extra_fields"]


def test_pages_show_the_jobs(airflow, all_lanes):
    page = airflow._session.get(f"{airflow.url}/qiskit-runtime/", timeout=120)
    assert (page.status_code, page.url) == (200, f"{airflow.url}/plugin/quantum")

    def shown(path: str, **parameters: str) -> dict[str, Any]:
        answer = airflow._session.get(f"{airflow.url}/qiskit-runtime/api/{path}", params=parameters, timeout=120)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    [lane] = all_lanes[:1]
    wanted = {job["id"] for job in lane.service.jobs()}

    def jobs() -> set[str]:
        return {row["id"] for row in shown("quantum", conn_id=lane.connection)["jobs"]["rows"]}

    wait_until(lambda: wanted & jobs(), seconds=PATIENCE, what="the jobs on the page")
    [run] = airflow.api("GET", "/dags/qiskit_runtime_first_circuit/dagRuns")["dag_runs"]

    def states() -> set[str]:
        page = shown("result", dag_id="qiskit_runtime_first_circuit", run_id=run["dag_run_id"])
        return {str(job["state"]) for task in page["tasks"] for job in task["jobs"]}

    wait_until(lambda: states() == {"Completed"}, seconds=PATIENCE, what="the state of the job on the result's page")
