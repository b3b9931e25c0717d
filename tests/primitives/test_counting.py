"""Counting rows by hash is exact for any rows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_qrt.primitives import BitRegister, Counts
from airflow_provider_qrt.primitives.results import counting


def expected(rows):
    return list(Counter(row.tobytes() for row in rows).items())


def counted(rows):
    distinct, counts = counting.count_rows(rows)
    return [(row.tobytes(), int(count)) for row, count in zip(distinct, counts, strict=True)]


@settings(deadline=None, derandomize=True, max_examples=150)
@given(st.integers(0, 40), st.integers(0, 300), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_rows_are_counted_in_the_order_of_first_appearance(width, shots, distinct, seed):
    rng = np.random.default_rng(seed)
    pool = rng.integers(0, 256, (distinct, width), dtype=np.uint8)
    rows = pool[rng.integers(0, distinct, shots)]
    assert counted(rows) == expected(rows)


@pytest.mark.parametrize("shots", [2, 1000, 70_000])
def test_counts_stay_exact_when_every_hash_collides(monkeypatch, shots):
    rows = np.random.default_rng(5).integers(0, 2, (shots, 17), dtype=np.uint8)
    monkeypatch.setattr(counting, "_mix", lambda words: np.zeros(len(words), dtype=np.uint64))
    assert counted(rows) == expected(rows)


def test_a_collision_across_a_block_border_is_found(monkeypatch):
    monkeypatch.setattr(counting, "_BLOCK", 3)
    monkeypatch.setattr(counting, "_mix", lambda words: words[:, 0].copy())
    rows = np.zeros((40, 16), dtype=np.uint8)
    rows[:, 15] = np.arange(40) % 7
    rows[:, 0] = np.arange(40) % 2
    assert counted(rows) == expected(rows)


@pytest.mark.parametrize("num_bits", [1, 8, 13, 64, 65, 130])
def test_counts_are_a_read_only_mapping_of_strings(num_bits):
    rng = np.random.default_rng(num_bits)
    width = -(-num_bits // 8)
    pool = rng.integers(0, 256, (5, width), dtype=np.uint8)
    register = BitRegister(pool[rng.integers(0, 5, 100)], num_bits)
    counts = register.counts()
    plain = Counter(register.bitstrings())
    assert counts == plain
    assert counts.to_dict() == plain
    assert isinstance(counts, Counts)
    assert counts.shots == 100
    assert [counts[key] for key in plain] == list(plain.values())
    assert list(counts.sorted()) == sorted(plain)
    assert counts.sorted() == plain
    assert counts.most_common(2) == plain.most_common(2)
    assert len(counts.most_common()) == len(counts) == len(plain)
    assert register.counts() is counts
    for wrong in ("", "0" * (num_bits + 1), "2" * num_bits, "-" + "1" * (num_bits - 1) if num_bits > 1 else "x", 3):
        assert wrong not in counts
    with pytest.raises(TypeError):
        counts["0" * num_bits] = 1


def test_the_repr_of_large_counts_is_short():
    rows = np.arange(60_000, dtype=">u2").view(np.uint8).reshape(-1, 2)
    counts = BitRegister(rows, 16).counts()
    assert len(repr(counts)) < 200
    assert "60000 distinct, 60000 shots" in repr(counts)
    assert counts["1110101001011111"] == 1


def test_counts_of_distinct_shots_share_the_memory_of_the_shots():
    rows = np.arange(60_000, dtype=">u2").view(np.uint8).reshape(-1, 2)
    assert BitRegister(rows, 16).counts().rows.base is rows.base or BitRegister(rows, 16).counts().rows is rows


@pytest.mark.parametrize("num_bits", [0, 1, 63, 64, 65, 127])
@pytest.mark.parametrize(("shots", "distinct"), [(0, 1), (1, 1), (1600, 1600), (1600, 1100), (1600, 3)])
def test_a_dictionary_holds_all_outcomes_in_their_order(num_bits, shots, distinct):
    rng = np.random.default_rng(num_bits)
    pool = rng.integers(0, 256, (distinct, -(-num_bits // 8)), dtype=np.uint8)
    chosen = np.arange(shots) if shots == distinct else rng.integers(0, distinct, shots)
    register = BitRegister(pool[chosen], num_bits)
    plain = register.counts().to_dict()
    assert list(plain.items()) == list(Counter(register.bitstrings()).items())
    assert all(type(count) is int for count in plain.values())


def test_the_counts_of_distinct_shots_take_no_memory_for_each():
    counts = BitRegister(np.arange(256, dtype=np.uint8).reshape(256, 1), 8).counts()
    assert counts.values_array.dtype == np.int64
    assert counts.values_array.strides == (0,)
    assert counts.most_common(1) == [("00000000", 1)]
    assert counts.sorted().to_dict() == counts.to_dict()
