"""A short run of the fuzz of a task's whole life; ``make fuzz`` is the long one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.fuzz.plan import Plan
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
    # In a triggerer a thread and the event loop run at once: a few hundredths of a second may differ there.
    seed = next(one for one in count() if not (plan := Plan.of(one)).deferrable and not plan.forks and plan.kills)
    first, again = (one_fuzzer.play(seed) for _ in range(2))

    assert len(first.moments) > 20
    assert first.moments == again.moments
