"""The same circuit has the same text in every process."""

import itertools
import math

import pytest
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit.library import CU3Gate, DiagonalGate, UnitaryGate

from airflow_provider_qrt.primitives import coerce_pubs
from airflow_provider_qrt.primitives.circuits.expressions import order_terms


def angle(text):
    return order_terms(f"rx({text}) q[0];").removeprefix("rx(").removesuffix(") q[0];")


@pytest.mark.parametrize(
    ("written", "ordered"),
    [
        ("0.5*a - 0.5*b", "0.5*a - 0.5*b"),
        ("(-0.5)*b + 0.5*a", "0.5*a - 0.5*b"),
        ("b + a", "a + b"),
        ("-b + a", "a - b"),
        ("1.5 + b*a", "1.5 + a*b"),
        ("a*b + 1.5", "1.5 + a*b"),
        ("2*(b + a)*x", "2*(a + b)*x"),
        ("x*(a + b)*2", "2*(a + b)*x"),
        ("b/2 + a/2", "0.5*a + 0.5*b"),
        ("sin(b + a) + cos(a)", "cos(a) + sin(a + b)"),
        ("(b + a)**2 - 1", "-1 + (a + b)**(2)"),
        ("x/(b + a) + 1", "1 + ((a + b))**(-1)*x"),
        ("b + a, 0, -d + c", "a + b, 0, c - d"),
        ("a - -b + 1e-05*c", "a + b + 1e-05*c"),
        ("pi/2", "pi/2"),
    ],
)
def test_terms_and_factors_come_in_the_order_of_their_names(written, ordered):
    assert angle(written) == ordered


@pytest.mark.parametrize(
    ("line", "ordered"),
    [
        ("  pow(2) @ rx(b + a) _gate_q_0;", "  pow(2) @ rx(a + b) _gate_q_0;"),
        ("gphase(b + a);", "gphase(a + b);"),
        ("ctrl @ inv @ U(b + a, 0, a) q[0], $3;", "ctrl @ inv @ U(a + b, 0, a) q[0], $3;"),
    ],
)
def test_modifiers_and_global_phases_are_read_too(line, ordered):
    assert order_terms(f"x q[0];\n{line}\n") == f"x q[0];\n{ordered}\n"


@pytest.mark.parametrize(
    "line",
    [
        "if (c[0] == 1 + 2) {",
        "for int i in [0:2*n - 1] {",
        "rx(a + c[0]) q[0];",
        "rx(a + b",
        "c = a + b;",
        "rx(a + True) q[0];",
        "rx(a + b*(1/0)) q[0];",
        "// b + a",
    ],
)
def test_what_is_no_angle_stays_as_it_is(line):
    assert order_terms(line) == line


@pytest.mark.parametrize(
    "text",
    ["b - a/3 - 2*(a - b)*a", "-(b - a)*(a + 2)/(b + 3) - 1", "a*b/2 - sin(b - a)**3/7", "-2*-a - (b - (a - 1))"],
)
def test_the_value_stays_the_same(text):
    for a, b in itertools.product((0.3, -1.7, 2.9), (0.8, -0.4)):
        names = {"a": a, "b": b, "sin": math.sin}
        assert eval(angle(text), names) == pytest.approx(eval(text, names), abs=1e-12)


def built():
    a, b, x = (Parameter(name) for name in "abx")
    vector = ParameterVector("v", 12)
    circuit = QuantumCircuit(3, 1)
    for sum_ in (
        0.5 * b - 0.5 * a,
        -0.5 * a + 0.5 * b,
        (b - a) * 0.5,
        0.5 * (a + b + x) * (b - a),
        (x - a) * (x + b) / 3,
        0.5 * vector[10] - 0.5 * vector[9],
        0.5 * a * (x - b) / (0.3 * a + 0.3 * b),
        (0.5 * b - 0.5 * x).sin() - 0.1 * a + 0.1 * b,
        (0.5 * b - 0.5 * x) ** 2,
    ):
        circuit.rx(sum_, 0)
    circuit.append(CU3Gate(0.2 * x - 0.3 * b, a, b), [0, 1])
    circuit.compose(CU3Gate(a, b, x).definition, [1, 2], inplace=True)
    circuit.measure(0, 0)
    return circuit


def test_a_circuit_built_anew_is_known_again():
    texts = {qasm3.dumps(built()) for _ in range(60)}
    identities = set()
    for _ in range(60):
        (pub,) = coerce_pubs([(built(), [0.1] * 5)])
        identities.add(str(pub.identity()))
    assert len(texts) > 1, "Qiskit writes sums in one order by itself now, and order_terms is not needed any more"
    assert len(identities) == 1


def without_words_in_openqasm():
    circuit = QuantumCircuit(3, 1)
    circuit.initialize([0.6, 0.8], 0)
    circuit.append(DiagonalGate([1, 1j, -1, 1]), [0, 1])
    inner = QuantumCircuit(1, name="inner")
    inner.rx(Parameter("a") * 0.5 - Parameter("b") * 0.5, 0)
    circuit.append(inner.to_gate().control(1, annotated=True), [1, 2])
    circuit.append(UnitaryGate([[0, 1], [1, 0]]).control(1), [0, 1])
    circuit.measure(0, 0)
    return circuit


def test_a_circuit_that_openqasm_has_no_words_for_is_known_again():
    with pytest.raises(qasm3.QASM3ExporterError):
        qasm3.dumps(without_words_in_openqasm())
    pubs = [coerce_pubs([(without_words_in_openqasm(), [1, 2])])[0] for _ in range(20)]
    assert len({str(pub.circuit) for pub in pubs}) > 1
    assert len({str(pub.identity()) for pub in pubs}) == 1


def test_a_circuit_that_cannot_be_written_at_all_is_known_by_its_bytes():
    circuit = QuantumCircuit(1, 1)
    circuit.append(Gate("mystery", 1, []), [0])
    circuit.measure(0, 0)
    (pub,) = coerce_pubs(circuit)
    assert pub.source is None
    assert pub.identity()[0] == pub.circuit
