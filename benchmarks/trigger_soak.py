"""Tests the triggers for leaks, with hundreds of jobs for a quarter of an hour while one request in twenty fails.

``python -m benchmarks.trigger_soak`` keeps 200 jobs in flight: each ends at a random time in a random way, and a new
job replaces it. All triggers wait in one event loop, as in Airflow's triggerer. Every ten seconds it prints the
process's memory, threads, sockets and asyncio tasks. It exits with 1 if one of these grew after the first minutes, if
anything is left at the end, or if a trigger fired an event that does not match the end of its job.
"""

from __future__ import annotations

import argparse
import heapq
import http.client
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.emulator_load import Client, Load
from benchmarks.in_flight_lane import Service, emulator, environment
from benchmarks.running import ROOT

SUMMARY = "Whether the triggers leak. Exits with 1 when they do."
READS = r"^/(jobs|identity)"
SHARE = 0.05
"""Share of the triggers' requests that fail."""
FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 503},
    {"status": 429, "retry_after": 1},
    {"status": 502, "html": "<html><body>Bad gateway</body></html>"},
    {"drop": "before"},
    {"drop": "after"},
    {"truncate": 20},
    {"delay": 2, "phase": "after"},
    {"effect": "revoke_tokens"},
)
SHORTEST, LONGEST = 5.0, 180.0
"""Shortest and longest time until a job ends, in seconds."""
ENDINGS = ("Completed",) * 8 + ("Failed", "Cancelled")
PERIOD = 10.0
WARM_UP = 180.0
"""Seconds after which nothing may grow; by then each kind of fault has happened many times."""
LAST = 180.0
"""Length in seconds of the last period, which is compared with a period of the same length after the warm-up."""
MOST_GROWTH = 0.03
"""Largest allowed growth of the memory, for garbage that is not yet collected."""
PATIENCE = 300.0


@dataclass
class Sample:
    """The values at one time."""

    seconds: float
    memory: int
    threads: int
    sockets: int
    tasks: int


@dataclass
class Soak:
    """The state of one soak test.

    Attributes:
        jobs: Number of jobs in flight.
        expected: The end that each job was given.
        fired: The event of its trigger.
        samples: The samples.
        wrong: Descriptions of errors.
        tasks: Last reported number of asyncio tasks.
        left: Tasks and pollers at the end.
        requests: Number of the triggers' requests.
        struck: Number of these requests that failed by a fault.
    """

    jobs: int
    expected: dict[str, str] = field(default_factory=dict)
    fired: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    tasks: int = 0
    left: tuple[int, int] | None = None
    requests: int = 0
    struck: int = 0

    def listen(self, process: subprocess.Popen[str]) -> None:
        """Record the program's output until its end."""
        assert process.stdout is not None
        for line in process.stdout:
            match line.split():
                case ["event", job_id, ending, state]:
                    if job_id in self.fired:
                        self.wrong.append(f"{job_id} was told of twice")
                    self.fired[job_id] = state if ending == "final" else ending
                case ["tasks", number]:
                    self.tasks = int(number)
                case ["left", tasks, pollers]:
                    self.left = (int(tasks), int(pollers))
                case _:
                    pass


def run(service: Service, process: subprocess.Popen[str], soak: Soak, seconds: float) -> None:
    """Keep jobs in flight for this many seconds, then let all of them end."""
    assert process.stdin is not None
    chance, load = random.Random(7), Load()
    for seed, fault in enumerate(FAULTS):
        rule = {"method": "*", "path": READS, "probability": SHARE / len(FAULTS), "seed": seed, **fault}
        # The submissions of this program are not part of the measurement.
        service.ask("POST", "faults", {**rule, "method": "GET"})
        if "effect" not in fault:
            service.ask("POST", "faults", {**rule, "path": "/identity/token"})
    client = _client(service, load)
    listener = threading.Thread(target=soak.listen, args=(process,))
    listener.start()
    ends: list[tuple[float, str]] = []
    began = time.monotonic()
    sampled = began
    inside = psutil.Process(process.pid)
    submitted = 0
    while (now := time.monotonic()) - began < seconds or ends:
        while len(ends) < soak.jobs and now - began < seconds:
            job_id = client.submit(submitted)
            if job_id is None:
                # The token was revoked.
                client = _client(service, load)
                continue
            submitted += 1
            heapq.heappush(ends, (now + chance.uniform(SHORTEST, LONGEST), job_id))
            process.stdin.write(job_id + "\n")
            process.stdin.flush()
        while ends and ends[0][0] <= now:
            job_id = heapq.heappop(ends)[1]
            soak.expected[job_id] = chance.choice(ENDINGS)
            service.ask("POST", f"jobs/{job_id}", {"status": soak.expected[job_id]})
        if now - sampled >= PERIOD:
            sampled = now
            process.stdin.write("count\n")
            process.stdin.flush()
            _sample(soak, inside, now - began)
        time.sleep(0.05)
    soak.struck = sum(fault["applied"] for fault in service.ask("GET", "faults")["faults"])
    soak.requests = sum(one["method"] == "GET" or "identity" in one["path"] for one in service.journal())
    service.ask("DELETE", "faults")
    process.stdin.close()
    listener.join(PATIENCE)
    process.wait(PATIENCE)


def _client(service: Service, load: Load) -> Client:
    """Log in, with as many tries as necessary."""
    while True:
        try:
            return service.client(load)
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            time.sleep(0.1)


def _sample(soak: Soak, inside: psutil.Process, seconds: float) -> None:
    sample = Sample(seconds, inside.memory_info().rss, inside.num_threads(), len(inside.net_connections()), soak.tasks)
    soak.samples.append(sample)
    print(
        f"{seconds:5.0f}  {sample.memory / 1e6:7.1f}  {sample.threads:7d}  {sample.sockets:7d}  {sample.tasks:6d}  "
        f"{len(soak.expected):6d}  {len(soak.fired):6d}  {len(soak.wrong):5d}",
        flush=True,
    )


def judge(soak: Soak, seconds: float) -> int:
    """Print the result, and return the exit code."""
    early = [one for one in soak.samples if WARM_UP <= one.seconds < WARM_UP + LAST]
    late = [one for one in soak.samples if seconds - LAST <= one.seconds < seconds]
    faulty = list(soak.wrong)
    faulty += [f"{job}: {soak.fired.get(job)} instead of {end}" for job, end in soak.expected.items()
               if soak.fired.get(job) != end]  # fmt: skip
    if early and late:
        growth = sum(one.memory for one in late) / len(late) / (sum(one.memory for one in early) / len(early)) - 1
        print(f"memory {growth:+.1%} from the first {LAST:.0f} s after the warm-up to the last")
        if growth > MOST_GROWTH:
            faulty.append("the memory grew")
        for name in ("threads", "sockets", "tasks"):
            first, last = (max(getattr(one, name) for one in part) for part in (early, late))
            print(f"{name}: {first} at most, then {last}")
            if last > first + (soak.jobs // 20 if name == "tasks" else 1):
                faulty.append(f"the {name} grew")
    else:
        faulty.append(f"{seconds:.0f} s are too few to tell")
    # The task that requests this counts as one.
    if soak.left != (1, 0):
        faulty.append(f"tasks and pollers left at the end: {soak.left}")
    print(
        f"{'BAD' if faulty else 'good'}: {len(soak.expected)} jobs ended, {len(soak.fired)} events, "
        f"{soak.struck} of {soak.requests} requests failed"
    )
    print(*faulty[:10], sep="\n")
    return 1 if faulty else 0


def main() -> int:
    """Start emulator and triggers, run the soak test, and end them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trigger_soak", description=SUMMARY)
    parser.add_argument("--seconds", type=float, default=900.0, help="how long (default 900)")
    parser.add_argument("--jobs", type=int, default=200, help="jobs in flight (default 200)")
    asked = parser.parse_args()
    soak = Soak(asked.jobs)
    with (
        tempfile.TemporaryDirectory(prefix="qrt-soak-", ignore_cleanup_errors=True) as name,
        emulator(Path(name)) as service,
    ):
        command = [sys.executable, "-m", "benchmarks.systems.soak_triggers"]
        with (
            (Path(name) / "errors").open("wb") as errors,
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(service, Path(name)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                while process.stdout.readline().strip() != "ready":
                    if process.poll() is not None:
                        print((Path(name) / "errors").read_text(), file=sys.stderr)
                        return 1
                print("    s   RSS MB  threads  sockets   tasks   ended  events  wrong", flush=True)
                run(service, process, soak, asked.seconds)
            finally:
                process.kill()
    return judge(soak, asked.seconds)


if __name__ == "__main__":
    sys.exit(main())
