"""Tests every row of docs/emulator-reference.md, which lists how far the emulator follows IBM's REST API."""

from __future__ import annotations

import re

import pytest
import requests

from . import (
    reference_checks_api,  # noqa: F401 - registers checks
    reference_checks_generations,  # noqa: F401 - registers checks
    reference_checks_jobs,  # noqa: F401 - registers checks
    reference_checks_programs,  # noqa: F401 - registers checks
)
from .older import Classic, Cloud, First
from .reference_table import FOLLOWED, check, rows

ROWS = rows()


@pytest.fixture
def defaults(emulator):
    """Reset the state that the fixture of the other tests does not reset."""
    emulator.configure(token_lifetime=3600, retry_after=True, usage_limit_mode="refuse", speed=1)


def test_every_row_has_one_check_and_every_check_a_row():
    ids = [row.id for row in ROWS]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(check.by_id)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_says_whether_it_is_followed_and_where_not(row):
    assert row.followed in FOLLOWED
    assert bool(row.remark) == (row.followed != "yes")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
@pytest.mark.usefixtures("defaults")
def test_the_emulator_does_as_the_row_says(row, api):
    check.by_id[row.id](api)


@pytest.mark.parametrize("row", [row for row in ROWS if row.id.startswith("E-")], ids=lambda row: row.id)
def test_every_endpoint_asks_for_a_token_except_where_the_table_says_otherwise(row, api):
    method, path = re.fullmatch(r"`([A-Z]+) (/\S*)`", row.cells[0]).groups()
    if row.id == "E-iam-token":
        return
    answer = api.send(method, path.replace("{id}", "x"), headers={"Authorization": None})
    if "401" in row.cells[2]:
        assert api.refusal(answer) == (401, 1201)
    else:
        assert answer.status_code in (200, 404)


def test_every_route_that_the_emulator_describes_has_a_row(emulator):
    listed = {row.cells[0].strip("`") for row in ROWS if row.id.startswith("E-")}
    paths = requests.get(f"{emulator.root_url}/openapi.json", timeout=10).json()["paths"]
    for path, methods in paths.items():
        if path.startswith(("/api/v1", "/identity")):
            shown = re.sub(r"\{\w+\}", "{id}", path.removeprefix("/api/v1"))
            assert {f"{method.upper()} {shown}" for method in methods} <= listed


def test_every_route_of_the_older_generations_has_a_row(emulator):
    listed = {row.cells[0].strip("`") for row in ROWS if row.id.startswith("G-")}
    paths = requests.get(f"{emulator.root_url}/openapi.json", timeout=10).json()["paths"]
    described = {
        f"{method.upper()} {re.sub(r'{[a-z_]+}', '{id}', path)}"
        for path, methods in paths.items()
        if not path.startswith(("/api/v1", "/identity", "/_"))
        for method in methods
    }
    # A websocket is no operation of an OpenAPI description.
    assert described == listed - {"GET /stream/jobs/{id}"}


@pytest.mark.parametrize("row", [row for row in ROWS if row.id.startswith("G-")], ids=lambda row: row.id)
def test_a_generation_without_a_route_says_not_found(row, emulator):
    method, path = row.cells[0].strip("`").split(" ")
    if path.startswith(("/api/users", "/programs")):
        return
    for number, client in enumerate((Cloud, Classic, First), start=1):
        answer = client(emulator).send(method, path.replace("{id}", "x"), json={})
        if str(number) not in row.cells[1]:
            assert answer.status_code in (404, 426)
            assert "Job not found" not in answer.text
