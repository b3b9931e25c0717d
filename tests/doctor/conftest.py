"""Runs the doctor as users type it, on the unchanged emulator and on an emulator with changed behaviour."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_qrt.cli.main import main


@pytest.fixture
def examine(connection: None, emulator, monkeypatch) -> Iterator[Callable[..., tuple[int, dict[str, dict[str, str]]]]]:
    """Run the doctor; return its exit code and its rows by id, those that differ before others of the same id."""
    monkeypatch.setattr("airflow_provider_qrt.doctor.running.POLL", 0.05)

    def run(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
        out = io.StringIO()
        code = main(["doctor", "--json", *arguments], out)
        rows = json.loads(out.getvalue())
        return code, {row["id"]: row for row in sorted(rows, key=lambda row: row["verdict"] == "differs")}

    yield run
    emulator.configure(token_lifetime=3600)
