"""The stored state of a task with several jobs."""

from __future__ import annotations

import base64
import json
import random
import zlib

import pytest

from airflow_provider_qrt.jobs.submit.split import STORE_KEY, PartStore, Split, part_store

LARGEST_VALUE = 65_536
"""Bytes that Airflow's state store holds in one value."""


@pytest.mark.parametrize("jobs", [((0, 2), (1,)), ((0,),), ((3, 4, 5), (0, 1, 2))], ids=str)
def test_a_partition_comes_back_from_the_store_as_it_was(store, jobs):
    Split("f", jobs).write(store)
    assert Split.read(store) == Split("f", jobs)


@pytest.mark.parametrize("stored", [None, {}, "text", {"jobs": ""}], ids=repr)
def test_what_is_no_partition_is_none(store, stored):
    store.set(STORE_KEY, stored)
    assert Split.read(store) is None


def test_a_partition_that_was_forgotten_is_none(store):
    Split("f", ((0,), (1,))).write(store)
    Split.forget(store)
    assert Split.read(store) is None
    # Airflow's store takes no null.
    assert store.get(STORE_KEY) == {}


def test_without_a_store_nothing_is_kept():
    Split("f", ((0,),)).write(None)
    assert (Split.read(None), part_store(None, 1)) == (None, None)


def test_a_hundred_thousand_circuits_fit_into_one_value():
    chance, jobs = random.Random(1), ([], [], [])
    for pub in range(100_000):
        jobs[chance.randrange(3)].append(pub)
    assert len(json.dumps(Split("f", tuple(map(tuple, jobs))).to_json())) < LARGEST_VALUE


def test_what_is_kept_of_one_part_is_not_seen_by_another(store):
    first, second = PartStore(store, 1), PartStore(store, 2)
    first.set("key", "of the first")
    assert (first.get("key"), second.get("key"), store.get("key")) == ("of the first", None, None)


def test_a_task_with_a_store_has_one_for_each_part(store):
    part = part_store(store, 2)
    part.set("key", "of the second")
    assert part == PartStore(store, 2)
    assert (part.get("key"), store.get("key.2"), part.get("other", "nothing")) == (
        "of the second",
        "of the second",
        "nothing",
    )


def test_a_partition_is_written_as_earlier_versions_read_it():
    stored = Split("f", ((0, 2), (1,))).to_json()
    assert stored["fingerprint"] == "f"
    assert zlib.decompress(base64.b64decode(stored["jobs"])) == b"[0,1,0]"
