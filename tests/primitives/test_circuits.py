"""OpenQASM 3 text is checked before it is sent."""

import pytest

from airflow_provider_qrt.primitives import CircuitInfo, InvalidInputError, check_circuit
from airflow_provider_qrt.primitives.circuits import text as module

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def test_a_circuit_on_physical_qubits_is_as_wide_as_its_highest_qubit():
    info = check_circuit(HEAD + "bit[1] c; x $5; c[0] = measure $5;")
    assert info == CircuitInfo(num_qubits=6, registers=(("c", 1),), parameters=(), physical=True)


def test_registers_and_inputs_come_in_the_order_of_declaration():
    info = check_circuit(
        HEAD + "input float[64] theta; input angle[32] alpha; input float β;\n"
        "qubit[3] q; qubit r; bit[2] late; bit a;\n"
        "rx(theta) q[0]; rx(alpha) q[1]; rx(β) r; late[0] = measure q[0]; a = measure r;"
    )
    assert info.num_qubits == 4
    assert info.registers == (("late", 2), ("a", 1))
    assert info.parameters == ("theta", "alpha", "β")


@pytest.mark.parametrize(
    ("body", "registers"),
    [
        ("qreg q[1]; creg c[1]; x q[0]; c[0] = measure q[0];", (("c", 1),)),
        ("qreg q[2]; creg c[2]; measure q -> c;", (("c", 2),)),
        ("qubit[2] q; bit[2] c = measure q;", (("c", 2),)),
        ("bit c = measure $0;", (("c", 1),)),
        ("const int n = 2; const uint[8] m = n * (3 - 1); bit[m + 1] c; c[0] = measure $0;", (("c", 5),)),
        ("bit[1] c; c[0] = measure $0; if (c[0]) { bit[3] local; x $1; }", (("c", 1),)),
        ("// bit[7] commented;\n/* bit[8] too;\n */ bit[2] c; c[0] = measure $0; // $99", (("c", 2),)),
        ("output bit[2] c; c[0] = measure $0;", (("c", 2),)),
        ("bit[2]c; c[0] = measure $0;", (("c", 2),)),
        ("def f(qubit q) -> bit { return measure q; } qubit q; bit c; c = f(q);", (("c", 1),)),
        ("pragma bit[9] ignored;\nbit c; c = measure $0;", (("c", 1),)),
    ],
)
@pytest.mark.parametrize("version", ["3", "3.0", "3.1"])
def test_every_way_to_declare_a_register_is_understood(version, body, registers):
    assert check_circuit(f'OPENQASM {version};\ninclude "stdgates.inc";\n{body}').registers == registers


@pytest.mark.parametrize("before", ["\n", "  \r\n", "// a comment\n", "/* a\n comment */ "])
def test_space_and_comments_may_stand_before_the_header(before):
    check_circuit(before + "OPENQASM 3;\nbit c; c = measure $0;")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the circuit is empty"),
        (" \n\t", "the circuit is empty"),
        ("bell.qasm", "no such file was found beside the DAG"),
        ("circuits/bell.qasm3\n", "no such file was found beside the DAG"),
        ("OPENQASM 2.0;\nqreg q[1];", r"OpenQASM 2; .*qiskit.qasm3.dumps\(qiskit.qasm2.loads\(text\)\)"),
        ('include "x.inc";\nOPENQASM 2.0;', "OpenQASM 2"),
        ("OPENQASM 4.0;", "OpenQASM version 4 is not known; write: OPENQASM 3.0;"),
        ("OPENQASM three;", "must be the very first statement"),
        ("bit c; OPENQASM 3.0; c = measure $0;", "must be the very first statement"),
        ("h $0;", "does not start with a version.*'h \\$0;'"),
        ("{{ var.value.circuit }}", "template was not rendered"),
        ("x" * 100, r"x{37}\.\.\."),
        (HEAD + "qubit q;\nbit c\nc = measure q;", "line 5, column 1: unexpected 'c', in: c = measure q;"),
        (HEAD + "bit c; if (1) { c = measure $0;", "line 3, column 32: the text ends too early"),
        (HEAD + 'bit c;\n"open', 'line 4, column 1: .*in: "open'),
        (HEAD + "bit c; break; c = measure $0;", "line 3, column 8: 'break' statement outside loop"),
        (HEAD + "x $0;", r"no classical bits.*bit\[2\] c;"),
        (HEAD + "bit[2] m; x $0;", r"no measurement is written.*m\[0\] = measure \$0;"),
        (HEAD + "bit[2] m; measure $0;", "no measurement is written"),
        (HEAD + "bit[sizeof(q)] m; m = measure $0;", r"cannot work out the size of m\[sizeof\(q\)\]"),
    ],
)
def test_what_is_no_sampler_circuit_is_refused_with_a_remedy(text, message):
    with pytest.raises(InvalidInputError, match=r"(?s)^circuits\[3\]: .*" + message):
        check_circuit(text, "circuits[3]")


def test_openqasm_2_is_recognised_by_its_include():
    with pytest.raises(InvalidInputError, match="OpenQASM 2"):
        check_circuit('include "qelib1.inc";\nqreg q[1];')
    with pytest.raises(InvalidInputError, match=r"belongs to OpenQASM 2 .* write: include .stdgates.inc."):
        check_circuit('OPENQASM 3.0;\ninclude "qelib1.inc";\nbit c; c = measure $0;')


def test_a_circuit_that_is_no_text_is_refused():
    with pytest.raises(InvalidInputError, match="expected OpenQASM 3 text, got int"):
        check_circuit(3)


def test_a_text_beyond_the_limit_is_scanned_and_not_parsed(monkeypatch):
    text = HEAD + "bit c; c = measure $0; this is no statement"
    with pytest.raises(InvalidInputError, match="not valid OpenQASM 3"):
        check_circuit(text)
    monkeypatch.setattr(module, "STRICT_PARSE_MAX_CHARS", len(text) - 1)
    assert check_circuit(text).registers == (("c", 1),)


def test_nesting_too_deep_for_the_parser_is_left_to_the_service():
    text = HEAD + "bit c; rx(" + "(" * 2000 + "1" + ")" * 2000 + ") $0; c = measure $0;"
    assert check_circuit(text).num_qubits == 1
