"""Measures the pages in Airflow's API server with many jobs, and their effect on Airflow when the service is slow.

The API server is a separate one with one worker, started like ``airflow api-server``. The emulator has the jobs, which
carry the tags that tasks of this Airflow would give them. Times are those of complete requests on the loopback
interface.
"""

from __future__ import annotations

import gzip
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from benchmarks.report import Goal, Report, Table
from benchmarks.running import ROOT

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator
    from tools.local_airflow import LocalAirflow

JOBS = 10_000
STILL_QUEUED = 500
DAGS = 20
LOADS = 40
"""Number of timed page loads of each kind."""
MOST_SECONDS = 0.5
VIEWERS = 10
"""Number of simultaneous viewers of the page while the service is slow."""
SLOW_SECONDS = 8.0
"""Seconds that the slow service takes for each answer."""
WATCHED_SECONDS = 20.0
MOST_SLOWDOWN = 2.0
"""Largest allowed slowdown of Airflow's answers when the service is slow, with the same number of viewers."""
TIMEOUT = 300
CIRCUIT = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
DAG_FILE = """
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

for number in range({dags}):
    with DAG(f"dag_{{number}}", schedule=None) as dag:
        EmptyOperator(task_id="measure")
    globals()[dag.dag_id] = dag
"""
PAGE, VERSION = "/qiskit-runtime/api/quantum", "/api/v2/version"
TRENDS, RUNS, MOST_KILOBYTES = "/qiskit-runtime/api/trends", 365, 300
OF_A_YEAR = {"dag_id": "dag_0", "page_size": RUNS}


def report() -> Report:
    """Measure the pages, and compare the values with the goals."""
    from airflow_provider_qrt.emulator import Emulator
    from airflow_provider_qrt.plugins.job_list import OVERLAP
    from benchmarks.running import NotMeasurableError
    from tools.demo import connection
    from tools.local_airflow import LocalAirflow

    with (
        tempfile.TemporaryDirectory(prefix="qrt-pages-") as folder,
        Emulator(queue_seconds=10**6, rate_limit=False, usage_limit_seconds=None, visibility_seconds=0) as emulator,
    ):
        home, dags = Path(folder) / "home", Path(folder) / "dags"
        dags.mkdir()
        (dags / "dags.py").write_text(DAG_FILE.format(dags=DAGS))
        airflow = LocalAirflow(home, dags, connections={"qiskit_runtime_default": connection(emulator)})
        fill(emulator, airflow.url)
        try:
            home.mkdir(exist_ok=True)
            airflow.run("db", "migrate")
            airflow.run("dags", "reserialize")
            command = [sys.executable, "-m", "benchmarks.trend_runs", "dag_0", str(RUNS)]
            subprocess.run(command, env=airflow.environment, cwd=ROOT, check=True)
            airflow.start_component("api-server")
            pages = Pages(airflow)
            # Spread the jobs over a month, because every reading reads the jobs of the last minute again.
            time.sleep(OVERLAP.total_seconds())
            if not pages.until(lambda answer: answer["freshness"]["complete"]):
                raise NotMeasurableError("the list of jobs was not read in time")
            return measure(pages, emulator)
        finally:
            airflow.stop()


def fill(emulator: Emulator, airflow_name: str) -> None:
    """Submit the jobs, and end all except the newest."""
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings
    from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput, job_tags

    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    client = QiskitRuntimeClient(settings)
    params = {"pubs": [[CIRCUIT, None, 100]], "version": 2}
    request = JobRequest("sampler", "ibm_fez", ProgramInput(params))

    def submit(number: int) -> None:
        identity = JobIdentity(f"dag_{number % DAGS}", f"run_{number // DAGS}", "measure", airflow=airflow_name)
        tags = job_tags(identity, 1, request)
        job = client.submit_job(program_id="sampler", backend="ibm_fez", params=params, tags=tags)
        if number < JOBS - STILL_QUEUED:
            emulator.finish(job.id, ("Failed", "Cancelled")[number % 2], reason="as the benchmark wants it")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(submit, range(JOBS)))


class Pages:
    """An API server with the requests of a browser."""

    def __init__(self, airflow: LocalAirflow) -> None:
        self._url = airflow.url
        self._session = requests.Session()
        self._session.trust_env = False
        self._wait_for_start()

    def _wait_for_start(self) -> None:
        from tools.processes import wait_until

        def answers() -> bool:
            try:
                return self._session.get(self._url + VERSION, timeout=5).ok
            except requests.RequestException:
                return False

        wait_until(answers, seconds=TIMEOUT, what="The start of the API server")
        token = self._session.get(f"{self._url}/auth/token", timeout=60).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **parameters: Any) -> tuple[float, Any]:
        """Send a request; return its duration in seconds, and the answer."""
        begin = time.perf_counter()
        answer = self._session.get(self._url + path, params=parameters, timeout=TIMEOUT)
        took = time.perf_counter() - begin
        answer.raise_for_status()
        return took, answer

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> bool:
        """Load the page repeatedly until it has the wanted content; return False if it never does."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            if condition(self.get(PAGE)[1].json()):
                return True
            time.sleep(0.5)
        return False

    def version_while(self, seconds: float, viewers: int) -> tuple[list[float], list[float]]:
        """Time one of Airflow's own answers repeatedly while people look at the page, and time their page loads."""
        stop = threading.Event()
        loads: list[float] = []

        def look() -> None:
            with requests.Session() as session:
                session.trust_env = False
                session.headers.update(self._session.headers)
                while not stop.wait(1.0):
                    begin = time.perf_counter()
                    session.get(self._url + PAGE, timeout=TIMEOUT).raise_for_status()
                    loads.append(time.perf_counter() - begin)

        threads = [threading.Thread(target=look, daemon=True) for _ in range(viewers)]
        for thread in threads:
            thread.start()
        took = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            took.append(self.get(VERSION)[0])
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join(TIMEOUT)
        return took, loads


def measure(pages: Pages, emulator: Emulator) -> Report:
    """Time the pages, and Airflow's answers at the same time."""
    _, answer = pages.get(PAGE)
    seen = answer.json()["jobs"]["all"]
    kinds: dict[str, dict[str, Any]] = {
        "first page of all jobs": {},
        "last page of all jobs": {"page": JOBS // 25},
        "failed jobs of one DAG, 100 on a page": {"state": "Failed", "dag_id": "dag_0", "page_size": 100},
    }
    rows, worst = [], 0.0
    for name, parameters in kinds.items():
        took = [pages.get(PAGE, **parameters)[0] for _ in range(LOADS)]
        worst = max(worst, *took)
        rows.append(_row(name, took))
    pages.get(TRENDS, **OF_A_YEAR)
    trends = [pages.get(TRENDS, **OF_A_YEAR) for _ in range(LOADS)]
    rows.append(_row(f"trends over {RUNS} runs", [took for took, _ in trends]))
    drawn = len(trends[-1][1].json()["points"])
    worst_trend = max(took for took, _ in trends)
    alone, _ = pages.version_while(WATCHED_SECONDS / 4, viewers=0)
    watched, loads = pages.version_while(WATCHED_SECONDS, VIEWERS)
    rows.append(_row(f"first page, {VIEWERS} people at once, while the list is kept up to date", loads))
    emulator.add_fault(path="/*", delay=SLOW_SECONDS, times=10**6)
    slow, slow_loads = pages.version_while(WATCHED_SECONDS, VIEWERS)
    rows.append(_row("the same, while the service is slow", slow_loads))
    worst = max(worst, *loads, *slow_loads)
    state = pages.get(PAGE)[1].json()["freshness"]["state"]
    emulator.clear_faults()
    time.sleep(SLOW_SECONDS)  # Wait for the answers that are still delayed.
    beside = [
        _row("nobody looks at the pages", alone),
        _row(f"{VIEWERS} people look at them every second", watched),
        _row(f"the same, and the service takes {SLOW_SECONDS:.0f} s for each answer", slow),
    ]
    slowdown = statistics.median(slow) / statistics.median(watched)
    columns = ("", "median", "95th percentile", "slowest")
    return Report(
        title="The pages in Airflow's API server",
        tables=[
            Table(f"Loading the page Quantum with {seen:,} jobs, {LOADS} times each", columns, rows),
            Table(f"Airflow's own GET {VERSION} at the same time", columns, beside),
        ],
        goals=[
            Goal(f"the page shows all of {JOBS:,} jobs", f"{seen:,}", seen == JOBS),
            Goal(
                f"trends over {RUNS} runs take less than {MOST_SECONDS * 1000:.0f} ms",
                f"{worst_trend * 1000:.0f} ms, {drawn} runs",
                worst_trend < MOST_SECONDS and drawn == RUNS,
            ),
            Goal(
                f"the pages' scripts are less than {MOST_KILOBYTES} kB, compressed",
                f"{script_bytes() / 1000:.0f} kB",
                script_bytes() < MOST_KILOBYTES * 1000,
            ),
            Goal(
                f"every load takes less than {MOST_SECONDS * 1000:.0f} ms",
                f"{worst * 1000:.0f} ms",
                worst < MOST_SECONDS,
            ),
            Goal(
                f"a slow service makes Airflow's own answers at most {MOST_SLOWDOWN:g} times slower",
                f"{slowdown:.2f} times (median)",
                slowdown <= MOST_SLOWDOWN,
            ),
            Goal(
                f"no answer of Airflow's waits for the slow service ({SLOW_SECONDS:.0f} s)",
                f"slowest {max(slow) * 1000:.0f} ms",
                max(slow) < SLOW_SECONDS / 2,
            ),
            Goal("the page says that the service is slow", state, state in ("slow", "failed")),
        ],
    )


def script_bytes() -> int:
    """Return the size of all scripts of the pages, each compressed as a server does."""
    static = ROOT / "airflow_provider_qrt" / "plugins" / "static"
    return sum(len(gzip.compress(path.read_bytes())) for path in static.rglob("*.*js"))


def _row(name: str, took: list[float]) -> tuple[str, ...]:
    ordered = sorted(took)
    figures = (statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))], ordered[-1])
    return (name, *(f"{seconds * 1000:.0f} ms" for seconds in figures))
