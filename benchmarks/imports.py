"""Measures the import time of the provider, which the DAG processor spends again for each parsing of a DAG file.

Every round starts two new processes one after the other. Each process first imports the usual names from
``airflow.sdk``, collects garbage, and then imports either every operator, sensor, trigger, hook and link of the
provider, or ``qiskit_ibm_runtime``, which a DAG file with the official client would import. The second time is divided
by the first of the same process, since a slow or busy machine lengthens both.
"""

from __future__ import annotations

import json
import os
import pkgutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.report import Goal, Report, Table

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 10
MOST_SHARE = 0.026
"""Of the time that the names from ``airflow.sdk`` take."""
FORBIDDEN = ("qiskit", "numpy")
HEAVY = ("numpy", "qiskit", "requests", "openqasm3")
ROOMS = ("operators", "sensors", "triggers", "hooks", "links", "decorators")

BASE = "from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, task"
OFFICIAL = "from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2"
PROGRAM = """
import gc, json, sys, time
start = time.perf_counter()
{base}
loaded = time.perf_counter()
gc.collect()
between = time.perf_counter()
before = set(sys.modules)
{lines}
end = time.perf_counter()
print(json.dumps({{
    "base": loaded - start, "added": end - between, "modules": len(set(sys.modules) - before),
    "heavy": [name for name in {heavy} if name in sys.modules],
}}))
"""


def provider_lines() -> list[str]:
    """Return one import line for each public class of the provider that a DAG file can import.

    This imports Airflow, which changes logging for the whole process, so do not call it in the benchmarks' process.
    """
    from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink
    from airflow.triggers.base import BaseTrigger

    import airflow_provider_qrt

    kinds = (BaseOperator, BaseHook, BaseOperatorLink, BaseTrigger)
    lines = []
    for found in pkgutil.walk_packages(airflow_provider_qrt.__path__, "airflow_provider_qrt."):
        if found.name.split(".")[1] not in ROOMS:
            continue
        for name, value in vars(import_module(found.name)).items():
            ours = isinstance(value, type) and issubclass(value, kinds) and value.__module__ == found.name
            if ours and not name.startswith("_"):
                lines.append(f"from {found.name} import {name}")
    return lines


def measure(lines: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run the lines in a new process."""
    program = PROGRAM.format(base=BASE, lines=lines, heavy=HEAVY)
    measured: dict[str, Any] = json.loads(_last_line(program, environment))
    return measured


def _last_line(program: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout.splitlines()[-1]


def report(rounds: int = ROUNDS) -> Report:
    """Measure both in turn."""
    ours, official = [], []
    with tempfile.TemporaryDirectory(prefix="qrt-bench-") as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        environment["AIRFLOW_HOME"] = home
        program = "import benchmarks.imports as own, json; print(json.dumps(own.provider_lines()))"
        ours_lines: list[str] = json.loads(_last_line(program, environment))
        for number in range(rounds + 1):
            pair = measure("\n".join(ours_lines), environment), measure(OFFICIAL, environment)
            if number:  # The first round writes the bytecode and fills the caches of the operating system.
                ours.append(pair[0])
                official.append(pair[1])
    base = statistics.median(one["base"] for one in ours + official)
    rows = [_row("all of airflow_provider_qrt", ours), _row("qiskit_ibm_runtime", official)]
    share = statistics.median(map(_share, ours))
    ratio = statistics.median(b["added"] / a["added"] for a, b in zip(ours, official, strict=True))
    loaded = sorted({name for one in ours for name in one["heavy"]})
    forbidden = [name for name in FORBIDDEN if name in loaded]
    return Report(
        "Imports of a DAG file",
        [
            Table(
                f"Time added by importing {len(ours_lines)} classes ({rounds} pairs of fresh processes):",
                ("imported", "share of airflow.sdk", "quartiles", "time", "new modules", "heavy ones loaded"),
                rows,
            )
        ],
        [
            Goal(f"the median of the share is at most {_percent(MOST_SHARE)}", _percent(share), share <= MOST_SHARE),
            Goal(f"neither {' nor '.join(FORBIDDEN)} is loaded", ", ".join(forbidden) or "neither", not forbidden),
        ],
        [
            f"airflow.sdk is `{BASE}`, which a DAG file imports anyway: {base * 1000:.0f} ms (median).",
            f"Within a pair, importing qiskit_ibm_runtime takes {ratio:.0f} times as long (median).",
            "Imported: " + ", ".join(line.rsplit(" ", 1)[1] for line in ours_lines) + ".",
        ],
    )  # fmt: skip


def _share(measured: Mapping[str, Any]) -> float:
    """Return the added time as a share of the time that the names from ``airflow.sdk`` took in the same process."""
    return float(measured["added"] / measured["base"])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _row(name: str, measured: list[dict[str, Any]]) -> tuple[str, ...]:
    low, median, high = statistics.quantiles(map(_share, measured), n=4)
    heavy = sorted({name for one in measured for name in one["heavy"]})
    modules = statistics.median(one["modules"] for one in measured)
    return (
        name,
        _percent(median),
        f"{100 * low:.1f} to {_percent(high)}",
        f"{statistics.median(one['added'] for one in measured) * 1000:.0f} ms",
        f"{modules:.0f}",
        ", ".join(heavy) or "none",
    )
