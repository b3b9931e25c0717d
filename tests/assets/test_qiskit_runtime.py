"""The asset that Airflow creates from the URI of a backend."""

from __future__ import annotations

import pytest
from airflow.sdk import Asset, AssetWatcher

from airflow_provider_qrt.assets.qiskit_runtime import convert_asset_to_openlineage, create_asset
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeBackendTrigger

ACCOUNT = "0123456789abcdef0123456789abcdef"
INSTANCE = "01234567-89ab-cdef-0123-456789abcdef"
CRN = f"crn:v1:bluemix:public:quantum-computing:us-east:a/{ACCOUNT}:{INSTANCE}::"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("qiskit-runtime://lab/ibm_fez", "qiskit-runtime://lab/ibm_fez"),
        ("Qiskit-Runtime://Lab/IBM_Fez/", "qiskit-runtime://lab/ibm_fez"),
        (f"qiskit-runtime://{INSTANCE}/ibm_fez", f"qiskit-runtime://{INSTANCE}/ibm_fez"),
        ("qiskit-runtime://our.lab-2/ibm_fez", "qiskit-runtime://our.lab-2/ibm_fez"),
    ],
)
def test_airflow_writes_a_uri_in_one_way(written, meant):
    assert Asset("backend", uri=written).uri == meant


@pytest.mark.parametrize(
    "written",
    [
        "qiskit-runtime://lab",
        "qiskit-runtime://lab/",
        "qiskit-runtime:///ibm_fez",
        "qiskit-runtime://lab/ibm_fez/2",
        "qiskit-runtime://lab/ibm_fez?calibration=1",
        "qiskit-runtime://lab:443/ibm_fez",
        "qiskit-runtime://me@lab/ibm_fez",
        "qiskit-runtime://lab/ibm fez",
    ],
)
def test_what_names_no_backend_is_refused(written):
    with pytest.raises(ValueError, match="qiskit-runtime://instance/backend"):
        Asset("backend", uri=written)


@pytest.mark.parametrize("instance", [ACCOUNT, f"a/{ACCOUNT}", CRN])
def test_an_account_is_refused_and_not_quoted(instance):
    with pytest.raises(ValueError, match=r"eighth field of its CRN|nothing after the backend") as refused:
        Asset("backend", uri=f"qiskit-runtime://{instance}/ibm_fez")
    assert ACCOUNT not in str(refused.value)


def test_of_a_crn_only_the_instances_id_is_taken():
    asset = create_asset(instance=CRN, backend="ibm_fez")
    assert (asset.name, asset.uri) == (f"qiskit-runtime://{INSTANCE}/ibm_fez",) * 2
    assert ACCOUNT not in repr(asset)


def test_the_factory_makes_what_the_uri_does():
    watcher = AssetWatcher(name="back", trigger=QiskitRuntimeBackendTrigger(backend="ibm_fez"))
    made = create_asset(instance="Lab", backend="ibm_fez", name="fez", extra={"where": "here"}, watchers=[watcher])
    assert made == Asset("fez", "qiskit-runtime://lab/ibm_fez", extra={"where": "here"}, watchers=[watcher])


def test_airflow_finds_the_factory_and_the_converter():
    manager = pytest.importorskip("airflow.sdk.providers_manager_runtime").ProvidersManagerTaskRuntime()
    assert manager.asset_factories["qiskit-runtime"] is create_asset
    assert manager.asset_to_openlineage_converters["qiskit-runtime"] is convert_asset_to_openlineage


def test_openlineage_knows_a_backend_by_its_instance():
    pytest.importorskip("openlineage.client")
    dataset = convert_asset_to_openlineage(create_asset(instance=INSTANCE, backend="ibm_fez"), None)
    assert (dataset.namespace, dataset.name) == (f"qiskit-runtime://{INSTANCE}", "ibm_fez")
