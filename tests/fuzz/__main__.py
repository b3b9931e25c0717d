"""``python -m tests.fuzz``: runs episodes and prints those that broke a guarantee.

``--seed N`` repeats one of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter

import tests.conftest  # noqa: F401 - a home for Airflow, before anything imports it

MOST_PROCESSES = 4


def main() -> int:
    """Play."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--first", type=int, default=1, help="seed of the first")
    parser.add_argument("--step", type=int, default=1, help="from one seed to the next")
    parser.add_argument("--seed", type=int, help="play this one only, and print its trace")
    parser.add_argument("--traces", type=int, default=3, help="how many traces are printed at most")
    parser.add_argument("--processes", type=int, default=min(MOST_PROCESSES, os.cpu_count() or 1))
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return _play([arguments.seed], traces=1, always=True)
    if arguments.processes == 1:
        last = arguments.first + arguments.episodes * arguments.step
        return _play(range(arguments.first, last, arguments.step), traces=arguments.traces)
    return _share(arguments)


def _share(arguments: argparse.Namespace) -> int:
    """Let several processes play, each its part of the seeds."""
    processes = arguments.processes
    started = []
    for one in range(processes):
        share = len(range(one, arguments.episodes, processes))
        options = {"first": arguments.first + one, "episodes": share, "step": processes, "traces": arguments.traces}
        command = [sys.executable, "-m", "tests.fuzz", "--processes", "1"]
        started.append(subprocess.Popen([*command, *(f"--{name}={value}" for name, value in options.items())]))
    return max(process.wait() for process in started)


def _play(seeds: range | list[int], *, traces: int, always: bool = False) -> int:
    from tests.fuzz.runner import fuzzer

    began = time.monotonic()
    broken: list[int] = []
    kinds: Counter[str] = Counter()
    with fuzzer() as one:
        for seed in seeds:
            episode = one.play(seed)
            if episode.broken:
                broken.append(seed)
                kinds.update({text.split(":")[0].split(" for ")[0] for text in episode.broken})
            if always or (episode.broken and len(broken) <= traces):
                print(episode, flush=True)
            elif episode.broken:
                print(f"Episode {seed}: " + " | ".join(one[:200] for one in episode.broken), flush=True)
    took = time.monotonic() - began
    print(f"{len(seeds)} episodes in {took:.0f} s, {len(broken)} with a broken promise: {dict(kinds)}", flush=True)
    if broken:
        print(f"Repeat them with: make fuzz SEED=... {broken}", flush=True)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
