"""The examples in docs/backends.md run."""

from __future__ import annotations

import re
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest
from airflow.sdk import DAG

from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "backends.md").read_text()
EXAMPLE = (ROOT / "example_dags" / "wait_for_backend.py").read_text()
FILTERED, SENSOR = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_shows_the_example_dag():
    imports, tasks = SENSOR.split("\n\n", 1)
    assert set(imports.splitlines()) <= set(EXAMPLE.splitlines())
    assert textwrap.indent(tasks.rstrip(), "    ") in EXAMPLE


def test_the_filters_on_the_page_are_understood():
    with DAG("the_dag", schedule=None) as dag:
        exec(FILTERED, {"QiskitRuntimeSamplerOperator": QiskitRuntimeSamplerOperator})
    filters = dag.get_task("measure").backend_filters
    assert BackendCriteria.from_filters(filters).to_filters() == filters


@pytest.mark.parametrize("name", [field.name for field in fields(BackendCriteria)])
def test_the_page_explains_every_filter(name):
    assert f"\n| `{name}` | " in PAGE
