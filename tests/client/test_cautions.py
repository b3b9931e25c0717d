"""Settings that work today, but expose something or will stop working, have a warning."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.client import ClientSettings
from airflow_provider_qrt.client.cautions import cautions, is_this_machine
from airflow_provider_qrt.client.versions import SUNSETS, sunset_warning

from .conftest import API_KEY, CRN

HOST = (
    "The connection's host begins with http://: the token, circuits and results cross the network unencrypted, and "
    "anybody on the way can read and change what is sent. Use https://."
)
IAM = (
    "The connection's iam_url begins with http://: the API key crosses the network unencrypted, and anybody on the way "
    "can read and change what is sent. Use https://."
)
VERIFY = (
    "The connection's verify is false: anybody on the way can pose as the service and read the API key. Set it to "
    "true, or to the path of your CA bundle."
)


def create(**others):
    return ClientSettings.create(api_key=API_KEY, instance=CRN, **others)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, []),
        ({"base_url": "https://qpu.example.com/api/v1", "iam_url": "https://iam.example.com"}, []),
        ({"base_url": "http://localhost:8000/api/v1", "iam_url": "http://127.0.0.1:8000"}, []),
        ({"base_url": "http://qpu.example.com/api/v1"}, [HOST]),
        ({"iam_url": "http://iam.example.com"}, [IAM]),
        ({"verify": "/a/bundle.pem"}, []),
        ({"verify": False}, [VERIFY]),
        (
            {"base_url": "http://qpu.example.com/api/v1", "iam_url": "HTTP://iam.example.com", "verify": False},
            [HOST, IAM, VERIFY],
        ),
    ],
)
def test_what_lets_others_read_along_has_a_warning(given, says):
    assert cautions(create(**given)) == says


@pytest.mark.parametrize("host", ["localhost", "emulator.localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_a_name_of_this_machine_is_known(host):
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host", ["", "example.com", "mylocalhost", "localhost.example.com", "0.0.0.0", "10.0.0.1", "::"]
)
def test_a_name_of_another_machine_is_known(host):
    assert not is_this_machine(host)


def test_an_api_version_that_will_stop_has_a_warning():
    assert sunset_warning(create(api_version="2026-02-15")) == (
        "IBM may stop serving the API version 2026-02-15 on any day after 2027-02-15. Set api_version in the "
        "connection to 2026-04-15, or leave it empty."
    )


@pytest.mark.parametrize("version", SUNSETS)
def test_every_version_with_an_end_has_a_warning(version):
    assert f"{version} on any day after {SUNSETS[version]}" in sunset_warning(create(api_version=version))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"api_version": "2062-01-01"},
        {"api_version": "2024-01-01", "channel": "ibm_cloud", "base_url": "https://runtime.example.com"},
    ],
    ids=["present", "unknown", "channel without versions"],
)
def test_other_api_versions_have_none(given):
    assert sunset_warning(create(**given)) is None
