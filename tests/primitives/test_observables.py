"""Observables in every form that users write, with the same meaning as in Qiskit."""

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

from airflow_provider_qrt.primitives import InvalidInputError
from airflow_provider_qrt.primitives.inputs.observables import coerce_observables

steady = settings(deadline=None, derandomize=True, max_examples=100, suppress_health_check=list(HealthCheck))


def read(value, num_qubits=2, **more):
    observables = coerce_observables(value, num_qubits, "here", **more)
    assert json.loads(json.dumps(observables.terms, allow_nan=False)) == observables.terms
    return observables


@pytest.mark.parametrize(
    ("value", "terms", "shape"),
    [
        ("ZZ", {"ZZ": 1.0}, ()),
        ({"ZZ": 0.5, "XI": -1.2}, {"ZZ": 0.5, "XI": -1.2}, ()),
        ({"ZZ": 1}, {"ZZ": 1.0}, ()),
        ({"ZZ": np.float32(0.5), "XI": np.int64(2)}, {"ZZ": 0.5, "XI": 2.0}, ()),
        ({"ZZ": 2 + 0j}, {"ZZ": 2.0}, ()),
        ({"ZZ": 1, "XX": 0}, {"ZZ": 1.0}, ()),
        ("Z0", {"IZ": 1.0}, ()),
        ("Z1", {"ZI": 1.0}, ()),
        ("X1 Z0", {"XZ": 1.0}, ()),
        ({"Z0 X1": 2, "I0": 1}, {"XZ": 2.0, "II": 1.0}, ()),
        (["ZZ", {"XX": 2}], [{"ZZ": 1.0}, {"XX": 2.0}], (2,)),
        ([["ZZ"], ["XX"], ["YY"]], [[{"ZZ": 1.0}], [{"XX": 1.0}], [{"YY": 1.0}]], (3, 1)),
        (("ZZ",), [{"ZZ": 1.0}], (1,)),
        (np.array([["ZZ", "XX"]]), [[{"ZZ": 1.0}, {"XX": 1.0}]], (1, 2)),
        (np.array("ZZ"), {"ZZ": 1.0}, ()),
        (Pauli("XZ"), {"XZ": 1.0}, ()),
        (Pauli("-XZ"), {"XZ": -1.0}, ()),
        (SparsePauliOp(["ZZ", "XI"], [0.5, -1.2]), {"ZZ": 0.5, "XI": -1.2}, ()),
        (SparsePauliOp(["ZZ", "ZZ"], [0.5, 1.0]), {"ZZ": 1.5}, ()),
        (dict(SparsePauliOp(["ZZ", "XI"], [0.5, -1.2]).to_list()), {"ZZ": 0.5, "XI": -1.2}, ()),
        (PauliList(["ZZ", "XX"]), [{"ZZ": 1.0}, {"XX": 1.0}], (2,)),
        ([SparsePauliOp("ZZ"), "XX"], [{"ZZ": 1.0}, {"XX": 1.0}], (2,)),
        (ObservablesArray([["ZZ"], ["XX"]]), [[{"ZZ": 1.0}], [{"XX": 1.0}]], (2, 1)),
        (SparseObservable("ZX"), {"ZX": 1.0}, ()),
        ({Pauli("ZZ"): 2}, {"ZZ": 2.0}, ()),
    ],
    ids=str,
)
def test_every_form_becomes_maps_of_pauli_strings_to_numbers(value, terms, shape):
    observables = read(value)
    assert observables.terms == terms
    assert observables.shape == shape


@st.composite
def arrays(draw):
    """Arrays of observables of the same width, as nested lists."""
    width = draw(st.integers(1, 12))
    pauli = st.text("IXYZ", min_size=width, max_size=width)
    # Integers, which add up without rounding, and neither zero nor so small that Qiskit takes them for it.
    weight = st.integers(-50, 50).filter(bool)
    observable = st.one_of(
        pauli,
        st.dictionaries(pauli, weight, min_size=1, max_size=5),
        st.dictionaries(pauli, weight, min_size=1, max_size=5).map(
            lambda terms: SparsePauliOp.from_list([*terms.items()])
        ),
    )
    shape = draw(st.sampled_from([(), (1,), (3,), (2, 1), (1, 2), (2, 3)]))
    flat = [draw(observable) for _ in range(math.prod(shape))]

    def nest(shape):
        return [nest(shape[1:]) for _ in range(shape[0])] if shape else flat.pop()

    return width, nest(shape)


def by_place(terms, shape):
    """Return the element at each position of an array."""
    found = {}
    for place in np.ndindex(shape):
        leaf = terms
        for index in place:
            leaf = leaf[index]
        found[place] = dict(leaf)
    return found


@steady
@given(arrays())
def test_arrays_are_read_as_qiskit_reads_them(array):
    width, value = array
    ours, theirs = read(value, width), ObservablesArray.coerce(value)
    assert ours.shape == theirs.shape
    assert by_place(ours.terms, ours.shape) == by_place(theirs.tolist(), theirs.shape)


@steady
@given(st.integers(1, 156), st.data())
def test_naming_qubits_means_what_qiskits_sparse_list_means(width, data):
    named = data.draw(st.dictionaries(st.integers(0, width - 1), st.sampled_from("XYZ"), min_size=1, max_size=6))
    text = " ".join(f"{letter}{qubit}" for qubit, letter in named.items())
    theirs = SparsePauliOp.from_sparse_list([("".join(named.values()), list(named), 1.0)], num_qubits=width)
    assert read(text, width).terms == {theirs.paulis[0].to_label(): 1.0}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("zz", "'zz' is no Pauli string; write it in capitals.*'ZZ'"),
        (" ZZ", "without spaces around it: 'ZZ'"),
        ("z0 z1", "in capitals.*'Z0 Z1'"),
        ("ZQ", "it has 'Q', and the letters are I, X, Y and Z.*'Z0 Z1'"),
        ("Z0Z1", "it has '0', '1'"),
        ("", "the Pauli string is empty"),
        ("++", r"'\+\+' has projectors \('\+'\), which IBM's estimator does not measure.*\(I \+ X\)/2"),
        ("Z0 +1", "is no Pauli string"),
        ("0Z", "has projectors"),
        ("-ZZ", r"has a sign; write the weight in a map: {'ZZ': -1.0}"),
        ("['ZZ', 'XX']", "a template became text.*render_template_as_native_obj"),
        ("{'ZZ': 1}", "a template became text"),
        ("Z0 X0", "names qubit 0 twice"),
        ("Z2", "names qubit 2, and the circuit has 2, 0 to 1"),
        ({}, "the map is empty"),
        ([], "the list of observables is empty"),
        ([["ZZ"], []], r"\[1\]: the list of observables is empty"),
        ({"ZZ": 0, "XX": 0.0}, "all weights are 0"),
        ({"ZZ": 1, "Z1 Z0": 2}, "'Z1 Z0' and 'ZZ' are the same term"),
        ({"ZZ": 1j}, "the weight of 'ZZ' must be a real number, not 1j .*Hermitian"),
        ({"ZZ": np.complex128(1j)}, "must be a real number, not 1j"),
        ({"ZZ": True}, "must be a real number, not True"),
        ({"ZZ": "0.5"}, r"must be a real number, not '0.5' \(str\)"),
        ({"ZZ": None}, "must be a real number, not None"),
        ({"ZZ": float("nan")}, "must be a finite number, not nan"),
        ({"ZZ": -math.inf}, "must be a finite number, not -inf"),
        ({"ZZ": 10**400}, "must be a finite number, not inf"),
        ({0: 1.0}, "a term is named by a Pauli string"),
        ([("ZZ", 0.5)], r"\[0\]\[1\]: expected a Pauli string .*not 0.5 \(float\)"),
        (["ZZ", ["XX"]], "different lengths.*circuits=\\[\\(first, 'ZZ'\\)"),
        ([["ZZ", "XX"], ["YY"]], "different lengths"),
        (None, "expected a Pauli string"),
        (3, r"not 3 \(int\)"),
        (np.array([1.0]), r"\[0\]: expected a Pauli string"),
        (SparsePauliOp("ZZ", [1j]), "Qiskit takes this SparsePauliOp for no observable: Non-Hermitian"),
        (SparseObservable("0+"), r"has projectors \('\+', '0'\)"),
    ],
    ids=str,
)
def test_what_is_no_observable_is_refused_and_says_what_to_write(value, message):
    with pytest.raises(InvalidInputError, match=r"^here.*" + message):
        read(value)


@pytest.mark.parametrize(
    ("value", "width", "circuit", "message"),
    [
        ("ZZZ", 2, "text", "'ZZZ' has 3 letters, and the circuit has 2 qubits: .* acts on qubit 2.$"),
        ("IZZ", 2, "text", "Drop the I on the left, or name the qubits: 'Z0 Z1'.$"),
        ("ZX", 6, "text", "Add I on the left, or name the qubits: 'X0 Z1'.$"),
        ("ZX", 6, "physical", r"6 qubits \(the highest that it names is \$5\): .*'X0 Z1'.$"),
        ("ZIIIIIII", 6, "physical", r"acts on qubit 7. To measure one that no gate acts on, .*: rz\(0\) \$7;$"),
        ("Z7", 6, "physical", r"names qubit 7, and the circuit has 6, 0 to 5. .*: rz\(0\) \$7;$"),
        ("ZX", 156, "object", r"or, if Qiskit transpiled it, observable.apply_layout\(circuit.layout\).$"),
        (SparsePauliOp("ZX"), 156, "object", "has 2 letters, and the circuit has 156 qubits"),
        ({"ZZ": 1, "Z": 1}, 2, "text", "'Z' has 1 letters, and the circuit has 2 qubits"),
        (["ZZ", "Z"], 2, "text", r"^here\[1\]: 'Z' has 1 letters"),
        (["ZZ", "Z"], None, "text", r"^here\[1\]: 'Z' has 1 letters, an observable before it has 2.$"),
        ("Z0", None, "text", "how many qubits 'Z0' stands for is not known"),
        ("Z" * 100, 2, "text", r"'Z+\.\.\.' has 100 letters"),
        ("Z" * 100, 127, "object", "Add I on the left; or, if Qiskit"),
    ],
    ids=str,
)
def test_a_width_that_is_not_the_circuits_names_both_and_the_remedy(value, width, circuit, message):
    with pytest.raises(InvalidInputError, match=message):
        read(value, width, circuit=circuit)


def test_without_a_known_width_all_observables_have_that_of_the_first():
    assert read(["ZZZ", {"XXX": 1}], None).shape == (2,)


def test_weights_may_have_the_imaginary_part_of_a_rounding_error():
    assert coerce_observables({"ZZ": 1 + 1e-17j, "XX": np.complex128(0.5 - 2e-14j)}, 2, "here").terms == {
        "ZZ": 1.0,
        "XX": 0.5,
    }
    with pytest.raises(InvalidInputError, match="must be a real number"):
        coerce_observables({"ZZ": 1 + 1e-12j}, 2, "here")


@pytest.mark.parametrize("pairs", [[("ZZII", -1.0)], [["ZZII", -1.0]]], ids=str)
def test_pairs_as_qiskits_from_list_takes_them_are_answered_with_the_map(pairs):
    with pytest.raises(InvalidInputError, match=r"written as a map: \{'ZZII': -1.0\}"):
        coerce_observables(pairs, 4, "observables")
