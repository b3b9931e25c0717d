"""Whatever the provider has to look after jobs that nobody waits for any more, given its time."""

from __future__ import annotations

import random

from tests.fuzz.points import Process
from tests.fuzz.processes import begin_process
from tests.fuzz.world import World

PAUSE = 900.0
"""Seconds; what is younger than ten minutes is not judged."""


def give_time(world: World, chance: random.Random) -> None:
    """Let the janitor run, in fair weather."""
    fair, world.weather.fair = world.weather.fair, True
    world.clock.advance(PAUSE)
    process = Process(world, "janitor", chance)
    world.trace(f"--- {process.name}")
    begin_process(world, process, lambda: _clean(world))
    world.weather.fair = fair


def _clean(world: World) -> None:
    from airflow_provider_qrt.hooks.orphans import cancel_orphans
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    with QiskitRuntimeHook() as hook:
        cancel_orphans(hook.client, hook.find_orphans(), log=lambda line: world.trace(f"    {line}"))
