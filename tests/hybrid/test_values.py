"""Values of steps come back from the journal as they were."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_qrt.hybrid.errors import NotKeepableError
from airflow_provider_qrt.hybrid.values import from_json, to_json

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    PLAIN | st.complex_numbers(allow_nan=False),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def through_json(value):
    return from_json(json.loads(json.dumps(to_json(value), allow_nan=False)))


@given(VALUES)
def test_what_a_step_returns_is_what_a_retry_gets(value):
    kept = through_json(value)
    assert kept == value
    assert type(kept) is type(value)


def test_keys_that_look_like_tags_are_kept():
    assert through_json({"$tuple": [1], "a": {"$dict": 2}}) == {"$tuple": [1], "a": {"$dict": 2}}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_kept(value):
    assert repr(through_json([value])) == repr([value])


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.array([1.5, np.nan]),
        np.array([1 + 2j]),
        np.array([], dtype=np.uint8),
        np.array(["a", "bc"]),
        np.asfortranarray(np.ones((2, 3))),
    ],
)
def test_arrays_are_kept_and_may_be_changed(array):
    kept = through_json({"array": array})["array"]
    np.testing.assert_array_equal(kept, array)
    assert kept.dtype == array.dtype
    kept.fill(kept.flat[0] if kept.size else 0)


def test_a_number_of_numpys_stays_one():
    kept = through_json(np.float64(0.25))
    assert (type(kept), kept) == (np.float64, 0.25)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (object(), "the value is of the type object"),
        ([{"a": {1, 2}}], r"the value\[0\]\['a'\] is of the type set"),
        ({1: 2}, "has the key 1"),
        (np.array([None]), "an array of object"),
    ],
)
def test_other_values_are_refused_with_their_place(value, told):
    with pytest.raises(NotKeepableError, match=told):
        to_json(value)
