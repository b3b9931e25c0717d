"""Resumes a thousand deferred tasks whose jobs have ended at the same moment, and counts what the service gets.

Each task returns to a process of its own, as on Airflow's workers, and reads its result there: the operator's
``execute_complete`` with the trigger's event, in a forked process that has nothing but the imported modules. As many
run at a time as Airflow allows by default (``[core] parallelism``). XComs are counted, and not written to a database.
The second time the service refuses a part of the requests, as one that is overloaded does.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Goal, Report, Table
from benchmarks.requests_per_job import kind
from benchmarks.running import ROOT

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator

TASKS = 1000
AT_A_TIME = 32
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
MOST_REQUESTS = 2.0
REFUSALS: dict[str, list[dict[str, Any]]] = {
    "service as usual": [],
    "a fifth of the tokens 429, a tenth of the results 503": [
        {"path": "*/identity/token", "status": 429, "retry_after": 1, "probability": 0.2, "times": None, "seed": 7},
        {"path": "/jobs/*/results", "status": 503, "probability": 0.1, "times": None, "seed": 7},
    ],
}


class TaskInstance:
    """The parts of a task instance that a leg uses; counts its XComs."""

    dag_id, task_id, try_number, max_tries, start_date = "the_dag", "the_task", 1, 0, None

    def __init__(self, index: int) -> None:
        self.map_index = index
        self.run_id = "manual__2026-01-01"
        self.id = f"0190a000-0000-7000-8000-{index:012}"
        self.pushed = 0

    def xcom_push(self, key: str, value: Any) -> None:  # noqa: ARG002
        """Count it."""
        self.pushed += 1

    def xcom_pull(self, **_: Any) -> Any:
        """Find nothing."""
        return None


class Store:
    """An empty task state store."""

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        """Find nothing."""
        return default

    def set(self, key: str, value: Any, **_: Any) -> None:
        """Keep nothing."""


def resume_all(job_ids: list[str], connection: dict[str, Any]) -> dict[str, Any]:
    """Resume a task for each job, and return how many succeeded and the XComs of each.

    This imports Airflow, which changes logging for the whole process, so do not call it in the benchmarks' process.
    """
    os.environ["AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT"] = json.dumps(connection)
    import numpy as np  # noqa: F401
    import requests  # noqa: F401
    from airflow.sdk import DAG

    from airflow_provider_qrt.client.client import QiskitRuntimeClient  # noqa: F401
    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    def resume(index: int, job_id: str) -> bool:
        with DAG("the_dag", schedule=None):
            operator = QiskitRuntimeSamplerOperator(
                task_id="the_task", circuits=FLIP, backend="ibm_fez", program_id="sampler", deferrable=True
            )
        usage = {"qpu_charge_time_seconds": 1.0, "status": "complete"}
        now = datetime.datetime.now(datetime.UTC).isoformat()
        job = {"id": job_id, "state": {"status": "Completed"}, "usage": usage, "created": now, "backend": "ibm_fez"}
        event = {"ending": "final", "job_id": job_id, "job": {**job, "program": {"id": "sampler"}}}
        ti = TaskInstance(index)
        context: Any = {"ti": ti, "task_state_store": Store()}
        value = operator.execute_complete(context, event)
        return bool(value["results"][0]["counts"] == {"1": 20}) and ti.pushed <= 1

    began, succeeded = time.monotonic(), 0
    running: set[int] = set()
    waiting = list(enumerate(job_ids))
    while waiting or running:
        while waiting and len(running) < AT_A_TIME:
            index, job_id = waiting.pop()
            child = os.fork()
            if not child:
                code = 1
                try:
                    code = 0 if resume(index, job_id) else 2
                finally:
                    os._exit(code)
            running.add(child)
        child, status = os.wait()
        running.discard(child)
        succeeded += status == 0
    return {"succeeded": succeeded, "seconds": time.monotonic() - began}


def _submit(emulator: Emulator, number: int) -> list[str]:
    from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient

    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    params = {"pubs": [[FLIP, None, 20]], "version": 2, "support_qiskit": True}
    with QiskitRuntimeClient(settings) as client:
        ids = [client.submit_job(program_id="sampler", backend="ibm_fez", params=params).id for _ in range(number)]
        while not client.job(ids[-1]).status.is_final:
            time.sleep(1)
    return ids


def report(tasks: int = TASKS) -> Report:
    """Resume all tasks twice: with a service as usual, and with one that refuses."""
    from airflow_provider_qrt.emulator import Emulator
    from tools.demo import connection

    rows, succeeded, requests = [], {}, {}
    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=7) as emulator,
    ):
        ids = _submit(emulator, tasks)
        question = Path(name) / "question.json"
        question.write_text(json.dumps({"job_ids": ids, "connection": connection(emulator)}))
        program = (
            "import json, sys; from benchmarks.resumed import resume_all; "
            "print(json.dumps(resume_all(**json.load(open(sys.argv[1])))))"
        )
        for what, faults in REFUSALS.items():
            emulator.clear_requests()
            emulator.clear_faults()
            for fault in faults:
                emulator.add_fault(**fault)
            done = subprocess.run(
                [sys.executable, "-c", program, str(question)],
                cwd=ROOT,
                env={**os.environ, "AIRFLOW_HOME": name},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                check=True,
            )
            answer = json.loads(done.stdout.splitlines()[-1])
            journal = emulator.requests()
            seconds = Counter(one["time"][:19] for one in journal)
            kinds = Counter(kind(one["method"], one["path"]) for one in journal)
            succeeded[what], requests[what] = answer["succeeded"], len(journal) / tasks
            rows.append(
                (
                    what,
                    f"{answer['succeeded']:,} of {tasks:,}",
                    f"{answer['seconds']:.0f} s",
                    f"{kinds['token'] / tasks:.2f}",
                    f"{kinds['result'] / tasks:.2f}",
                    f"{(len(journal) - kinds['token'] - kinds['result']) / tasks:.2f}",
                    f"{max(seconds.values())}",
                )
            )
    calm = next(iter(REFUSALS))
    return Report(
        "Resumed at once",
        [
            Table(
                f"{tasks:,} deferred tasks whose jobs have ended at once, {AT_A_TIME} processes at a time:",
                ("service", "tasks with their result", "took", "tokens a task", "results", "other", "most in a second"),
                rows,
            )
        ],
        [
            Goal("every task gets its result, whatever is refused", str(dict(succeeded)),
                 all(one == tasks for one in succeeded.values())),
            Goal(f"at most {MOST_REQUESTS:g} requests a task", f"{requests[calm]:.2f}",
                 requests[calm] <= MOST_REQUESTS),
        ],
    )  # fmt: skip
