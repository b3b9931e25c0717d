from __future__ import annotations

import pytest

from airflow_provider_qrt.client import RetryPolicy, errors
from airflow_provider_qrt.untrusted.blotter import without_secrets

BASE = "https://quantum.cloud.ibm.com/api/v1"


@pytest.fixture
def client(make_client):
    return make_client(retry=RetryPolicy(attempts=1))


def refused(api, client, **reply):
    api.get(f"{BASE}/jobs/job-1", **reply)
    with pytest.raises(errors.ApiError) as caught:
        client.job("job-1")
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.UnauthorizedError),
        (403, errors.ForbiddenError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (413, errors.BadRequestError),
        (422, errors.BadRequestError),
        (429, errors.RateLimitedError),
        *((status, errors.ServerError) for status in (500, 502, 503, 504, 520, 521, 522, 523, 524)),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        {"json": {"errors": [{"code": 1291, "message": "Said so."}], "trace": "trace-1"}},
        {"json": {"error": {"code": 1291, "message": "Said so."}}},
        {"json": {"error": "Said so."}},
        {"text": ""},
        {"json": []},
        {"json": {"errors": []}},
        {"json": {"errors": None}},
        {"json": {"errors": ["Said so."]}},
        {"json": "Said so."},
        {"json": None},
    ],
    ids=["errors", "error", "error text", "empty", "list", "no errors", "null errors", "texts", "text", "null"],
)
def test_every_status_has_its_class_whatever_the_body(api, client, status, kind, body):
    error = refused(api, client, status_code=status, **body)
    assert type(error) is kind
    assert error.status == status
    assert f"GET /jobs/job-1: HTTP {status}" in str(error)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_a_page_in_place_of_a_refusal_is_not_the_services_word(api, client, status):
    api.get(f"{BASE}/jobs/job-1", status_code=status, text="<html><body>Blocked by policy</body></html>")
    with pytest.raises(errors.UnexpectedAnswerError, match=f"HTTP {status} with an HTML page"):
        client.job("job-1")


@pytest.mark.parametrize(("status", "kind"), [(429, errors.RateLimitedError), (502, errors.ServerError)])
def test_a_page_that_says_later_means_later(api, client, status, kind):
    page = {"text": "<html><body>Too busy</body></html>"}
    assert type(refused(api, client, status_code=status, **page)) is kind


def test_a_gateway_that_gave_up_waiting_is_taken_for_a_hiccup(api, client):
    assert type(refused(api, client, status_code=408)) is errors.ServerError


def test_the_present_body_is_read_whole(api, client):
    body = {
        "errors": [{"code": 1291, "message": "Job not found.", "solution": "Check the id.", "more_info": "https://x"}],
        "trace": "trace-1",
    }
    error = refused(api, client, status_code=404, json=body)
    assert error.body == errors.ErrorBody("1291", "Job not found.", "Check the id.", "trace-1")


def test_the_text_holds_all_that_helps(api, client):
    body = {"errors": [{"code": 1291, "message": "Job not found.", "solution": "Check the id."}], "trace": "trace-1"}
    assert str(refused(api, client, status_code=404, json=body)) == (
        "GET /jobs/job-1: HTTP 404, code 1291: Job not found. IBM's solution: Check the id. "
        "Trace for IBM support: trace-1."
    )


@pytest.mark.parametrize(("code", "text"), [(1291, "1291"), ("1291", "1291"), ("not_found", "not_found"), (None, None)])
def test_a_code_is_text_whatever_it_was(api, client, code, text):
    assert refused(api, client, status_code=404, json={"errors": [{"code": code, "message": "m"}]}).code == text


def test_the_old_body_is_read(api, client):
    error = refused(api, client, status_code=404, json={"error": {"code": 7, "message": "Gone."}})
    assert error.body == errors.ErrorBody("7", "Gone.")


def test_markup_is_not_shown(api, client):
    error = refused(
        api, client, status_code=502, reason="Bad Gateway", text="<html><h1>cloud</h1>", headers={"CF-Ray": "ray-1"}
    )
    assert error.body == errors.ErrorBody(message="Bad Gateway", trace="ray-1")


def test_plain_text_is_shown(api, client):
    assert refused(api, client, status_code=503, text="upstream is away").body.message == "upstream is away"


def test_an_endless_text_is_cut(api, client):
    assert len(str(refused(api, client, status_code=503, text="x" * 1_000_000))) < 3000


def test_a_refusal_without_words_still_says_something(api, client):
    assert "no reason given" in str(refused(api, client, status_code=400, text="", reason=""))


def test_the_request_id_of_a_header_serves_as_trace(api, client):
    error = refused(api, client, status_code=500, text="", headers={"X-Request-Id": "request-1"})
    assert error.body.trace == "request-1"


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "API key in the connection's password"), (403, "access policy on the instance")],
)
def test_a_refusal_of_rights_says_what_to_do(api, client, status, advice):
    assert advice in str(refused(api, client, status_code=status, json={}))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_seconds_the_service_asked_for_are_on_the_error(api, client, status):
    assert refused(api, client, status_code=status, headers={"Retry-After": "17"}).retry_after == 17.0


@pytest.mark.parametrize("code", [1234, "1234"])
def test_results_asked_for_too_early_have_their_own_error(api, client, code):
    api.get(f"{BASE}/jobs/job-1/results", status_code=400, json={"errors": [{"code": code, "message": "Not ready."}]})
    with pytest.raises(errors.ResultsNotReadyError):
        client.job_result("job-1")


def test_an_empty_answer_means_results_not_ready_too(api, client):
    api.get(f"{BASE}/jobs/job-1/results", status_code=204)
    with pytest.raises(errors.ResultsNotReadyError):
        client.job_result("job-1")


def test_a_used_up_instance_has_its_own_error(api, client):
    api.post(f"{BASE}/jobs", status_code=409, json={"errors": [{"code": 1, "message": "Over the limit."}]})
    with pytest.raises(errors.UsageLimitReachedError, match="Raise the instance's limit"):
        client.submit_job(program_id="sampler", backend="b", params={})


def test_a_closed_session_is_not_taken_for_a_used_up_instance(api, client):
    api.post(f"{BASE}/jobs", status_code=409, json={"errors": [{"code": 4001, "message": "The session is closed."}]})
    with pytest.raises(errors.ConflictError) as caught:
        client.submit_job(program_id="sampler", backend="b", params={}, session_id="s")
    assert type(caught.value) is errors.ConflictError


def test_all_errors_have_one_base():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(issubclass(kind, errors.QiskitRuntimeError) for kind in kinds)


def test_a_token_trouble_means_nothing_was_sent():
    assert issubclass(errors.TokenUnavailableError, errors.ConnectionFailedError)


@pytest.mark.parametrize("text", ["crn:v1:a:b:c:d:a/0:e::", "Bearer abc.def", "apikey=abc", '"apikey": "abc"'])
def test_what_looks_like_a_secret_is_blotted_out(text):
    assert "abc" not in without_secrets(text)
    assert "a/0" not in without_secrets(text)


def test_a_known_secret_need_not_look_like_one():
    assert without_secrets("the key some-words is bad", ["some-words"]) == "the key *** is bad"
