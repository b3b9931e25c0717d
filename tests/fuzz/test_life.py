"""A short run of the fuzz of a task's whole life; ``make fuzz`` is the long one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.plan import Plan

if TYPE_CHECKING:
    from tests.fuzz.runner import Fuzzer

BLOCK = 20
BLOCKS = 6


@pytest.fixture(scope="module")
def one_fuzzer() -> Iterator[Fuzzer]:
    from tests.fuzz.runner import fuzzer

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


def has_one_thread(plan: Plan) -> bool:
    return not plan.deferrable and not plan.forks and plan.jobs == 1


def test_an_episode_is_repeated_exactly_by_its_seed(one_fuzzer):
    # Where threads run at once, which of them is first differs: in a triggerer, and where several jobs are cancelled.
    seed = next(one for one in count() if has_one_thread(plan := Plan.of(one)) and plan.kills and plan.stops)
    first, again = (one_fuzzer.play(seed) for _ in range(2))

    assert len(first.moments) > 20
    assert first.moments == again.moments
