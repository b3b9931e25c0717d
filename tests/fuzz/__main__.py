"""``python -m tests.fuzz``: plays episodes and prints those in which a promise was broken.

``--seed N`` plays one of them again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

import tests.conftest  # noqa: F401 - a home for Airflow, before anything imports it


def main() -> int:
    """Play."""
    from tests.fuzz.runner import fuzzer

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--first", type=int, default=1, help="seed of the first")
    parser.add_argument("--seed", type=int, help="play this one only, and print its trace")
    parser.add_argument("--traces", type=int, default=5, help="how many traces are printed at most")
    arguments = parser.parse_args()
    began = time.monotonic()
    broken: list[int] = []
    kinds: Counter[str] = Counter()
    with fuzzer() as one:
        seeds = (
            [arguments.seed]
            if arguments.seed is not None
            else range(arguments.first, arguments.first + arguments.episodes)
        )
        for seed in seeds:
            episode = one.play(seed)
            if episode.broken:
                broken.append(seed)
                kinds.update({text.split(":")[0].split(" for ")[0] for text in episode.broken})
            if arguments.seed is not None or (episode.broken and len(broken) <= arguments.traces):
                print(episode, flush=True)
            elif episode.broken:
                print(f"Episode {seed}: " + " | ".join(one[:200] for one in episode.broken), flush=True)
    took = time.monotonic() - began
    print(f"{len(seeds)} episodes in {took:.0f} s, {len(broken)} with a broken promise: {dict(kinds)}")
    if broken:
        print(f"Repeat one with: make fuzz SEED={broken[0]}")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
