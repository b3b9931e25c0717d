"""The provider's metadata for Airflow."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import airflow
import jsonschema
import pytest

from airflow_provider_qrt.compat import has_state_store
from airflow_provider_qrt.get_provider_info import get_provider_info
from airflow_provider_qrt.hooks.connection_form import EXTRA_FIELDS
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook


def named_classes() -> list[str]:
    info = get_provider_info()
    return [*info["extra-links"], *(one["hook-class-name"] for one in info["connection-types"])]


def named_modules() -> list[str]:
    info = get_provider_info()
    kinds = [kind for kind in ("hooks", "operators", "sensors", "triggers") if kind in info]
    return [module for kind in kinds for entry in info[kind] for module in entry["python-modules"]]


def test_it_is_what_airflows_schema_wants():
    schema = json.loads((Path(airflow.__path__[0]) / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_the_entry_point_leads_to_it():
    found = [point for point in entry_points(group="apache_airflow_provider") if point.module.startswith("airflow_pro")]
    assert [point.load()() for point in found] == [get_provider_info()]


def test_it_names_the_distribution():
    assert version(get_provider_info()["package-name"])


@pytest.mark.parametrize("path", named_classes())
def test_every_class_it_names_exists(path):
    module, _, name = path.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), name), type)


def test_every_decorator_it_names_exists():
    for one in get_provider_info()["task-decorators"]:
        module, _, name = one["class-name"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("module", named_modules())
def test_every_module_it_names_exists(module):
    importlib.import_module(module)


def test_it_names_every_module_that_there_is():
    root = Path(importlib.import_module("airflow_provider_qrt").__path__[0])
    there = {
        f"airflow_provider_qrt.{kind}.{file.stem}"
        for kind in ("hooks", "sensors", "triggers")
        for file in (root / kind).glob("qiskit_runtime*.py")
    }
    assert there <= set(named_modules())


def test_it_says_the_same_as_the_hook():
    told = get_provider_info()["connection-types"][0]
    assert (told["connection-type"], told["hook-name"]) == (QiskitRuntimeHook.conn_type, QiskitRuntimeHook.hook_name)


def test_the_default_of_the_setting_is_the_one_in_the_code():
    from airflow_provider_qrt.config import DEFAULT_MAX_XCOM_BYTES, SECTION

    option = get_provider_info()["config"][SECTION]["options"]["max_xcom_bytes"]
    assert int(option["default"]) == DEFAULT_MAX_XCOM_BYTES


def test_airflow_shows_the_form_without_importing_the_hook():
    code = """
import json, sys
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
form = next(one for one in HookMetaService.hook_meta_data() if one.connection_type == "qiskit_runtime")
imported = "airflow_provider_qrt.hooks.qiskit_runtime" in sys.modules
print(json.dumps([sorted(form.extra_fields), form.standard_fields.password.title, imported]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    fields, password, imported = json.loads(done.stdout.splitlines()[-1])
    assert fields == sorted(EXTRA_FIELDS)
    assert password == "IBM Cloud API key"
    # Before Airflow 3.2.2 the form comes from the hook.
    assert not imported or not has_state_store()


def test_importing_the_hook_changes_nothing_about_the_form():
    from airflow.providers_manager import ProvidersManager

    widgets = ProvidersManager().connection_form_widgets
    if not has_state_store() and not widgets:
        pytest.skip("without Flask AppBuilder this Airflow has no form widgets")
    assert {f"extra__qiskit_runtime__{name}" for name in EXTRA_FIELDS} <= set(widgets)
