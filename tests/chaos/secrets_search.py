"""Searches everything that an Airflow writes for secrets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import requests

from airflow_provider_qrt.emulator import Emulator
from tools.local_airflow import LocalAirflow

TOKEN_START = 60
"""So many characters begin every token of an emulator: the header and the claim that names the user."""
LINEAGE = "lineage.jsonl"
"""File in Airflow's home that OpenLineage's events are written to."""
TABLES = {"log", "rendered_task_instance_fields", "task_instance", "task_instance_history", "task_state_store", "xcom"}
"""Tables that must be among those searched."""


def secrets_of(service: Emulator) -> list[str]:
    """The service's API key, the account in its CRN, and what all of its bearer tokens begin with."""
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": service.api_key}
    tokens = [
        requests.post(f"{service.iam_url}/identity/token", data=form, timeout=10).json()["access_token"]
        for _ in range(2)
    ]
    assert tokens[0] != tokens[1]
    assert tokens[0][:TOKEN_START] == tokens[1][:TOKEN_START]
    account = service.instance.split(":")[6].removeprefix("a/")
    return [service.api_key, service.instance, quote(service.instance, safe=""), account, tokens[0][:TOKEN_START]]


class Pages:
    """The content of the pages for an administrator.

    Args:
        airflow: Whose pages.
    """

    def __init__(self, airflow: LocalAirflow) -> None:
        self._airflow = airflow
        self._session = requests.Session()
        token = self._session.get(f"{airflow.url}/auth/token", timeout=60).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def of_connections(self, connections: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the address of each connection's page, and the answer with its headers; it may not be read yet."""
        for conn_id in connections:
            yield self._ask("/api/quantum", conn_id=conn_id)

    def of_runs(self) -> Iterator[tuple[str, bytes]]:
        """Yield the same of the pages and downloads of all runs."""
        for run in self._airflow.api("GET", "/dags/~/dagRuns?limit=1000")["dag_runs"]:
            of_run = {"dag_id": run["dag_id"], "run_id": run["dag_run_id"]}
            yield self._ask("/api/result", **of_run)
            yield self._ask("/api/result/download", task_id="measure", format="csv", **of_run)

    def _ask(self, path: str, **parameters: str) -> tuple[str, bytes]:
        answer = self._session.get(f"{self._airflow.url}/qiskit-runtime{path}", params=parameters, timeout=120)
        assert answer.status_code in (200, 404), answer.text
        return f"{path} {parameters}", str(answer.headers).encode() + answer.content


def find_in_pages(pages: Iterable[tuple[str, bytes]], texts: Iterable[str]) -> list[str]:
    """Search the pages; return where one of the texts was found."""
    wanted = [text.encode() for text in dict.fromkeys(texts)]
    return [address for address, content in pages for text in wanted if text in content]


def find_in_airflow(home: Path, texts: Iterable[str]) -> list[str]:
    """Search every file, and every row of every table of the database.

    Returns:
        Where one of the texts was found: a file's or a table's name, once for each text.
    """
    wanted = [text.encode() for text in dict.fromkeys(texts)]
    found: list[str] = []
    for file in sorted(home.rglob("*")):
        # The database's own file is among them, for rows that were deleted: what they held is still in its pages.
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            found += [str(file.relative_to(home)) for text in wanted if text in content]
    with closing(sqlite3.connect(f"file:{home}/airflow.db?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert set(tables) >= TABLES | {"trigger", "callback"}
        for table in tables:
            # Bytes as they are: their repr would hide a text in another way of writing.
            for row in database.execute(f'SELECT * FROM "{table}"'):
                content = b"\0".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
                found += [table for text in wanted if text in content]
    return found
