"""A result text in a state store."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from airflow_provider_qrt.execution.private_result import HEAD_KEY, KeptResult

LIMIT = 65_535
"""Bytes that Airflow's state store takes in one value."""


class Store(dict[str, Any]):
    def set(self, key: str, value: Any) -> None:
        assert len(json.dumps(value).encode()) <= LIMIT
        self[key] = value


@pytest.mark.parametrize("size", [0, 10, 300_000], ids=str)
def test_what_is_kept_comes_back(size):
    text = "é" + "".join(random.Random(3).choices('abcdefghij"\\{}', k=size))
    store = Store()
    assert KeptResult(store).save("job", text)
    assert KeptResult(store).load("job") == text


def test_a_result_is_kept_for_its_own_job_only():
    store = Store()
    KeptResult(store).save("one", "text")
    assert KeptResult(store).load("other") is None


def test_half_a_result_is_none():
    store = Store()
    KeptResult(store).save("job", "".join(random.Random(3).choices("abcdefghij", k=300_000)))
    del store[f"{HEAD_KEY}_1"]
    assert KeptResult(store).load("job") is None


def test_without_a_store_nothing_is_kept():
    assert not KeptResult(None).save("job", "text")
    assert KeptResult(None).load("job") is None
