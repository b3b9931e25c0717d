"""Generates the reference pages of all arguments and all settings from the code.

``python -m tools.reference`` writes the pages; a test compares them with the code.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, BaseSensorOperator

from airflow_provider_qrt.arguments.names import parameters
from airflow_provider_qrt.get_provider_info import get_provider_info

OF_ALL_SENSORS = ("poke_interval", "timeout", "soft_fail", "mode", "exponential_backoff", "max_wait")
"""Arguments of all Airflow sensors that matter here."""


FOLDER = Path(__file__).resolve().parents[1] / "docs/reference"
ARGUMENTS = """\
# All arguments

Every argument of every operator and sensor. *Template*: the argument may be a Jinja template, or another task's
output. A duration is a number of seconds, a `timedelta`, or text such as `"90s"`, `"2h"` and `"1h30m"`. The arguments
that Airflow gives every task, such as `retries` and `execution_timeout`, come in addition. A misspelt argument, and a
constant that cannot be right, fail when the DAG file is read.
"""
SETTINGS = """\
# Settings

In `airflow.cfg` under `[qiskit_runtime]`, or in the environment as `AIRFLOW__QISKIT_RUNTIME__<NAME>`.
"""


def pages() -> dict[str, str]:
    """Return the text of each page by file name."""
    options = get_provider_info()["config"]["qiskit_runtime"]["options"]
    return {
        "arguments.md": ARGUMENTS + "".join(map(_table, public_tasks())),
        "settings.md": SETTINGS + "".join(_setting(name, option) for name, option in options.items()),
    }


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text)


def public_tasks() -> list[type]:
    """Return the operator and sensor classes that users import from the modules in the provider's metadata."""
    info = get_provider_info()
    names = [name for room in ("operators", "sensors") for one in info[room] for name in one["python-modules"]]
    modules = map(importlib.import_module, names)
    public = [getattr(module, name) for module in modules for name in module.__all__]
    return [
        one for one in public if inspect.isclass(one) and issubclass(one, BaseOperator) and not inspect.isabstract(one)
    ]


def _table(cls: type) -> str:
    airflows = set(inspect.signature(BaseOperator.__init__).parameters)
    if issubclass(cls, BaseSensorOperator):
        airflows |= set(inspect.signature(BaseSensorOperator.__init__).parameters) - set(OF_ALL_SENSORS)
    about = _descriptions(cls)
    lines = [
        f"\n## {cls.__name__}\n",
        "| Argument | Type | Default | Template | About |",
        "|---|---|---|---|---|",
    ]
    for name, one in parameters(cls).items():
        if name in airflows:
            continue
        default = "required" if one.default is one.empty else f"`{one.default!r}`"
        kind = str(one.annotation).replace("|", "\\|")
        template = "yes" if name in getattr(cls, "template_fields", ()) else ""
        lines.append(f"| `{name}` | `{kind}` | {default} | {template} | {about.get(name, '')} |")
    return "\n".join(lines) + "\n"


def _descriptions(cls: type) -> dict[str, str]:
    """Return the descriptions of arguments in the docstrings of a class and its bases; the class takes precedence."""
    found: dict[str, str] = {}
    for base in cls.__mro__:
        text = inspect.getdoc(base) if base.__doc__ else ""
        section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", text or "", re.DOTALL | re.MULTILINE)
        if section is None or not base.__module__.startswith("airflow_provider_qrt"):
            continue
        for name, about in re.findall(r"^    (\w+): (.*?)(?=^    \w|\Z)", section[1], re.DOTALL | re.MULTILINE):
            found.setdefault(name, _markdown(about))
    return found


def _markdown(text: str) -> str:
    """Convert the markup of a docstring to Markdown in one table row."""
    text = " ".join(text.split())
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    text = text.replace("``", "`")
    return text.replace("|", "\\|")


def _setting(name: str, option: Mapping[str, Any]) -> str:
    """Return the section for a setting of airflow.cfg."""
    default = f"`{option['default']}`" if option["default"] else "empty"
    about = (
        f"Type: {option['type']}. Default: {default}. Example: `{option['example']}`. Since {option['version_added']}."
    )
    return f"\n## {name}\n\n{option['description']}\n\n{about}\n"


if __name__ == "__main__":
    main()
