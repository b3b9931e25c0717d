"""How two calls differ, in words."""

from __future__ import annotations

import json

import pytest

from airflow_provider_qrt.hybrid.outline import MOST_BYTES, difference, outline


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 2.5}]}, "a[1].b was 2.0 and is 2.5"),
        ({"a": 1}, {"a": 1, "b": 2}, "b was not there and is 2"),
        ({"a": 1, "b": 2}, {"a": 1}, "b was 2 and is not there"),
        ({"a": [1, 2]}, {"a": [1]}, "a[1] was 2 and is not there"),
        ({"a": []}, {"a": [1]}, "a[0] was not there and is 1"),
    ],
)
def test_the_first_difference_is_named(before, now, told):
    assert difference(outline(before), outline(now)) == told


def test_long_texts_and_lists_are_compared_by_digests():
    kept = outline({"circuit": "x" * 10_000, "values": list(range(1000))})
    assert len(json.dumps(kept)) < 200
    assert difference(kept, outline({"circuit": "y" * 10_000, "values": list(range(1000))})).startswith(
        "circuit was a long text or list with the digest sha256:"
    )


def test_a_large_call_is_kept_small():
    given = {"circuits": [[f"circuit {number}", number] for number in range(60)] * 20, "shots": 7}
    kept = outline({**given, "more": {str(number): number for number in range(2000)}})
    assert len(json.dumps(kept)) < MOST_BYTES
    assert difference(kept, {**kept, "shots": 8}) is not None


def test_numbers_may_differ_by_what_processors_differ():
    many = [0.7] * 100
    before, now = outline({"a": [0.1 + 0.2], "b": [0.1 + 0.2, *many]}), outline({"a": [0.3], "b": [0.3, *many]})
    assert before["a"] != now["a"]
    assert difference(before, now) is None
    assert difference(before, outline({"a": [0.3001], "b": [0.3, *many]})).startswith("a[0]")
    assert difference(before, outline({"a": [0.3], "b": [0.3001, *many]})).startswith("b ")
