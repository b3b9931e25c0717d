"""Makes hostile inputs from valid ones: JSON with odd values in any place, and damaged bytes."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**30,
    10**399,
    -(10**30),
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    "x",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "9" * 5000,
    "0x" + "f" * 300,
    "../../etc/passwd",
    "..",
    "\x00",
    "\x1b[2J",
    "\ud800",
    "\u202e",
    "=HYPERLINK(1)",
    "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59-14:00",
    "crn:v1:bluemix:public:quantum-computing:us-east:a/0123456789abcdef0123456789abcdef:1::",
    "a" * 3000,
    [],
    {},
    [[]],
    [{}],
    [None],
    [1, "a", None],
    [[1], [1, 2]],
    {"": {}},
    {"__type__": "ndarray", "__value__": "eJwDAAAAAAE="},
    {"__type__": "BitArray", "__value__": {}},
    {"__type__": "settings", "__module__": "os", "__class__": "system", "__value__": {}},
    {"num_bits": 8_600_000_000, "samples": ["0x0"]},
]


def deep(source: random.Random) -> Any:
    """Something nested, at times deeper than is read."""
    value: Any = source.choice([0, None, "x"])
    for _ in range(source.choice([3, 40, 63, 70, 120])):
        value = [value] if source.random() < 0.5 else {"a": value}
    return value


def odd(source: random.Random) -> Any:
    """One odd value."""
    return deep(source) if source.random() < 0.03 else copy.deepcopy(source.choice(ODD))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in a document."""
    found = [path]
    if isinstance(value, dict):
        for key, part in value.items():
            found += places(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            found += places(part, (*path, index))
    return found


def mutate_json(document: Any, source: random.Random) -> Any:
    """Return the document with one to three places changed."""
    document = copy.deepcopy(document)
    for _ in range(source.choice([1, 1, 1, 2, 3])):
        path = source.choice(places(document))
        if not path:
            if source.random() < 0.1:
                document = odd(source)
            continue
        owner = document
        for step in path[:-1]:
            owner = owner[step]
        last, action = path[-1], source.random()
        if action < 0.65:
            owner[last] = odd(source)
        elif action < 0.8:
            del owner[last]
        elif isinstance(owner, dict):
            owner[str(odd(source))[:50]] = owner.pop(last) if action < 0.9 else copy.deepcopy(owner[last])
        else:
            owner.insert(last, copy.deepcopy(owner[last]))
    return document


def as_text(document: Any, source: random.Random) -> str:
    """Write a document as Python's JSON writer does, NaN included; at times nested deeper than anybody can walk."""
    text = json.dumps(document)
    if source.random() < 0.01:
        bracket, depth = source.choice(["[]", "{}"]), source.choice([900, 1100, 50_000])
        opening = bracket[0] if bracket == "[]" else '{"a":'
        text = text.replace("1", opening * depth + "1" + bracket[1] * depth, 1)
    return text


def mutate_bytes(data: bytes, source: random.Random) -> bytes:
    """Return the data flipped, cut, doubled or filled in some places."""
    changed = bytearray(data)
    for _ in range(source.choice([1, 1, 2, 5, 20])):
        if not changed:
            return bytes(changed)
        at = source.randrange(len(changed))
        action = source.random()
        if action < 0.5:
            changed[at] ^= 1 << source.randrange(8)
        elif action < 0.65:
            changed[at] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif action < 0.75:
            del changed[at:]
        elif action < 0.85:
            changed[at:at] = changed[at : at + source.randrange(1, 64)]
        elif action < 0.95:
            changed[at : at + source.choice((2, 4, 8))] = source.choice((b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 7))
        else:
            del changed[at : at + source.randrange(1, 16)]
    return bytes(changed)


_WORDS = [
    "OPENQASM 3.0;", "OPENQASM", "include", '"stdgates.inc";', "qubit[2] q;", "qubit", "bit[2] c;", "bit", "input", "float", "int",
    "const", "x", "=", "->", "measure", "q[0]", "$0", "$9999999999999", "(", ")", "[", "]", "{", "}", ";", "\n", "\n\n\n", " ", "if", "for", "in",
    "while", "else", "switch", "gate", "def", "cal", "pragma", "@", "ctrl @", "inv @", "pow(2) @", "//", "/*", "*/", '"', "'", "1e999", "9" * 400,
    "\x00", "\ud800", "é", "reset", "barrier", "delay[1ns]", "box", "return", "2**9", "1/0", "a" * 300,
]  # fmt: skip


def mutate_text(text: str, source: random.Random) -> str:
    """Return a program with words put in, taken out and moved."""
    pieces = text.split(" ")
    for _ in range(source.choice([1, 2, 4, 12])):
        at = source.randrange(len(pieces) + 1)
        action = source.random()
        if action < 0.6:
            pieces.insert(at, source.choice(_WORDS))
        elif action < 0.8 and pieces:
            del pieces[min(at, len(pieces) - 1)]
        else:
            pieces[at:at] = pieces[: source.randrange(1, 5)]
    return " ".join(pieces)
