"""The client that the hook creates from an Airflow connection, and the messages of "Test connection"."""

from __future__ import annotations

import json

import pytest
import requests
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook, Connection

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.limits import API_VERSION
from airflow_provider_qrt.compat import has_state_store
from airflow_provider_qrt.hooks.connection import settings_from_connection
from airflow_provider_qrt.hooks.connection_form import EXTRA_FIELDS
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget
from airflow_provider_qrt.jobs.cancel import cancel_job

KEY = "a-key-that-nobody-may-read"
ACCOUNT = "0123456789abcdef" * 2
CRN = f"crn:v1:bluemix:public:quantum-computing:eu-de:a/{ACCOUNT}:the-instance::"


def settings(extra=None, **parts):
    connection = Connection(**{"conn_id": "mine", "conn_type": "qiskit_runtime", "password": KEY, **parts})
    return settings_from_connection(connection, {"instance": CRN, **(extra or {})})


# Settings


def test_key_and_crn_are_enough():
    found = settings()
    assert (found.base_url, found.iam_url, found.api_version, found.verify, dict(found.proxies)) == (
        "https://eu-de.quantum.cloud.ibm.com/api/v1",
        "https://iam.cloud.ibm.com",
        API_VERSION,
        True,
        {},
    )


@pytest.mark.parametrize(
    ("extra", "parts", "says"),
    [
        ({}, {"password": None}, "has no API key.*password field"),
        ({}, {"password": "  "}, "has no API key"),
        ({"instance": None}, {}, "has no instance CRN"),
        ({"instance": "  "}, {}, "has no instance CRN"),
        ({"instance": "quantum-computing"}, {}, "must begin with 'crn:'"),
        ({"instance": CRN[:40]}, {}, "malformed"),
        ({"instance": CRN.replace("quantum-computing", "cloud-object-storage")}, {}, "'cloud-object-storage'"),
        ({"channel": "ibm_quantm"}, {}, "'ibm_quantm' is not known; write one of ibm_quantum_platform, ibm_cloud, "),
        ({"channel": "ibm_quantum"}, {}, "no hub, group, project"),
        ({"channel": "ibm_quantum", "hub": "h", "project": "p"}, {}, r"no group\."),
        ({"private_endpoint": "perhaps"}, {}, "private_endpoint.*true or false, not 'perhaps'"),
        ({"proxies": "http://proxy:3128"}, {}, "must be JSON"),
        ({"proxies": ["http://proxy:3128"]}, {}, "must be JSON"),
        ({"proxies": {"https": 3128}}, {}, "must be JSON"),
        ({"iam_url": "iam.cloud.ibm.com"}, {}, "iam_url is not a URL"),
        ({}, {"host": "https://user:pass@host/api/v1"}, "must not carry credentials"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_connection_is_said_with_its_name_and_the_remedy(extra, parts, says):
    with pytest.raises(InvalidSettingsError, match=rf"Connection 'mine': .*{says}"):
        settings(extra, **parts)


@pytest.mark.parametrize("crn", [CRN, CRN.rstrip(":"), f" {CRN}\n"], ids=["whole", "without colons", "with spaces"])
def test_a_crn_may_have_lost_its_colons(crn):
    assert settings({"instance": crn}).instance.value == CRN


def test_the_channel_may_be_named():
    assert settings({"channel": "ibm_quantum_platform"}) == settings()


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        ({"host": ""}, "https://eu-de.quantum.cloud.ibm.com/api/v1"),
        ({"host": "https://runtime.example.com/api/v1/"}, "https://runtime.example.com/api/v1"),
        ({"host": "http://127.0.0.1:8765/api/v1"}, "http://127.0.0.1:8765/api/v1"),
        ({"host": "runtime.example.com"}, "https://runtime.example.com/api/v1"),
        ({"host": "localhost", "port": 8765, "schema": "http"}, "http://localhost:8765/api/v1"),
    ],
    ids=str,
)
def test_the_host_may_be_a_url_or_a_bare_name(parts, url):
    assert settings(**parts).base_url == url


def test_a_private_endpoint_is_private_for_api_and_iam():
    found = settings({"private_endpoint": "true"})
    assert (found.base_url, found.iam_url) == (
        "https://private.eu-de.quantum.cloud.ibm.com/api/v1",
        "https://private.iam.cloud.ibm.com",
    )


@pytest.mark.parametrize(
    ("given", "verify"),
    [
        (None, True),
        ("", True),
        (True, True),
        ("true", True),
        (False, False),
        ("False", False),
        ("no", False),
        ("/etc/ssl/ours.pem", "/etc/ssl/ours.pem"),
    ],
)
def test_verify_is_a_switch_or_a_path(given, verify):
    assert settings({"verify": given}).verify == verify


@pytest.mark.parametrize("given", [{"https": "http://proxy:3128"}, '{"https": "http://proxy:3128"}'], ids=repr)
def test_proxies_may_be_json_or_text_of_json(given):
    assert dict(settings({"proxies": given}).proxies) == {"https": "http://proxy:3128"}


def test_settings_show_neither_key_nor_account():
    assert KEY not in repr(settings())
    assert ACCOUNT not in repr(settings())


@pytest.mark.parametrize("extra", [{"instance": f"crn:v1:{ACCOUNT}"}, {"channel": "x"}, {"iam_url": f"x/{KEY}"}])
def test_messages_show_neither_key_nor_account(extra):
    with pytest.raises(InvalidSettingsError) as caught:
        settings(extra)
    assert KEY not in str(caught.value)
    assert ACCOUNT not in str(caught.value)


def test_every_field_of_the_form_says_what_it_is_for():
    assert all(field.label and field.help.endswith(".") for field in EXTRA_FIELDS.values())


# The hook


def test_the_hook_is_an_airflow_hook():
    assert issubclass(QiskitRuntimeHook, BaseHook)
    assert QiskitRuntimeHook().qiskit_runtime_conn_id == "qiskit_runtime_default"


def test_the_hook_reads_no_connection_before_it_is_used(monkeypatch):
    monkeypatch.setattr(BaseHook, "get_connection", lambda *_: pytest.fail("the connection was read"))
    QiskitRuntimeHook("mine")


def test_the_hook_speaks_to_the_service(connection):
    hook = QiskitRuntimeHook()
    assert {backend.name for backend in hook.get_conn().backends()} >= {"ibm_fez", "ibm_miami"}


def test_another_connection_can_be_named(monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_MINE", json.dumps({"conn_type": "qiskit_runtime", "password": KEY, "extra": {"instance": CRN}})
    )
    assert QiskitRuntimeHook("mine").describe() == "connection 'mine' (instance the-instance in eu-de)"


def test_the_description_names_no_account(connection, emulator):
    account = emulator.instance.split(":")[6].removeprefix("a/")
    assert account not in QiskitRuntimeHook().describe()


def test_the_token_is_fetched_once_for_all_hooks(connection, emulator):
    from airflow_provider_qrt.client.tokens import forget_all_tokens

    forget_all_tokens()
    for _ in range(3):
        QiskitRuntimeHook().client.backends()
    assert sum("/identity/token" in one["path"] for one in emulator.requests()) == 1


def test_a_client_that_polls_does_not_retry_by_itself(connection, emulator, sent):
    emulator.add_fault(path="/jobs/*", status=503, times=None)
    with pytest.raises(errors.ServerError):
        QiskitRuntimeHook().create_poll_client().job("j")
    assert len(sent()) == 1


@pytest.mark.parametrize(
    ("status", "says"), [(204, "was cancelled"), (409, "has ended or was cancelled"), (404, "not known")]
)
def test_cancelling_says_what_became_of_the_job(connection, emulator, status, says):
    emulator.add_fault(path="/jobs/*/cancel", status=status)
    assert says in cancel_job(QiskitRuntimeHook().client, "j")


def test_cancelling_a_job_quickly_never_raises(connect):
    connect(password=None)
    assert "could not be cancelled" in QiskitRuntimeHook().cancel_job_quickly("j")


# Test connection


def test_a_good_connection_says_which_rights_it_proved(connection, emulator):
    good, message = QiskitRuntimeHook().test_connection()
    assert good
    for part in (
        "The API key is valid for instance 00000000-0000-0000-0000-000000000000 in us-east, API version 2026-04-15. ",
        "may list backends: ibm_fez, ",
        "may read jobs",
        "may read usage (0.0 s of QPU time used",
        "shows only on submission",
    ):
        assert part in message


def test_testing_a_connection_submits_nothing(connection, sent):
    QiskitRuntimeHook().test_connection()
    assert sent("POST") == []


def test_a_usage_limit_is_shown(connection, emulator):
    emulator.configure(usage_limit_seconds=600)
    assert "of 600 s" in QiskitRuntimeHook().test_connection()[1]


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/jobs", "read jobs, which needs the IAM action quantum-computing.job.read"),
        ("/instances/usage", "read usage, which needs the IAM action quantum-computing.instance-usage.read"),
    ],
)
def test_a_right_that_is_missing_is_named_and_the_connection_is_still_good(connection, emulator, path, right):
    emulator.add_fault(path=path, status=403)
    good, message = QiskitRuntimeHook().test_connection()
    assert good
    assert f"may NOT {right}" in message


def test_without_the_right_to_list_backends_the_connection_is_no_good(connection, emulator):
    emulator.add_fault(path="/backends", status=403)
    assert QiskitRuntimeHook().test_connection()[0] is False


def test_a_wrong_key_is_told_without_showing_it(connect):
    connect(password=KEY)
    good, message = QiskitRuntimeHook().test_connection()
    assert (good, KEY in message) == (False, False)
    assert "Create an API key at https://cloud.ibm.com/iam/apikeys" in message


def test_the_crn_of_another_region_is_told(connect, emulator):
    connect({"instance": emulator.instance.replace("us-east", "eu-de")})
    good, message = QiskitRuntimeHook().test_connection()
    assert not good
    assert "not found in this region" in message


def test_a_missing_crn_is_told(connect):
    connect({"instance": ""})
    assert "has no instance CRN" in QiskitRuntimeHook().test_connection()[1]


def test_no_message_of_the_service_carries_a_secret(connect, emulator):
    connect({"instance": emulator.instance})
    account = emulator.instance.split(":")[6]
    token = requests.post(
        f"{emulator.iam_url}/identity/token",
        data={"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": emulator.api_key},
        timeout=10,
    ).json()["access_token"]
    said = f"denied {emulator.instance} {account} Bearer {token}"
    emulator.add_fault(path="/backends", status=403, body={"errors": [{"code": 1, "message": said}]})
    message = QiskitRuntimeHook().test_connection()[1]
    assert "denied" in message
    assert all(secret not in message for secret in (emulator.instance, account, token))


URI = (
    "qiskit-runtime://:the-key@{}?instance=crn%3Av1%3Abluemix%3Apublic%3Aquantum-computing%3Aus-east%3Aa%2Fx%3Ay%3A%3A"
)


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("/", "https://quantum.cloud.ibm.com/api/v1"),
        ("eu-de.quantum.cloud.ibm.com", "https://eu-de.quantum.cloud.ibm.com/api/v1"),
        ("quantum.example.com/api/v1", "https://quantum.example.com/api/v1"),
        ("127.0.0.1:8765/http", "http://127.0.0.1:8765/api/v1"),
        ("http%3A%2F%2F127.0.0.1%3A8765%2Fapi%2Fv1/", "http://127.0.0.1:8765/api/v1"),
    ],
)
def test_a_connection_may_be_a_uri(monkeypatch, place, url):
    monkeypatch.setenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT", URI.format(place))
    settings = QiskitRuntimeHook().settings
    assert (settings.base_url, settings.api_key) == (url, "the-key")
    assert settings.crn.instance_id == "y"


def test_a_uri_with_a_scheme_of_its_own_keeps_its_port(monkeypatch):
    uri = URI.format("127.0.0.1:8765/api/v1").replace("qiskit-runtime://", "qiskit-runtime://http://")
    monkeypatch.setenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT", uri)
    assert QiskitRuntimeHook().settings.base_url == "http://127.0.0.1:8765/api/v1"


def test_a_uri_with_an_underscore_says_how_it_is_written(monkeypatch):
    uri = URI.format("/").replace("qiskit-runtime", "qiskit_runtime")
    monkeypatch.setenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT", uri)
    with pytest.raises(InvalidSettingsError, match="Write qiskit-runtime:// with a hyphen") as caught:
        _ = QiskitRuntimeHook().settings
    assert "the-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "said"), [("[]", "no instance CRN"), ('"text"', "JSON object"), ("[1]", "JSON object")]
)
def test_extra_fields_that_are_no_object_say_so(monkeypatch, extra, said):
    connection = {"conn_type": "qiskit_runtime", "password": "the-key", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT", json.dumps(connection))
    try:
        BaseHook.get_connection("qiskit_runtime_default")
    except AirflowNotFoundException:
        assert not has_state_store()
        pytest.skip("this Airflow refuses the connection itself")
    with pytest.raises(InvalidSettingsError, match=said):
        _ = QiskitRuntimeHook().settings
    assert QiskitRuntimeHook().defaults.budget is None


def test_the_connection_test_does_not_name_airflows_temporary_connection(emulator, monkeypatch):
    value = {"conn_type": "qiskit_runtime", "password": emulator.api_key, "host": emulator.url}
    monkeypatch.setenv("AIRFLOW_CONN_X8J2KD9QLA", json.dumps(value))
    good, said = QiskitRuntimeHook("x8j2kd9qla").test_connection()
    assert not good
    assert "x8j2kd9qla" not in said
    assert "CRN" in said


def test_the_test_of_a_wrong_key_begins_with_the_remedy(connect):
    connect(password="not-the-key-at-all")
    good, said = QiskitRuntimeHook().test_connection()
    assert not good
    assert said.startswith("The key in the connection's password is not accepted: put a valid one there.")
    assert "BXNIM0415E" in said


def test_one_proxy_is_for_all_requests():
    assert dict(settings({"proxy": "http://proxy:3128"}).proxies) == {
        "http": "http://proxy:3128",
        "https": "http://proxy:3128",
    }


def test_a_budget_is_two_fields_of_the_form(connect):
    connect(extra={"budget_seconds": 600, "budget_per": "connection"})
    assert QiskitRuntimeHook().defaults.budget == QiskitRuntimeBudget(600, per="connection")
    connect(extra={"budget_seconds": "10m"})
    assert QiskitRuntimeHook().defaults.budget == QiskitRuntimeBudget(600)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"budget_seconds": "much"}, "must be a number above 0"),
        ({"budget_seconds": 60, "budget": {"max_seconds": 60}}, "both there"),
        ({"budget_seconds": 60, "budget_per": "year"}, "per is one of"),
    ],
)
def test_a_budget_of_the_form_that_makes_no_sense_is_refused(connect, extra, says):
    connect(extra=extra)
    with pytest.raises(ValueError, match=says):
        _ = QiskitRuntimeHook().defaults
