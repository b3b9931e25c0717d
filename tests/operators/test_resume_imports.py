"""The part of a task that fetches a result loads nothing that only a submission needs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.operators.loops import FLIP

NEVER = (
    "airflow_provider_qrt.execution.obtaining",
    "airflow_provider_qrt.execution.planning",
    "airflow_provider_qrt.execution.preparation",
    "airflow_provider_qrt.execution.rate_limit",
    "airflow_provider_qrt.execution.stages",
    "airflow_provider_qrt.jobs.backends",
    "airflow_provider_qrt.jobs.budget",
    "airflow_provider_qrt.jobs.sessions",
    "airflow_provider_qrt.primitives.circuits.isa",
    "airflow_provider_qrt.primitives.circuits.transpile",
    "airflow_provider_qrt.primitives.inputs.pubs",
    "airflow_provider_qrt.programs.estimator",
    "airflow_provider_qrt.programs.v1",
    "airflow_provider_qrt.triggers",
    "antlr4",
    "openqasm3",
    "pandas",
    "pyarrow",
    "qiskit",
)
PROGRAM = """
import json, sys
from types import SimpleNamespace
from airflow.sdk import DAG
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

given = json.loads(sys.stdin.read())
stored, pushed = given["store"], given["pushed"]
ti = SimpleNamespace(
    **given["ti"],
    xcom_push=pushed.__setitem__,
    xcom_pull=lambda key, **_: pushed.get(key),
)
store = SimpleNamespace(
    get=lambda key, default=None: json.loads(stored[key]) if key in stored else default,
    set=lambda key, value, **_: stored.__setitem__(key, json.dumps(value)),
)
with DAG("the_dag", schedule=None):
    task = QiskitRuntimeSamplerOperator(task_id="the_task", backend="ibm_fez", deferrable=True, **given["arguments"])
value = task.resume_execution(given["method"], given["kwargs"], {"ti": ti, "task_state_store": store})
print(json.dumps({"value": value, "loaded": sorted(sys.modules)}))
"""


@pytest.fixture
def resume(task, ti, store, emulator):
    """Defer a task, wait for its job, and let it return in a new process; give its value and what was loaded."""

    def run(**arguments: Any) -> dict[str, Any]:
        deferred = task.defer(**arguments)
        given = {
            "arguments": arguments,
            "method": deferred.method_name,
            "kwargs": {**(deferred.kwargs or {}), "event": task.in_the_triggerer(deferred.trigger)},
            "store": store.values,
            "pushed": ti.pushed,
            "ti": {
                name: getattr(ti, name)
                for name in ("dag_id", "run_id", "task_id", "map_index", "try_number", "max_tries", "id")
            },
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], input=json.dumps(given), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run


@pytest.mark.parametrize("program_id", ["auto", "sampler"])
def test_a_task_that_returns_loads_neither_the_parser_nor_what_submits(resume, program_id):
    returned = resume(circuits=FLIP, shots=20, program_id=program_id)
    assert returned["value"]["results"][0]["counts"] == {"1": 20}
    assert [name for name in NEVER if name in returned["loaded"]] == []


def test_parameter_values_are_read_again_without_the_parser(resume):
    circuit = 'OPENQASM 3.0; include "stdgates.inc"; input float a; bit[1] c; rz(a) $0; c[0] = measure $0;'
    returned = resume(circuits=[(circuit, [0.5])], shots=20)
    assert returned["value"]["results"][0]["parameter_values"] == {"a": 0.5}
    assert "openqasm3" not in returned["loaded"]
