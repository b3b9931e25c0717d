"""OpenQASM 3 expressions whose value is known before the circuit runs."""

import math

import numpy as np
import pytest

from airflow_provider_qrt.primitives.circuits.constants import evaluate, evaluate_whole


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("d**2", 9),
        ("1 << 2", 4),
        ("16 >> 2", 4),
        ("0x1F", 31),
        ("0b101", 5),
        ("007", 7),
        ("1_000", 1000),
        ("2*(d - 1)", 4),
        ("7/2", 3),
        ("-7/2", -3),
        ("7 % 4", 3),
        ("6 & 3 | 8", 10),
        ("~0 & 7", 7),
        ("uint[8](d)", 3),
        ("int(2.7)", 2),
        ("ceiling(log(8)/log(2))", 3),
        ("pow(2, d)", 8),
        ("popcount(7)", 3),
        ("int(true && d > 2)", 1),
    ],
)
def test_sizes_are_computed_as_the_language_has_them(expression, value):
    assert evaluate_whole(expression, {"d": 3}) == value


@pytest.mark.parametrize(
    "expression", ["", "q", "sizeof(q)", "1.5", "2**2**9", "1 << 99", "1/0", "1 << -1", "f(1)", "1 +"]
)
def test_what_is_no_whole_number_has_no_size(expression):
    assert evaluate_whole(expression) is None


@pytest.mark.parametrize(
    ("expression", "value"),
    [("pi/2", math.pi / 2), ("τ", math.tau), ("2*sin(1)", 2 * math.sin(1)), ("2**-1", 0.5), ("!false", True)],
)
def test_angles_are_computed(expression, value):
    assert evaluate(expression) == pytest.approx(value)


def test_a_quotient_of_whole_numbers_has_no_value_where_compilers_differ():
    assert evaluate("7/2", whole_quotients=False) is None
    assert evaluate("8/2", whole_quotients=False) == 4


def test_arrays_are_computed_with_element_by_element():
    values = evaluate("2*a + sin(b)", {"a": np.array([1.0, 2.0]), "b": np.array([[0.0], [1.0]])})
    assert values.shape == (2, 2)
    assert values[1, 0] == pytest.approx(2 + math.sin(1))


def test_what_is_not_a_number_has_no_value():
    assert evaluate("sqrt(-1)") is None
    assert evaluate("1e308*10") is None
