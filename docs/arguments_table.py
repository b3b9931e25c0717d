"""The tables of arguments, made of signatures and docstrings."""

from __future__ import annotations

import importlib
import inspect
import re

from airflow.sdk import BaseOperator, BaseSensorOperator

from airflow_provider_qrt.arguments.names import parameters
from airflow_provider_qrt.get_provider_info import get_provider_info

OF_ALL_SENSORS = ("poke_interval", "timeout", "soft_fail", "mode", "exponential_backoff", "max_wait")
"""Arguments that Airflow gives every sensor, and that matter here."""


def public_tasks() -> list[type]:
    """The classes of tasks that users import, as the provider's metadata names their modules."""
    info = get_provider_info()
    modules = [name for room in ("operators", "sensors") for one in info[room] for name in one["python-modules"]]
    found = {
        value: None
        for module in modules
        for value in vars(importlib.import_module(module)).values()
        if inspect.isclass(value) and issubclass(value, BaseOperator) and not value.__name__.startswith("_")
        if value.__module__.startswith("airflow_provider_qrt") and not inspect.isabstract(value)
    }
    return list(found)


def tables() -> str:
    """Return a section with a table for each class."""
    return "".join(_table(one) for one in public_tasks())


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
    """What the docstrings of a class and its bases say of their arguments; the class itself comes first."""
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
    """Turn a docstring's markup into Markdown's, in one line of a table."""
    text = " ".join(text.split())
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    text = text.replace("``", "`")
    return text.replace("|", "\\|")
