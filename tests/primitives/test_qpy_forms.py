"""A circuit saved as QPY is accepted in every form of saved QPY."""

import base64
import io
import zlib

import pytest
from qiskit import QuantumCircuit, qpy

from airflow_provider_qrt.primitives import InvalidInputError, coerce_pubs
from airflow_provider_qrt.primitives.circuits.qpy_forms import is_qpy, tag_saved_qpy


def bell():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def saved(*circuits):
    buffer = io.BytesIO()
    qpy.dump(list(circuits), buffer)
    return buffer.getvalue()


DATA = saved(bell())
FORMS = {
    "bytes": DATA,
    "bytearray": bytearray(DATA),
    "compressed": zlib.compress(DATA),
    "fast": zlib.compress(DATA, 1),
    "base64": base64.b64encode(DATA).decode(),
    "base64 of compressed": base64.b64encode(zlib.compress(DATA)).decode(),
    "base64 in lines": base64.encodebytes(zlib.compress(DATA, 9)).decode(),
}


def assert_is_the_bell_circuit(tagged):
    (circuit,) = qpy.load(io.BytesIO(zlib.decompress(base64.b64decode(tagged["__value__"]))))
    assert tagged["__type__"] == "QuantumCircuit"
    assert circuit == bell()


@pytest.mark.parametrize("form", FORMS)
def test_bytes_and_base64_are_taken(form):
    assert is_qpy(FORMS[form])
    assert_is_the_bell_circuit(tag_saved_qpy(FORMS[form], "circuits[0]"))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_is_taken_by_its_path(tmp_path, compressed):
    path = tmp_path / "my bell.qpy"
    path.write_bytes(zlib.compress(DATA) if compressed else DATA)
    for form in (path, str(path), f" {path}\n"):
        assert is_qpy(form)
        assert_is_the_bell_circuit(tag_saved_qpy(form, "circuits[0]"))


@pytest.mark.parametrize("other", ["OPENQASM 3.0; qubit q;", "bell.qasm", "", "x", 'include "a.qpy";', None, 5, {}, []])
def test_other_things_are_not_taken_for_qpy(other):
    assert not is_qpy(other)


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("/no/such/file.qpy", r"the file '/no/such/file.qpy' cannot be read: No such file"),
        (b"PK\3\4", "expected QPY, as it is or compressed"),
        (b"", "expected QPY, as it is or compressed"),
        (zlib.compress(b"something else"), "expected QPY, .* this begins with b'someth'"),
        (DATA[:12], "expected QPY"),
        ("UUlTS0lUx", "expected base64 of QPY"),
        (saved(bell(), bell()), "the QPY holds 2 circuits"),
    ],
)
def test_what_is_wrong_is_said_with_the_place(item, problem):
    assert is_qpy(item)
    with pytest.raises(InvalidInputError, match=rf"^circuits\[3\]: {problem}"):
        tag_saved_qpy(item, "circuits[3]")


@pytest.mark.parametrize("form", FORMS)
def test_saved_qpy_stands_where_a_circuit_may_stand(form):
    for circuits in (FORMS[form], [FORMS[form]], (FORMS[form], None, 5), [(FORMS[form], None, 5)]):
        (pub,) = coerce_pubs(circuits)
        assert_is_the_bell_circuit(pub.circuit)


def test_the_same_bytes_are_known_again_in_every_form():
    assert len({str(coerce_pubs(form)[0].identity()) for form in FORMS.values()}) == 1
