"""Measures how soon a wait goes on after eight polls in a row that were dropped, at ``poll_interval=1``.

Ours is the poller of the triggerer, which all waiting tasks of a connection share. Beside it the official client waits
for the same job in a plain process. The job has ended by the time at which the service answers again.
"""

from __future__ import annotations

import asyncio
import datetime
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.fault_rows import POLL
from benchmarks.report import Goal, Report, Table, version_of
from benchmarks.running import NotMeasurableError, run_program

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator

DROPPED = 8
POLL_INTERVAL = 1.0
MOST_SECONDS = 60.0
PATIENCE = 600.0
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


def recover(emulator: Emulator) -> float:
    """Return the seconds from the first dropped poll to the one that found the job ended."""
    from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient
    from airflow_provider_qrt.client.retry import RetryPolicy
    from airflow_provider_qrt.jobs.wait.watcher import Failure, JobWatcher

    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    client = QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1))
    params = {"pubs": [[FLIP, None, 10]], "version": 2}
    job_id = client.submit_job(program_id="sampler", backend="ibm_fez", params=params).id

    async def connect() -> tuple[QiskitRuntimeClient, str]:
        return client, "the emulator"

    async def wait() -> None:
        now = time.time()
        watcher = JobWatcher(connect)
        with watcher.watch(job_id, submitted_at=now, longest=POLL_INTERVAL, first_look=now + POLL_INTERVAL) as watch:
            async with asyncio.timeout(PATIENCE):
                while True:
                    news = await watch.news(PATIENCE)
                    if news is not None and not isinstance(news, Failure) and news.status.is_final:
                        return

    asyncio.run(wait())
    return _outage(emulator)


def _outage(emulator: Emulator) -> float:
    polls = [one for one in emulator.requests() if one["method"] == "GET" and "/jobs/" in one["path"]]
    times = [datetime.datetime.fromisoformat(one["time"]).timestamp() for one in polls]
    dropped = next(place for place, one in enumerate(polls) if one["status"] is None)
    answered = next(place for place in range(dropped, len(polls)) if polls[place]["status"] == 200)
    return times[answered] - times[dropped]


def report() -> Report:
    """Measure both."""
    from airflow_provider_qrt.emulator import Emulator

    ours = f"airflow-provider-qrt {version_of('airflow-provider-qrt')}"
    client = f"qiskit-ibm-runtime {version_of('qiskit-ibm-runtime')}"
    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        Emulator(queue_seconds=1.0, run_seconds=1.0, rate_limit=False) as emulator,
    ):
        rule = {"method": "GET", "path": POLL, "drop": "before", "times": DROPPED}
        emulator.add_fault(**rule)
        seconds = recover(emulator)
        emulator.reset()
        emulator.add_fault(**rule)
        notes = []
        try:
            run_program(sys.executable, "official_client", emulator, Path(name) / "official")
            theirs = f"{_outage(emulator):.1f} s"
        except NotMeasurableError as reason:
            theirs = "it gave up"
            notes.append(f"{client}: {reason}")
    return Report(
        "Recovery",
        [
            Table(
                f"{DROPPED} dropped polls in a row, and then the next answer:",
                ("system", "from the first dropped poll to the answer"),
                [(f"{ours}, poll_interval={POLL_INTERVAL:g}", f"{seconds:.1f} s"), (client, theirs)],
            )
        ],
        [Goal(f"at most {MOST_SECONDS:.0f} s", f"{seconds:.1f} s", seconds <= MOST_SECONDS)],
        notes,
    )
