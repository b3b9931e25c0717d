from __future__ import annotations

import pytest

from airflow_provider_qrt.client import ClientSettings
from airflow_provider_qrt.client.errors import InvalidSettingsError

ACCOUNT = "0123456789abcdef" * 2
CRN = f"crn:v1:bluemix:public:quantum-computing:eu-de:a/{ACCOUNT}:instance-1::"
KEY = "api-key-of-the-tests"


def create(**others):
    return ClientSettings.create(api_key=KEY, instance=CRN, **others)


def test_the_urls_follow_from_the_region():
    settings = create()
    assert (settings.base_url, settings.iam_url) == (
        "https://eu-de.quantum.cloud.ibm.com/api/v1",
        "https://iam.cloud.ibm.com",
    )


def test_private_endpoints_change_both_urls():
    settings = create(private_endpoint=True)
    assert (settings.base_url, settings.iam_url) == (
        "https://private.eu-de.quantum.cloud.ibm.com/api/v1",
        "https://private.iam.cloud.ibm.com",
    )


def test_given_urls_win_over_the_region():
    settings = create(base_url="http://localhost:8000/api/v1", iam_url="http://localhost:8000")
    assert (settings.base_url, settings.iam_url) == ("http://localhost:8000/api/v1", "http://localhost:8000")


def test_a_trailing_slash_does_not_double():
    assert create(base_url=" https://host/api/v1/ ").base_url == "https://host/api/v1"


def test_the_current_api_version_is_the_default():
    assert create().api_version == "2026-04-15"


def test_white_space_around_the_key_is_not_part_of_it():
    assert ClientSettings.create(api_key=f" {KEY}\n", instance=CRN).api_key == KEY


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_missing_key_is_reported_with_where_to_get_one(key):
    with pytest.raises(InvalidSettingsError, match=r"cloud\.ibm\.com/iam/apikeys"):
        ClientSettings.create(api_key=key, instance=CRN)


def test_a_missing_crn_is_reported():
    with pytest.raises(InvalidSettingsError, match="no instance CRN"):
        ClientSettings.create(api_key=KEY, instance=None)


@pytest.mark.parametrize("field", ["base_url", "iam_url"])
@pytest.mark.parametrize(
    "url",
    [
        "quantum.cloud.ibm.com",
        "ftp://host/api/v1",
        "https://",
        "https://[broken/api",
        "https://host:99999/api",
        "https://host/api/v1?x=1",
        "https://host/api/v1#x",
    ],
)
def test_what_is_no_url_is_refused(field, url):
    with pytest.raises(InvalidSettingsError, match="is not a URL"):
        create(**{field: url})


@pytest.mark.parametrize("url", ["https://user:pass-word@host/api/v1", "ftp://user:pass-word@host", "pass-word"])
def test_a_refused_url_is_not_quoted(url):
    with pytest.raises(InvalidSettingsError) as caught:
        create(base_url=url)
    assert "pass-word" not in str(caught.value)


@pytest.mark.parametrize("field", ["api_version", "application"])
@pytest.mark.parametrize("value", ["2026\u201304\u201315", "2026-04-15\r\nX-Other: 1"])
def test_what_cannot_stand_in_a_header_is_refused(field, value):
    with pytest.raises(InvalidSettingsError, match=f"{field} must be plain ASCII"):
        create(**{field: value})


def test_the_repr_shows_no_secret():
    shown = repr(create(proxies={"https": "http://user:pass-word@proxy:3128"}))
    assert not [secret for secret in (KEY, ACCOUNT, "pass-word") if secret in shown]
