"""Names, types and indices of OpenQASM 3 texts, as the language and Qiskit's importer judge them."""

import pytest
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit.random import random_circuit

from airflow_provider_qrt.primitives import InvalidInputError, check_circuit
from airflow_provider_qrt.primitives.circuits import text as module
from airflow_provider_qrt.primitives.circuits.symbols import NATIVE_GATES, STANDARD_GATES

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
END = " bit zz; zz = measure $0;"

WRONG = {
    "bit[1] c; bit[2] c;": "'c' is declared a second time; the first is in line 3",
    "bit[1] c; qubit c;": "'c' is declared a second time",
    "gate g a { x a; } gate g a { x a; }": "'g' is declared a second time",
    "bit[2] x;": "'x' is declared a second time; that name belongs to the language or stdgates.inc",
    "bit pi;": "'pi' is declared a second time",
    "bit[1] c; c[3] = measure $0;": r"c\[3\] is out of range: its only bit is c\[0\]",
    "bit[4] c; c[4] = measure $0;": r"c\[4\] is out of range: its 4 bits are c\[0\] to c\[3\]",
    "bit[2] c; c[-3] = measure $0;": r"c\[-3\] is out of range",
    "const int d = 2; bit[d] c; c[d] = measure $0;": r"c\[2\] is out of range",
    "qubit[2] q; x q[2];": r"q\[2\] is out of range: its 2 qubits are q\[0\] to q\[1\]",
    "qubit[2] q; bit[4] c; if (c[7]) { x q[0]; }": r"c\[7\] is out of range",
    "bit[2] c; c[0:2] = measure $0;": r"c\[2\] is out of range",
    "bit c; c[0] = measure $0;": "'c' is a single bit and has no index",
    "x q[0];": "the name 'q' is not declared",
    "qubit[2] qs; x q;": "the name 'q' is not declared; did you mean 'qs'",
    "c = measure $0;": "the name 'c' is not declared",
    "rx(theta) $0;": "the name 'theta' is not declared",
    "if (flag) { x $0; }": "the name 'flag' is not declared",
    "bit[n] c;": r"cannot work out the size of c\[n\]",
    "mystery $0;": "the gate 'mystery' is not defined",
    "hh $0;": "the gate 'hh' is not defined; did you mean 'h'",
    "rzz(0.1) $0, $1;": r"the gate 'rzz' is not in stdgates.inc and must be declared: gate rzz\(theta\) a, b",
    "ecr $0, $1;": "the gate 'ecr' is not in stdgates.inc",
    'include "own.inc";': 'include "own.inc": the service has no such file',
    "cx $0;": "the gate 'cx' acts on 2 qubits, and 1 were given",
    "rx $0;": "the gate 'rx' takes 1 angle, and 0 were given",
    "x(0.1) $0;": "the gate 'x' takes no angles, and 1 were given",
    "cx $0, $0;": r"the gate 'cx' is given the qubit \$0 twice",
    "qubit[2] q; qubit[3] r; cx q, r;": "the gate 'cx' is given registers of different sizes: 2 and 3",
    "bit c; x c;": "'c' is a bit, and a qubit is needed here",
    "qubit q; bit c; rx(q) $0;": "'q' is a qubit, and a value is needed here",
    "qubit q; qubit r; q = measure r;": "nothing can be written into 'q': it is a qubit",
    "const int k = 1; k = 2;": "nothing can be written into 'k': it is a constant",
    "bit c; reset c;": "'c' is a bit, and a qubit is needed here",
    "bit c; c $0;": "'c' is a bit, not a gate",
    "qubit[3] q; bit[2] c; c = measure q;": "a measurement of 3 qubits does not fit into c, which has 2 bits",
    "qubit[3] q; bit[2] c = measure q;": "a measurement of 3 qubits does not fit into c, which has 2 bits",
    "gate g(a, a) b { rx(a) b; }": "the gate 'g' has two parameters named 'a'",
    "bit c; gate g a { rx(c) a; }": "the name 'c' is not declared here: a bit of the circuit is not visible in a gate",
    "gate g a { x b; }": "the name 'b' is not declared",
    "if (true) { qubit_in(0); }": "the name 'qubit_in' is not declared",
    "if (true) { bit inner; } inner = measure $0;": "the name 'inner' is not declared",
    "int n = 3; bit[n] c;": r"cannot work out the size of c\[n\]",
}
RIGHT = [
    "const int d = 3; qubit[d**2] q; bit[1 << 2] c; x q[d**2 - 1]; c[3] = measure q[0];",
    "qubit[3] q; bit[3] c; c = measure q; c[0:1] = measure q[1:2]; c[-1] = measure q[-1];",
    "qubit[2] q; bit[2] sin; sin = measure q;",
    "input float[64] theta; bit c; rx(2*theta + sin(theta)/pi) $0; c = measure $0;",
    "def f(qubit q, int a) -> bit { x q; return measure q; } bit c; c = f($0, 1);",
    "gate g(a) b, c { rx(a/2) b; cx b, c; } g(0.1) $0, $1; ctrl @ x $0, $1; ctrl(2) @ inv @ g(1) $0, $1, $2, $3;",
    "qubit[4] q; let head = q[0:1]; x head; cx q[0:1], q[2:3]; barrier q; delay[10ns] q[0]; reset q;",
    "bit[2] c; for int i in [0:1] { x $0; c[i] = measure $0; } while (c[0] == 1) { x $1; }",
    "int i = 0; switch (i) { case 0 { bit inner; inner = measure $0; } default { x $0; } } i += 1;",
    "bit c; if (c) { int c = 3; rx(c) $0; }",
    "extern random(int) -> int; int i = random(3);",
    "box { x $0; }",
    "bit[2] c; c = measure $0;",
    "cx $0, $1; CX $1, $0; U(1, 2, 3) $0; gphase(pi); u3(1, 2, 3) $0; cu(1, 2, 3, 4) $0, $1;",
    "gate rzz(t0) a, b { cx a, b; rz(t0) b; cx a, b; } rzz(0.1) $0, $1;",
    'defcalgrammar "openpulse"; cal { port d0; } defcal own $0 { play(d0); } own $0;',
]


@pytest.mark.parametrize(("body", "message"), WRONG.items())
def test_what_a_compiler_refuses_is_refused_with_its_line(body, message):
    with pytest.raises(InvalidInputError, match=rf"^circuits\[2\]: (?:line 3: )?{message}"):
        check_circuit(HEAD + body + END, "circuits[2]")


@pytest.mark.parametrize("body", RIGHT)
def test_what_the_language_allows_passes(body):
    check_circuit(HEAD + body + END)


@pytest.mark.parametrize(
    "body", [one for one in WRONG if not one.startswith(("const", "int", "bit[n]", "bit pi", "gate g(a, a)", "extern"))]
)
def test_qiskits_importer_refuses_it_too(body):
    if body in ("bit[2] c; c[0:2] = measure $0;",):
        pytest.skip("Python's slices end where the register does")
    with pytest.raises(Exception, match=r"."):
        qasm3.loads(HEAD + body + END)


def test_a_gate_of_stdgates_needs_its_include():
    with pytest.raises(InvalidInputError, match=r"the gate .x. is not defined; add include .stdgates\.inc."):
        check_circuit("OPENQASM 3.0; bit c; x $0; c = measure $0;")


def test_the_standard_gates_are_those_of_qiskits_importer():
    from qiskit_qasm3_import.converter import _STDGATES

    assert {name: known[1:] for name, known in _STDGATES.items()} == dict(STANDARD_GATES)


@pytest.mark.parametrize(("name", "definition"), NATIVE_GATES.items())
def test_the_declaration_that_is_recommended_is_taken_and_is_that_gate(name, definition):
    import numpy as np
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit.quantum_info import Operator

    own = get_standard_gate_name_mapping()[name]
    angles = "(0.3)" if own.params else ""
    places = ", ".join(f"${place}" for place in range(own.num_qubits))
    text = f"{HEAD}{definition} {name}{angles} {places};"
    check_circuit(f"{text} bit c; c = measure $0;")
    expected = QuantumCircuit(own.num_qubits)
    expected.append(type(own)(*([0.3] if own.params else [])), range(own.num_qubits))
    assert np.allclose(Operator(qasm3.loads(text)).data, Operator(expected).data) or Operator(qasm3.loads(text)).equiv(
        Operator(expected)
    )


@pytest.mark.parametrize("seed", range(12))
def test_what_qiskit_writes_passes(seed):
    circuit = random_circuit(4, 5, measure=True, conditional=seed % 2 == 0, max_operands=4, seed=seed)
    check_circuit(qasm3.dumps(circuit))


def test_long_texts_are_scanned_for_registers_declared_twice(monkeypatch):
    monkeypatch.setattr(module, "STRICT_PARSE_MAX_CHARS", 10)
    with pytest.raises(InvalidInputError, match=r"line 4: 'c' is declared a second time; the first is in line 3"):
        check_circuit(HEAD + "bit[1] c;\nbit[2] c; c = measure $0;")
