"""Error answers are read in the shapes of the API, of older gateways, of IAM, and of what is none of these."""

from __future__ import annotations

import json

import pytest
import requests

from airflow_provider_qrt.client.answers import is_page, read_error, read_json
from airflow_provider_qrt.client.errors import ErrorBody, UnexpectedAnswerError

NO_JSON = "GET /x: HTTP 400 with {} instead of JSON; something between Airflow and the service answered in its place."


def answer(body, headers=None):
    response = requests.Response()
    response.status_code = 400
    response.reason = "Bad Request"
    response.headers.update(headers or {})
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return response


@pytest.mark.parametrize(
    ("body", "headers", "read"),
    [
        (
            {
                "errors": [{"code": 1291, "message": "Gone.", "solution": "Look."}, {"code": 2}],
                "error": {"code": 3},
                "trace": "t",
            },
            {"X-Request-Id": "r"},
            ErrorBody("1291", "Gone.", "Look.", "t"),
        ),
        (
            {"errors": [{"message": "Gone."}]},
            {"X-Request-Id": "r", "CF-Ray": "c"},
            ErrorBody(message="Gone.", trace="r"),
        ),
        ({"errors": [{"code": 0}]}, {"CF-Ray": "c"}, ErrorBody("0", "Bad Request", trace="c")),
        ({"errors": [{"code": "", "message": "", "solution": ""}]}, {}, ErrorBody(message="Bad Request")),
        ({"errors": ["Gone."], "trace": "t"}, {}, ErrorBody(message="Gone.", trace="t")),
        ({"errors": [], "error": {"code": 7, "message": "Gone."}}, {}, ErrorBody("7", "Gone.")),
        ({"errors": "no list", "error": "Gone."}, {"CF-Ray": "c"}, ErrorBody(message="Gone.", trace="c")),
        ({"code": 7, "message": "Gone.", "solution": "Look."}, {}, ErrorBody("7", "Gone.", "Look.")),
        ({}, {}, ErrorBody(message="Bad Request")),
        (
            {
                "errorCode": "BX1",
                "errorMessage": "No key.",
                "errorDetails": "None at all.",
                "context": {"requestId": "i"},
            },
            {"X-Request-Id": "r"},
            ErrorBody("BX1", "No key. None at all.", trace="i"),
        ),
        ({"errorCode": "BX1", "message": "m"}, {"X-Request-Id": "r"}, ErrorBody("BX1", "", trace="r")),
        ({"errorMessage": "No key.", "context": "i"}, {}, ErrorBody(message="No key.")),
        ({"errorMessage": "No key.", "context": {}}, {"CF-Ray": "c"}, ErrorBody(message="No key.", trace="c")),
        (["Gone.", 1], {"X-Request-Id": "r"}, ErrorBody(message='["Gone.", 1]', trace="r")),
        (None, {}, ErrorBody(message="null")),
        (b'{"message": "Gone.", "number": NaN}', {}, ErrorBody(message="Gone.")),
        (b" upstream is away \n", {"X-Request-Id": "r"}, ErrorBody(message="upstream is away", trace="r")),
        (b"", {}, ErrorBody(message="Bad Request")),
        (b" \n <html>Gone.</html>", {"CF-Ray": "c"}, ErrorBody(message="Bad Request", trace="c")),
        (b"Gone.", {"Content-Type": "text/html; charset=utf-8"}, ErrorBody(message="Bad Request")),
        (b"[" * 70 + b"]" * 70, {}, ErrorBody(message="[" * 70 + "]" * 70)),
        ({"message": "x" * 2001}, {}, ErrorBody(message="x" * 1997 + "...")),
        ({"message": "x" * 2000}, {}, ErrorBody(message="x" * 2000)),
    ],
    ids=str,
)
def test_an_error_is_read_in_any_shape(body, headers, read):
    assert read_error(answer(body, headers)) == read


def test_no_part_of_an_error_shows_a_secret_it_is_told():
    said = "Zq7-my-secret"
    errors = {"errors": [{"code": said, "message": said, "solution": said}], "trace": said}
    assert read_error(answer(errors), [said]) == ErrorBody("***", "***", "***", "***")
    iam = {"errorCode": said, "errorMessage": said, "context": {"requestId": said}}
    assert read_error(answer(iam), [said]) == ErrorBody("***", "***", trace="***")
    for body, shown in (([said], '["***"]'), (said.encode(), "***"), ({"errors": [said]}, "***")):
        assert read_error(answer(body, {"CF-Ray": said}), [said]) == ErrorBody(message=shown, trace="***")


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{}", {"Content-Type": "text/html"}, True),
        (b"\n <!doctype html>", {}, True),
        (b"", {}, False),
        (b"a < b", {"Content-Type": "text/plain"}, False),
    ],
)
def test_a_page_is_known_by_its_type_or_its_first_letter(body, headers, expected):
    assert is_page(answer(body, headers)) is expected


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "no content type"),
        ({"Content-Type": "text/plain"}, "text/plain"),
        ({"Content-Type": "x/Zq7-my-secret"}, "x/***"),
        ({"Content-Type": "x" * 101}, "x" * 97 + "..."),
    ],
)
def test_an_answer_that_is_no_json_says_what_it_is(headers, kind):
    with pytest.raises(UnexpectedAnswerError) as caught:
        read_json(answer(b"no json", headers), "GET /x", ["Zq7-my-secret"])
    assert str(caught.value) == NO_JSON.format(kind)
