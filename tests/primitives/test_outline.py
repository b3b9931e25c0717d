"""The outline of a text gets the same verdict as the text, and similar texts have the same outline."""

import random

import pytest

import airflow_provider_qrt.primitives.circuits.syntax as module
from airflow_provider_qrt.primitives import InvalidInputError, check_circuit, coerce_pubs
from airflow_provider_qrt.primitives.circuits.outline import outline

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
END = "bit[2] c;\nc[0] = measure $0;\nc[1] = measure $1;\n"


def verdict(text, monkeypatch, *, whole):
    with monkeypatch.context() as patch:
        if whole:
            patch.setattr(module, "outline", lambda text: text)
        try:
            return check_circuit(text)
        except InvalidInputError as error:
            return str(error)


def test_circuits_that_differ_in_an_angle_or_a_qubit_have_one_outline():
    texts = [
        f"{HEAD}sx $1; rz({angle}) $1; // the angle\ncz ${qubit}, $1;\n{END}"
        for angle, qubit in (("0.25", 0), ("-1e-3", 0), ("3", 2))
    ]
    assert len({outline(text) for text in texts}) == 1


def test_a_deep_circuit_has_a_short_outline():
    layer = "".join(f"rz({qubit / 7}) ${qubit}; sx ${qubit}; cz ${qubit}, ${qubit + 1};\n" for qubit in range(50))
    assert outline(HEAD + END + layer * 50).count("rz") == 1


def test_elements_of_registers_are_kept_once_each():
    text = f"{HEAD}qubit[2] q; {'x q[0]; x q[1]; ' * 3}bit c; c = measure q[0];"
    assert outline(text).count("x q[") == 2


@pytest.mark.parametrize(
    "more",
    [
        "bit b; b = measure $0; if (b) x $0; x $1; else x $1;",
        "/* x $0; x $1; */",
        "@note\nx $0; x $1;",
        "def f(qubit q) { x q; } x $0; x $1;",
        "box { x $0; x $1; }",
        "include 'a;x $0;x $1;b';",
        "gate g a { x a; x $1; x $2;",
    ],
)
def test_where_a_statement_may_mean_something_else_nothing_is_left_out(more):
    assert outline(HEAD + END + more) == HEAD + END + more


@pytest.mark.parametrize(
    "wrong",
    [
        "x $0; x $1; X $0;",
        "cz $0, $1; cz $2, $2;",
        "rz(0.1) $0; rz(0.1, 0.2) $0;",
        "rz(0.1) $0; rz(+0.1) $0;",
        "rz(0.1) $0; rz(0.1.2) $0;",
        "rz(0.1) $0; rz($1) $0;",
        "x $0; x\u00a0$1;",
        "x $0; x $\u0663;",
        "qubit[2] q; x q[0]; x q[2];",
        "x $0; x $1",
        "x $0; x $0 $1;",
        "gate g a { x a; } g $0; g $0, $1;",
        "x $0; x $1; // fine\n /* never closed",
        "y $0; x $0; qreg q[1]; qreg q[1];",
    ],
)
def test_an_error_is_found_and_explained_with_the_text(wrong, monkeypatch):
    text = HEAD + "x $0;\n" + wrong + "\n" + END
    explained = verdict(text, monkeypatch, whole=True)
    assert isinstance(explained, str)
    assert verdict(text, monkeypatch, whole=False) == explained


STATEMENTS = [
    *("x $0;", "x $1;", "rz(0.1) $0;", "rz(-2) $17;", "rz(pi/2) $0;", "cz $0, $1;", "cz $1, $2;", "barrier $0, $1;"),
    *("reset $0;", "measure $1;", "h q[0];", "h q[1];", "cx q[0], q[1];", "cx q[0], $5;", "U(0, 1.5, .5) $3;"),
    *("c[0] = measure $0;", "bit b; b = measure q[0];", "gate g(t) a, b { rz(t) a; cx a, b; }", "g(0.1) $0, $1;"),
    *("if (c[0]) x $0;", "else x $1;", "if (c[0]) { x $0; }", "box { x $0; }", "// x $0;\n", "/* x $0; */"),
    *("const float t = 0.1;", "rz(t) $0;", "rz(2*t) $0;", "delay[10ns] $0;", "let d = q[0];", "x d;", "gphase(0.1);"),
]
WRONG = [*";$(}{,x0.\"'@#e-", "/*", "//", "q[9]", "else", "\u00a0"]


@pytest.mark.parametrize("seed", range(150))
def test_a_random_text_gets_the_verdict_of_the_whole_text(seed, monkeypatch):
    choose = random.Random(seed)
    body = [choose.choice(STATEMENTS) for _ in range(12)] + choose.choices(STATEMENTS[:8], k=8)
    text = HEAD + "qubit[2] q;\n" + END + " ".join(body)
    for _ in range(choose.choice((0, 0, 1, 2))):
        place = choose.randrange(len(HEAD), len(text))
        text = text[:place] + choose.choice(WRONG) + text[place + choose.choice((0, 1)) :]
    assert verdict(text, monkeypatch, whole=False) == verdict(text, monkeypatch, whole=True)


def test_similar_circuits_of_a_job_are_parsed_once(monkeypatch):
    parsed = []
    parse = module._parse
    monkeypatch.setattr(module, "_parse", lambda text, where: parsed.append(where) or parse(text, where))
    coerce_pubs([f"{HEAD}rz({angle}) $0; {END}" for angle in range(5)])
    assert parsed == ["circuits[0]"]


def test_a_text_that_is_wrong_is_refused_after_similar_ones_and_named():
    right = f"{HEAD}rz(0.1) $0; {END}"
    with pytest.raises(
        InvalidInputError, match=r"circuits\[2\]: line 3: the gate 'ry' takes 1 angle, and 0 were given"
    ):
        coerce_pubs([right, right.replace("0.1", "0.2"), right.replace("rz(0.1)", "ry")])
