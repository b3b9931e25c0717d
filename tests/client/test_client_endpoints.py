from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_qrt import __version__
from airflow_provider_qrt.client import QiskitRuntimeClient, RetryPolicy, errors

from .conftest import BASE, CRN

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ONCE = RetryPolicy(attempts=1)

# name: call, method, path, query, body, answer
CALLS = {
    "backends": (lambda c: c.backends(), "GET", "/backends", {}, None, {"devices": []}),
    "backends with fields": (
        lambda c: c.backends(fields=["wait_time_seconds", "other"]),
        "GET",
        "/backends",
        {"fields": ["wait_time_seconds,other"]},
        None,
        {"devices": []},
    ),
    "backend status": (lambda c: c.backend_status("ibm_fez"), "GET", "/backends/ibm_fez/status", {}, None, {}),
    "backend configuration": (
        lambda c: c.backend_configuration("ibm_fez"),
        "GET",
        "/backends/ibm_fez/configuration",
        {},
        None,
        {},
    ),
    "backend configuration at a calibration": (
        lambda c: c.backend_configuration("ibm_fez", calibration_id="c-1"),
        "GET",
        "/backends/ibm_fez/configuration",
        {"calibration_id": ["c-1"]},
        None,
        {},
    ),
    "backend properties": (
        lambda c: c.backend_properties("ibm_fez", calibration_id="c-1", updated_before=NOON),
        "GET",
        "/backends/ibm_fez/properties",
        {"calibration_id": ["c-1"], "updated_before": ["2026-11-21T12:00:00+00:00"]},
        None,
        {},
    ),
    "smallest submission": (
        lambda c: c.submit_job(program_id="sampler", backend="ibm_fez", params={"pubs": []}),
        "POST",
        "/jobs",
        {},
        {"program_id": "sampler", "backend": "ibm_fez", "params": {"pubs": []}},
        {"id": "job-1"},
    ),
    "largest submission": (
        lambda c: c.submit_job(
            program_id="estimator",
            backend="ibm_fez",
            params={},
            tags=("a", "b"),
            session_id="s-1",
            max_execution_seconds=300,
            log_level="info",
            calibration_id="c-1",
            private=True,
        ),
        "POST",
        "/jobs",
        {},
        {
            "program_id": "estimator",
            "backend": "ibm_fez",
            "params": {},
            "tags": ["a", "b"],
            "session_id": "s-1",
            "cost": 300,
            "log_level": "info",
            "calibration_id": "c-1",
            "private": True,
        },
        {"id": "job-1"},
    ),
    "job": (lambda c: c.job("job-1"), "GET", "/jobs/job-1", {"exclude_params": ["true"]}, None, {"id": "job-1"}),
    "job with its input": (
        lambda c: c.job("job-1", exclude_params=False),
        "GET",
        "/jobs/job-1",
        {"exclude_params": ["false"]},
        None,
        {"id": "job-1"},
    ),
    "jobs": (
        lambda c: list(c.jobs()),
        "GET",
        "/jobs",
        {"exclude_params": ["true"], "sort": ["DESC"], "limit": ["200"], "offset": ["0"]},
        None,
        {"jobs": [], "count": 0},
    ),
    "jobs with every filter": (
        lambda c: list(
            c.jobs(
                pending=False,
                program_id="sampler",
                backend="ibm_fez",
                session_id="s-1",
                tags=["a b", "c&d"],
                created_after=NOON,
                created_before=datetime(2026, 11, 21, 14, tzinfo=timezone(timedelta(hours=2))),
                newest_first=False,
                exclude_params=False,
                page_size=5,
            )
        ),
        "GET",
        "/jobs",
        {
            "pending": ["false"],
            "program": ["sampler"],
            "backend": ["ibm_fez"],
            "session_id": ["s-1"],
            "tags": ["a b", "c&d"],
            "created_after": ["2026-11-21T12:00:00+00:00"],
            "created_before": ["2026-11-21T14:00:00+02:00"],
            "exclude_params": ["false"],
            "sort": ["ASC"],
            "limit": ["5"],
            "offset": ["0"],
        },
        None,
        {"jobs": [], "count": 0},
    ),
    "result": (lambda c: c.job_result("job-1"), "GET", "/jobs/job-1/results", {}, None, {}),
    "cancel": (lambda c: c.cancel_job("job-1"), "POST", "/jobs/job-1/cancel", {}, None, None),
    "delete": (lambda c: c.delete_job("job-1"), "DELETE", "/jobs/job-1", {}, None, None),
    "metrics": (lambda c: c.job_metrics("job-1"), "GET", "/jobs/job-1/metrics", {}, None, {}),
    "logs": (lambda c: c.job_logs("job-1"), "GET", "/jobs/job-1/logs", {}, None, {}),
    "set tags": (
        lambda c: c.set_job_tags("job-1", ("a", "b")),
        "PUT",
        "/jobs/job-1/tags",
        {},
        {"tags": ["a", "b"]},
        None,
    ),
    "clear tags": (lambda c: c.set_job_tags("job-1", []), "PUT", "/jobs/job-1/tags", {}, {"tags": []}, None),
    "tags": (
        lambda c: c.tags("air flow"),
        "GET",
        "/tags",
        {"type": ["job"], "search": ["air flow"]},
        None,
        {"tags": []},
    ),
    "smallest session": (
        lambda c: c.create_session(mode="batch"),
        "POST",
        "/sessions",
        {},
        {"mode": "batch"},
        {"id": "s-1"},
    ),
    "largest session": (
        lambda c: c.create_session(mode="dedicated", backend="ibm_fez", max_ttl=600),
        "POST",
        "/sessions",
        {},
        {"mode": "dedicated", "backend": "ibm_fez", "max_ttl": 600},
        {"id": "s-1"},
    ),
    "session": (lambda c: c.session("s-1"), "GET", "/sessions/s-1", {}, None, {"id": "s-1"}),
    "close session": (
        lambda c: c.close_session("s-1"),
        "PATCH",
        "/sessions/s-1",
        {},
        {"accepting_jobs": False},
        None,
    ),
    "cancel session": (lambda c: c.cancel_session("s-1"), "DELETE", "/sessions/s-1/close", {}, None, None),
    "instance": (lambda c: c.instance(), "GET", "/instance", {}, None, {}),
    "usage": (lambda c: c.instance_usage(), "GET", "/instances/usage", {}, None, {}),
    "workloads": (
        lambda c: list(c.workloads()),
        "GET",
        "/workloads",
        {"sort": ["-createdAt"], "limit": ["50"]},
        None,
        {"workloads": []},
    ),
    "workloads with every filter": (
        lambda c: list(
            c.workloads(
                mode="session",
                status=["pending", "in_progress"],
                backend="ibm_fez",
                search="needle",
                tags=["a", "b"],
                created_after=NOON,
                created_before=NOON,
                mine=True,
                newest_first=False,
                page_size=5,
            )
        ),
        "GET",
        "/workloads",
        {
            "mode": ["session"],
            "status": ["pending", "in_progress"],
            "backend": ["ibm_fez"],
            "search": ["needle"],
            "tags": ["a", "b"],
            "created_after": ["2026-11-21T12:00:00+00:00"],
            "created_before": ["2026-11-21T12:00:00+00:00"],
            "user": ["me"],
            "sort": ["createdAt"],
            "limit": ["5"],
        },
        None,
        {"workloads": []},
    ),
}
every_call = pytest.mark.parametrize(("call", "method", "path", "query", "body", "answer"), CALLS.values(), ids=CALLS)


@every_call
def test_a_method_is_one_request(api, client, sent, call, method, path, query, body, answer):
    api.request(method, BASE + path, **({"status_code": 204} if answer is None else {"json": answer}))
    call(client)
    [request] = sent()
    parts = urlsplit(request.url)
    assert (request.method, f"{parts.scheme}://{parts.netloc}{parts.path}") == (method, BASE + path)
    assert parse_qs(parts.query, keep_blank_values=True) == query
    assert (request.json() if request.body else None) == body


@every_call
def test_every_request_carries_the_headers(api, client, sent, call, method, path, query, body, answer):
    api.request(method, BASE + path, **({"status_code": 204} if answer is None else {"json": answer}))
    call(client)
    headers = sent()[0].headers
    assert headers["Authorization"] == "Bearer token-1"
    assert headers["Service-CRN"] == CRN
    assert headers["IBM-API-Version"] == "2026-04-15"
    assert headers["Accept"] == "application/json"
    assert headers["X-Qx-Client-Application"] == (
        f"qiskit-version-2/airflow_provider_qrt-{__version__}/airflow-provider-qrt"
    )
    assert headers["User-Agent"].startswith(f"airflow-provider-qrt/{__version__} ")
    assert headers.get("Content-Type") == (None if body is None else "application/json")


@every_call
def test_every_request_has_a_timeout(api, client, sent, call, method, path, query, body, answer):
    api.request(method, BASE + path, **({"status_code": 204} if answer is None else {"json": answer}))
    call(client)
    connect, read = sent()[0].timeout
    assert (connect, read in (60.0, 900.0)) == (10.0, True)


@every_call
def test_every_path_follows_the_base_url_of_the_connection(
    api, make_client, call, method, path, query, body, answer, sent
):
    base = "http://emulator.example:8000/somewhere/api/v1"
    api.request(method, base + path, **({"status_code": 204} if answer is None else {"json": answer}))
    call(make_client(base_url=base))
    assert sent()[0].url.startswith(base + path)


def test_the_api_version_and_application_of_the_connection_are_sent(api, make_client, sent):
    api.get(f"{BASE}/instance", json={})
    make_client(api_version="2025-05-01", application="my-dags").instance()
    headers = sent()[0].headers
    assert headers["IBM-API-Version"] == "2025-05-01"
    assert headers["X-Qx-Client-Application"].endswith("/my-dags")


def test_nothing_is_sent_before_the_first_call(api, make_client):
    make_client()
    assert api.request_history == []


def test_an_id_cannot_leave_its_place_in_the_path(api, client, sent):
    api.get(f"{BASE}/jobs/..%2Fbackends%3Fx", json={"id": "x"})
    client.job("../backends?x")
    assert urlsplit(sent()[0].url).path == "/api/v1/jobs/..%2Fbackends%3Fx"


def test_versions_need_no_credentials(api, client, token_requests, sent):
    api.get(f"{BASE}/versions", json={"versions": ["2024-01-01", "2026-04-15"]})
    assert client.versions() == ["2024-01-01", "2026-04-15"]
    assert token_requests() == []
    assert "Authorization" not in sent()[0].headers


def test_versions_refused_with_401_do_not_ask_for_a_token(api, client, token_requests, sent):
    api.get(f"{BASE}/versions", status_code=401)
    with pytest.raises(errors.UnauthorizedError):
        client.versions()
    assert (token_requests(), len(sent())) == ([], 1)


def test_a_version_that_is_no_text_is_empty(api, client):
    api.get(f"{BASE}/versions", json={"versions": [None, "2026-04-15", ""]})
    assert client.versions() == ["", "2026-04-15", ""]


def test_a_client_may_get_its_token_before_it_is_needed(api, client, token_requests, sent):
    client.prepare()
    assert (len(token_requests()), sent()) == (1, [])
    api.get(f"{BASE}/instance", json={})
    client.instance()
    assert len(token_requests()) == 1


def test_backends_are_listed(api, client):
    devices = [{"name": "ibm_fez", "status": {"name": "online", "reason": "available"}}, {"name": "ibm_torino"}]
    api.get(f"{BASE}/backends", json={"devices": devices})
    assert [backend.name for backend in client.backends()] == ["ibm_fez", "ibm_torino"]


def test_an_api_version_that_is_not_honoured_is_noticed(api, make_client):
    api.get(f"{BASE}/backends", json={"devices": ["ibm_fez", "ibm_torino"]})
    with pytest.raises(errors.ApiVersionNotHonouredError, match=r"'2062-04-15'.*Set api_version.*2026-04-15"):
        make_client(api_version="2062-04-15").backends()


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_with_an_id_is_a_submitted_job(api, client, status):
    answer = {"id": "job-1", "backend": "ibm_fez", "session_id": "s-1", "private": True}
    api.post(f"{BASE}/jobs", status_code=status, json=answer)
    job = client.submit_job(program_id="sampler", backend="ibm_fez", params={})
    assert (job.id, job.backend, job.session_id, job.private) == ("job-1", "ibm_fez", "s-1", True)


def test_a_maximum_of_zero_seconds_is_sent(api, client, sent):
    api.post(f"{BASE}/jobs", json={"id": "job-1"})
    client.submit_job(program_id="sampler", backend="b", params={}, max_execution_seconds=0)
    assert sent()[0].json()["cost"] == 0


def job_page(*ids, **others):
    return {"json": {"jobs": [{"id": name} for name in ids], **others}}


def offsets(sent):
    return [parse_qs(urlsplit(request.url).query)["offset"] for request in sent()]


def test_jobs_are_read_page_by_page(api, client, sent):
    api.get(f"{BASE}/jobs", [job_page("1", "2", count=3), job_page("3", count=3)])
    assert [job.id for job in client.jobs(page_size=2)] == ["1", "2", "3"]
    assert offsets(sent) == [["0"], ["2"]]


@pytest.mark.parametrize(("pending", "sent_as"), [(True, ["true"]), (False, ["false"]), (None, None)])
def test_jobs_may_be_pending_or_finished_or_either(api, client, sent, pending, sent_as):
    api.get(f"{BASE}/jobs", json={"jobs": []})
    list(client.jobs(pending=pending))
    assert parse_qs(urlsplit(sent()[0].url).query).get("pending") == sent_as


def test_pages_are_read_only_as_far_as_they_are_needed(api, client, sent):
    api.get(f"{BASE}/jobs", [job_page("1", "2", count=400)])
    assert next(client.jobs()).id == "1"
    assert len(sent()) == 1


def test_a_job_that_comes_twice_is_given_once(api, client):
    api.get(f"{BASE}/jobs", [job_page("3", "2", count=4), job_page("2", "1", count=4)])
    assert [job.id for job in client.jobs(page_size=2)] == ["3", "2", "1"]


def test_an_empty_page_ends_the_list_whatever_the_count_says(api, client, sent):
    api.get(f"{BASE}/jobs", [job_page("1", count=9), job_page(count=9)])
    assert [job.id for job in client.jobs()] == ["1"]
    assert len(sent()) == 2


def test_a_list_without_a_count_is_read_to_its_end(api, client):
    api.get(f"{BASE}/jobs", [job_page("1", "2"), job_page("3"), job_page()])
    assert [job.id for job in client.jobs(page_size=2)] == ["1", "2", "3"]


def test_the_filters_go_with_every_page(api, client, sent):
    api.get(f"{BASE}/jobs", [job_page("1", count=2), job_page("2", count=2)])
    list(client.jobs(tags=["a", "b"], page_size=1))
    assert [parse_qs(urlsplit(request.url).query)["tags"] for request in sent()] == [["a", "b"], ["a", "b"]]


def test_a_time_without_an_offset_is_taken_for_utc(api, client, sent):
    api.get(f"{BASE}/jobs", json={"jobs": [], "count": 0})
    list(client.jobs(created_after=datetime(2026, 11, 21, 12)))
    assert parse_qs(urlsplit(sent()[0].url).query)["created_after"] == ["2026-11-21T12:00:00+00:00"]


def workload_page(*ids, following=None):
    link = {"next": {"href": following}} if following else {}
    return {"json": {"workloads": [{"id": name, "mode": "job"} for name in ids], **link}}


def cursors(sent):
    return [parse_qs(urlsplit(request.url).query).get("next") for request in sent()]


def test_workloads_follow_the_cursor(api, client, sent):
    first = workload_page("1", following=f"{BASE}/workloads?limit=1&next=abc%3D%3D")
    api.get(f"{BASE}/workloads", [first, workload_page("2")])
    assert [workload.id for workload in client.workloads(mode="job")] == ["1", "2"]
    assert cursors(sent) == [None, ["abc=="]]


def test_the_filters_go_with_every_cursor(api, client, sent):
    api.get(f"{BASE}/workloads", [workload_page("1", following="/workloads?next=a"), workload_page("2")])
    list(client.workloads(mode="session"))
    assert [parse_qs(urlsplit(request.url).query)["mode"] for request in sent()] == [["session"], ["session"]]


def test_cursors_that_go_in_a_circle_end(api, client, sent):
    a, b = workload_page("1", following="?next=a"), workload_page("2", following="?next=b")
    api.get(f"{BASE}/workloads", [a, b, a, b, a, b, workload_page()])
    list(client.workloads())
    assert cursors(sent) == [None, ["a"], ["b"]]


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ("/workloads?limit=1&next=a", ["a"]),
        ({"href": "/workloads?next=a&next=b"}, ["a"]),
        ({"href": "/workloads?limit=1"}, None),
        ({"href": 7}, None),
        ({}, None),
        (7, None),
        (None, None),
    ],
)
def test_a_cursor_is_found_in_whatever_leads_to_the_next_page(api, client, sent, link, following):
    api.get(f"{BASE}/workloads", [{"json": {"workloads": [], "next": link}}, workload_page()])
    list(client.workloads())
    assert cursors(sent) == [None, following][: len(sent())]
    assert len(sent()) == (2 if following else 1)


def test_a_cursor_to_another_host_is_not_followed_there(api, client, sent):
    api.get(f"{BASE}/workloads", [workload_page("1", following="https://elsewhere.example/?next=a"), workload_page()])
    list(client.workloads())
    assert all(request.url.startswith(BASE) for request in sent())


def test_a_result_is_text_in_utf_8_whatever_its_type(api, client):
    api.get(f"{BASE}/jobs/job-1/results", content='{"µ": 1}'.encode(), headers={"Content-Type": "text/plain"})
    assert client.job_result("job-1") == '{"µ": 1}'


def test_a_failed_jobs_result_may_be_a_traceback(api, client):
    api.get(f"{BASE}/jobs/job-1/results", text="Traceback (most recent call last): ...")
    assert client.job_result("job-1").startswith("Traceback")


def test_a_result_that_is_not_ready_is_not_waited_for(api, client, sent, sleeps):
    api.get(f"{BASE}/jobs/job-1/results", status_code=400, json={"errors": [{"code": 1234, "message": "Not yet."}]})
    with pytest.raises(errors.ResultsNotReadyError):
        client.job_result("job-1")
    assert (len(sent()), sleeps) == (1, [])


def test_logs_are_text_in_utf_8(api, client):
    api.get(f"{BASE}/jobs/job-1/logs", content="Größe".encode(), headers={"Content-Type": "text/plain"})
    assert client.job_logs("job-1") == "Größe"


def test_logs_that_are_no_utf_8_are_read_as_far_as_they_are(api, client):
    api.get(f"{BASE}/jobs/job-1/logs", content=b"Gr\xf6\xc3\x9fe")
    assert client.job_logs("job-1") == "Gr\ufffd\u00dfe"


@pytest.mark.parametrize(
    ("log", "kept"),
    [
        ("x" * 5000, "x" * 5000),
        ("a secret\n" + "x" * 4999, "x" * 4999),
        ("x" * 9000 + "\nthe\nend", "the\nend"),
        ("x" * 5001, ""),
    ],
    ids=["short enough", "one letter too long", "much too long", "one line"],
)
def test_of_a_long_log_the_last_whole_lines_are_kept(api, client, monkeypatch, log, kept):
    monkeypatch.setattr("airflow_provider_qrt.client.client.LONGEST_LOG", 5000)
    api.get(f"{BASE}/jobs/job-1/logs", text=log)
    assert client.job_logs("job-1") == kept


def test_a_job_without_logs_has_an_empty_log(api, client):
    api.get(f"{BASE}/jobs/job-1/logs", status_code=404)
    assert client.job_logs("job-1") == ""


def test_tags_are_listed(api, client):
    api.get(f"{BASE}/tags", json={"tags": ["airflow", "air"]})
    assert client.tags("air") == ["airflow", "air"]


@pytest.mark.parametrize(
    ("path", "answer", "call"),
    [
        ("/jobs/job-1", {}, lambda c: c.job("job-1")),
        ("/jobs/job-1", ["job-1"], lambda c: c.job("job-1")),
        ("/jobs/job-1", None, lambda c: c.job("job-1")),
        ("/jobs/job-1", {"id": "job-1", "cost": "much"}, lambda c: c.job("job-1")),
        ("/jobs/job-1", {"id": "job-1", "tags": 5}, lambda c: c.job("job-1")),
        ("/jobs", {"jobs": [{}], "count": 1}, lambda c: list(c.jobs())),
        ("/jobs", {"jobs": ["job-1"], "count": 1}, lambda c: list(c.jobs())),
        ("/jobs", {"count": 0}, lambda c: list(c.jobs())),
        ("/jobs", [], lambda c: list(c.jobs())),
        ("/workloads", {"workloads": [{}]}, lambda c: list(c.workloads())),
        ("/backends", {"devices": [{}]}, lambda c: c.backends()),
        ("/backends", {}, lambda c: c.backends()),
        ("/backends/b/status", [], lambda c: c.backend_status("b")),
        ("/backends/b/properties", "none", lambda c: c.backend_properties("b")),
        ("/sessions/s-1", {}, lambda c: c.session("s-1")),
        ("/instances/usage", [], lambda c: c.instance_usage()),
        ("/tags", {"tags": None}, lambda c: c.tags("abc")),
        ("/versions", {}, lambda c: c.versions()),
    ],
)
def test_an_answer_of_another_shape_is_an_unexpected_answer(api, client, path, answer, call):
    api.get(BASE + path, json=answer)
    with pytest.raises(errors.UnexpectedAnswerError):
        call(client)


def test_a_client_closes_with_its_block(settings, monkeypatch):
    closed = []
    monkeypatch.setattr("requests.Session.close", lambda session: closed.append(session))
    with QiskitRuntimeClient(settings):
        assert not closed
    assert closed
