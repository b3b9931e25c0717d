"""The provider's clean-up of jobs for which no task waits any more.

It runs every minute or two in a separate process, so it may run just when a task is about to continue.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.execution_time import task_runner

from airflow_provider_qrt.cleanup.cleaner import Cleaner
from airflow_provider_qrt.cleanup.records import Place, Written, _read
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.orphans.ownership import RunState
from airflow_provider_qrt.jobs.sessions import opening as sessions
from airflow_provider_qrt.jobs.submit import record
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord
from tests.fuzz.points import Process
from tests.fuzz.supervisor import Supervisor
from tests.fuzz.world import World

INTERVAL = 90.0
"""Seconds between two looks."""
PATIENCE = 300.0
"""Seconds within which what is left over is cancelled."""


class Janitor:
    """Looks again and again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cleaner: Cleaner | None = None
        self._looked = world.clock.time()

    def restart(self) -> None:
        """Its process was killed; what it has seen is forgotten."""
        self._cleaner = None

    def look(self, chance: random.Random) -> None:
        """Look, if it is time."""
        clock = self._world.clock
        if clock.time() - self._looked < INTERVAL:
            return
        self._looked = clock.time()
        # Other processes go on as they were.
        before, comms = self._world.process, vars(task_runner).get("SUPERVISOR_COMMS")
        process = self._world.process = Process(self._world, "janitor", chance)
        task_runner.SUPERVISOR_COMMS = Supervisor(self._world)  # type: ignore[assignment]
        try:
            done = self._get_cleaner().look()
        finally:
            process.dead = True
            self._world.process = before
            if comms is not None:
                task_runner.SUPERVISOR_COMMS = comms
        if done:
            self._world.trace(f"JANITOR: {', '.join(done)}")

    def give_time(self, chance: random.Random) -> None:
        """Let it find, in fair weather, what is left over."""
        fair, self._world.weather.fair = self._world.weather.fair, True
        for _ in range(int(PATIENCE // INTERVAL)):
            self._world.clock.advance(INTERVAL)
            self.look(chance)
        self._world.weather.fair = fair

    def _get_cleaner(self) -> Cleaner:
        if self._cleaner is None:
            self._cleaner = Cleaner(
                airflow=_Database(self._world),
                connect=lambda conn_id: QiskitRuntimeHook(conn_id).create_client(),
                clock=self._world.clock.time,
            )
        return self._cleaner


class _Database:
    """Airflow's database, as the cleaner reads it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def run_state(self, dag_id: str, run_id: str) -> Any:
        return RunState.GOES_ON if self._world.airflow.run_state in ("queued", "running") else RunState.ENDED

    def task_states(
        self, dag_id: str, run_id: str, task_id: str | None = None, map_index: int = -1
    ) -> Mapping[str, str | None]:
        return {self._world.airflow.names[2]: self._world.airflow.state}

    def published_job_id(self, *task: Any) -> str | None:
        return next(iter(self.published_job_ids(*task)), None)

    def published_job_ids(self, *task: Any) -> list[str]:
        return [one.job_id for one in self.job_records(None) if one.job_id is not None]

    def job_records(self, place: Any) -> list[Any]:
        return [one for one in self._records() if isinstance(one, SubmissionRecord)]

    def written_since(self, moment: datetime) -> list[Any]:
        dag_id, run_id, task_id = self._world.airflow.names
        now = datetime.fromtimestamp(self._world.clock.time(), UTC)
        return [(Written(Place(dag_id, run_id, task_id, -1), one), now) for one in self._records()]

    def tell(self, event: str, text: str, place: Any) -> None:
        self._world.trace(f"JANITOR: {text}")

    def _records(self) -> list[Any]:
        known = (record.STORE_KEY, sessions.STORE_KEY)
        rows = self._world.airflow.store.items()
        found = [_read(key, text) for key, text in rows if key.startswith(known) and json.loads(text)]
        return [one for one in found if one is not None]
