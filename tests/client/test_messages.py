"""Errors are read by people, so their texts are compared from the first letter to the last."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from airflow_provider_qrt.client import ClientSettings, RetryPolicy, errors
from airflow_provider_qrt.client.channels import CHANNELS, Feature
from airflow_provider_qrt.client.channels.base import QUICKEST_WAY, quoted
from airflow_provider_qrt.client.crn import InstanceCrn

from .conftest import API_KEY, BASE, CRN, IAM

HOST = "https://runtime.example.com"
LOGIN = "https://login.example.com"
IBM_CLOUD = {"channel": "ibm_cloud", "base_url": HOST}
PROJECT = {"base_url": HOST, "hub": "h", "group": "g", "project": "p"}
IBM_QUANTUM = {"channel": "ibm_quantum", "iam_url": LOGIN, **PROJECT}
API_TOKEN = {"channel": "api_token", **PROJECT}
ONCE = RetryPolicy(attempts=1)
PAGE = {"text": "<html>", "headers": {"Content-Type": "text/html"}}
HOW = (
    "Copy it whole from https://quantum.cloud.ibm.com/instances; it looks like "
    "crn:v1:bluemix:public:quantum-computing:<region>:a/<account>:<instance id>::."
)


def text_of(kind, call, *arguments, **named):
    with pytest.raises(kind) as caught:
        call(*arguments, **named)
    return str(caught.value)


def submit(client, **others):
    return client.submit_job(program_id="sampler", backend="b", params={}, **others)


# Refusals


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (
            {"status_code": 404, "json": {"errors": [{"code": 1291, "message": "Job not found", "solution": "Look."}]}},
            errors.NotFoundError,
            "GET /jobs/job-1: HTTP 404, code 1291: Job not found. IBM's solution: Look.",
        ),
        (
            {"status_code": 400, "json": {"errors": [{"message": "No gate X."}], "trace": "TRACE-X"}},
            errors.BadRequestError,
            "GET /jobs/job-1: HTTP 400: No gate X. Trace for IBM support: TRACE-X.",
        ),
        (
            {"status_code": 499, "json": {}, "reason": ""},
            errors.BadRequestError,
            "GET /jobs/job-1: HTTP 499: no reason given.",
        ),
        (
            {"status_code": 401, "json": {"errors": [{"code": "no", "message": "Who?"}], "trace": "t"}},
            errors.UnauthorizedError,
            "GET /jobs/job-1: HTTP 401, code no: Who?. Check that the API key in the connection's password is valid "
            "and that the instance CRN belongs to its account. Trace for IBM support: t.",
        ),
        (
            {"status_code": 403, "json": {"errors": [{"message": "No"}]}},
            errors.ForbiddenError,
            "GET /jobs/job-1: HTTP 403: No. Ask for an access policy on the instance that includes this action.",
        ),
        (
            {"status_code": 429, "json": {"errors": [{"message": "Slow down."}]}},
            errors.RateLimitedError,
            "GET /jobs/job-1: HTTP 429: Slow down.",
        ),
        (
            {"status_code": 500, "text": "upstream is away"},
            errors.ServerError,
            "GET /jobs/job-1: HTTP 500: upstream is away.",
        ),
        (
            {"status_code": 300, "json": {}},
            errors.UnexpectedAnswerError,
            "GET /jobs/job-1: HTTP 300: the service redirects elsewhere, which it never does. Check the connection's "
            "host.",
        ),
        (
            {"status_code": 403, **PAGE},
            errors.UnexpectedAnswerError,
            "GET /jobs/job-1: HTTP 403 with an HTML page. The service never sends one: a proxy or firewall answered in "
            "its place, or the connection's host is wrong.",
        ),
        (
            PAGE,
            errors.UnexpectedAnswerError,
            "GET /jobs/job-1: HTTP 200 with text/html instead of JSON; something between Airflow and the service "
            "answered in its place.",
        ),
        (
            {"status_code": 206, "text": ""},
            errors.UnexpectedAnswerError,
            "GET /jobs/job-1: HTTP 206 with no content type instead of JSON; something between Airflow and the service "
            "answered in its place.",
        ),
        (
            {"text": "", "headers": {"Content-Type": "x" * 101}},
            errors.UnexpectedAnswerError,
            f"GET /jobs/job-1: HTTP 200 with {'x' * 97}... instead of JSON; something between Airflow and the service "
            "answered in its place.",
        ),
        (
            {"text": "[" * 70 + "]" * 70},
            errors.InvalidAnswerError,
            "GET /jobs/job-1: The answer cannot be read: it is nested more than 64 deep.",
        ),
    ],
)
def test_a_refused_or_odd_answer_is_told_in_full(api, make_client, reply, kind, says):
    api.get(f"{BASE}/jobs/job-1", **reply)
    assert text_of(kind, make_client(retry=ONCE).job, "job-1") == says


def test_a_result_that_is_not_there_yet_is_told_in_full(api, client):
    api.get(f"{BASE}/jobs/job-1/results", status_code=204)
    says = text_of(errors.ResultsNotReadyError, client.job_result, "job-1")
    assert says == "GET /jobs/job-1/results: HTTP 204: The job has no results yet."


@pytest.mark.parametrize("given", [IBM_QUANTUM, API_TOKEN], ids=["ibm_quantum", "api_token"])
def test_every_channel_has_its_own_advice_for_a_401(api, make_client, given):
    api.post(f"{LOGIN}/api/users/loginWithToken", json={"id": "login"})
    api.post(f"{LOGIN}/api/users/logout", text="")
    api.post(f"{HOST}/jobs", status_code=401, json={"errors": [{"message": "no"}]})
    says = text_of(errors.UnauthorizedError, submit, make_client(**given))
    advice = {
        "ibm_quantum": " and that its account belongs to the hub, group and project",
        "api_token": "",
    }[given["channel"]]
    assert says == (
        f"POST /jobs: HTTP 401: no. Check that the API token in the connection's password is valid{advice}."
    )


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"status_code": 503, "json": {"errors": [{"message": "Away."}]}}, "HTTP 503: Away."),
        ({"status_code": 502, "text": ""}, "HTTP 502: no reason given."),
        (
            PAGE,
            "HTTP 200 with text/html instead of JSON; something between Airflow and the service answered in its place.",
        ),
        ({"json": {"id": ""}}, "the answer holds no id."),
        ({"json": ["job-1"]}, "the answer holds no id."),
        ({"exc": requests.ReadTimeout("late")}, "quantum.cloud.ibm.com gave no complete answer (late)."),
    ],
    ids=str,
)
def test_a_submission_with_an_unknown_end_is_told_in_full(api, make_client, reply, why):
    api.post(f"{BASE}/jobs", **reply)
    assert text_of(errors.SubmissionUnknownError, submit, make_client()) == (
        f"It is not known whether the service acted on POST /jobs: POST /jobs: {why}"
    )


def test_a_used_up_instance_is_told_in_full(api, client):
    api.post(f"{BASE}/jobs", status_code=409, json={"errors": [{"code": 7, "message": "Over the limit."}]})
    assert text_of(errors.UsageLimitReachedError, submit, client) == (
        "POST /jobs: HTTP 409, code 7: Over the limit. Raise the instance's limit, wait for its usage period to turn, "
        "or use a connection with another instance."
    )


# Connections


TOO_LATE = requests.ConnectTimeout("timed out")
UNTRUSTED = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
NO_TLS = requests.exceptions.SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version number")


@pytest.mark.parametrize(
    ("trouble", "kind", "says"),
    [
        (
            TOO_LATE,
            errors.ConnectionFailedError,
            "no connection to quantum.cloud.ibm.com (timed out). Check the connection's host, proxies and the region "
            "in the instance CRN (us-east).",
        ),
        (
            requests.ReadTimeout("timed out"),
            errors.NoAnswerError,
            "quantum.cloud.ibm.com gave no complete answer (timed out).",
        ),
        (
            requests.ConnectionError("x" * 501),
            errors.NoAnswerError,
            f"quantum.cloud.ibm.com gave no complete answer ({'x' * 497}...).",
        ),
        (
            UNTRUSTED,
            errors.InvalidSettingsError,
            "the TLS certificate of quantum.cloud.ibm.com was not accepted ([SSL: CERTIFICATE_VERIFY_FAILED] "
            "certificate verify failed). Set 'verify' in the connection to the path of your CA bundle.",
        ),
        (
            NO_TLS,
            errors.NoAnswerError,
            "quantum.cloud.ibm.com gave no complete answer ([SSL: WRONG_VERSION_NUMBER] wrong version number). It does "
            "not seem to speak TLS: if that is meant, begin the connection's host with http://.",
        ),
        (
            requests.exceptions.InvalidHeader(f"Bearer {API_KEY}"),
            errors.InvalidSettingsError,
            "the request cannot be sent (InvalidHeader). Check the connection's host, its password and proxies for "
            "characters that do not belong there.",
        ),
    ],
)
def test_a_connection_that_fails_is_told_in_full(api, make_client, trouble, kind, says):
    api.get(f"{BASE}/jobs/job-1", exc=trouble)
    assert text_of(kind, make_client(retry=ONCE).job, "job-1") == f"GET /jobs/job-1: {says}"


def test_a_host_without_a_region_is_not_looked_for_in_the_crn(api, make_client):
    api.get(f"{HOST}/programs", exc=TOO_LATE)
    client = make_client(**API_TOKEN, retry=ONCE)
    assert text_of(errors.ConnectionFailedError, client.programs) == (
        "GET /programs: no connection to runtime.example.com (timed out). Check the connection's host and proxies."
    )


def test_a_bundle_that_is_not_there_is_told_in_full(make_client, closed_port):
    client = make_client(base_url=f"https://127.0.0.1:{closed_port}/api/v1", verify="/not/there.pem")
    says = text_of(errors.InvalidSettingsError, client.versions)
    assert says.startswith("GET /versions: Could not find")
    assert says.endswith("/not/there.pem. Check 'verify' in the connection and REQUESTS_CA_BUNDLE in the environment.")


def test_another_error_of_the_operating_system_is_not_laid_to_the_settings(api, client):
    api.get(f"{BASE}/versions", exc=OSError("no space left"))
    assert text_of(OSError, client.versions) == "no space left"


def test_an_input_that_is_no_json_is_told_in_full(api, client):
    says = text_of(ValueError, client.submit_job, program_id="p", backend="b", params={"x": float("nan")})
    assert says.startswith("POST /jobs: the body cannot be written as JSON (")
    assert says.endswith("); nothing was sent.")


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (
            {"status_code": 400, "json": {"errorCode": "BXNIM0415E", "errorMessage": "Unknown key."}},
            errors.InvalidApiKeyError,
            "The key in the connection's password is not accepted: put a valid one there. POST /identity/token (IBM "
            "Cloud IAM): HTTP 400, code BXNIM0415E: Unknown key. Create an API key at "
            "https://cloud.ibm.com/iam/apikeys and put it in the connection's password.",
        ),
        (
            {"status_code": 404, "json": {}},
            errors.InvalidSettingsError,
            "POST /identity/token (IBM Cloud IAM): HTTP 404 from iam.cloud.ibm.com, which does not seem to be IBM "
            "Cloud IAM. Check the connection's iam_url and proxies.",
        ),
        (
            {"exc": UNTRUSTED},
            errors.InvalidSettingsError,
            "POST /identity/token (IBM Cloud IAM): the TLS certificate of iam.cloud.ibm.com was not accepted ([SSL: "
            "CERTIFICATE_VERIFY_FAILED] certificate verify failed). Set 'verify' in the connection to the path of your "
            "CA bundle.",
        ),
        (
            {"exc": requests.exceptions.InvalidURL(API_KEY)},
            errors.InvalidSettingsError,
            "POST /identity/token (IBM Cloud IAM): the request cannot be sent (InvalidURL). Check the connection's "
            "iam_url, its password and proxies for characters that do not belong there.",
        ),
        *(
            (
                reply,
                errors.TokenUnavailableError,
                f"No token could be had, so nothing was sent. POST /identity/token (IBM Cloud IAM): {why}",
            )
            for reply, why in (
                ({"status_code": 429, "json": {"errorMessage": "Slow."}}, "HTTP 429: Slow."),
                ({"status_code": 500, "json": {"errorMessage": "Away."}}, "HTTP 500: Away."),
                (
                    {"status_code": 302, "json": {}},
                    "HTTP 302: the service redirects elsewhere, which it never does. Check the connection's iam_url.",
                ),
                (
                    {"status_code": 403, **PAGE},
                    "HTTP 403 with an HTML page. The service never sends one: a proxy or firewall answered in its "
                    "place, or the connection's iam_url is wrong.",
                ),
                (
                    PAGE,
                    "HTTP 200 with text/html instead of JSON; something between Airflow and the service answered in "
                    "its place.",
                ),
                ({"json": {"access_token": "two words"}}, "the answer holds no access token."),
                ({"json": ["token"]}, "the answer holds no access token."),
                (
                    {"exc": TOO_LATE},
                    "no connection to iam.cloud.ibm.com (timed out). Check the connection's iam_url and proxies.",
                ),
                (
                    {"exc": NO_TLS},
                    "iam.cloud.ibm.com gave no complete answer ([SSL: WRONG_VERSION_NUMBER] wrong version number). It "
                    "does not seem to speak TLS: if that is meant, begin the connection's iam_url with http://.",
                ),
            )
        ),
    ],
    ids=str,
)
def test_a_login_that_fails_is_told_in_full(api, make_client, reply, kind, says):
    api.post(IAM, **reply)
    assert text_of(kind, make_client(retry=ONCE).job, "job-1") == says


def test_a_refused_login_with_an_api_token_is_told_in_full(api, make_client):
    api.post(f"{LOGIN}/api/users/loginWithToken", status_code=401, json={"error": {"message": "no such token"}})
    assert text_of(errors.InvalidApiKeyError, make_client(**IBM_QUANTUM).job, "job-1") == (
        "The key in the connection's password is not accepted: put a valid one there. POST /api/users/loginWithToken "
        "(the login server): HTTP 401: no such token. Put a valid API token of your account into the connection's "
        "password."
    )


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost:9"])
def test_a_login_at_this_machine_asks_for_the_emulator(api, make_client, host):
    api.post(f"http://{host}/identity/token", exc=TOO_LATE)
    client = make_client(iam_url=f"http://{host}", retry=ONCE)
    assert text_of(errors.TokenUnavailableError, client.job, "job-1") == (
        f"No token could be had, so nothing was sent. POST /identity/token (IBM Cloud IAM): no connection to {host} "
        "(timed out). Check the connection's iam_url and proxies. The address is this machine's own: is the emulator "
        "running, and on that port?"
    )


def test_a_login_at_this_machine_that_answers_badly_does_not_ask_for_it(api, make_client):
    api.post("http://127.0.0.1:9/identity/token", status_code=503, json={"errorMessage": "Away."})
    client = make_client(iam_url="http://127.0.0.1:9", retry=ONCE)
    assert text_of(errors.TokenUnavailableError, client.job, "job-1").endswith("HTTP 503: Away.")


# Lists


@pytest.mark.parametrize(
    ("path", "name", "call"),
    [
        ("/backends", "devices", lambda c: c.backends()),
        ("/jobs", "jobs", lambda c: list(c.jobs())),
        ("/tags", "tags", lambda c: c.tags("abc")),
        ("/workloads", "workloads", lambda c: list(c.workloads())),
        ("/versions", "versions", lambda c: c.versions()),
    ],
)
def test_a_list_that_is_missing_is_named_with_its_request(api, client, path, name, call):
    api.get(f"{BASE}{path}", json={name: "none"})
    assert text_of(errors.InvalidAnswerError, call, client) == f"GET {path}: the answer holds no list of {name}."


def test_the_backends_of_an_instance_are_a_list(api, client):
    api.get(f"{BASE}/instance", json={"backends": "none"})
    says = text_of(errors.InvalidAnswerError, client.instance)
    assert says == "GET /instance: the answer holds no list of backends."


def test_programs_are_a_list(api, make_client):
    api.get(f"{HOST}/programs", json={"programs": {}})
    assert text_of(errors.UnexpectedAnswerError, make_client(**API_TOKEN, retry=ONCE).programs) == (
        "GET /programs: the answer is not a list."
    )
    assert text_of(errors.UnexpectedAnswerError, make_client(**IBM_QUANTUM, retry=ONCE).programs) == (
        "GET /programs: the answer holds no list of programs."
    )


def test_backends_by_name_are_told_in_full(api, client):
    api.get(f"{BASE}/backends", json={"devices": ["ibm_fez"]})
    assert text_of(errors.ApiVersionNotHonouredError, client.backends) == (
        "The service did not honour the API version '2026-04-15': it lists backends by name only, as before "
        "2025-01-01. Set api_version in the connection to 2026-04-15."
    )


@pytest.mark.parametrize(("listed", "offers"), [([], "none"), ([{"id": "a"}, {"id": "b"}], "a, b")])
def test_a_program_nobody_knows_is_answered_with_those_there_are(api, make_client, listed, offers):
    api.get(f"{HOST}/programs", json=listed)
    assert text_of(errors.NoSuchProgramError, make_client(**API_TOKEN).program, "circus") == (
        f"The service has no program 'circus'; it offers {offers}."
    )


# Missing features


LACKING = {
    "ibm_quantum_platform": ({}, [
        (Feature.PROGRAMS, "A list of programs", lambda c: c.programs()),
        (Feature.START_SESSION, "start_session", lambda c: submit(c, start_session=True)),
    ]),
    "ibm_cloud": (IBM_CLOUD, [
        (
            Feature.BACKEND_DETAILS,
            "Choosing or waiting for a backend ('least_busy')",
            lambda c: c.backends(fields=["wait_time_seconds"]),
        ),
        (Feature.BACKEND_DETAILS, "The status of b", lambda c: c.backend_status("b")),
        (Feature.BACKEND_DETAILS, "The configuration of b", lambda c: c.backend_configuration("b")),
        (Feature.BACKEND_DETAILS, "The calibration of b", lambda c: c.backend_properties("b")),
        (Feature.BACKEND_DETAILS, "calibration_id", lambda c: submit(c, calibration_id="x")),
        (Feature.PRIVATE, "private", lambda c: submit(c, private=True)),
        (Feature.SESSIONS, "Opening a session", lambda c: c.create_session(mode="dedicated")),
        (Feature.BATCHES, "Opening a batch", lambda c: c.create_session(mode="batch")),
        (Feature.SESSIONS, "Reading session s", lambda c: c.session("s")),
        (Feature.WORKLOADS, "A search for tags", lambda c: c.tags("abc")),
        (Feature.WORKLOADS, "The instance", lambda c: c.instance()),
        (Feature.WORKLOADS, "Looking for sessions and other workloads", lambda c: list(c.workloads())),
        (Feature.USAGE, "The QPU time used", lambda c: c.instance_usage()),
        (Feature.VERSIONS, "The API versions", lambda c: c.versions()),
    ]),
    "ibm_quantum": (IBM_QUANTUM, [
        (Feature.SESSIONS, "session_id", lambda c: submit(c, session_id="s")),
        (Feature.SESSIONS, "Closing session s", lambda c: c.close_session("s")),
        (Feature.SESSIONS, "Closing session s", lambda c: c.cancel_session("s")),
    ]),
    "api_token": (API_TOKEN, [
        (Feature.BACKENDS, "Listing backends", lambda c: c.backends()),
        (Feature.TAGS, "tags", lambda c: submit(c, tags=["t"])),
        (Feature.EXECUTION_LIMIT, "max_execution_time", lambda c: submit(c, max_execution_seconds=0)),
        (Feature.LOGS, "log_level", lambda c: submit(c, log_level="info")),
        (Feature.TAGS, "Looking for jobs", lambda c: list(c.jobs())),
        (Feature.METRICS, "The metrics of job j", lambda c: c.job_metrics("j")),
        (Feature.TAGS, "The tags of job j", lambda c: c.set_job_tags("j", ["t"])),
    ]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given", "feature", "what", "call"),
    [(name, given, *case) for name, (given, cases) in LACKING.items() for case in cases],
)
def test_a_feature_that_is_missing_is_told_in_full(api, make_client, name, given, feature, what, call):
    instead = CHANNELS[name].instead.get(feature, QUICKEST_WAY)
    assert text_of(errors.NotOfferedError, call, make_client(**given)) == (
        f"{what}: the channel '{name}' has no {feature}. {instead} Nothing was sent."
    )
    assert api.request_history == []


def test_the_way_out_of_a_missing_feature_is_the_present_platform():
    assert str(CHANNELS["ibm_cloud"].lacks(Feature.USAGE, "The QPU time used")) == (
        "The QPU time used: the channel 'ibm_cloud' has no account of the QPU time used. Use a connection with the "
        "channel 'ibm_quantum_platform'. Nothing was sent."
    )


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_change_the_path_is_refused(name):
    assert text_of(errors.InvalidSettingsError, quoted, name) == (
        f"'{name}' is no id or name of the service. Nothing was sent."
    )


# Settings


def test_settings_without_a_key_say_where_it_goes():
    says = {name: text_of(errors.InvalidSettingsError, create, api_key=" ", channel=name) for name in CHANNELS}
    token = "The connection has no API token. Put the API token of your account into the password field."
    assert says == {
        "ibm_quantum_platform": (
            "The connection has no API key. Create one at https://cloud.ibm.com/iam/apikeys and put it in the password "
            "field."
        ),
        "ibm_cloud": (
            "The connection has no API key. Put the IBM Cloud API key that the service's IAM knows into the password "
            "field."
        ),
        "ibm_quantum": token,
        "api_token": token,
    }


def create(**others):
    return ClientSettings.create(**{"api_key": API_KEY, "instance": CRN, **others})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"channel": "ibm_quantm"},
            "The channel 'ibm_quantm' is not known; write one of ibm_quantum_platform, ibm_cloud, ibm_quantum, "
            "api_token.",
        ),
        (
            {"api_key": "one\ntwo"},
            "The connection's password holds a line break or another character that no API key has. Copy the key "
            "again, on one line and without what stands around it.",
        ),
        (
            {"api_key": "k\u00f6y"},
            "The connection's password holds a line break or another character that no API key has. Copy the key "
            "again, on one line and without what stands around it.",
        ),
        (
            {"application": "\u00e4"},
            "The connection's application must be plain ASCII, for it goes into a header.",
        ),
        (
            {"api_version": "1\n"},
            "The connection's api_version must be plain ASCII, for it goes into a header.",
        ),
        (
            {**API_TOKEN, "hub": "", "project": " "},
            "The connection has no hub, project. The channel 'api_token' charges jobs to a hub, group and project: put "
            "all three into the fields of these names, as your account shows them (such as ibm-q, open, main).",
        ),
        (
            {**IBM_CLOUD, "private_endpoint": True},
            "The channel 'ibm_cloud' has no private endpoint. Switch private_endpoint off, and put the service's "
            "address into the host field.",
        ),
        (
            {**IBM_CLOUD, "base_url": f"{HOST}/api/v1"},
            "The connection's host has a path, but the channel 'ibm_cloud' is served at the root of its host. Leave "
            "out /api/v1 and whatever else follows the host name.",
        ),
        (
            {**IBM_CLOUD, "base_url": ""},
            "The channel 'ibm_cloud' needs a host: IBM has retired its own "
            "(https://us-east.quantum-computing.cloud.ibm.com). Put the base URL of a service that still speaks it "
            "into the host field, or that of the emulator, without /api/v1; for IBM's present service set the channel "
            "to 'ibm_quantum_platform'.",
        ),
        (
            {**IBM_QUANTUM, "base_url": ""},
            "The channel 'ibm_quantum' needs a host: IBM has retired its own "
            "(https://runtime-us-east.quantum-computing.ibm.com). Put the base URL of a service that still speaks it "
            "into the host field, or that of the emulator, without /api/v1; for IBM's present service set the channel "
            "to 'ibm_quantum_platform'.",
        ),
        *(
            (
                {field: url},
                f"The connection's {name} is not a URL, or one with a query; it looks like "
                "https://quantum.cloud.ibm.com/api/v1.",
            )
            for field, name in (("base_url", "host"), ("iam_url", "iam_url"))
            for url in ("host.example.com", "https://host:x/", "https://host?x=1", "https://host/#x", "https://")
        ),
        *(
            ({"base_url": url}, "The connection's host must not carry credentials in the URL.")
            for url in ("https://user@host", "https://:password@host", "https://user:password@host")
        ),
        (
            {"instance": ""},
            "The connection has no instance CRN, which belongs in the field Instance CRN (extra 'instance'). " + HOW,
        ),
        ({"instance": "x:y"}, "The instance CRN must begin with 'crn:'. " + HOW),
        (
            {"instance": "crn:v1:a"},
            "The instance CRN is malformed: 3 of its 8 filled fields were found. " + HOW,
        ),
        (
            {"instance": CRN.replace("quantum-computing", "storage")},
            "The CRN names the service 'storage', not 'quantum-computing'. Use the CRN of an IBM Quantum instance. "
            + HOW,
        ),
        (
            {"instance": CRN.replace("us-east", "")},
            "The instance CRN lacks its region, account or instance id. " + HOW,
        ),
        (
            {"instance": "crn:v1:bluemix:public:quantum-computing:us-east::id::"},
            "The instance CRN lacks its region, account or instance id. " + HOW,
        ),
        ({"instance": CRN.replace("us-east", "us_east")}, "The instance CRN holds characters that no CRN has. " + HOW),
        ({"instance": CRN.replace("4000", "4 00")}, "The instance CRN holds characters that no CRN has. " + HOW),
    ],
    ids=str,
)
def test_settings_that_cannot_be_used_are_told_in_full(given, says):
    assert text_of(errors.InvalidSettingsError, create, **given) == says


def test_settings_made_by_hand_need_an_instance_too():
    says = text_of(errors.InvalidSettingsError, ClientSettings, api_key=API_KEY)
    assert says == text_of(errors.InvalidSettingsError, InstanceCrn.parse, "")


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, "instance 00000000-0000-4000-8000-000000000001 in us-east"),
        (IBM_CLOUD, "instance 00000000-0000-4000-8000-000000000001 in us-east"),
        (IBM_QUANTUM, "project h/g/p at runtime.example.com"),
        (API_TOKEN, "project h/g/p at runtime.example.com"),
    ],
)
def test_a_connection_is_named_by_its_instance_or_project(given, place):
    assert create(**given).place == place


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_is_shown_by_its_name(name):
    assert repr(CHANNELS[name]) == f"<channel {name}>"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://iam.cloud.ibm.com"),
        ({"private_endpoint": True}, "https://private.iam.cloud.ibm.com"),
        (IBM_CLOUD, "https://iam.cloud.ibm.com"),
        ({**IBM_QUANTUM, "iam_url": ""}, "https://auth.quantum-computing.ibm.com"),
        (API_TOKEN, ""),
        ({"iam_url": " https://iam.example.com// "}, "https://iam.example.com"),
    ],
)
def test_a_channel_knows_its_login_server(given, url):
    assert create(**given).iam_url == url


# Mistakes of our own


def test_a_mistake_of_this_package_asks_for_a_report():
    error = errors.InternalError.of(AttributeError("no attribute 'x'"), "reading the connection")
    assert isinstance(error, errors.QiskitRuntimeError)
    assert str(error) == (
        "AttributeError while reading the connection: no attribute 'x'. This is a mistake in airflow-provider-qrt, or "
        "it does not fit the installed version of Airflow; the log has the traceback. Please report it."
    )


def test_an_error_keeps_its_own_advice():
    error = errors.ForbiddenError(403, errors.ErrorBody(), request="GET /x", what_to_do="Ask nicely")
    assert (str(error), error.what_to_do) == ("GET /x: HTTP 403: no reason given. Ask nicely.", "Ask nicely")
    assert errors.ForbiddenError(403, errors.ErrorBody(), request="GET /x", what_to_do="").args == (
        "GET /x: HTTP 403: no reason given.",
    )


def test_the_client_package_loads_its_names_on_first_use():
    import importlib

    package = importlib.import_module("airflow_provider_qrt.client")
    for name in package.__all__:
        home = importlib.import_module(package.__getattr__(name).__module__)
        assert Path(str(home.__file__)).parent == Path(str(package.__file__)).parent
        assert package.__getattr__(name) is getattr(home, name)
    assert text_of(AttributeError, package.__getattr__, "Client") == (
        "module 'airflow_provider_qrt.client' has no attribute 'Client'"
    )
