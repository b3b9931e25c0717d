"""For any odd answer, the client raises one of its own errors, and treats the outcome of a submission as unknown."""

from __future__ import annotations

import pytest
import requests_mock as rm
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy, errors
from airflow_provider_qrt.client.models import InstanceUsage
from airflow_provider_qrt.client.retry import parse_retry_after
from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget, check_period, check_usage
from airflow_provider_qrt.primitives.errors import InvalidInputError

from .hostile import CRN, KEY, HostileService, answering
from .odd import ANY_JSON, as_sent

BASE = "https://quantum.cloud.ibm.com/api/v1"
DEEP = b"[" * 200_000 + b"]" * 200_000
CALLS = {
    "job": lambda c: c.job("a"),
    "jobs": lambda c: list(c.jobs()),
    "backends": lambda c: c.backends(),
    "status": lambda c: c.backend_status("b"),
    "metrics": lambda c: c.job_metrics("a"),
    "session": lambda c: c.session("s"),
    "instance": lambda c: c.instance(),
    "usage": lambda c: c.instance_usage(),
    "workloads": lambda c: list(c.workloads()),
    "versions": lambda c: c.versions(),
    "tags": lambda c: c.tags("abc"),
    "configuration": lambda c: c.backend_configuration("b"),
}


@pytest.fixture(scope="module")
def client():
    with QiskitRuntimeClient(ClientSettings.create(api_key=KEY, instance=CRN), retry=RetryPolicy(attempts=1)) as made:
        yield made


def asked(client, call, text, method="GET", status=200):
    with rm.Mocker() as mock:
        mock.post(
            "https://iam.cloud.ibm.com/identity/token", json={"access_token": "odd-answers-4711", "expires_in": 3600}
        )
        mock.request(method, rm.ANY, content=text, status_code=status)
        mock.post(
            "https://iam.cloud.ibm.com/identity/token", json={"access_token": "odd-answers-4711", "expires_in": 3600}
        )
        return call(client)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@settings(max_examples=60, deadline=None)
@given(answer=ANY_JSON, status=st.sampled_from([200, 200, 200, 400, 404, 500]))
def test_no_json_makes_the_client_raise_anything_else(call, answer, status, client):
    try:
        asked(client, call, as_sent(answer), status=status)
    except errors.QiskitRuntimeError as error:
        str(error).encode()


@settings(max_examples=100, deadline=None)
@given(answer=ANY_JSON)
def test_a_submission_that_is_answered_oddly_is_unknown(answer, client):
    def submit(c):
        return c.submit_job(program_id="sampler", backend="b", params={})

    try:
        submitted = asked(client, submit, as_sent(answer), "POST")
    except errors.SubmissionUnknownError:
        return
    assert submitted.id in (answer["id"], str(answer["id"]))


@pytest.mark.parametrize(
    "odd", ['{"id": "../../dags/config"}', '{"id": ["a"]}', '{"id": "a\\u0000"}', '{"id": ".."}', '{"id": 1e999}']
)
def test_an_id_that_could_name_something_else_is_none(odd, client):
    with pytest.raises(errors.SubmissionUnknownError):
        asked(client, lambda c: c.submit_job(program_id="sampler", backend="b", params={}), odd.encode(), "POST")
    with pytest.raises(errors.SubmissionUnknownError):
        asked(client, lambda c: c.create_session(mode="batch"), odd.encode(), "POST")
    with pytest.raises(errors.InvalidAnswerError):
        asked(client, CALLS["job"], odd.encode())


@pytest.mark.parametrize("job_id", ["", ".", ".."])
def test_no_id_leads_to_another_address(job_id, client):
    for call in (client.job, client.cancel_job, client.job_result, client.delete_job):
        with pytest.raises(errors.InvalidSettingsError, match="Nothing was sent"):
            call(job_id)


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "-Infinity", "-1", "1e400", '"nan"', "true", "[]", "9" * 400])
def test_usage_that_is_no_number_lets_no_job_through(seconds):
    with answering(f'{{"usage_consumed_seconds": {seconds}, "usage_limit_seconds": 100}}'.encode()) as service:
        with service.client() as client, pytest.raises(errors.InvalidAnswerError):
            client.instance_usage()


def test_a_budget_is_not_passed_by_what_is_no_number():
    used = InstanceUsage(float("nan"), float("nan"), None, False, None, None)
    with pytest.raises(errors.QiskitRuntimeError):
        check_usage(used, 1e6)
    with pytest.raises(errors.QiskitRuntimeError):
        check_period(QiskitRuntimeBudget(10, per="connection"), used, 1.0)
    for odd in (float("nan"), float("inf")):
        with pytest.raises(InvalidInputError):
            QiskitRuntimeBudget(odd)
        with pytest.raises(InvalidInputError):
            QiskitRuntimeBudget(1, per="dag", window=odd)


@pytest.mark.parametrize("call", [CALLS["job"], CALLS["usage"], lambda c: c.cancel_job("a")])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_nesting_without_end_is_an_answer_like_any_other(call, status):
    with answering(DEEP, status=status) as service, service.client() as client:
        try:
            call(client)
        except errors.QiskitRuntimeError:
            return
        assert status == 200  # A cancellation has no answer to be read.


@pytest.mark.parametrize("said", ["inf", "nan", "1e308", "-5", "9" * 500, "Fri, 31 Dec 9999 23:59:59 GMT", "x"])
def test_retry_after_is_a_time_that_can_be_waited_for(said):
    seconds = parse_retry_after(said)
    assert seconds is None or 0 <= seconds <= 86_400


def test_a_page_of_jobs_without_end_ends():
    """The same job again and again is told once, and a count that is none does not loop."""
    with HostileService(lambda _method, path: (200, {}, b'{"jobs": [{"id": "a"}], "count": -1}')) as service:
        with service.client() as client:
            assert [job.id for job in client.jobs()] == ["a"]


@pytest.mark.parametrize(
    ("ask", "page"),
    [
        (lambda c: c.jobs(), '{"jobs": [{"id": "a"}]}'),
        (lambda c: c.jobs(), '{"jobs": [{"id": "a"}], "count": 1e6}'),
        (lambda c: c.jobs(), '{"jobs": [{"id": "a"}], "count": 1000000000}'),
        (lambda c: c.workloads(), '{"workloads": [{"id": "a"}], "next": {"href": "/workloads?next=PATH"}}'),
        (lambda c: c.workloads(), '{"workloads": [], "next": {"href": "/workloads?next=PATH"}}'),
    ],
)
def test_a_list_that_does_not_end_is_no_answer(ask, page):
    asked = []

    def answer(_method, path):
        asked.append(path)
        return 200, {}, page.replace("PATH", str(len(asked))).encode()

    with HostileService(answer) as service, service.client() as client:
        with pytest.raises(errors.InvalidAnswerError, match="the list does not end"):
            list(ask(client))
    assert len(asked) < 20


def test_a_page_that_repeats_the_one_before_does_not_end_a_list():
    """As many new jobs as a page holds may come between two requests."""
    pages = [["a"], ["a"], ["b"], []]

    def answer(_method, path):
        number = int(path.partition("offset=")[2].partition("&")[0])
        return 200, {}, as_sent({"jobs": [{"id": name} for name in pages[number]], "count": 4})

    with HostileService(answer) as service, service.client() as client:
        assert [job.id for job in client.jobs(page_size=1)] == ["a", "b"]
