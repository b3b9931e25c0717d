"""Measures how soon a deferred task learns that its job has ended, by the live status stream and by polling.

Jobs of the generation ``ibm_cloud`` end at random times. The provider's triggers wait for all of them at once in a
separate process, as in a triggerer: once with the stream, once polling at the default ``poll_interval``, and once
polling every five seconds. The times are the same for all three. The emulator's journal counts the requests.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Goal, Report, Table
from benchmarks.running import ROOT

if TYPE_CHECKING:
    from airflow_provider_qrt.client import QiskitRuntimeClient
    from airflow_provider_qrt.emulator import Emulator

JOBS = 40
SHORTEST, LONGEST = 8.0, 25.0
"""Shortest and longest time from the start of the wait to a job's end, in seconds; triggers first poll after six."""
LEAD = 15.0
"""Seconds for submitting all jobs before the wait begins."""
RUN_SECONDS = 1.0
FIRST_LOOK = 6.0
"""Seconds until the first poll of a trigger."""
MOST_SECONDS = 1.0
LEAST_SAVING = 3
DEFAULT_INTERVAL = 30.0
TIMEOUT_SECONDS = 180
CIRCUIT = 'OPENQASM 3; include "stdgates.inc"; qreg q[1]; creg c[1]; x q[0]; c[0] = measure q[0];'
WAYS = (
    ("live status, poll_interval 30 s", True, DEFAULT_INTERVAL),
    ("polling, poll_interval 30 s", False, DEFAULT_INTERVAL),
    ("polling, poll_interval 5 s", False, 5.0),
)
KINDS = ("token", "read", "list", "stream")


@dataclass(frozen=True)
class Measured:
    """The measured values of one way to wait.

    Attributes:
        latencies: Seconds from each job's end on the server to its trigger's event.
        requests: Number of requests of each kind, for all jobs together.
    """

    latencies: list[float]
    requests: Counter[str]

    @property
    def p99(self) -> float:
        """The 99th percentile by nearest rank; for fewer than a hundred jobs it is the maximum."""
        return sorted(self.latencies)[math.ceil(0.99 * len(self.latencies)) - 1]


def kind(path: str) -> str:
    """Return the kind of a request in the journal."""
    if path.startswith("/stream/"):
        return "stream"
    if path == "/jobs":
        return "list"
    return "read" if path.startswith("/jobs/") else "token"


def measure(emulator: Emulator, home: str, *, stream: bool, poll_interval: float) -> Measured:
    """Let triggers wait for jobs, which end at the same random times in every call."""
    chance = random.Random(7)
    lives = [chance.uniform(SHORTEST, LONGEST) for _ in range(JOBS)]
    emulator.reset()
    log = Path(home) / "triggers.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stream_triggers"],
            cwd=ROOT,
            env=_environment(emulator, home, stream=stream),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            while (line := process.stdout.readline()) != "ready\n":
                if not line:
                    raise RuntimeError("the process of the triggers did not start")
            start = time.time() + LEAD
            with _client(emulator) as client:
                ids = [_submit(emulator, client, start + life) for life in lives]
            if time.time() > start:
                raise RuntimeError(f"submitting {JOBS} jobs took more than {LEAD:.0f} s")
            time.sleep(start - time.time())
            emulator.clear_requests()
            asked = [{"job_id": one, "submitted_at": start, "poll_interval": poll_interval} for one in ids]
            answer, _ = process.communicate(json.dumps(asked) + "\n", timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()
    found = [line for line in answer.splitlines() if line.startswith('{"events"')]
    if not found:
        raise RuntimeError(f"the triggers ended without an answer: {log.read_text()[-2000:]}")
    ended = {job["id"]: datetime.datetime.fromisoformat(job["ended"]).timestamp() for job in emulator.jobs()}
    events = json.loads(found[-1])["events"]
    latencies = [moment - ended[one] for one, moment in zip(ids, events, strict=True)]
    return Measured(latencies, Counter(kind(one["path"]) for one in emulator.requests()))


def report() -> Report:
    """Measure all ways to wait one after the other."""
    from airflow_provider_qrt.emulator import Emulator

    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as home,
        Emulator(rate_limit=False) as emulator,
    ):
        found = {
            name: measure(emulator, home, stream=stream, poll_interval=interval) for name, stream, interval in WAYS
        }
    live = found[WAYS[0][0]]
    followed, polled = (looks(3600, DEFAULT_INTERVAL, stream=stream) for stream in (True, False))
    lives = {"1 minute": 60, "10 minutes": 600, "1 hour": 3600, "1 day": 86_400}
    return Report(
        "Live status",
        [
            Table(
                f"{JOBS} jobs that end {SHORTEST:.0f} to {LONGEST:.0f} s after the wait begins, waited for at once; "
                "seconds from a job's end on the server to its trigger's event, and HTTP requests for each job:",
                ("way", "median", "p99", "requests a job", "reads", "streams", "lists", "tokens"),
                [_row(name, measured) for name, measured in found.items()],
            ),
            Table(
                "Reads of one longer job, calculated, not measured (the trigger's own decisions in imagined time; the "
                "stream needs one request more):",
                ("job ends after", "live status, 30 s", "polling, 30 s", "polling, 5 s"),
                [
                    (name, *(f"{looks(life, interval, stream=stream):,}" for _, stream, interval in WAYS))
                    for name, life in lives.items()
                ],
            ),
        ],
        [
            Goal(
                f"with the stream the event comes within {MOST_SECONDS:.0f} s of the job's end (p99)",
                f"{live.p99:.2f} s",
                live.p99 < MOST_SECONDS,
            ),
            Goal(
                f"a job of an hour is read at most 1/{LEAST_SAVING} as often as with polling at the same interval",
                f"{followed} times and {polled}",
                followed * LEAST_SAVING <= polled,
            ),
        ],
        [
            f"Of {JOBS} jobs the p99 is the slowest.",
            "After the event Airflow schedules the task again, which takes seconds more, whichever way it waited.",
        ],
    )


def looks(life: float, poll_interval: float, *, stream: bool) -> int:
    """Return the number of polls by the trigger for a job of this duration that runs in its last second."""
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.jobs.wait.status_stream import StreamWatch
    from airflow_provider_qrt.jobs.wait.watch_plan import Pause, WatchPlan

    plan, watch = WatchPlan(random=random.Random(7)), StreamWatch(poll_interval)
    plan.add("id", submitted_at=0.0, longest=poll_interval, now=0.0, first_look=FIRST_LOOK)
    told = [(life - RUN_SECONDS, "Running"), (life, "Completed")] if stream else []
    now, looked, count = 0.0, 0.0, 0
    while True:
        step = plan.next(now)
        if not isinstance(step, Pause):
            looked, count = now, count + 1
            word = "Queued" if now < life - RUN_SECONDS else "Running" if now < life else "Completed"
            job = Job.from_json({"id": "id", "state": {"status": word}})
            if job.status.is_final:
                return count
            plan.on_job(job, now)
            watch.on_look()
            watch.on_seen(job.status)
            if stream and count == 1:
                watch.on_message("ACK", now)
        else:
            # The stream begins after the first poll.
            told_at = told[0][0] if told and count else math.inf
            wanted_at = max(now, watch.next_look(looked))
            now = min(now + step.seconds, wanted_at, max(now, told_at))
            if now >= told_at:
                watch.on_message(told.pop(0)[1], now)
            elif now == wanted_at:
                plan.ask("id", now)
        plan.steady("id", watch.rest, now)


def _row(name: str, measured: Measured) -> tuple[str, ...]:
    return (
        name,
        f"{statistics.median(measured.latencies):.2f} s",
        f"{measured.p99:.2f} s",
        f"{measured.requests.total() / JOBS:.1f}",
        *(f"{measured.requests[what] / JOBS:.1f}" for what in ("read", "stream")),
        *(f"{measured.requests[what]} for all" for what in ("list", "token")),
    )


def _client(emulator: Emulator) -> QiskitRuntimeClient:
    from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient

    settings = ClientSettings.create(
        api_key=emulator.api_key,
        instance=emulator.instance,
        base_url=emulator.root_url,
        iam_url=emulator.iam_url,
        channel="ibm_cloud",
    )
    return QiskitRuntimeClient(settings)


def _submit(emulator: Emulator, client: QiskitRuntimeClient, end: float) -> str:
    """Submit a job that ends at the given time, in epoch seconds."""
    emulator.add_rule(queue_seconds=end - RUN_SECONDS - time.time(), run_seconds=RUN_SECONDS, times=1)
    params = {"circuits": [CIRCUIT]}
    return client.submit_job(program_id="sampler", backend="ibmq_qasm_simulator", params=params).id


def _environment(emulator: Emulator, home: str, *, stream: bool) -> dict[str, str]:
    connection = {
        "conn_type": "qiskit_runtime",
        "host": emulator.root_url,
        "password": emulator.api_key,
        "extra": {
            "channel": "ibm_cloud",
            "instance": emulator.instance,
            "iam_url": emulator.iam_url,
            "stream": stream,
        },
    }
    return {
        **os.environ,
        "AIRFLOW_HOME": home,
        "AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT": json.dumps(connection),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
