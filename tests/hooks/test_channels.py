"""The hook on each generation of the API: connection test, programs, logout, and API versions that expire."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels import CHANNELS
from airflow_provider_qrt.client.tokens import forget_all_tokens
from airflow_provider_qrt.hooks import qiskit_runtime
from airflow_provider_qrt.hooks.connection_form import CHANNEL_LABELS, EXTRA_FIELDS
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

PROJECT = {"hub": "ibm-q-internal", "group": "near-time", "project": "qiskit-runtime"}
OLDER = ["ibm_cloud", "ibm_quantum", "api_token"]


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch):
    forget_all_tokens()
    monkeypatch.setattr(qiskit_runtime, "_warned_of", set())
    yield
    forget_all_tokens()


@pytest.fixture
def on(connect, emulator):
    """A hook of a connection with this channel."""

    def make(channel, extra=None, **parts):
        connect({"channel": channel, **PROJECT, **(extra or {})}, **{"host": emulator.iam_url, **parts})
        return QiskitRuntimeHook()

    return make


def requests_to(emulator, path):
    return [request for request in emulator.requests() if request["path"] == path]


# The connection test


def test_ibm_cloud_lists_its_backends(on):
    usable, said = on("ibm_cloud").test_connection()
    assert usable, said
    assert "in us-east, channel ibm_cloud. It may list backends: ibm_algiers, ibm_brisbane" in said
    assert "may read jobs" in said
    assert "usage" not in said


def test_ibm_quantum_logs_in_and_out(on, emulator):
    usable, said = on("ibm_quantum").test_connection()
    assert usable, said
    assert "project ibm-q-internal/near-time/qiskit-runtime at " in said
    assert "channel ibm_quantum. It may list backends: simulator_stabilizer" in said
    assert len(requests_to(emulator, "/api/users/loginWithToken")) == 1
    assert [one["status"] for one in requests_to(emulator, "/api/users/logout")] == [200]


def test_ibm_quantum_logs_out_when_the_test_fails(on, emulator):
    emulator.add_fault(path="/backends", status=403)
    usable, said = on("ibm_quantum").test_connection()
    assert not usable, said
    assert [one["status"] for one in requests_to(emulator, "/api/users/logout")] == [200]


def test_api_token_lists_its_programs(on):
    usable, said = on("api_token").test_connection()
    assert usable, said
    assert said.startswith("The API token is valid for project ")
    assert "It may list programs: circuit-runner, mit-6" in said


@pytest.mark.parametrize("channel", OLDER)
def test_a_wrong_key_fails_the_test_and_is_not_shown(on, channel):
    usable, said = on(channel, password="not-the-key-of-anybody").test_connection()
    assert not usable
    assert "password" in said
    assert "not-the-key-of-anybody" not in said


def test_an_older_channel_without_a_host_fails_the_test_with_the_reason(on):
    usable, said = on("ibm_cloud", host="").test_connection()
    assert (usable, "IBM has retired" in said) == (False, True)


def test_the_test_tells_that_the_api_version_ends(connect):
    connect({"api_version": "2025-05-01"})
    usable, said = QiskitRuntimeHook().test_connection()
    assert usable
    assert said.endswith(
        "on any day after 2027-01-01. Set api_version in the connection to 2026-04-15, or leave it empty."
    )


def test_the_test_tells_nothing_of_the_present_version(connection):
    usable, said = QiskitRuntimeHook().test_connection()
    assert usable
    assert "any day" not in said


# API versions


@pytest.fixture
def warned(capsys):
    """The warnings so far that an API version ends."""
    return lambda: [line for line in capsys.readouterr().out.splitlines() if "stop serving" in line]


def test_an_api_version_that_ends_is_warned_of_once_in_a_process(connect, warned):
    connect({"api_version": "2026-03-15"})
    for _ in range(3):
        assert QiskitRuntimeHook().settings.api_version == "2026-03-15"
    [warning] = warned()
    assert "warning" in warning
    assert "'qiskit_runtime_default'" in warning
    assert "2026-03-15 on any day after 2027-03-15. Set api_version in the connection to 2026-04-15" in warning


@pytest.mark.parametrize("extra", [{}, {"api_version": "2026-04-15"}, {"api_version": "2031-01-01"}], ids=str)
def test_no_other_version_is_warned_of(connect, warned, extra):
    connect(extra)
    _ = QiskitRuntimeHook().settings
    assert not warned()


def test_a_channel_without_versions_is_not_warned_of(on, warned):
    _ = on("ibm_cloud", {"api_version": "2025-05-01"}).settings
    assert not warned()


# Programs


def test_programs_are_listed_and_found(on):
    with on("api_token") as hook:
        assert [one.id for one in hook.list_programs()][:2] == ["circuit-runner", "mit-6"]
        assert hook.get_program("runtime-simple").cost_seconds == 1800.0
        with pytest.raises(errors.NoSuchProgramError, match="it offers circuit-runner"):
            hook.get_program("nothing")


def test_programs_of_ibm_quantum_are_ids(on, emulator):
    with on("ibm_quantum") as hook:
        assert hook.get_program("sampler").name == "sampler"
    assert not requests_to(emulator, "/api/users/loginWithToken")


@pytest.mark.parametrize("channel", ["ibm_quantum_platform", "ibm_cloud"])
def test_other_channels_list_no_programs(on, channel, emulator):
    host = {"host": emulator.url} if channel == "ibm_quantum_platform" else {}
    with pytest.raises(errors.NotOfferedError, match=f"'{channel}' has no list of programs"):
        on(channel, **host).list_programs()
    assert not emulator.requests()


# Logout


def test_the_last_hook_to_be_closed_logs_out(on, emulator):
    first, second = on("ibm_quantum"), on("ibm_quantum")
    first.client.backends()
    first.create_poll_client().backends()
    second.client.backends()
    first.close()
    assert not requests_to(emulator, "/api/users/logout")
    second.client.backends()
    second.close()
    assert [one["status"] for one in requests_to(emulator, "/api/users/logout")] == [200]


def test_a_hook_logs_out_when_its_block_fails(on, emulator):
    with pytest.raises(ZeroDivisionError), on("ibm_quantum") as hook:  # noqa: PT012
        hook.client.backends()
        raise ZeroDivisionError
    assert len(requests_to(emulator, "/api/users/logout")) == 1


def test_a_closed_hook_may_be_used_again(on, emulator):
    hook = on("ibm_quantum")
    for _ in range(2):
        hook.client.backends()
        hook.close()
    assert len(requests_to(emulator, "/api/users/logout")) == 2


# What needs tags, usage or workloads


@pytest.mark.parametrize("channel", OLDER)
def test_no_older_channel_adds_up_seconds(on, channel, emulator):
    with pytest.raises(errors.NotOfferedError, match=r"seconds_used: .*QPU time used"):
        on(channel).seconds_used(dag_id="dag")
    assert not emulator.requests()


# The form


def test_the_form_offers_every_channel():
    assert list(CHANNELS) == list(CHANNEL_LABELS)
    assert EXTRA_FIELDS["channel"].schema["enum"] == list(CHANNELS)


@pytest.mark.parametrize("channel", OLDER)
def test_messages_name_the_place_and_no_secret(on, channel, emulator):
    said = on(channel).describe()
    assert said.startswith("connection 'qiskit_runtime_default' (")
    assert emulator.instance.split(":")[6] not in said


@pytest.mark.parametrize(
    ("given", "stream"), [(None, True), ("", True), (True, True), (False, False), ("false", False)]
)
def test_live_status_is_on_unless_it_is_switched_off(on, given, stream):
    assert on("ibm_cloud", {"stream": given}).settings.stream is stream


def test_the_application_goes_into_the_header(on, emulator):
    hook = on("ibm_cloud", {"application": "our-app"})
    assert hook.settings.application == "our-app"
    assert hook.client.stream_headers()["x-qx-client-application"].endswith("/our-app")
