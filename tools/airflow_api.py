"""Access to a running Airflow through its REST API and the log files of its tasks."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tools.processes import wait_until

FINAL_STATES = ("success", "failed")


@dataclass(frozen=True)
class TaskProcesses:
    """The processes that run a task on a worker.

    Attributes:
        task: Process id of the task.
        supervisor: Process id of its parent on the worker, which talks to the API server for the task.
    """

    task: int
    supervisor: int

    def signal(self, number: signal.Signals) -> None:
        """Signal both processes, the supervisor first, so that it cannot report the end of the task."""
        for pid in (self.supervisor, self.task):
            os.kill(pid, number)


class AirflowApi:
    """An Airflow with an API address and a home folder on this machine.

    Args:
        home: Its home.
        url: Base URL of its API server.
    """

    def __init__(self, home: Path, url: str) -> None:
        self.home = home.resolve()
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        # On a busy machine an answer can take minutes. Only what changes nothing is asked again.
        again = Retry(total=3, connect=0, read=3, allowed_methods=["GET"])
        self._session.mount("http://", HTTPAdapter(max_retries=again, pool_maxsize=20))
        self._writing: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """Call Airflow's public REST API and return its JSON; thread-safe."""
        if "Authorization" not in self._session.headers:
            self._session.headers["Authorization"] = f"Bearer {self._token()}"
        with contextlib.nullcontext() if method == "GET" else self._writing:
            response = self._session.request(method, f"{self.url}/api/v2{path}", timeout=120, **arguments)
        if not response.ok:
            raise RuntimeError(f"{method} {path}: HTTP {response.status_code}: {response.text[:1000]}")
        return response.json() if response.content else None

    def _token(self) -> str:
        """Return a token for the API of an Airflow without login."""
        return str(self._session.get(f"{self.url}/auth/token", timeout=120).json()["access_token"])

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until Airflow knows a DAG, and it is not paused."""

        def known() -> bool:
            try:
                return not self.api("GET", f"/dags/{dag_id}")["is_paused"]
            except RuntimeError:
                return False

        wait_until(known, seconds=300, what=f"The parsing of DAG {dag_id}")

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Wait until Airflow knows a DAG, start a run of it, and return the run's id."""
        self.wait_for_dag(dag_id)
        run = self.api("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a DAG run."""
        return str(self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def wait_for_run(self, dag_id: str, run_id: str, *, seconds: float = 300) -> str:
        """Wait until a run has ended and return its state."""

        def ended() -> str | None:
            state = self.run_state(dag_id, run_id)
            return state if state in FINAL_STATES else None

        return str(wait_until(ended, seconds=seconds, what=f"The end of run {run_id} of {dag_id}"))

    def run_dag(self, dag_id: str, conf: Mapping[str, Any] | None = None, *, expect: str = "success") -> str:
        """Run a DAG to its end and return the run's id.

        Raises:
            AssertionError: It does not end as expected; the message has the logs of its tasks and of the scheduler.
        """
        run_id = self.trigger(dag_id, conf)
        self.expect_end(dag_id, run_id, expect)
        return run_id

    def expect_end(self, dag_id: str, run_id: str, expect: str = "success", *, seconds: float = 300) -> None:
        """Wait for the end of a run; see :meth:`run_dag`."""
        state = self.wait_for_run(dag_id, run_id, seconds=seconds)
        if state != expect:
            folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
            logs = [f"{path}:\n{path.read_text()}" for path in sorted(folder.rglob("*.log*")) if path.is_file()]
            schedulers = [path.read_text(errors="replace") for path in sorted(self.home.glob("scheduler*.log"))]
            said = [line for log in schedulers for line in log.splitlines() if run_id in line and "rror" in line]
            raise AssertionError("\n".join([f"{dag_id} ended as {state}, not {expect}", *logs, *said]))

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return a task instance."""
        return dict(self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"))

    def task_processes(self, dag_id: str, run_id: str, task_id: str) -> TaskProcesses:
        """Return the processes of a running task."""
        task = self.task(dag_id, run_id, task_id)
        if task["state"] != "running" or not task["pid"]:
            raise RuntimeError(f"{task_id} of {dag_id} is {task['state']}, not running")
        pid = int(task["pid"])
        return TaskProcesses(task=pid, supervisor=psutil.Process(pid).ppid())

    def wait_for_task_state(
        self, dag_id: str, run_id: str, task_id: str, *states: str, seconds: float = 300
    ) -> dict[str, Any]:
        """Wait until a task instance is in one of the states and return it."""

        def there() -> dict[str, Any] | None:
            task = self.task(dag_id, run_id, task_id)
            return task if task["state"] in states else None

        what = f"{task_id} of {dag_id} being {' or '.join(states)}"
        return dict(wait_until(there, seconds=seconds, what=what))

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", *, map_index: int = -1) -> Any:
        """Return an XCom value in the form that the UI shows."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.api("GET", path, params={"deserialize": "true", "map_index": map_index})["value"]

    def task_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return the log of a task instance over all its tries."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return "\n".join(path.read_text(errors="replace") for path in sorted(folder.rglob("*.log*")))
