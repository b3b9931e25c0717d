"""The pages show as much as possible for any answer of the service and any content of XCom."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_qrt.hooks.airflow_name import airflow_name
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput, job_tags
from airflow_provider_qrt.plugins import connections
from airflow_provider_qrt.plugins.connections import forget_readers, reader_for
from airflow_provider_qrt.plugins.readings import UNEXPECTED
from tests.plugins.conftest import FLIP, LINK, RUN
from tests.security.hostile import CRN, KEY, HostileService
from tests.security.odd import ANY_JSON, as_sent, nearly

CONN_ID = "qiskit_runtime_default"
TAGS = job_tags(
    JobIdentity("a_dag", RUN, "measure", -1, airflow_name()), 1, JobRequest("sampler", "ibm_fez", ProgramInput({}))
)
JOB = nearly(
    id="d1",
    status="Running",
    state={"status": "Running", "reason": None},
    backend="ibm_fez",
    program={"id": "sampler"},
    created="2026-01-01T00:00:00Z",
    tags=TAGS,
    session_id="s1",
    usage={"seconds": 1.5},
    estimated_running_time_seconds=2,
).map(lambda job: {"id": "d1", "tags": TAGS} | job)
LIST = nearly(count=1, offset=0).flatmap(lambda about: JOB.map(lambda job: about | {"jobs": [job]}))
BACKENDS = st.lists(nearly(name="ibm_fez", queue_length=1, qubits=156)).map(lambda backends: {"devices": backends})
METRICS = nearly(timestamps={"created": "2026-01-01T00:00:00Z"}, usage={"quantum_seconds": 1})
SESSION = nearly(id="s1", mode="dedicated", started_at="2026-01-01T00:00:00Z", state="open")
ANSWERS = {
    "jobs": st.one_of(ANY_JSON, LIST),
    "job": st.one_of(ANY_JSON, JOB),
    "metrics": st.one_of(ANY_JSON, METRICS),
    "backends": st.one_of(ANY_JSON, BACKENDS),
    "usage": st.one_of(ANY_JSON, nearly(usage_consumed_seconds=3, usage_limit_seconds=100)),
    "session": st.one_of(ANY_JSON, SESSION),
}
PUBS = st.lists(nearly(counts={"0": 5}, shots=5, registers={"c": {"num_bits": 1}}), max_size=2)
VALUE = nearly(job_id="d1", program_id="sampler", status="Completed", usage_seconds=1.0, backend="ibm_fez")
RESULT = st.one_of(
    ANY_JSON,
    VALUE.flatmap(lambda about: st.one_of(ANY_JSON, PUBS).map(lambda results: about | {"results": results})),
)


def kind_of(path: str) -> str:
    parts = [part for part in urlsplit(path).path.removeprefix("/api/v1/").split("/") if part]
    match parts:
        case ["jobs", _, "metrics"]:
            return "metrics"
        case ["jobs", _, *_]:
            return "job"
        case ["sessions", *_]:
            return "session"
        case ["instances", *_]:
            return "usage"
        case _:
            return parts[0] if parts and parts[0] in ANSWERS else "jobs"


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[dict[str, object], HostileService]]:
    said: dict[str, object] = {}
    with HostileService(lambda _method, path: (200, {}, as_sent(said.get(kind_of(path), {})))) as running:
        yield said, running


@pytest.fixture
def a_dag(database):
    database.add_dag("a_dag")
    return database


@pytest.fixture
def odd(service, connect, monkeypatch):
    """The service's answers by kind of request."""
    said, running = service
    connect({"instance": CRN, "iam_url": running.url}, host=f"{running.url}/api/v1", password=KEY)
    # One that repeats nothing: the pages' own would wait for better answers.
    monkeypatch.setattr(connections, "client_for", lambda *_: running.client())
    said.clear()
    return said


NUMBERS = itertools.count()
QUICK = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def page_after_reading(somebody, path, **parameters):
    """Ask, let everything be read that the page wants, and ask again."""
    for _ in range(3):
        page = somebody.read(path, **parameters)
        reader_for(CONN_ID).wait(60)
    assert UNEXPECTED not in str(page), "what nobody thought of, for which there is one net below all the others"
    return page


@QUICK
@given(answers=st.fixed_dictionaries(ANSWERS))
def test_no_answer_breaks_the_page_of_jobs(a_dag, odd, browser, answers):
    odd.update(answers)
    forget_readers()
    page_after_reading(browser(), "/api/quantum", conn_id=CONN_ID)


@QUICK
@given(answers=st.fixed_dictionaries(ANSWERS), result=RESULT)
def test_neither_answer_nor_xcom_breaks_the_page_of_results(a_dag, odd, browser, answers, result):
    odd.update(answers)
    forget_readers()
    of_task = {"dag_id": "a_dag", "run_id": RUN, "task_id": f"measure_{next(NUMBERS)}"}
    a_dag.add_task(
        "a_dag",
        of_task["task_id"],
        rendered={"circuits": FLIP},
        job_id="d1",
        return_value=result,
        **{LINK: "https://x"},
    )
    somebody = browser()
    page_after_reading(somebody, "/api/result", **of_task)
    for kind in ("json", "csv"):
        assert somebody.get("/api/result/download", format=kind, **of_task).status_code in (200, 404)
