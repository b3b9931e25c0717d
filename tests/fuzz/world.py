"""The world of an episode: a clock, the service, Airflow's database, and the processes that run one after the other."""

from __future__ import annotations

import pickle
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests.adapters
from airflow.sdk import ObjectStoragePath

from tests.fuzz.clock import START, WorldClock
from tests.fuzz.plan import Plan
from tests.fuzz.points import Process

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator

LATENCY = 0.05
"""Seconds that a request takes."""
NAMES = ("the_dag", "manual__2026-01-01", "the_task")


@dataclass
class Purchase:
    """A job that was submitted.

    Attributes:
        job_id: Its id.
        cost: Its maximum execution time, by which the input is known.
        part: Which of the task's jobs it is.
        wish: The number of the wish at the time.
        by: Which process submitted it.
    """

    job_id: str
    cost: int
    part: int
    wish: int
    by: str


@dataclass
class Delivery:
    """A value that the task has handed on.

    Attributes:
        value: What Airflow has of it.
        wish: The number of the wish.
        version: The input's.
        try_number: Airflow's.
        disturbed: Whether the state store failed in the leg that delivered, or the process was stopped: then the task
            cannot have noted that it has delivered.
    """

    value: Any
    wish: int
    version: int
    try_number: int
    disturbed: bool = False


@dataclass
class AirflowFacts:
    """The state of the task in Airflow's database.

    Attributes:
        retries: What the DAG file says.
        version: Which input the DAG file holds.
        wish: Counts the jobs that a user has asked for: the first run, each clear after delivery, each other input.
        delivered: Whether the task has succeeded since the wish was made.
        disturbed: Whether something went wrong with the present leg that may keep it from noting what it did.
        results_read: Jobs whose result the service was asked for.
        handed_over: Jobs of values that reached XCom, whatever became of the task.
    """

    retries: int
    names: tuple[str, str, str] = NAMES
    state: str | None = None
    run_state: str = "running"
    clear_number: int = 0
    try_number: int = 0
    max_tries: int = 0
    ti_id: uuid.UUID = field(default_factory=lambda: uuid.UUID(int=1))
    next_method: str | None = None
    next_kwargs: Any = None
    trigger: tuple[str, Any] | None = None
    trigger_due: float | None = None
    final_word: str | None = None
    store: dict[str, str] = field(default_factory=dict)
    xcoms: dict[str, str] = field(default_factory=dict)
    version: int = 0
    tried_version: int | None = None
    wish: int = 1
    delivered: bool = False
    disturbed: bool = False
    deliveries: list[Delivery] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    results_read: set[str] = field(default_factory=set)
    handed_over: set[str] = field(default_factory=set)

    def enter(self, state: str | None) -> None:
        """Change the state."""
        self.state = state
        if state != "deferred":
            self.trigger = self.trigger_due = None
        if state == "success":
            self.note_delivery()

    def note_delivery(self) -> None:
        """The task has succeeded."""
        import json

        self.delivered = True
        value = self.xcoms.get("return_value")
        self.deliveries.append(
            Delivery(None if value is None else json.loads(value), self.wish, self.version, self.try_number)
        )


class World:
    """Everything there is in one episode."""

    def __init__(self, plan: Plan, emulator: Emulator, clock: WorldClock, folder: Path) -> None:
        self.plan = plan
        self.emulator = emulator
        self.clock = clock
        self.folder = folder
        self.weather = plan.weather
        self.airflow = AirflowFacts(retries=plan.retries, max_tries=plan.retries)
        self.process: Process = None  # type: ignore[assignment]
        self.child_file: Path | None = None
        self.connection: dict[str, Any] = {
            "conn_type": "qiskit_runtime",
            "host": emulator.url,
            "password": emulator.api_key,
            "login": None,
            "port": None,
            "schema": None,
            "extra": f'{{"instance": "{emulator.instance}", "iam_url": "{emulator.iam_url}"}}',
        }

    def trace(self, line: str) -> None:
        """Take a line for whoever reads of this episode."""
        self.airflow.lines.append(f"{self.clock.time() - START:9.2f}  {line}")

    def keep(self) -> None:
        """In a forked process, let the other one know of what Airflow knows, and of the trace."""
        if self.child_file is not None:
            unfinished = self.child_file.with_suffix(".new")
            unfinished.write_bytes(pickle.dumps(self.airflow))
            unfinished.replace(self.child_file)

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs of the service, oldest first."""
        return self.emulator.jobs()

    def note_purchases(self) -> None:
        """See what was submitted."""
        known = {purchase.job_id for purchase in self.airflow.purchases}
        for job in self.jobs():
            if job["id"] not in known:
                part = next((int(found[1]) for tag in job["tags"] if (found := _PART.match(tag))), 1)
                self.airflow.purchases.append(
                    Purchase(job["id"], job["cost"], part, self.airflow.wish, self.process.name)
                )
                self.trace(f"   job {job['id'][:6]} exists now, part {part}, for wish {self.airflow.wish}")

    @contextmanager
    def requests_watched(self) -> Iterator[None]:
        """Let every request of the provider be a point of the process that sends it."""
        adapter = requests.adapters.HTTPAdapter
        send = adapter.send

        def watched(one: Any, request: Any, *args: Any, **more: Any) -> Any:
            process = self.process
            path = urlsplit(request.url).path.removeprefix("/api/v1")
            what = f"{request.method} {path}"
            process.before(what)
            fault = self.weather.of_request(process.chance, request.method, path, self.clock.time())
            said = ""
            if fault is not None:
                said = f" ({fault[0]})"
                self.emulator.add_fault(method=request.method, path=path, **fault[1])
            self.clock.advance(LATENCY)
            try:
                response = send(one, request, *args, **more)
                self.trace(f"{what} -> {response.status_code}{said}")
            except requests.RequestException as error:
                self.trace(f"{what} -> {type(error).__name__}{said}")
                raise
            finally:
                if request.method == "POST" and path == "/jobs":
                    self.note_purchases()
                if path.endswith("/results"):
                    self.airflow.results_read.add(path.split("/")[2])
                if fault is not None:
                    self.emulator.clear_faults()
            self.keep()
            process.after(what)
            return response

        open_path = ObjectStoragePath.open

        def opened(path: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
            file = open_path(path, mode, *args, **more)
            if "w" in mode:
                file.write = _torn(self.process, f"writing {path.name}", file, file.write)
            return file

        adapter.send = watched  # type: ignore[method-assign]
        ObjectStoragePath.open = opened  # type: ignore[method-assign]
        self.clock.before_sleep = lambda seconds: self.process.sleep(seconds)
        try:
            yield
        finally:
            adapter.send = send  # type: ignore[method-assign]
            ObjectStoragePath.open = open_path  # type: ignore[method-assign]
            self.clock.before_sleep = self.clock.advance


def _torn(process: Process, what: str, file: Any, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Writing to a file, in the middle of which SIGKILL may come."""

    def written(data: Any) -> Any:
        process.before(what)
        if process.dies_here:
            write(bytes(data)[: len(data) // 2])
            file.flush()
        else:
            write(data)
        process.after(what)
        return len(data)

    return written


def job_ids(value: Any) -> list[str]:
    """The jobs that a task's value is of."""
    return list(value.get("job_ids") or [value["job_id"]]) if isinstance(value, dict) else []


_PART = re.compile(r"qrt:[^:]*:[^:]*:\d+\.(\d+):")


def moment(text: str | None) -> float | None:
    """Epoch seconds of a moment that the emulator tells."""
    return None if text is None else datetime.fromisoformat(text).timestamp()
