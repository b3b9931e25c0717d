"""Steps of users in Airflow's pages."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect

from airflow_provider_qrt.emulator import Emulator
from tools.airflow_with_login import AirflowWithLogin
from tools.demo import connection

BELL_PAIR = "qiskit_runtime_bell_pair"
CONNECTION = "qiskit_runtime_default"
PATIENCE = 60_000
"""Milliseconds that a page may take to show something, on a machine that is busy with Airflow."""


def forget_connection(airflow: AirflowWithLogin) -> None:
    """Delete the connection if there is one."""
    with contextlib.suppress(RuntimeError):
        airflow.api("DELETE", f"/connections/{CONNECTION}")


def define_connection(airflow: AirflowWithLogin, service: Emulator, **parts: Any) -> None:
    """Define the connection without the form."""
    forget_connection(airflow)
    given = {"connection_id": CONNECTION, **connection(service), "port": 443, **parts}
    airflow.api("POST", "/connections", json={**given, "extra": json.dumps(given["extra"])})


def log_in(page: Page, airflow: AirflowWithLogin, user: str) -> None:
    """Go to Airflow, which asks who one is, and say so."""
    page.goto(airflow.url)
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(airflow.passwords[user])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible(timeout=PATIENCE)


def begin_connection(page: Page, airflow: AirflowWithLogin) -> Locator:
    """Open the form for a connection of our type and return it."""
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill(CONNECTION)
    form.get_by_label("Connection Type").fill("IBM Quantum")
    page.get_by_role("option", name="IBM Quantum (Qiskit Runtime)").click()
    return form


def unfold(form: Locator, section: str, field: str) -> Locator:
    """Open a section of the form and return one of its fields, by name."""
    form.get_by_role("button", name=section, exact=True).click()
    found = form.locator(f"[name=element_{field}]")
    expect(found).to_be_visible(timeout=PATIENCE)
    return found


def try_connection(page: Page, outcome: str) -> str:
    """Push the connection's button and return what is said."""
    page.get_by_role("button", name="Test Connection").click()
    said = page.get_by_role("status").filter(has_text=f"Test Connection {outcome}")
    expect(said).to_be_visible(timeout=PATIENCE)
    return said.inner_text()


def trigger(page: Page, airflow: AirflowWithLogin, dag_id: str) -> str:
    """Start a run with the button and return the run's id."""
    page.goto(f"{airflow.url}/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").first.click()
    with page.expect_response(lambda answer: answer.request.method == "POST" and "/dagRuns" in answer.url) as answered:
        page.get_by_role("dialog").get_by_role("button", name=re.compile("^Trigger")).click()
    return str(answered.value.json()["dag_run_id"])


def quantum_page(airflow: AirflowWithLogin) -> str:
    """Address of the page Quantum."""
    return f"{airflow.url}/plugin/quantum"


def result_page(airflow: AirflowWithLogin, dag_id: str, run_id: str) -> str:
    """Address of the tab with a run's results."""
    return f"{airflow.url}/dags/{dag_id}/runs/{quote(run_id, safe='')}/plugin/quantum-result"


def trends_page(airflow: AirflowWithLogin, dag_id: str) -> str:
    """Address of the tab with a DAG's trends."""
    return f"{airflow.url}/dags/{dag_id}/plugin/quantum-trends"


def page_of(name: str, airflow: AirflowWithLogin, runs: dict[str, str]) -> str:
    """Address of ``quantum``, ``result`` or ``trends``, those of the Bell pair."""
    places = {
        "quantum": quantum_page(airflow),
        "result": result_page(airflow, BELL_PAIR, runs[BELL_PAIR]),
        "trends": trends_page(airflow, BELL_PAIR),
    }
    return places[name]


def plotted_counts(page: Page) -> list[dict[str, int]]:
    """Return the counts of a page, one for each PUB, once they are drawn."""
    pubs = page.get_by_test_id("pub")
    expect(pubs.first.get_by_test_id("histogram")).to_have_attribute("data-drawn", "yes", timeout=PATIENCE)
    return [
        {str(row.get_attribute("data-label")): int(row.get_attribute("data-count") or 0) for row in rows}
        for rows in (pub.get_by_test_id("count-row").all() for pub in pubs.all())
    ]
