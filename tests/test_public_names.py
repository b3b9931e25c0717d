"""The API reference names exactly what packages declare as public."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import airflow_provider_qrt

REFERENCE = Path(__file__).parents[1] / "docs/reference"
DIRECTIVE = re.compile(r"^\.\. auto(?:class|exception|function|data):: ([\w.]+?)(?:\(\))?$", re.MULTILINE)
MODULE = re.compile(r"^\.\. automodule:: ([\w.]+)$", re.MULTILINE)


def documented() -> set[str]:
    text = "\n".join(page.read_text() for page in REFERENCE.glob("*.md"))
    names = set(DIRECTIVE.findall(text))
    for module in MODULE.findall(text):
        names |= {f"{module}.{name}" for name in importlib.import_module(module).__all__}
    return names


def declared() -> set[str]:
    """Return the names in ``__all__`` of all modules, except aliases that the same module declares."""
    found = set()
    for info in pkgutil.walk_packages(airflow_provider_qrt.__path__, "airflow_provider_qrt."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        found |= {f"{info.name}.{name}" for name in getattr(module, "__all__", ())}
    return found


def test_the_reference_names_what_is_public_and_nothing_else():
    assert sorted(documented() - declared()) == []
    assert sorted(declared() - documented()) == []


def test_every_documented_name_can_be_imported():
    for name in documented():
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def test_a_package_says_in_one_line_whether_it_is_internal():
    for info in pkgutil.walk_packages(airflow_provider_qrt.__path__, "airflow_provider_qrt."):
        if not info.ispkg:
            continue
        module = importlib.import_module(info.name)
        says = (module.__doc__ or "").lower()
        assert "internal" in says or "public" in says or hasattr(module, "__all__"), info.name
