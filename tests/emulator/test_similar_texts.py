"""Texts that differ in numbers are parsed once, and get the syntax trees that the parser would make of each."""

import openqasm3
import pytest

from airflow_provider_qrt.emulator.simulation import similar_texts
from airflow_provider_qrt.emulator.simulation.openqasm import loads

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nbit[1] c;\n'


@pytest.mark.parametrize(
    "body",
    [
        "rz(0.25) $0; rx(-1.5e-3) $0; // not 2.5\nU(1.0, .5, 2.) $0; /* nor\n3.5 */ rz(4.5) $1;",
        "rz(0.25) $0; delay[10.5ns] $0; delay[10.5 ns] $0; rz(.5) $0;",
        "rz(2.5) $0; rz(.5) $0; delay[10.5 ns] $0;",
        "const float a1 = 0.1; rz(2*a1 + 1.5) $0;",
        "gate g(t) q { rz(0.5*t) q; }\ng(0.25) $0;",
        "complex z = 1.5 im; rz(0.5) $0;",
        "rz(1) $0;",
    ],
)
def test_each_text_gets_its_own_numbers(body):
    for text in (HEAD + body, HEAD + body.replace("5", "7"), HEAD + body):
        assert similar_texts.parse(text) == openqasm3.parse(text)


def test_similar_texts_are_parsed_once(monkeypatch):
    similar_texts._tree_of.cache_clear()
    parsed = []
    parse = openqasm3.parse
    monkeypatch.setattr(openqasm3, "parse", lambda text: parsed.append(text) or parse(text))
    for angle in ("0.1", "0.25", "3.0e-2"):
        similar_texts.parse(f"{HEAD}rz({angle}) $0;")
    assert len(parsed) == 1


def test_a_circuit_is_not_changed_by_the_next_one():
    first = loads(f"{HEAD}const float a = 0.1; rz(a + 0.2) $0; c[0] = measure $0;")
    second = loads(f"{HEAD}const float a = 1.1; rz(a + 2.2) $0; c[0] = measure $0;")
    assert first.data[0].operation.params == pytest.approx([0.3])
    assert second.data[0].operation.params == pytest.approx([3.3])


def test_an_error_has_the_position_in_its_own_text():
    for angle in ("0.1", "0.12345"):
        text = f"{HEAD}rz({angle}) $0 $1;"
        with pytest.raises(openqasm3.parser.QASM3ParsingError) as expected:
            openqasm3.parse(text)
        with pytest.raises(openqasm3.parser.QASM3ParsingError) as found:
            similar_texts.parse(text)
        assert str(found.value) == str(expected.value)
