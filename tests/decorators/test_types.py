"""The errors that a type checker shows to the author of a DAG file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USAGE = Path(__file__).with_name("checked_usage.py")


def test_mypy_finds_the_errors_and_nothing_else(tmp_path):
    pytest.importorskip("mypy")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(USAGE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {int(number) for number in re.findall(rf"{USAGE.name}:(\d+): error", checked.stdout)}
    wanted = {number for number, line in enumerate(USAGE.read_text().splitlines(), 1) if line.endswith("# error")}
    assert found == wanted, checked.stdout + checked.stderr
