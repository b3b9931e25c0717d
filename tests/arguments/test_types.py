"""The errors that mypy and pyright show to the author of a DAG file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
USAGE = Path(__file__).with_name("checked_usage.py")


def lines_with_errors() -> set[int]:
    return {number for number, line in enumerate(USAGE.read_text().splitlines(), 1) if line.endswith("# error")}


def test_mypy_finds_the_errors_and_nothing_else():
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(USAGE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {int(number) for number in re.findall(rf"{USAGE.name}:(\d+): error", checked.stdout)}
    assert found == lines_with_errors(), checked.stdout + checked.stderr


def test_pyright_finds_the_errors_and_nothing_else(tmp_path):
    settings = tmp_path / "pyrightconfig.json"
    settings.write_text(
        json.dumps({"include": [str(USAGE)], "extraPaths": [str(ROOT)], "typeCheckingMode": "standard"})
    )
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "basedpyright",
            "--project",
            str(settings),
            "--outputjson",
            "--pythonpath",
            sys.executable,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(checked.stdout)["generalDiagnostics"]
    found = {one["range"]["start"]["line"] + 1 for one in told if one["severity"] == "error"}
    assert found == lines_with_errors(), checked.stdout + checked.stderr
