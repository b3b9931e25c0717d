"""The differences between the generations: headers, logins, shapes, and missing features."""

from __future__ import annotations

import gc
import json
import logging
import re
import traceback

import pytest
import requests

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy, errors
from airflow_provider_qrt.client.channels import CHANNELS, Feature, find_channel
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.client.tokens import log_out_everywhere

from .conftest import ACCOUNT, API_KEY, BASE, CRN, IAM

HOST = "https://runtime.example.com"
LOGIN = "https://login.example.com"
LOGIN_URL = f"{LOGIN}/api/users/loginWithToken"
LOGOUT_URL = f"{LOGIN}/api/users/logout"
IBM_CLOUD = {"channel": "ibm_cloud", "base_url": HOST}
PROJECT = {"base_url": HOST, "hub": "ibm-q-internal", "group": "dev-sys-software", "project": "internal-test"}
IBM_QUANTUM = {"channel": "ibm_quantum", "iam_url": LOGIN, **PROJECT}
API_TOKEN = {"channel": "api_token", **PROJECT}
OLDER = {"ibm_cloud": IBM_CLOUD, "ibm_quantum": IBM_QUANTUM, "api_token": API_TOKEN}
ONCE = RetryPolicy(attempts=1)
CIRCUITS = {"circuits": ["OPENQASM 3; qreg q[1];"]}


@pytest.fixture
def logins(api):
    """A login server that gives out ``login-id-1``, ``login-id-2``, ..."""
    count = iter(range(1, 1000))
    api.post(LOGIN_URL, json=lambda request, context: {"id": f"login-id-{next(count)}"})
    api.post(LOGOUT_URL, text="")
    return api


@pytest.fixture
def asked(api):
    """The requests so far, as ``METHOD url``."""
    return lambda: [f"{one.method} {one.url}" for one in api.request_history]


@pytest.fixture
def logouts(api):
    return lambda: [one.headers["x-access-token"] for one in api.request_history if one.url == LOGOUT_URL]


@pytest.fixture
def on(make_client):
    return lambda name, **others: make_client(**{**OLDER.get(name, {}), **others})


def everything_shown(error):
    shown = ["".join(traceback.format_exception(error))]
    while error is not None:
        shown += [str(error), repr(error), repr(getattr(error, "body", "")), str(vars(error))]
        error = error.__cause__
    return "\n".join(shown)


# Settings


def test_a_channel_nobody_knows_is_refused_with_those_there_are():
    with pytest.raises(
        errors.InvalidSettingsError, match=r"'ibm_quantm' is not known; write one of .*ibm_quantum, api_tok"
    ):
        ClientSettings.create(api_key=API_KEY, instance=CRN, channel="ibm_quantm")


@pytest.mark.parametrize("name", OLDER)
def test_without_a_host_an_older_channel_says_that_ibm_has_retired_its_own(name):
    with pytest.raises(
        errors.InvalidSettingsError, match=rf"{name}.*IBM has retired.*https://.*the host field.*emulator"
    ):
        ClientSettings.create(api_key=API_KEY, instance=CRN, **{**OLDER[name], "base_url": ""})


def test_the_retired_host_of_ibm_cloud_is_that_of_the_region():
    with pytest.raises(errors.InvalidSettingsError, match=r"https://us-east\.quantum-computing\.cloud\.ibm\.com"):
        ClientSettings.create(api_key=API_KEY, instance=CRN, channel="ibm_cloud")


@pytest.mark.parametrize("name", OLDER)
def test_the_present_apis_path_is_refused_where_the_api_is_at_the_root(name):
    with pytest.raises(errors.InvalidSettingsError, match=r"root of its host.*/api/v1"):
        ClientSettings.create(api_key=API_KEY, instance=CRN, **{**OLDER[name], "base_url": f"{HOST}/api/v1"})


@pytest.mark.parametrize("name", ["ibm_quantum", "api_token"])
def test_hub_group_and_project_are_asked_for_by_name(name):
    with pytest.raises(errors.InvalidSettingsError, match=r"has no hub, project\. .*fields of these names"):
        ClientSettings.create(api_key=API_KEY, instance=None, **{**OLDER[name], "hub": "", "project": " "})


@pytest.mark.parametrize("name", ["ibm_quantum", "api_token"])
def test_channels_with_a_project_need_no_crn(name):
    settings = ClientSettings.create(api_key=API_KEY, instance="not a crn", **OLDER[name])
    assert settings.instance is None
    assert settings.place == "project ibm-q-internal/dev-sys-software/internal-test at runtime.example.com"


@pytest.mark.parametrize("name", ["ibm_quantum", "api_token"])
def test_a_missing_token_is_called_a_token(name):
    with pytest.raises(errors.InvalidSettingsError, match=r"no API token.*password field"):
        ClientSettings.create(api_key=" ", instance=None, **OLDER[name])


def test_ibm_cloud_needs_a_crn():
    with pytest.raises(errors.InvalidSettingsError, match="no instance CRN"):
        ClientSettings.create(api_key=API_KEY, instance="", **IBM_CLOUD)


def test_an_older_channel_has_no_private_endpoint():
    with pytest.raises(errors.InvalidSettingsError, match="no private endpoint"):
        ClientSettings.create(api_key=API_KEY, instance=CRN, private_endpoint=True, **IBM_CLOUD)


# Headers and logins


def test_the_present_platform_sends_what_it_always_sent(api, client, sent):
    api.get(f"{BASE}/jobs/j", json={"id": "j", "status": "Queued"})
    client.job("j")
    [request] = sent()
    ours = {name: request.headers[name] for name in ("Authorization", "Service-CRN", "IBM-API-Version")}
    assert ours == {"Authorization": "Bearer token-1", "Service-CRN": CRN, "IBM-API-Version": "2026-04-15"}
    assert re.fullmatch(
        r"qiskit-version-2/airflow_provider_qrt-[\w.]+/airflow-provider-qrt",
        request.headers["X-Qx-Client-Application"],
    )
    assert "x-access-token" not in request.headers


def test_ibm_cloud_names_the_application_behind_the_prefix_that_it_insists_on(api, on, sent):
    api.post(f"{HOST}/jobs", json={"id": "j", "backend": "ibm_algiers"})
    client = on("ibm_cloud", application="ours")
    client.submit_job(program_id="sampler", backend="ibm_algiers", params=CIRCUITS)
    [request] = sent()
    assert request.headers["Authorization"] == "Bearer token-1"
    assert request.headers["Service-CRN"] == CRN
    assert re.fullmatch(r"qiskit-version-2/0\.39\.2/.*/ours", request.headers["x-qx-client-application"])
    assert "IBM-API-Version" not in request.headers


def test_a_login_gives_the_token_of_ibm_quantum(logins, on):
    logins.get(f"{HOST}/backends", json={"devices": ["simulator_mps", "ibm_wellington"]})
    assert [backend.name for backend in on("ibm_quantum").backends()] == ["simulator_mps", "ibm_wellington"]
    login, request = logins.request_history
    assert (login.method, login.json()) == ("POST", {"apiToken": API_KEY})
    assert request.headers["x-access-token"] == "login-id-1"
    assert not {"Authorization", "Service-CRN", "IBM-API-Version"} & set(request.headers)
    assert API_KEY not in f"{request.url} {request.headers}"


def test_all_clients_share_one_login(logins, on, asked):
    logins.get(f"{HOST}/backends", json={"devices": []})
    for _ in range(3):
        on("ibm_quantum").backends()
    assert asked().count(f"POST {LOGIN_URL}") == 1


def test_an_api_token_is_the_bearer_token_itself(api, on, asked):
    api.get(f"{HOST}/programs", json=[])
    on("api_token").programs()
    assert api.request_history[0].headers["Authorization"] == f"Bearer {API_KEY}"
    assert asked() == [f"GET {HOST}/programs"]


def test_a_401_is_met_with_one_new_login(logins, on, asked):
    logins.get(f"{HOST}/backends", [{"status_code": 401, "json": {}}, {"json": {"devices": ["b"]}}])
    assert on("ibm_quantum").backends()
    assert asked().count(f"POST {LOGIN_URL}") == 2
    assert logins.request_history[-1].headers["x-access-token"] == "login-id-2"


def test_a_third_401_is_the_end_of_it(logins, on, asked):
    logins.get(f"{HOST}/backends", status_code=401, json={"errors": [{"message": "no"}]})
    with pytest.raises(
        errors.UnauthorizedError, match=r"API token in the connection's password.*hub, group and project"
    ):
        on("ibm_quantum", retry=ONCE).backends()
    assert asked().count(f"POST {LOGIN_URL}") == 3


def test_an_api_token_that_is_refused_is_not_tried_twice(api, on, asked):
    api.get(f"{HOST}/programs", status_code=401, json={})
    with pytest.raises(errors.UnauthorizedError, match="API token in the connection's password is valid"):
        on("api_token").programs()
    assert len(asked()) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_login_says_what_to_put_where_and_nothing_else(api, on, status):
    said = {"errors": [{"code": status, "message": f"apiToken {API_KEY} is not ours", "solution": API_KEY}]}
    api.post(LOGIN_URL, status_code=status, json=said)
    with pytest.raises(errors.InvalidApiKeyError, match="valid API token of your account") as caught:
        on("ibm_quantum").backends()
    assert API_KEY not in everything_shown(caught.value)
    assert "iam/apikeys" not in str(caught.value)


def test_what_is_no_login_server_is_a_matter_of_the_connection(api, on):
    api.post(LOGIN_URL, status_code=404, json={})
    with pytest.raises(
        errors.InvalidSettingsError, match=r"login\.example\.com, which does not seem to be the login server"
    ):
        on("ibm_quantum").backends()


@pytest.mark.parametrize("answer", [{}, {"id": ""}, {"id": "two words"}, {"id": 7}, []], ids=repr)
def test_a_login_without_a_usable_id_is_unexpected(api, on, answer):
    api.post(LOGIN_URL, json=answer)
    with pytest.raises(errors.TokenUnavailableError, match="holds no access token"):
        on("ibm_quantum", retry=ONCE).backends()


SECRET = "the-token-that-nobody-may-read"


@pytest.mark.parametrize(
    ("name", "secrets"),
    [("ibm_cloud", (SECRET, API_KEY, ACCOUNT)), ("ibm_quantum", (SECRET, API_KEY)), ("api_token", (API_KEY,))],
)
def test_no_error_shows_what_was_sent(logins, on, name, secrets):
    logins.post(LOGIN_URL, json={"id": SECRET})
    logins.post(IAM, json={"access_token": SECRET, "expires_in": 3600})
    said = f"You sent {' and '.join(secrets)}, Bearer {secrets[0]}, x-access-token: {secrets[0]}"
    body = {"errors": [{"code": said, "message": said, "solution": said}], "trace": said}
    logins.get(f"{HOST}/jobs/j/results", status_code=403, json=body, headers={"X-Request-Id": said})
    with pytest.raises(errors.ForbiddenError, match="You sent") as caught:
        on(name).job_result("j")
    shown = everything_shown(caught.value)
    assert not [secret for secret in secrets if secret in shown]


# Logout


def test_the_last_client_to_be_closed_logs_out(logins, on, logouts):
    logins.get(f"{HOST}/backends", json={"devices": []})
    one, two = on("ibm_quantum"), on("ibm_quantum")
    one.backends()
    two.backends()
    one.close()
    assert logouts() == []
    two.close()
    assert logouts() == ["login-id-1"]
    two.close()
    assert logouts() == ["login-id-1"]


def test_a_client_that_sent_nothing_neither_logs_in_nor_out(logins, on, asked):
    on("ibm_quantum").close()
    assert asked() == []


def test_a_client_that_sent_nothing_ends_nobodys_login(logins, on, logouts):
    logins.get(f"{HOST}/backends", json={"devices": []})
    on("ibm_quantum").backends()
    on("ibm_quantum").close()
    assert logouts() == []


def test_a_closed_client_may_be_used_again(logins, on, logouts):
    logins.get(f"{HOST}/backends", json={"devices": []})
    client = on("ibm_quantum")
    for _ in range(2):
        client.backends()
        client.close()
    assert logouts() == ["login-id-1", "login-id-2"]


def test_no_logout_comes_into_anothers_request(logins, on, logouts):
    busy, quick = on("ibm_quantum"), on("ibm_quantum")

    def answer(request, context):
        quick.job("j")
        quick.close()
        return {"devices": [*logouts(), "none so far"]}

    logins.get(f"{HOST}/backends", json=answer)
    logins.get(f"{HOST}/jobs/j", json={"id": "j", "state": {"status": "Running"}})
    assert [one.name for one in busy.backends()] == ["none so far"]
    busy.close()
    assert logouts() == ["login-id-1"]


@pytest.mark.parametrize(
    "failure",
    [
        {"status_code": 500, "text": API_KEY},
        {"exc": requests.exceptions.ConnectTimeout("login-id-1")},
        {"exc": requests.exceptions.ReadTimeout(f"login-id-1 {API_KEY}")},
    ],
    ids=["500", "no connection", "no answer"],
)
def test_a_logout_that_fails_is_only_logged(logins, on, failure, caplog):
    logins.get(f"{HOST}/backends", json={"devices": []})
    logins.post(LOGOUT_URL, **failure)
    client = on("ibm_quantum")
    client.backends()
    with caplog.at_level(logging.WARNING):
        client.close()
    assert "could not be given back" in caplog.text
    assert not [secret for secret in ("login-id-1", API_KEY) if secret in caplog.text]


def test_a_token_that_is_not_valid_any_more_needs_no_logout(logins, on, caplog):
    logins.get(f"{HOST}/backends", json={"devices": []})
    logins.post(LOGOUT_URL, status_code=401)
    client = on("ibm_quantum")
    client.backends()
    client.close()
    assert not caplog.records


def test_a_client_that_nobody_closed_logs_out_at_the_end_of_the_process(logins, on, logouts):
    logins.get(f"{HOST}/backends", json={"devices": []})
    on("ibm_quantum").backends()
    log_out_everywhere()
    assert logouts() == ["login-id-1"]
    log_out_everywhere()
    assert logouts() == ["login-id-1"]


def test_a_client_that_was_forgotten_does_not_keep_the_login(logins, logouts):
    logins.get(f"{HOST}/backends", json={"devices": []})
    settings = ClientSettings.create(api_key=API_KEY, instance=None, **IBM_QUANTUM)
    QiskitRuntimeClient(settings).backends()
    gc.collect()
    with QiskitRuntimeClient(settings) as client:
        client.backends()
    assert logouts() == ["login-id-1"]


@pytest.mark.parametrize("others", [{}, IBM_CLOUD], ids=["ibm_quantum_platform", "ibm_cloud"])
def test_iams_tokens_are_kept_when_a_client_is_closed(api, make_client, token_requests, others):
    api.get(f"{others.get('base_url', BASE)}/jobs/j", json={"id": "j", "status": "Queued"})
    for _ in range(2):
        client = make_client(**others)
        client.job("j")
        client.close()
    log_out_everywhere()
    assert len(token_requests()) == 1
    assert not [one for one in api.request_history if "logout" in one.url]


# Submissions


def body_of(api, client, **others):
    api.post(f"{HOST}/jobs", json={"id": "j", "backend": "b", "session_id": "s"})
    submitted = client.submit_job(**{"program_id": "sampler", "backend": "b", "params": CIRCUITS, **others})
    return submitted, api.request_history[-1].json()


def test_a_job_on_ibm_cloud(api, on):
    submitted, body = body_of(api, on("ibm_cloud"), tags=["t"], start_session=True, max_execution_seconds=30)
    assert (submitted.id, submitted.backend, submitted.session_id) == ("j", "b", "s")
    assert body == {
        "program_id": "sampler",
        "backend": "b",
        "params": CIRCUITS,
        "tags": ["t"],
        "start_session": True,
        "cost": 30,
    }
    assert body_of(api, on("ibm_cloud"), session_id="s")[1] == {
        "program_id": "sampler",
        "backend": "b",
        "params": CIRCUITS,
        "session_id": "s",
    }


def test_a_job_on_ibm_quantum(logins, on):
    _, body = body_of(logins, on("ibm_quantum"), tags=["t"])
    assert body == {
        "program_id": "sampler",
        "backend": "b",
        "params": CIRCUITS,
        "tags": ["t"],
        "hub": "ibm-q-internal",
        "group": "dev-sys-software",
        "project": "internal-test",
    }


def test_a_job_on_api_token_has_its_input_as_text(api, on):
    submitted, body = body_of(api, on("api_token"), program_id="runtime-simple", params={"iterations": 2})
    assert submitted.id == "j"
    assert [json.loads(text) for text in body.pop("params")] == [{"iterations": 2}]
    assert body == {
        "programId": "runtime-simple",
        "backend": "b",
        "hub": "ibm-q-internal",
        "group": "dev-sys-software",
        "project": "internal-test",
    }


@pytest.mark.parametrize("value", [float("nan"), object()], ids=["nan", "object"])
def test_an_input_that_is_no_json_is_not_sent(api, on, asked, value):
    with pytest.raises(ValueError, match="nothing was sent"):
        on("api_token").submit_job(program_id="p", backend="b", params={"x": value})
    assert asked() == []


NOT_OFFERED = {
    "ibm_quantum_platform": {
        "list of programs": lambda c: c.programs(),
        "start_session.*qiskit_runtime_session": lambda c: submit(c, start_session=True),
    },
    "ibm_cloud": {
        "batches.*start_session=True on the first sampler": lambda c: c.create_session(mode="batch"),
        "sessions that are.*start_session=True": lambda c: c.create_session(mode="dedicated"),
        "session s: .*ibm_cloud": lambda c: c.session("s"),
        "least_busy.*Name a backend": lambda c: c.backends(fields=["wait_time_seconds"]),
        "The status of b": lambda c: c.backend_status("b"),
        "The configuration of b": lambda c: c.backend_configuration("b"),
        "The calibration of b": lambda c: c.backend_properties("b"),
        "QPU time used": lambda c: c.instance_usage(),
        "list of workloads": lambda c: list(c.workloads()),
        "The instance": lambda c: c.instance(),
        "API versions": lambda c: c.versions(),
        "private: .*private jobs": lambda c: submit(c, private=True),
        "list of programs": lambda c: c.programs(),
    },
    "ibm_quantum": {
        "session_id: .*one by one": lambda c: submit(c, session_id="s"),
        "start_session: ": lambda c: submit(c, start_session=True),
        "Closing session s": lambda c: c.close_session("s"),
        "Closing session s: ": lambda c: c.cancel_session("s"),
        "batches": lambda c: c.create_session(mode="batch"),
    },
    "api_token": {
        "Listing backends: .*Name a backend in the task": lambda c: c.backends(),
        "tags: .*Leave your own tags out": lambda c: submit(c, tags=["t"]),
        "max_execution_time: .*timeout": lambda c: submit(c, max_execution_seconds=3),
        "log_level: ": lambda c: submit(c, log_level="debug"),
        "calibration_id: ": lambda c: submit(c, calibration_id="c"),
        "Looking for jobs": lambda c: list(c.jobs()),
        "The metrics of job j": lambda c: c.job_metrics("j"),
        "The tags of job j": lambda c: c.set_job_tags("j", []),
    },
}


def submit(client, **others):
    return client.submit_job(program_id="sampler", backend="b", params=CIRCUITS, **others)


@pytest.mark.parametrize(
    ("name", "says", "call"),
    [(name, says, call) for name, calls in NOT_OFFERED.items() for says, call in calls.items()],
)
def test_what_a_channel_has_not_is_said_before_anything_is_sent(logins, on, asked, name, says, call):
    with pytest.raises(errors.NotOfferedError, match=says) as caught:
        call(on(name))
    assert f"{name!r} has no " in str(caught.value)
    assert isinstance(caught.value, errors.InvalidSettingsError)
    assert asked() == []


def test_every_channel_has_a_way_out_of_what_it_lacks():
    for channel in CHANNELS.values():
        for feature in set(Feature) - channel.features:
            with pytest.raises(
                errors.NotOfferedError, match=rf"^x: the channel '{channel.name}' has no .+\. .+\. Nothing"
            ):
                channel.require(feature, "x")
        for feature in channel.features:
            channel.require(feature, "x")


# Jobs by their results


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ({"status_code": 204}, JobStatus.RUNNING, None),
        ({"status_code": 200, "text": "All done!"}, JobStatus.COMPLETED, None),
        ({"status_code": 400, "json": {"errors": [{"code": 1234, "message": "not ready"}]}}, JobStatus.RUNNING, None),
        (
            {"status_code": 400, "json": {"errors": [{"code": 9999, "message": "The job is Failed: no"}]}},
            JobStatus.FAILED,
            "The job is Failed: no (code 9999)",
        ),
        (
            {"status_code": 400, "json": {"errors": [{"message": "The job is Cancelled: by you"}]}},
            JobStatus.CANCELLED,
            "The job is Cancelled: by you",
        ),
        ({"status_code": 400, "json": {}}, JobStatus.FAILED, "Bad Request"),
    ],
    ids=["204", "200", "1234", "failed", "cancelled", "silent"],
)
def test_a_job_of_api_token_is_known_by_its_result(api, on, asked, answer, status, reason):
    api.get(f"{HOST}/jobs/j/results", reason="Bad Request", **answer)
    job = on("api_token").job("j")
    assert (job.id, job.status, job.state.reason) == ("j", status, reason)
    assert asked() == [f"GET {HOST}/jobs/j/results"]


@pytest.mark.parametrize(
    ("status", "kind"), [(404, errors.NotFoundError), (403, errors.ForbiddenError), (422, errors.BadRequestError)]
)
def test_a_refusal_is_not_a_failed_job(api, on, status, kind):
    api.get(f"{HOST}/jobs/j/results", status_code=status, json={})
    with pytest.raises(kind):
        on("api_token").job("j")


def test_a_job_without_logs_has_an_empty_log(api, on, asked):
    assert on("api_token").job_logs("j") == ""
    assert asked() == []


def test_backends_by_name_are_in_no_known_state(api, on):
    api.get(f"{HOST}/backends", json={"devices": ["ibm_algiers"]})
    [backend] = on("ibm_cloud").backends()
    assert (backend.name, backend.status, backend.is_available) == ("ibm_algiers", "unknown", False)


def test_a_session_of_ibm_cloud_is_closed_in_one_way(api, on, asked):
    api.delete(f"{HOST}/sessions/s/close", status_code=204)
    client = on("ibm_cloud")
    client.close_session("s")
    client.cancel_session("s")
    assert asked()[1:] == [f"DELETE {HOST}/sessions/s/close"] * 2


def test_the_stream_has_the_channels_headers(logins, on):
    cloud = on("ibm_cloud")
    assert cloud.stream_url("a/b") == "wss://runtime.example.com/stream/jobs/a%2Fb"
    assert cloud.stream_headers().items() >= {"Authorization": "Bearer token-1", "Service-CRN": CRN}.items()
    classic = on("ibm_quantum", base_url="http://localhost:1")
    assert classic.stream_url("j") == "ws://localhost:1/stream/jobs/j"
    assert classic.stream_headers() == {"x-access-token": "login-id-1"}
    assert on("api_token").stream_url("j") is None
    assert on("ibm_quantum_platform").stream_url("j") is None


def test_programs_of_ibm_quantum_need_no_login(logins, on, asked):
    logins.get(f"{HOST}/programs", json={"programs": [{"id": "sampler"}]})
    [program] = on("ibm_quantum").programs()
    assert (program.id, program.name, program.parameters) == ("sampler", "sampler", {})
    assert asked() == [f"GET {HOST}/programs"]


@pytest.mark.parametrize("answer", [{"programs": 1}, {}, [{"name": "no id"}]], ids=repr)
@pytest.mark.parametrize("name", ["ibm_quantum", "api_token"])
def test_a_list_of_programs_that_is_none_is_unexpected(logins, on, name, answer):
    logins.get(f"{HOST}/programs", json=answer)
    with pytest.raises(errors.UnexpectedAnswerError):
        on(name, retry=ONCE).programs()


@pytest.mark.parametrize("name", ["ibm_cloud", "ibm_quantum"])
def test_a_login_shows_no_key(name):
    login = find_channel(name).login(ClientSettings.create(api_key=API_KEY, instance=CRN, **OLDER[name]))
    assert API_KEY in login.body.values()
    assert API_KEY not in repr(login)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_is_found_by_its_name(name):
    assert find_channel(name).name == name
