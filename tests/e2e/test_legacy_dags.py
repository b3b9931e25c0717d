"""The DAGs of example_dags/legacy in a real Airflow: every generation of the API, all five at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import requests

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, errors
from airflow_provider_qrt.emulator.legacy.logins import Logins
from tools.local_airflow import LocalAirflow, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

SINGLE = "qiskit_runtime_ibm_cloud_single_job"
SESSION = "qiskit_runtime_ibm_cloud_session"
PLATFORM = "qiskit_runtime_platform_job_and_session"
CLASSIC = "qiskit_runtime_classic_programs_and_logout"
PROGRAM = "qiskit_runtime_api_token_program"
FAILED_SESSION = "a session whose second job fails"
SWITCHING_PROTOCOLS = 101
DAGS = (SINGLE, SESSION, PLATFORM, CLASSIC, PROGRAM)


@dataclass(frozen=True)
class Run:
    """A run that has succeeded."""

    airflow: LocalAirflow
    dag_id: str
    run_id: str

    def xcom(self, task_id: str, key: str = "return_value"):
        return self.airflow.xcom(self.dag_id, self.run_id, task_id, key)

    def log(self, task_id: str) -> str:
        return self.airflow.task_log(self.dag_id, self.run_id, task_id)


@pytest.fixture(scope="module")
def logins() -> Iterator[list[str]]:
    """The tokens that the login of ``ibm_quantum`` has issued."""
    issued: list[str] = []
    issue = Logins.issue

    def keep(self: Logins, body: object) -> str:
        issued.append(issue(self, body))
        return issued[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Logins, "issue", keep)
        yield issued


@pytest.fixture(scope="module")
def runs(airflow, service, logins) -> dict[str, Run]:
    """One run of each DAG for all tests, and one whose second job fails.

    The jobs of the session wait in the queue until both are followed.
    """
    service.configure(queue_seconds=2, run_seconds=0.5)
    service.add_rule(backend="ibm_algiers", queue_seconds=3600, times=2)
    service.add_rule(backend="ibm_kyoto", status="Failed", reason="The fridge is warm.", skip=1, times=1)
    ids = {dag_id: airflow.trigger(dag_id) for dag_id in DAGS}
    failing = airflow.trigger(SESSION, {"backend": "ibm_kyoto"})

    def in_session() -> list[str]:
        return [job["id"] for job in service.jobs() if f"run:{ids[SESSION]}"[:86] in job["tags"]]

    def are_followed() -> bool:
        followed = {one["path"] for one in service.requests() if one["status"] == SWITCHING_PROTOCOLS}
        return len(in_session()) == 2 and {f"/stream/jobs/{job_id}" for job_id in in_session()} <= followed

    with suppress(TimeoutError):  # a test of its own says so
        wait_until(are_followed, seconds=300, what="The opening of both streams")
    for job_id in in_session():
        service.finish(job_id)
    for dag_id, run_id in ids.items():
        airflow.expect_end(dag_id, run_id, seconds=400)  # two minutes where nothing else runs
    airflow.expect_end(SESSION, failing, "failed", seconds=400)
    found = {dag_id: Run(airflow, dag_id, run_id) for dag_id, run_id in ids.items()}
    return {**found, FAILED_SESSION: Run(airflow, SESSION, failing)}


@pytest.fixture
def job_of(service):
    """Finds a job on the server."""
    return lambda job_id: next(job for job in service.jobs() if job["id"] == job_id)


@pytest.fixture
def sent(service):
    """The answers' statuses to requests of this method whose path ends so."""
    return lambda method, end: [
        one["status"] for one in service.requests() if one["method"] == method and one["path"].endswith(end)
    ]


def is_flipped(quasi: dict[str, float]) -> bool:
    """Whether quasi-probabilities are those of x|0>, as far as a machine can tell."""
    return (
        set(quasi) <= {"0", "1"}
        and quasi["1"] == pytest.approx(1, abs=0.05)
        and sum(quasi.values()) == pytest.approx(1)
    )


def test_one_job_on_ibm_cloud_gives_the_quasi_probabilities_of_a_flipped_qubit(runs, service, job_of):
    run = runs[SINGLE]
    assert run.xcom("results") == {"1": 1.0}
    job = job_of(run.xcom("submit", "job_id"))
    assert (job["generation"], job["backend"], job["session_id"]) == ("ibm_cloud", "ibmq_qasm_simulator", None)
    applications = {
        one["headers"]["x-qx-client-application"]
        for one in service.requests()
        if (one["method"], one["path"]) == ("POST", "/jobs") and "x-qx-client-application" in one["headers"]
    }
    assert len(applications) == 1
    assert applications.pop().startswith("qiskit-version-2/0.39.2/airflow_provider_qrt-")


def test_the_session_begins_with_the_first_job_and_five_circuits_join_it(runs, job_of):
    run = runs[SESSION]
    first, follow_up = run.xcom("first", "job_id"), run.xcom("follow_up", "job_id")
    assert run.xcom("first", "session_id") == first
    assert {job_of(job_id)["session_id"] for job_id in (first, follow_up)} == {first}
    assert {job_of(job_id)["backend"] for job_id in (first, follow_up)} == {"ibm_algiers"}
    quasi_dists = run.xcom("quasi_dists")
    assert len(quasi_dists) == 5
    assert all(map(is_flipped, quasi_dists))
    assert quasi_dists == [circuit["quasi_dists"] for circuit in run.xcom("follow_up")["results"]]


def test_the_session_is_closed_on_the_server(runs, service, sent):
    session_id = runs[SESSION].xcom("first", "session_id")
    assert sent("DELETE", f"/sessions/{session_id}/close") == [204]
    settings = ClientSettings.create(
        api_key=service.api_key,
        instance=service.instance,
        base_url=service.root_url,
        iam_url=service.iam_url,
        channel="ibm_cloud",
    )
    with QiskitRuntimeClient(settings) as client, pytest.raises(errors.QiskitRuntimeError, match="session was closed"):
        client.submit_job(
            program_id="sampler",
            backend="ibm_algiers",
            session_id=session_id,
            params={"circuits": ['OPENQASM 3.0; include "stdgates.inc"; bit c; qubit q; x q; c = measure q;']},
        )


def test_a_session_is_closed_after_a_failed_job_too(runs, sent):
    run = runs[FAILED_SESSION]
    assert "The fridge is warm." in run.log("follow_up")
    assert sent("DELETE", f"/sessions/{run.xcom('first', 'session_id')}/close") == [204]


def test_deferred_task_and_sensor_learn_of_the_end_from_the_stream(runs, sent):
    run = runs[SESSION]
    for task_id, watching in (("first", "first_has_ended"), ("follow_up", "follow_up")):
        job_id = run.xcom(task_id, "job_id")
        assert SWITCHING_PROTOCOLS in sent("GET", f"/stream/jobs/{job_id}")
        assert f"Job {job_id} is followed live." in run.log(watching)


def test_the_platform_runs_one_job_by_itself_and_one_in_a_session_that_it_closes(runs, job_of):
    run = runs[PLATFORM]
    alone, together = (job_of(run.xcom(task_id, "job_id")) for task_id in ("submit", "in_session"))
    assert (alone["generation"], alone["session_id"]) == (together["generation"], None)
    assert together["session_id"] == run.xcom("open_session")
    closed = run.xcom("close_session")
    assert (closed["mode"], closed["state"], closed["jobs"]) == ("dedicated", "closed", 1)
    for counts in run.xcom("counts"):
        assert counts["1"] / sum(counts.values()) > 0.9


def test_the_end_of_the_connections_api_version_is_in_the_task_log(runs, service):
    assert "IBM may stop serving the API version 2025-05-01 on any day after 2027-01-01" in runs[PLATFORM].log("submit")
    versions = {one["headers"].get("ibm-api-version") for one in service.requests()}
    assert "2025-05-01" in versions


def test_the_classic_platform_lists_programs_to_everybody_and_runs_a_job_for_a_project(runs, service, job_of):
    run = runs[CLASSIC]
    assert run.xcom("programs") == ["qasm3-runner", "sampler", "estimator", "circuit-runner"]
    assert run.xcom("backends")[:5] == [
        "simulator_stabilizer",
        "simulator_extended_stabilizer",
        "simulator_statevector",
        "simulator_mps",
        "simulator_stabilizer",
    ]
    asked = [one["authenticated"] for one in service.requests() if one["path"] == "/programs"]
    assert False in asked
    job = job_of(run.xcom("submit", "job_id"))
    assert (job["generation"], job["backend"]) == ("ibm_quantum", "ibm_wellington")
    assert is_flipped(run.xcom("quasi_probabilities"))


def test_every_login_of_the_classic_platform_is_given_back_and_good_for_nothing_then(runs, service, logins):
    def no_longer_good() -> bool:
        answers = [
            requests.get(f"{service.root_url}/backends", headers={"x-access-token": login}, timeout=10)
            for login in logins
        ]
        return all(answer.status_code == 401 for answer in answers)

    # Tasks that list backends, submit and fetch, and the triggerer.
    assert len(logins) >= 4
    wait_until(no_longer_good, seconds=300, what="The logout of every login")


def test_a_program_of_2021_says_that_all_is_done(runs, job_of):
    run = runs[PROGRAM]
    assert run.xcom("final_result") == "All done!"
    assert run.xcom("programs")["runtime-simple"] == "Simple runtime program used for testing."
    job = job_of(run.xcom("run", "job_id"))
    assert (job["generation"], job["program_id"], job["backend"]) == ("api_token", "runtime-simple", "ibmq_montreal")


def test_each_task_submits_once(runs, service):
    submitted = {
        SINGLE: ["submit"],
        SESSION: ["first", "follow_up"],
        FAILED_SESSION: ["first", "follow_up"],
        PLATFORM: ["submit", "in_session"],
        CLASSIC: ["submit"],
        PROGRAM: ["run"],
    }
    known = [runs[dag_id].xcom(task_id, "job_id") for dag_id, tasks in submitted.items() for task_id in tasks]
    assert len(set(known)) == 9
    of_2021 = [job["id"] for job in service.jobs() if job["generation"] == "api_token"]
    assert of_2021 == [runs[PROGRAM].xcom("run", "job_id")]
    tagged = [
        job["id"] for job in service.jobs() if {f"run:{run.run_id}"[:86] for run in runs.values()} & set(job["tags"])
    ]
    assert sorted([*tagged, *of_2021]) == sorted(known)


def test_no_secret_and_no_login_is_in_any_log_or_row(runs, logins, traces_of, platform_secrets):
    assert traces_of(*platform_secrets, *logins) == []
    assert traces_of(runs[CLASSIC].run_id) != []
