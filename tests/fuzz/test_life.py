"""A short run of the fuzz of a task's whole life; ``make fuzz`` is the long one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.runner import Fuzzer, fuzzer

BLOCK = 20
BLOCKS = 6


@pytest.fixture(scope="module")
def one_fuzzer() -> Iterator[Fuzzer]:
    with fuzzer() as one:
        yield one


@pytest.mark.parametrize("block", range(BLOCKS))
def test_nobody_pays_twice_and_nothing_is_left_running(one_fuzzer, block):
    broken = []
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        episode = one_fuzzer.play(seed)
        if episode.broken:
            broken.append(episode)

    assert not broken, "\n\n".join(f"{one}\nRepeat it with: make fuzz SEED={one.seed}" for one in broken)


def test_an_episode_is_repeated_exactly_by_its_seed(one_fuzzer):
    first, again = (one_fuzzer.play(7) for _ in range(2))

    assert first.moments == again.moments
