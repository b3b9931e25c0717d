"""The import cost of DAG files, and the check that every example is a DAG file."""

from __future__ import annotations

import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

MODULES = (
    "decorators.primitives",
    "hooks.qiskit_runtime",
    "links.qiskit_runtime",
    "operators.primitives",
    "sensors.qiskit_runtime",
    "triggers.qiskit_runtime",
)
NEVER = (
    "numpy",
    "qiskit",
    "qiskit_ibm_runtime",
    "openqasm3",
    "requests",
    "fastapi",
    "pandas",
    "pyarrow",
    "airflow_provider_qrt.client.models",
    "airflow_provider_qrt.emulator",
    "airflow_provider_qrt.execution.run",
    "airflow_provider_qrt.jobs.budget",
    "airflow_provider_qrt.jobs.wait",
    "airflow_provider_qrt.primitives.circuits.text",
    "airflow_provider_qrt.programs",
)
EXAMPLES = Path(__file__).parents[1] / "example_dags"


def loaded_by(imports: str) -> list[str]:
    code = f"""
import airflow.sdk.bases.sensor, airflow.triggers.base, json, sys
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, conf
before = set(sys.modules)
{imports}
new = set(sys.modules) - before
print(json.dumps(sorted(name for name in {NEVER!r} if name in new)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_importing_what_a_dag_file_imports_loads_nothing_heavy():
    modules = (*MODULES, "get_provider_info", "plugins.qiskit_runtime")
    assert loaded_by("\n".join(f"import airflow_provider_qrt.{module}" for module in modules)) == []


def test_no_modules_import_each_other_in_a_circle():
    graph = grimp.build_graph("airflow_provider_qrt")
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imported).prepare()


def test_building_a_task_loads_nothing_heavy():
    code = """
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor, QiskitRuntimeJobSensor
with DAG("d", schedule=None):
    run = QiskitRuntimeSamplerOperator(task_id="run", circuits="OPENQASM 3.0; bit c; c = measure $0;")
    QiskitRuntimeJobSensor(task_id="wait", job_id="j", deferrable=True, start_from_trigger=True) << run
    QiskitRuntimeBackendSensor(task_id="backend", max_queue=3, backend_filters={"min_qubits": 100}) >> run
"""
    assert loaded_by(code) == []


def test_there_are_examples():
    assert len(list(EXAMPLES.rglob("*.py"))) >= 3


@pytest.mark.parametrize("example", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.stem)
def test_every_example_is_a_dag_that_airflow_can_read(example):
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(example))
    assert bag.import_errors == {}
    assert bag.dags
    for dag in bag.dags.values():
        assert "qiskit-runtime" in dag.tags
