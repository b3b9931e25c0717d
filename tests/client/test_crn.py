from __future__ import annotations

import pytest

from airflow_provider_qrt.client.crn import InstanceCrn, base_url, iam_url, is_ibms
from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.settings import ClientSettings

ACCOUNT = "0123456789abcdef" * 2
CRN = f"crn:v1:bluemix:public:quantum-computing:eu-de:a/{ACCOUNT}:11111111-2222-4333-8444-555555555555::"


def test_the_sixth_field_is_the_region():
    assert InstanceCrn.parse(CRN).region == "eu-de"


def test_the_eighth_field_is_the_instance_with_its_hyphens():
    assert InstanceCrn.parse(CRN).instance_id == "11111111-2222-4333-8444-555555555555"


def test_the_whole_crn_is_kept_for_the_header():
    assert InstanceCrn.parse(CRN).value == CRN


@pytest.mark.parametrize("text", [CRN[:-1], CRN[:-2], f"  {CRN}\n"], ids=["one colon", "no colons", "white space"])
def test_copying_casualties_are_repaired(text):
    assert InstanceCrn.parse(text).value == CRN


def test_the_test_cloud_is_accepted():
    assert InstanceCrn.parse(CRN.replace("bluemix", "staging")).region == "eu-de"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "no instance CRN"),
        ("   ", "no instance CRN"),
        ("11111111-2222-4333-8444-555555555555", "begin with 'crn:'"),
        ("crn:v1:bluemix:public:quantum-computing:eu-de", "malformed"),
        (CRN.replace("quantum-computing", "cloud-object-storage"), "not 'quantum-computing'"),
        (CRN.replace("eu-de", ""), "lacks its region"),
        (CRN.replace("eu-de", "evil.example/#"), "characters that no CRN has"),
        (CRN.replace("eu-de", "-"), "characters that no CRN has"),
        (CRN.replace(ACCOUNT, f"{ACCOUNT}\r\nX-Other: 1".replace(":", "")), "characters that no CRN has"),
        (CRN.replace("555555", "55 5555"), "characters that no CRN has"),
    ],
)
def test_what_is_no_quantum_crn_is_refused_with_the_reason(text, hint):
    with pytest.raises(InvalidSettingsError, match=hint):
        InstanceCrn.parse(text)


OTHERS = [
    "crn:v1:bluemix:public:quantum-computing:us-east:a/localqpu::localqpu",
    "crn:v1:bluemix:public:quantum-computing:us-east:a/localqpu:my-instance:x:y",
    "crn:v1:mine:public:my-service::::",
    "crn:local",
    "my-instance",
]


@pytest.mark.parametrize("text", OTHERS)
def test_the_instance_of_another_service_is_passed_on_as_it_is(text):
    settings = ClientSettings.create(api_key="key", instance=f" {text}\n", base_url="http://127.0.0.1:8765/api/v1")
    assert settings.crn.value == text
    assert "localqpu" not in str(settings.crn).replace("instance localqpu", "")
    for ibms in ("", "https://quantum.cloud.ibm.com/api/v1", "https://eu-de.quantum.cloud.ibm.com/api/v1"):
        with pytest.raises(InvalidSettingsError):
            ClientSettings.create(api_key="key", instance=text, base_url=ibms)


NOT_IBMS = "whose CRN is not IBM's"


@pytest.mark.parametrize(
    ("text", "region", "instance_id", "account", "shown"),
    [
        (OTHERS[0], "us-east", "localqpu", "localqpu", "instance localqpu in us-east"),
        (OTHERS[1], "us-east", "y", "localqpu", "instance y in us-east"),
        (OTHERS[2], "", "my-service", "", "instance my-service"),
        (OTHERS[3], "", "local", "", "instance local"),
        (OTHERS[4], "", NOT_IBMS, "", f"instance {NOT_IBMS}"),
        ("crn:v1:x:public:service:eu:a/acct::", "eu", "eu", "acct", "instance eu in eu"),
        ("crn:a:b:c:d:e", "e", "e", "", "instance e in e"),
        ("crn:a:b:c:d", "", "d", "", "instance d"),
        ("a/b:c:d:e:f:g", "", NOT_IBMS, "", f"instance {NOT_IBMS}"),
    ],
)
def test_the_instance_of_another_service_is_named_as_well_as_it_can_be(text, region, instance_id, account, shown):
    crn = InstanceCrn.of_any_service(f" {text} ")
    assert crn == InstanceCrn(text, region, instance_id)
    assert (crn.account, str(crn)) == (account, shown)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://quantum.cloud.ibm.com/api/v1", True),
        ("https://cloud.ibm.com", True),
        ("https://EU-DE.Quantum.Cloud.IBM.com:443/", True),
        ("https://evilcloud.ibm.com", False),
        ("https://cloud.ibm.com.example.com", False),
        ("https://example.com/cloud.ibm.com", False),
        ("quantum.cloud.ibm.com", False),
        ("https://[broken", False),
        ("", False),
    ],
)
def test_ibms_own_hosts_are_known(url, expected):
    assert is_ibms(url) is expected


@pytest.mark.parametrize("text", ["", "  ", "crn:v1:a\r\nX-Other:1", "a b", "crn:ψ"])
def test_what_no_header_can_carry_is_refused_for_every_service(text):
    with pytest.raises(InvalidSettingsError):
        ClientSettings.create(api_key="key", instance=text, base_url="http://127.0.0.1:8765/api/v1")


def test_a_crn_of_ibms_is_repaired_at_an_address_of_ones_own_too():
    settings = ClientSettings.create(api_key="key", instance=CRN[:-2], base_url="http://127.0.0.1:8765/api/v1")
    assert (settings.crn.value, settings.crn.region) == (CRN, "eu-de")


def test_a_refusal_says_where_to_copy_it_from():
    with pytest.raises(InvalidSettingsError, match=r"quantum\.cloud\.ibm\.com/instances"):
        InstanceCrn.parse("nonsense")


@pytest.mark.parametrize("show", [str, repr])
def test_the_account_is_not_shown(show):
    assert ACCOUNT not in show(InstanceCrn.parse(CRN))


def test_the_account_can_be_had_for_blotting_it_out():
    assert InstanceCrn.parse(CRN).account == ACCOUNT


@pytest.mark.parametrize(
    ("region", "private", "url"),
    [
        ("us-east", False, "https://quantum.cloud.ibm.com/api/v1"),
        ("eu-de", False, "https://eu-de.quantum.cloud.ibm.com/api/v1"),
        ("jp-tok", False, "https://jp-tok.quantum.cloud.ibm.com/api/v1"),
        ("us-east", True, "https://private.us-east.quantum.cloud.ibm.com/api/v1"),
        ("eu-de", True, "https://private.eu-de.quantum.cloud.ibm.com/api/v1"),
    ],
)
def test_a_region_has_its_host(region, private, url):
    assert base_url(region, private=private) == url


def test_private_endpoints_have_their_own_iam():
    assert (iam_url(), iam_url(private=True)) == ("https://iam.cloud.ibm.com", "https://private.iam.cloud.ibm.com")
