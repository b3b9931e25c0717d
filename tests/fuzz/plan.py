"""The plan of an episode, drawn from its seed: the task, the service, the faults, and the actions of a user."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.clock import START
from tests.fuzz.weather import INCIDENTS, OF_AIRFLOW, Incident, Weather

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
STAY = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; rz(0.5) $0; c[0] = measure $0;'
MOST_EXECUTIONS = 100
"""Executions that one job of a packed task may have; each PUB needs more than half of them."""
ENDS: tuple[dict[str, Any], ...] = (
    {"status": "Failed"},
    {"status": "Failed", "reason_code": 1010},
    {"status": "Failed", "reason_code": 7001},
    {"status": "Cancelled"},
    {"status": "Cancelled - Ran too long"},
)


@dataclass
class Plan:
    """One episode.

    Attributes:
        seed: Of everything.
        jobs: How many jobs the task's input takes.
        private: Whether they are private.
        deferrable: Whether the task waits in the triggerer.
        defer_after: How long it may wait on its worker first, seconds.
        waits: ``wait_for_completion``.
        to_file: Whether the result goes to a file too.
        retries: In the DAG file, to begin with.
        timeout: The task's, seconds.
        settings: Of the emulator.
        ends: Bad ends of jobs.
        weather: What goes wrong.
        kills: How likely a leg is killed.
        stops: How likely a user stops a leg.
        moves: How many moves the user has in all.
        forks: Whether workers are processes of their own.
    """

    seed: int
    jobs: int
    private: bool
    deferrable: bool
    defer_after: float
    waits: bool
    to_file: bool
    retries: int
    timeout: float
    settings: dict[str, Any]
    ends: list[dict[str, Any]]
    weather: Weather
    kills: float
    stops: float
    moves: int
    forks: bool
    chance: random.Random = field(repr=False)

    @classmethod
    def of(cls, seed: int) -> Plan:
        """Draw it."""
        chance = random.Random(f"plan {seed}")
        jobs = chance.choice((1, 1, 1, 2, 3))
        return cls(
            seed=seed,
            jobs=jobs,
            private=chance.random() < 0.15,
            deferrable=chance.random() < 0.5,
            # Of a source of its own: the rest of an episode is as it was before this was drawn.
            defer_after=random.Random(f"defer_after {seed}").choice((0.0, 3.0, 10.0, 60.0)),
            waits=chance.random() < 0.88,
            to_file=chance.random() < 0.2,
            retries=chance.choice((0, 1, 2, 2, 3)),
            timeout=chance.choice((900.0, 3600.0, 86400.0)),
            settings={
                "queue_seconds": chance.choice((0.0, 5.0, 60.0, 240.0, 4000.0)),
                "run_seconds": chance.choice((1.0, 10.0, 60.0)),
                "usage_pending_seconds": chance.choice((0.0, 0.0, 5.0)),
                "visibility_seconds": chance.choice((0.0, 0.0, 5.0, 15.0, 25.0)),
                "rate_limit": chance.random() < 0.2,
            },
            ends=[
                {**chance.choice(ENDS), "times": 1, "skip": chance.randrange(3)}
                for _ in range(chance.choice((0, 0, 0, 0, 1, 2)))
            ],
            weather=_weather(chance),
            kills=chance.choice((0.0, 0.2, 0.45)),
            stops=chance.choice((0.0, 0.15, 0.35)),
            moves=chance.choice((0, 1, 2, 3, 5)),
            forks=chance.random() < 0.03,
            chance=chance,
        )

    def arguments(self, version: int) -> dict[str, Any]:
        """Of the operator, for the input of this version."""
        circuits = [(self.circuit(version, part), None, self.shots(version, part)) for part in range(1, self.jobs + 1)]
        return {
            "circuits": circuits,
            "backend": "ibm_fez",
            "max_execution_time": cost(version),
            "private": self.private,
            "deferrable": self.deferrable,
            "defer_after": self.defer_after,
            "wait_for_completion": self.waits,
            "poll_interval": 20 if self.settings["queue_seconds"] < 1000 else 120,
            "timeout": self.timeout,
        }

    def circuit(self, version: int, part: int) -> str:
        """Of a part of the input, from 1."""
        return (STAY, FLIP)[(version + part) % 2]

    def shots(self, version: int, part: int) -> int:
        """Of a part of the input."""
        return 50 + 10 * part + version

    def counts(self, version: int, part: int) -> dict[str, int]:
        """Return the expected result of a part of the input."""
        return {"01"[(version + part) % 2]: self.shots(version, part)}


def cost(version: int) -> int:
    """The maximum execution time by which the jobs of an input are known."""
    return 300 + version


def _weather(chance: random.Random) -> Weather:
    incidents, troubles = [], []
    begin = START
    for _ in range(chance.choice((0, 0, 1, 2))):
        begin += chance.uniform(0, 200)
        incidents.append(Incident(chance.choice(INCIDENTS), begin, begin + chance.choice((5, 30, 120, 400))))
    begin = START
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        begin += chance.uniform(0, 200)
        troubles.append(Incident(chance.choice(OF_AIRFLOW), begin, begin + chance.choice((5, 30, 120, 400))))
    return Weather(chance.choice((0.0, 0.05, 0.12, 0.25)), chance.choice((0.0, 0.0, 0.02, 0.06)), incidents, troubles)
