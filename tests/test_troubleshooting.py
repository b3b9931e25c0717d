"""The messages quoted on the troubleshooting page exist in the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "airflow_provider_qrt"
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
OURS = PAGE.partition("\n## What IBM says\n")[0]
GAP = "…"
"""Stands for what differs from case to case."""
SHORTEST = 9
"""Characters in a row by which a message can be recognised."""


def quoted() -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", OURS, re.MULTILINE)


def plain(text: str) -> str:
    """Whether a value is shown in quotes is not compared."""
    return text.replace(f"'{GAP}'", GAP)


def text_of(node: ast.AST) -> str | None:
    """A text as people read it, with gaps for values; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%(?:\.\d)?[sdgrf]", GAP, node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or GAP for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return f"{text_of(node.left) or GAP}{text_of(node.right) or GAP}"
    return None


def texts_in(module: ast.Module) -> Iterator[str]:
    """The texts of a module without its docstrings."""
    prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    yield from (plain(text) for node in ast.walk(module) if id(node) not in prose and (text := text_of(node)))


@cache
def texts_of_the_package() -> frozenset[str]:
    files = [file for file in PACKAGE.rglob("*.py") if "emulator" not in file.parts]
    return frozenset(text for file in files for text in texts_in(ast.parse(file.read_text())))


@pytest.mark.parametrize("message", quoted())
def test_a_quoted_message_is_one_of_the_packages(message):
    parts = plain(message).split(GAP)
    assert max(map(len, parts)) >= SHORTEST, "too few words to tell it from others"
    pattern = re.compile(".*?".join(map(re.escape, parts)), re.DOTALL)
    assert any(pattern.search(text) for text in texts_of_the_package())


def test_no_message_is_quoted_twice():
    assert len(quoted()) == len(set(quoted())) > 100


def test_every_message_has_a_remedy():
    assert not re.findall(r"^\| `[^`]+` \|\s*\|$", PAGE, re.MULTILINE)
