"""How `make docs` makes the pages of this folder, the README, the changelog and the docstrings into a site."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "example_dags"

# Before anything imports Airflow, which writes its settings there.
_HOME = tempfile.mkdtemp(prefix="airflow-provider-qrt-docs-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _HOME

project = "airflow-provider-qrt"
author = "the authors of airflow-provider-qrt"
version = release = installed_version(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
copybutton_prompt_text = "$ "
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
# What the highlighter does not know, such as a shell's text over several lines, is shown all the same.
suppress_warnings = ["misc.highlighting_failure"]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
# Roles and types of our own must lead somewhere. Other people's classes are not here, nor are type variables.
nitpicky = True
# Types of other packages, type variables, and what is internal.
nitpick_ignore_regex = [
    (
        "py:class",
        r"(?!airflow_provider_qrt\.).*|.*\.(Outcome|ToSample|ToEstimate|ToExecute|Value|Reader|ArrivingResult)",
    )
]
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"{project} {version}"
html_show_sourcelink = False
html_copy_source = False


def setup(app: Sphinx) -> None:
    """Register what is done to a page before it is read."""
    app.connect("autodoc-skip-member", _is_described_already)
    app.connect("source-read", _read_page)
    app.connect("include-read", _read_included)


def _is_described_already(_app: Sphinx, _what: str, _name: str, member: object, _skip: bool, _: object) -> bool | None:
    """Leave out the fields of a NamedTuple: its docstring describes them."""
    return True if type(member).__name__ == "_tuplegetter" else None


def _read_page(_app: Sphinx, page: str, text: list[str]) -> None:
    if page == "reference/examples":
        text[0] += "".join(_example(file) for file in sorted(EXAMPLES.rglob("*.py")))
    text[0] = _within_the_site(text[0])


def _read_included(_app: Sphinx, _file: Path, _page: str, text: list[str]) -> None:
    text[0] = _within_the_site(text[0])


def _within_the_site(text: str) -> str:
    """Turn links that are right in the repository into links to the page that has the same."""
    text = re.sub(r"\]\((?:\.\./)?example_dags/([\w/]+)\.py\)", r"](/reference/examples.md#\1)", text)
    text = re.sub(r"\]\((?:\.\./)?example_dags(?:/\w+)?/?\)", r"](/reference/examples.md)", text)
    text = re.sub(r"\]\((?:\.\./)?README\.md(#[\w-]+)?\)", r"](/index.md\1)", text)
    text = re.sub(r"\]\((?:\.\./)?CHANGELOG\.md\)", r"](/changelog.md)", text)
    text = re.sub(r"\]\((?:\.\./)?CONTRIBUTING\.md\)", r"](/contributing.md)", text)
    return re.sub(r"\]\(docs/", "](/", text)


def _example(file: Path) -> str:
    """Return a section with an example DAG."""
    name = file.relative_to(EXAMPLES)
    anchor = name.with_suffix("").as_posix()
    return f"\n({anchor})=\n## {name}\n\n```{{literalinclude}} ../../example_dags/{name}\n:language: python\n```\n"
