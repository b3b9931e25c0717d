"""``python -m tests.fuzz_decoders``: checks that hostile input causes only the documented errors."""

from __future__ import annotations

import argparse
import logging
import random
import resource
import sys
import time
import traceback
import warnings

from .targets import TARGETS

MEMORY = 4 << 30
SLOW_SECONDS = 5.0


def run(name: str, inputs: int, seed: int) -> list[str]:
    """Give a target so many inputs; return what went wrong, each once."""
    target, found = TARGETS[name], {}
    for number in range(inputs):
        source = random.Random(f"{name}/{seed}/{number}")
        given = target.make(source)
        began = time.monotonic()
        try:
            target.run(given)
        except target.allowed:
            pass
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            key = f"{type(error).__name__} at {place.filename}:{place.lineno}"
            found.setdefault(key, f"{name}, seed {seed}, input {number}: {key}: {str(error)[:200]}")
        seconds = time.monotonic() - began
        if seconds > SLOW_SECONDS:
            found.setdefault("slow", f"{name}, seed {seed}, input {number}: took {seconds:.1f} s")
    return list(found.values())


def main() -> int:
    """Share the inputs among the targets; 1 if one of them found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_decoders")
    parser.add_argument("--inputs", type=int, default=100_000, help="in all (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", help="only those whose name holds this")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    logging.disable()
    names = [name for name in TARGETS if not asked.target or asked.target in name]
    each, failed = -(-asked.inputs // len(names)), False
    for name in names:
        began = time.monotonic()
        found = run(name, each, asked.seed)
        failed = failed or bool(found)
        print(f"{name}: {each:,} inputs in {time.monotonic() - began:.0f} s, {len(found)} faults", flush=True)
        for one in found:
            print(f"  {one}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
