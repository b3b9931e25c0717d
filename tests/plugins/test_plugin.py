"""Airflow finds the pages, and they cost little in processes that do not serve them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.plugins.conftest import PAGES


def test_airflow_lists_the_plugin_with_its_views(browser):
    views = browser().client.get("/api/v2/plugins", params={"limit": 100}).json()["plugins"]

    [plugin] = [one for one in views if one["name"] == "qiskit_runtime"]
    assert [(view["name"], view["destination"], view["url_route"]) for view in plugin["react_apps"]] == [
        ("Quantum", "nav", "quantum"),
        ("Quantum result", "dag_run", "quantum-result"),
        ("Quantum trends", "dag", "quantum-trends"),
    ]
    for view in plugin["react_apps"]:
        icon = browser().client.get(view["icon"])
        assert icon.headers["content-type"].startswith("image/svg")
        script = browser().client.get(view["bundle_url"])
        assert script.headers["content-type"].startswith("text/javascript")
        # Airflow looks for the page under its name.
        assert f'register("{view["name"]}", ' in script.text
    assert plugin["fastapi_apps"][0]["url_prefix"] == PAGES


def test_loading_the_plugin_imports_no_web_framework_of_ours():
    """Workers, the scheduler and the triggerer load it too."""
    script = (
        "import sys\n"
        "from airflow.providers.common.compat.sdk import AirflowPlugin, conf\n"
        "before = set(sys.modules)\n"
        "from airflow_provider_qrt.plugins.qiskit_runtime import QiskitRuntimePlugin\n"
        "plugin = QiskitRuntimePlugin()\n"
        "plugin.react_apps, plugin.listeners, plugin.macros\n"
        "new = set(sys.modules) - before\n"
        "print([name for name in sorted(new) if name.split('.')[0] not in ('airflow', 'airflow_provider_qrt')])\n"
        "print([name for name in sorted(new) if name.startswith('airflow_provider_qrt.')])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)

    foreign, ours = done.stdout.strip().splitlines()[-2:]
    assert json.loads(foreign.replace("'", '"')) == []
    assert json.loads(ours.replace("'", '"')) == [
        "airflow_provider_qrt.cleanup",
        "airflow_provider_qrt.cleanup.listener",
        "airflow_provider_qrt.plugins",
        "airflow_provider_qrt.plugins.qiskit_runtime",
    ]


def test_paths_follow_airflows_base_url(monkeypatch):
    from airflow_provider_qrt.plugins.app import airflow_path
    from airflow_provider_qrt.plugins.qiskit_runtime import QiskitRuntimePlugin

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.com/airflow/")

    assert QiskitRuntimePlugin().react_apps[0]["bundle_url"] == "/airflow/qiskit-runtime/static/quantum.js"
    assert airflow_path() == "/airflow"


def test_without_a_connection_the_page_says_what_to_do(browser, database, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT", raising=False)
    database.add_dag("a_dag")

    assert "Admin, Connections" in browser().read("/api/quantum")["message"]


def test_connections_are_those_of_the_database_the_environment_and_the_settings(
    browser, database, connection, monkeypatch
):
    database.add_dag("a_dag")
    database._put("connection", conn_id="in_database", conn_type="qiskit_runtime")
    database._put("connection", conn_id="a_database", conn_type="postgres")
    monkeypatch.setenv("AIRFLOW_CONN_SOMETHING_ELSE", "http://example.com")
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__PAGES_CONNECTIONS", "in_vault")

    page = browser().read("/api/quantum")

    assert page["connections"] == ["qiskit_runtime_default", "in_database", "in_vault"]
    assert page["conn_id"] == "qiskit_runtime_default"


def test_only_listed_connections_can_be_looked_at(browser, database, connection):
    database.add_dag("a_dag")

    page = browser().read("/api/quantum", conn_id="another")

    assert page["conn_id"] is None
    assert "no connection 'another'" in page["message"]


def test_a_connection_that_lacks_something_is_told_of(browser, database, connect):
    database.add_dag("a_dag")
    connect(password="")

    page = browser().until(lambda page: page["freshness"]["state"] == "failed", "/api/quantum")

    assert "API key" in page["freshness"]["message"]


def test_the_price_is_the_settings(browser, database, connection, submit, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__PRICE_PER_SECOND", "0.8")
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__PRICE_CURRENCY", "EUR")
    database.add_dag("a_dag")
    submit("a_dag")

    page = browser().until(
        lambda page: page["freshness"]["state"] == "fresh" and page["jobs"]["counts"]["Completed"], "/api/quantum"
    )

    assert page["price"] == {"per_second": 0.8, "currency": "EUR"}
    [row] = page["jobs"]["rows"]
    assert row["cost"] == pytest.approx(row["seconds"] * 0.8, abs=0.01)


def test_settings_that_make_no_sense_are_told_of_or_left_aside(browser, database, connection, submit, monkeypatch):
    database.add_dag("a_dag")
    submit("a_dag")
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__PAGES_DAYS", "a month")
    assert browser().jobs()["jobs"]["total"] == 1

    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__PRICE_PER_SECOND", "cheap")
    answer = browser().get("/api/quantum")
    assert answer.status_code == 500
    assert "price_per_second is not a number" in answer.json()["detail"]


def test_older_generations_show_what_they_have(browser, database, connect, emulator):
    """A channel without tags and usage: a sentence for what it has not."""
    database.add_dag("a_dag")
    connect({"channel": "api_token", "hub": "a", "group": "b", "project": "c"}, host=emulator.root_url)

    page = browser().until(lambda page: page["freshness"]["state"] == "fresh", "/api/quantum")

    assert "tags" in page["problems"]["jobs"]
    assert page["instance"] is None
