"""Differences between versions of Airflow are asked for in one place."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "airflow_provider_qrt"
COMPAT = PACKAGE / "compat.py"
MODULES = sorted(file for file in PACKAGE.rglob("*.py") if "emulator" not in file.parts)


def imports_of_airflow(node: ast.AST) -> list[str]:
    """Return the modules of Airflow that are imported anywhere below a node."""
    found = []
    for one in ast.walk(node):
        if isinstance(one, ast.ImportFrom) and one.module:
            found.append(one.module)
        elif isinstance(one, ast.Import):
            found += [alias.name for alias in one.names]
    return [name for name in found if name.partition(".")[0] == "airflow"]


def branches(tree: ast.AST) -> list[str]:
    """Return what asks for Airflow's version, or tries one import of Airflow's after another."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            handles_imports = any(
                name.id in ("ImportError", "ModuleNotFoundError")
                for handler in node.handlers
                for name in ast.walk(handler.type or ast.Pass())
                if isinstance(name, ast.Name)
            )
            other = [name for handler in node.handlers for name in imports_of_airflow(handler)]
            if handles_imports and imports_of_airflow(ast.Module(node.body, [])) and other:
                found.append(f"line {node.lineno}: a second place for {other}")
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name.startswith("AIRFLOW_V_"):
                found.append(f"line {node.lineno}: {name}")
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "airflow"
            and "__version__" in {a.name for a in node.names}
        ):
            found.append(f"line {node.lineno}: Airflow's version")
    return found


@pytest.mark.parametrize(
    "file", [one for one in MODULES if one != COMPAT], ids=lambda file: str(file.relative_to(PACKAGE))
)
def test_no_module_but_one_asks_which_airflow_it_is(file):
    assert branches(ast.parse(file.read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    from airflow.sdk import conf\nexcept ImportError:\n    from airflow.configuration import conf",
        "from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS\nx = AIRFLOW_V_3_3_PLUS",
        "from airflow import __version__",
    ],
)
def test_a_branch_is_found(text):
    assert branches(ast.parse(text))


def test_a_feature_that_airflow_lacks_is_named_with_the_version_that_has_it():
    from airflow_provider_qrt.compat import needs

    with (
        pytest.raises(ImportError, match=r"^Retry policies need Airflow 9\.9 or newer; this is Airflow 3\."),
        needs("9.9", "Retry policies"),
    ):
        from airflow.sdk import NothingOfTheKind  # noqa: F401


OLDER = """
import sys
import airflow.sdk.bases.decorator as decorator
import airflow.utils.operator_helpers as helpers

# Where it was, and is not any more.
if hasattr(decorator, "determine_kwargs"):
    helpers.determine_kwargs = decorator.determine_kwargs
    del decorator.determine_kwargs

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name in ("airflow.sdk.observability", "airflow.models.task_state_store"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Lacking())
from airflow_provider_qrt import compat
print(compat.is_async_callable.__module__, compat.determine_kwargs.__module__, compat.TaskDeferralError.__name__)
import airflow_provider_qrt.decorators.primitives
import airflow_provider_qrt.hooks.qiskit_runtime
import airflow_provider_qrt.operators.primitives
import airflow_provider_qrt.operators.sessions
import airflow_provider_qrt.sensors.qiskit_runtime
import airflow_provider_qrt.triggers.qiskit_runtime
"""


def test_names_that_an_older_airflow_lacks_come_from_elsewhere(tmp_path):
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", OLDER], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "inspect " in done.stdout
    assert " TaskDeferralError\n" in done.stdout
