"""The page on checks lists every check of IBM's client."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "checks.md").read_text()
CLIENT = Path(find_spec("qiskit_ibm_runtime").origin).parent
MODULES = [
    "utils/validations.py",
    "utils/utils.py",
    "executor_sampler/utils.py",
    "executor_estimator/utils.py",
]


def checks():
    for module in MODULES:
        for node in ast.parse((CLIENT / module).read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("validate_"):
                yield node.name


def option_classes():
    for file in sorted((CLIENT / "options").glob("*_options.py")):
        for node in ast.parse(file.read_text()).body:
            # Those that check something of their own.
            if isinstance(node, ast.ClassDef) and ("validator" in ast.unparse(node)):
                yield node.name


ELSEWHERE = {
    # Fields that the operators do not have, or that the page names by what they refuse.
    "validate_twirling_option_fields_are_not_none",
    "validate_noise_factors",
    "SimulatorOptions",
    "ResilienceOptionsV2",
    "EnvironmentOptions",
    "NoiseLearnerOptions",
}


@pytest.mark.parametrize("name", sorted({*checks(), *option_classes()} - ELSEWHERE))
def test_a_check_of_ibms_client_is_on_the_page(name):
    assert f"`{name}`" in PAGE
