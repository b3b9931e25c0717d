"""Checks the grammar and the names of OpenQASM 3 texts with the reference parser, and similar texts only once."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from contextvars import ContextVar
from typing import TYPE_CHECKING

from airflow_provider_qrt.primitives.circuits.outline import outline
from airflow_provider_qrt.primitives.errors import InvalidInputError

if TYPE_CHECKING:
    from openqasm3 import ast

STRICT_PARSE_MAX_CHARS = 250_000
"""Longest text, in characters, that is given to the reference parser. The parser is written in Python and needs about
10 microseconds per character: 0.7 s for 5 000 lines (72 kB), 7.5 s for 50 000 lines (735 kB). Two or three seconds on a
worker are worth it if they avoid a failure after a day in the queue; half a minute is not. Longer texts are only
scanned for declarations, and the service parses them."""

_NOT_RECOGNIZED = re.compile(r"token recognition error at: '(.)", re.S)

_right_already: ContextVar[bool] = ContextVar("_right_already", default=False)


@contextmanager
def right_already() -> Iterator[None]:
    """Do not give texts to the parser within this context: they were found right before, and are read again."""
    token = _right_already.set(True)
    try:
        yield
    finally:
        _right_already.reset(token)


class SyntaxReader:
    """Gives texts to the reference parser, as long as there is room.

    All texts share one budget of characters. An outline (see :mod:`~airflow_provider_qrt.primitives.circuits.outline`)
    that was right once is not parsed again.

    Args:
        room: The most characters to parse in all; None for no limit.
    """

    def __init__(self, room: int | None = None) -> None:
        self._room = room
        self._right: set[str] = set()

    def read(self, text: str, where: str) -> Syntax | None:
        """Check the grammar of a text.

        Args:
            text: OpenQASM 3 source.
            where: The place named at the start of an error message.

        Returns:
            What is left to check; None if nothing is, if the text is too long for the parser, or within
            :func:`right_already`.

        Raises:
            InvalidInputError: The text cannot be parsed; the message gives line, column and the wrong text.
        """
        if _right_already.get():
            return None
        # A text whose outline is wrong is parsed too, for the message.
        if self._room is not None and len(text) > STRICT_PARSE_MAX_CHARS:
            return None
        short = outline(text)
        if short in self._right:
            return None
        if self._room is not None:
            if len(short) > self._room:
                return None
            self._room -= len(short)
        return Syntax(text, short, where, self._right)


class Syntax:
    """A text whose grammar is right.

    Args:
        text: OpenQASM 3 source.
        short: Its outline.
        where: The place named at the start of an error message.
        right: The outlines that are right; the one of a right text is added.

    Raises:
        InvalidInputError: The text cannot be parsed.
    """

    def __init__(self, text: str, short: str, where: str, right: set[str]) -> None:
        self._text = text
        self._short = short
        self._where = where
        self._right = right
        try:
            self._program = _parse(short, where)
        except InvalidInputError:
            if short == text:
                raise
            # The whole text decides, and has the right lines for the message.
            self._short = text
            self._program = _parse(text, where)

    def check_names(self) -> None:
        """Check names, types and indices.

        Raises:
            InvalidInputError: One of them is wrong; the message gives the line.
        """
        if self._program is None:
            return
        from airflow_provider_qrt.primitives.circuits.scope import check_scope

        try:
            check_scope(self._program, self._where)
        except InvalidInputError:
            if self._short != self._text and (whole := _parse(self._text, self._where)) is not None:
                check_scope(whole, self._where)
            raise
        self._right.add(self._short)


def _parse(text: str, where: str) -> ast.Program | None:
    """Parse the text with the reference parser; return None if it is nested too deep for a parser written in Python."""
    from openqasm3.parser import QASM3ParsingError, parse

    try:
        # The parser also writes each error to the console, without saying whose text it is.
        with redirect_stderr(io.StringIO()):
            return parse(text)
    except QASM3ParsingError as error:
        raise InvalidInputError(f"{where}: not valid OpenQASM 3: {_explain(error, text)}") from error
    except RecursionError:
        return None


def _explain(error: Exception, text: str) -> str:
    """Return where and why the parser stopped; the token of a syntax error is in the exception that its cause wraps."""
    cause = error.__cause__
    recognition = cause.args[0] if cause is not None and cause.args else cause
    token = getattr(recognition, "offendingToken", None)
    if token is not None:
        line, column, found = token.line, token.column, token.text
        problem = "the text ends too early" if found == "<EOF>" else f"unexpected {found!r}"
    elif positioned := re.match(r"L(\d+):C(\d+): (.*)", str(error), re.S):
        line, column, problem = int(positioned[1]), int(positioned[2]), _named(positioned[3])
    else:
        return str(error) or type(error).__name__
    lines = text.splitlines()
    shown = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    hint = f", in: {excerpt(shown, 100)}" if shown else ""
    return f"line {line}, column {column + 1}: {problem}{hint}"


def _named(problem: str) -> str:
    """Return the name of an invisible character that the parser does not accept."""
    found = _NOT_RECOGNIZED.match(problem)
    if found is None or (found[1].isprintable() and not found[1].isspace()):
        return problem
    name = unicodedata.name(found[1], "a control character")
    return f"the invisible character U+{ord(found[1]):04X} ({name}) has no meaning in OpenQASM 3; delete it"


def excerpt(text: str, length: int = 40) -> str:
    """Return the beginning of a text on one line, at most ``length`` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 3] + "..."
