"""Values that a template may have turned into text."""

from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.templated import flag, whole_number


@pytest.mark.parametrize("nothing", [None, "", " ", "None", " None "], ids=repr)
def test_nothing_is_no_number(nothing):
    assert whole_number("shots", nothing) is None


@pytest.mark.parametrize(
    ("given", "read"),
    [(3, 3), ("3", 3), (" 3 ", 3), (3.0, 3), (Decimal(3), 3), ("9007199254740993", 9007199254740993)],
    ids=repr,
)
def test_a_whole_number_is_read_from_whatever_holds_one(given, read):
    assert whole_number("shots", given) == read


@pytest.mark.parametrize(
    "other",
    [True, "3.0", "many", 3.5, Decimal("3.5"), float("nan"), float("inf"), [3], {}],
    ids=repr,
)
def test_what_is_no_whole_number_is_refused_by_name(other):
    with pytest.raises(InvalidInputError, match=r"^shots: expected a whole number"):
        whole_number("shots", other)


@pytest.mark.parametrize(
    ("given", "says"),
    [(0, "must be at least 1, got 0"), ("-1", "must be at least 1, got -1"), (4, "must be at most 3, got 4")],
    ids=repr,
)
def test_a_number_outside_of_its_limits_is_refused(given, says):
    with pytest.raises(InvalidInputError, match=f"^level: {says}"):
        whole_number("level", given, at_most=3)


@pytest.mark.parametrize("limit", [1, 3])
def test_the_limits_themselves_are_allowed(limit):
    assert whole_number("level", limit, at_most=3) == limit


@pytest.mark.parametrize(
    ("given", "read"), [(True, True), (False, False), ("True", True), (" false ", False)], ids=repr
)
def test_a_flag_is_read_from_text(given, read):
    assert flag("private", given) is read


@pytest.mark.parametrize("other", ["yes", 1, None, ""], ids=repr)
def test_what_is_no_flag_is_refused_by_name(other):
    with pytest.raises(InvalidInputError, match=r"^private: expected True or False"):
        flag("private", other)
