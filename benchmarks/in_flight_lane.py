"""One measurement of ``benchmarks.in_flight``, with an emulator and a program that waits for jobs.

The jobs are submitted first. Then the program waits for all of them; while none ends, the emulator's journal counts the
requests. Finally they end at random times, and the program reports when it noticed each end.
"""

from __future__ import annotations

import datetime
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from airflow_provider_qrt.emulator import DEFAULT_API_KEY, DEFAULT_INSTANCE
from benchmarks.emulator_load import QUEUE_SECONDS, Client, Load
from benchmarks.running import ROOT, NotMeasurableError
from benchmarks.systems.in_flight_common import percentiles

INTERVAL = 30.0
"""Seconds between two polls of an old job, the default ``poll_interval``."""
AGE = 3600.0
"""Seconds since the submission, as given to the triggers, which poll old jobs less often."""
LEAD = 5.0
START_SECONDS = 120.0
STRAGGLERS_SECONDS = 240.0
CONTROL_SECONDS = 600.0
HANDS = 4
"""Number of threads that submit and end jobs."""


@dataclass(frozen=True)
class Lane:
    """The parameters of a measurement.

    Attributes:
        system: A key of ``COMMANDS``.
        jobs: Number of jobs.
        settle: Seconds of waiting before requests are counted.
        window: Seconds during which they are counted.
        ending: Seconds within which all jobs end at random times.
    """

    system: str
    jobs: int
    settle: float
    window: float
    ending: float


@dataclass(frozen=True)
class Measured:
    """The measured values.

    Attributes:
        requests: Requests in thirty seconds while no job ended.
        tokens: Requests for a token since the beginning of the wait.
        memory: Growth of the process during the wait, in bytes per job.
        lag: Lateness of the event loop in seconds (median, p99 and maximum) by phase; empty without an event loop.
        latencies: Seconds from each job's end on the server to its event.
        last: Seconds from the last job's end to the last event.
        ended_within: Seconds from the first job's end to the last one's.
        ending_requests: Requests from the first job's end to the last event.
    """

    requests: float
    tokens: int
    memory: float
    lag: dict[str, list[float]]
    latencies: list[float]
    last: float
    ended_within: float
    ending_requests: int

    @property
    def latency(self) -> list[float]:
        """Median, p99 and maximum."""
        return percentiles(self.latencies)


@dataclass(frozen=True)
class Service:
    """An emulator in a separate process."""

    root: str
    api: str

    def client(self, load: Load) -> Client:
        """Return a connection for one thread."""
        return Client(self.root, load)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the controls, which need no token and are not counted.

        Raises:
            RuntimeError: The request failed.
        """
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.root).netloc, timeout=CONTROL_SECONDS)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/_emulator/{path}", sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if text else None

    def journal(self) -> list[dict[str, Any]]:
        """Return the requests since the last call, except those of this benchmark, and forget them."""
        entries: list[dict[str, Any]] = self.ask("GET", "requests")["requests"]
        self.ask("DELETE", "requests")
        return [one for one in entries if not one["path"].startswith("/_emulator")]


def measure(lane: Lane, python: Path | str = sys.executable) -> Measured:
    """Measure one lane; ``python`` is the interpreter of the program.

    Raises:
        NotMeasurableError: The program failed; the text is the last line of its output.
    """
    with tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        with emulator(home) as service, program(lane.system, python, service, home) as process:
            # Triggers that only sleep need no jobs, only ids.
            sleeping = lane.system == "bare"
            jobs = [f"job-{one}" for one in range(lane.jobs)] if sleeping else submit(service, lane.jobs)
            _await_ready(process, home)
            return _measure(lane, service, process, jobs, home)


def _measure(lane: Lane, service: Service, process: subprocess.Popen[str], jobs: list[str], home: Path) -> Measured:
    service.journal()
    starts_at = time.time()
    counts_at = starts_at + LEAD + lane.settle
    ends_at = counts_at + lane.window + 1.0
    asked = {"jobs": jobs, "submitted_at": starts_at - AGE, "poll_interval": INTERVAL, "ends_at": ends_at}
    assert process.stdin is not None
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    time.sleep(max(0.0, counts_at - time.time()))
    before = service.journal()
    began = time.time()
    time.sleep(lane.window)
    counted = service.journal()
    seconds = time.time() - began
    time.sleep(max(0.0, ends_at - time.time()))
    if lane.system != "bare":
        end(service, jobs, ends_at, lane.ending)
    try:
        process.wait(STRAGGLERS_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotMeasurableError(f"not all had noticed after {STRAGGLERS_SECONDS:.0f} s") from None
    lines = (home / "output").read_text(errors="replace").splitlines()
    said = next((json.loads(line) for line in lines if line.startswith('{"events"')), None)
    if said is None:
        raise NotMeasurableError(f"it failed: {_last_words(home)}")
    memory = [int(line.split()[1]) for line in lines if line.startswith("memory ")]
    after = service.journal()
    if lane.system == "bare":
        return Measured(0, 0, (memory[1] - memory[0]) / lane.jobs, said["lag"], [0.0], 0.0, 0.0, 0)
    ends = {job["id"]: job["ended"] for job in _jobs(service)}
    ended = {one: datetime.datetime.fromisoformat(ends[one]).timestamp() for one in jobs}
    return Measured(
        requests=len(counted) * INTERVAL / seconds,
        tokens=sum(one["path"].endswith("/identity/token") for one in (*before, *counted, *after)),
        memory=(memory[1] - memory[0]) / lane.jobs,
        lag=said["lag"],
        latencies=[said["events"][one] - ended[one] for one in jobs],
        last=max(said["events"].values()) - max(ended.values()),
        ended_within=max(ended.values()) - min(ended.values()),
        ending_requests=len(after),
    )


@contextmanager
def emulator(home: Path) -> Iterator[Service]:
    """Serve an emulator whose jobs wait in the queue until they are ended."""
    ready = home / "ready.json"
    command = [sys.executable, "-m", "airflow_provider_qrt.emulator", "--port", "0", "--no-rate-limit"]
    command += ["--queue-seconds", str(QUEUE_SECONDS), "--ready-file", str(ready)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the emulator did not start")
            time.sleep(0.05)
        said = json.loads(ready.read_text())
        yield Service(said["iam_url"], said["url"])
    finally:
        process.kill()
        process.wait()


@contextmanager
def program(system: str, python: Path | str, service: Service, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the program of a system."""
    where = {"api": service.api, "root": service.root, "iam": service.root}
    question = {**where, "key": DEFAULT_API_KEY, "instance": DEFAULT_INSTANCE}
    modules = {"official": "in_flight_threads", "prefect": "in_flight_prefect"}
    argument = json.dumps(question) if system in modules else system
    with (
        # Use files because a full pipe, which nobody reads while the program waits, would block its event loop.
        (home / "output").open("wb") as output,
        (home / "errors").open("wb") as errors,
        subprocess.Popen(
            [str(python), "-m", f"benchmarks.systems.{modules.get(system, 'in_flight_triggers')}", argument],
            cwd=ROOT,
            env=environment(service, home),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def submit(service: Service, number: int) -> list[str]:
    """Submit jobs; they wait in the queue.

    Raises:
        RuntimeError: A job was refused.
    """
    load = Load()
    mine = threading.local()

    def one(ordinal: int) -> str | None:
        if not hasattr(mine, "client"):
            mine.client = service.client(load)
        answer: str | None = mine.client.submit(ordinal)
        return answer

    with ThreadPoolExecutor(HANDS) as pool:
        jobs = [job for job in pool.map(one, range(number + 1)) if job is not None]
    if load.errors:
        raise RuntimeError(load.errors[0])
    # Circuits are simulated in the order of submission, and a job cannot end before its simulation. So end one more
    # job now, so that no other job has to wait for a simulation later.
    service.ask("POST", f"jobs/{jobs.pop()}", {"status": "Completed"})
    return jobs


def end(service: Service, jobs: Sequence[str], starts_at: float, seconds: float) -> None:
    """End all jobs at random times.

    Args:
        service: The emulator.
        jobs: The jobs.
        starts_at: Start of the period, in epoch seconds.
        seconds: Length of the period.

    Raises:
        RuntimeError: A job did not end.
    """
    chance = random.Random(7)
    schedule = sorted((starts_at + chance.uniform(0, seconds), job) for job in jobs)

    def work(part: Sequence[tuple[float, str]]) -> None:
        for moment, job in part:
            time.sleep(max(0.0, moment - time.time()))
            service.ask("POST", f"jobs/{job}", {"status": "Completed"})

    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(work, [schedule[first::HANDS] for first in range(HANDS)]))


def _jobs(service: Service) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = service.ask("GET", "jobs")["jobs"]
    return jobs


def _await_ready(process: subprocess.Popen[str], home: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "ready" not in (home / "output").read_text(errors="replace").splitlines():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotMeasurableError(f"it did not start: {_last_words(home)}")
        time.sleep(0.1)


def _last_words(home: Path) -> str:
    lines = (home / "errors").read_text(errors="replace").strip().splitlines() or ["without a message"]
    return lines[-1]


def environment(service: Service, home: Path) -> dict[str, str]:
    """Return the environment of a program that uses the service: the connection, and separate folders."""
    kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(("PREFECT_", "QISKIT_"))}
    connection = {
        "conn_type": "qiskit_runtime",
        "host": service.api,
        "password": DEFAULT_API_KEY,
        "extra": {"instance": DEFAULT_INSTANCE, "iam_url": service.root},
    }
    return {
        **kept,
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT": json.dumps(connection),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
