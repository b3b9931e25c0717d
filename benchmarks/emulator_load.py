"""Load test of the emulator with thousands of jobs in flight and hundreds of status reads per second.

``python -m benchmarks.emulator_load --seconds 600`` starts an emulator in a separate process, submits jobs that wait in
a long queue, and reads their status at a steady rate. Meanwhile it completes some jobs, reads their results, deletes
them and submits new ones. Every ten seconds it prints the latency of the reads and the emulator's memory. It exits with
1 after any error, or if the memory grew by more than a fifth after the first minute.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_qrt.emulator import DEFAULT_API_KEY, DEFAULT_INSTANCE

QUEUE_SECONDS = 36_000
REPORT_SECONDS = 10
WARM_UP_SECONDS = 60
MOST_GROWTH = 0.2
START_SECONDS = 60
READERS = 8
SHOTS = 100
SUMMARY = "How the emulator bears load. Exits with 1 after any error, or when its memory grew by more than 20 %."
QASM = (
    'OPENQASM 3.0; include "stdgates.inc"; bit[2] meas; rz(pi/2) $0; sx $0; rz(pi/2) $0; '
    "rz(pi/2) $1; sx $1; rz(pi/2) $1; cz $0, $1; "
    "rz(pi/2) $1; sx $1; rz(pi/2) $1; meas[0] = measure $0; meas[1] = measure $1;"
)
GRANT = "urn:ibm:params:oauth:grant-type:apikey"


@dataclass
class Load:
    """The measured values.

    Attributes:
        latencies: Seconds of each status read in the current period.
        errors: Descriptions of errors.
        reads: Total number of status reads.
        renewed: Number of jobs that were completed, read, deleted and replaced.
    """

    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    reads: int = 0
    renewed: int = 0


class Client:
    """The requests of the load over one connection; each thread has its own client.

    Args:
        root: ``http://127.0.0.1:<port>``.
        load: The object that counts failures.
    """

    def __init__(self, root: str, load: Load) -> None:
        self._load = load
        self._connection = http.client.HTTPConnection(urllib.parse.urlsplit(root).netloc, timeout=30)
        form = urllib.parse.urlencode({"grant_type": GRANT, "apikey": DEFAULT_API_KEY})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", "/identity/token", form, kind)
        token = json.loads(self._connection.getresponse().read())["access_token"]
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Service-CRN": DEFAULT_INSTANCE,
            "IBM-API-Version": "2026-04-15",
        }

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; count a failure and return None for it."""
        try:
            sent, kind = (None, {}) if body is None else (json.dumps(body), {"Content-Type": "application/json"})
            self._connection.request(method, path, sent, {**self._headers, **kind})
            answer = self._connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                self._load.errors.append(f"{method} {path}: {answer.status} {text[:200]!r}")
                return None
            return json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._load.errors.append(f"{method} {path}: {type(error).__name__}: {error}")
            self._connection.close()
            return None

    def submit(self, number: int) -> str | None:
        """Submit a job."""
        body = {
            "program_id": "sampler",
            "backend": "ibm_fez",
            "params": {"version": 2, "pubs": [[QASM, None, SHOTS]]},
            "tags": [f"load-{number}"],
        }
        answer = self.ask("POST", "/api/v1/jobs", body)
        return None if answer is None else str(answer["id"])


def read_statuses(root: str, load: Load, jobs: list[str], rate: float, until: float, first: int) -> None:
    """Read the status of one job after the other, at ``rate`` reads per second."""
    client = Client(root, load)
    due = time.perf_counter() + first / rate / READERS
    place = first
    while due < until:
        time.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        answer = client.ask("GET", f"/api/v1/jobs/{jobs[place % len(jobs)]}?exclude_params=true")
        load.latencies.append(time.perf_counter() - began)
        if answer is not None and answer["status"] not in ("Queued", "Running", "Completed"):
            load.errors.append(f"a job is {answer['status']}: {answer['state']}")
        place += READERS
        due += 1 / rate


def renew(root: str, load: Load, jobs: list[str], rate: float, until: float) -> None:
    """Complete jobs, read their results, delete them, and submit new ones."""
    client = Client(root, load)
    retired: list[str] = []
    while time.perf_counter() < until:
        time.sleep(1 / rate)
        place = load.renewed % len(jobs)
        old, new = jobs[place], client.submit(load.renewed)
        if new is None:
            continue
        client.ask("POST", f"/_emulator/jobs/{old}", {"status": "Completed"})
        result = client.ask("GET", f"/api/v1/jobs/{old}/results")
        if result is not None and len(result["results"][0]["data"]["meas"]["samples"]) != SHOTS:
            load.errors.append(f"{old} has the wrong number of samples")
        jobs[place] = new
        retired.append(old)
        # Delete it later, because a reader may just have picked its id.
        if len(retired) > 20:
            client.ask("DELETE", f"/api/v1/jobs/{retired.pop(0)}")
        load.renewed += 1


def report(load: Load, pid: int, until: float) -> list[tuple[float, float]]:
    """Print the measured values every ten seconds.

    Returns:
        Pairs of the seconds passed and the emulator's memory in megabytes.
    """
    memory = []
    began = time.perf_counter()
    print("   s   reads/s  p50 ms  p99 ms  max ms   RSS MB  renewed  errors", flush=True)
    while time.perf_counter() < until - 1:
        time.sleep(min(REPORT_SECONDS, max(0.0, until - time.perf_counter())))
        taken, load.latencies = sorted(load.latencies), []
        if len(taken) < 2:
            load.errors.append("no reads in ten seconds")
            continue
        load.reads += len(taken)
        passed = time.perf_counter() - began
        memory.append((passed, resident_megabytes(pid)))
        p99 = statistics.quantiles(taken, n=100)[98]
        print(
            f"{passed:4.0f}  {load.reads / passed:8.1f}  {statistics.median(taken) * 1e3:6.2f}  {p99 * 1e3:6.2f}  "
            f"{taken[-1] * 1e3:6.1f}  {memory[-1][1]:7.1f}  {load.renewed:7d}  {len(load.errors):6d}",
            flush=True,
        )
    return memory


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} has no memory")


def run(said: dict[str, Any], asked: argparse.Namespace) -> int:
    """Run the load test on an emulator and judge it."""
    load = Load()
    root = said["iam_url"]
    client = Client(root, load)
    began = time.perf_counter()
    jobs = [job for job in map(client.submit, range(asked.jobs)) if job is not None]
    print(f"{len(jobs)} jobs submitted in {time.perf_counter() - began:.1f} s", flush=True)
    if len(jobs) < asked.jobs:
        print(*load.errors[:10], sep="\n")
        return 1
    until = time.perf_counter() + asked.seconds
    threads = [
        threading.Thread(target=read_statuses, args=(root, load, jobs, asked.reads / READERS, until, one))
        for one in range(READERS)
    ]
    threads.append(threading.Thread(target=renew, args=(root, load, jobs, asked.renew, until)))
    for thread in threads:
        thread.start()
    memory = report(load, said["pid"], until)
    for thread in threads:
        thread.join()
    return judge(load, memory, asked.seconds, asked.reads)


def judge(load: Load, memory: list[tuple[float, float]], seconds: float, reads: float) -> int:
    """Print the result, and return the exit code."""
    print(*load.errors[:10], sep="\n")
    settled = [megabytes for passed, megabytes in memory if passed >= WARM_UP_SECONDS - REPORT_SECONDS / 2]
    growth = settled[-1] / settled[0] - 1 if settled else 0.0
    # A short run cannot show the speed.
    kept_up = seconds < WARM_UP_SECONDS or load.reads >= 0.95 * reads * seconds
    good = not load.errors and growth <= MOST_GROWTH and kept_up
    print(
        f"{'good' if good else 'BAD'}: {load.reads / seconds:.1f} reads/s, {load.renewed} jobs renewed, "
        f"{len(load.errors)} errors, memory {growth:+.1%} after the first minute"
    )
    return 0 if good else 1


def main() -> int:
    """Start an emulator, load it, and end it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.emulator_load", description=SUMMARY)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default 600)")
    parser.add_argument("--jobs", type=int, default=2000, help="jobs in flight (default 2000)")
    parser.add_argument("--reads", type=float, default=200.0, help="status reads a second (default 200)")
    parser.add_argument("--renew", type=float, default=4.0, help="jobs to complete and renew a second (default 4)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        ready = Path(directory) / "ready.json"
        command = [sys.executable, "-m", "airflow_provider_qrt.emulator", "--port", "0", "--no-rate-limit"]
        command += ["--queue-seconds", str(QUEUE_SECONDS), "--ready-file", str(ready)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    print("the emulator did not start", file=sys.stderr)
                    return 1
                time.sleep(0.05)
            return run(json.loads(ready.read_text()), asked)
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
