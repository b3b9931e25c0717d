"""A real Airflow on this machine: api-servers, scheduler, dag-processor and triggerer as processes, on SQLite.

Everything it needs lies in one folder and on free ports of 127.0.0.1, so several can run side by side.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

API_SERVERS = {"api-server": "core", "execution-api-server": "execution"}
"""The API servers and which API each serves: one is for people and programs, one for tasks.

One for both can come to a standstill on SQLite: its event loop waits for the database while a task's request, which
holds the database, waits for the event loop. That ends when the database's patience does.
"""
COMPONENTS = (*API_SERVERS, "scheduler", "dag-processor", "triggerer")
STOP_SECONDS = 20
FINAL_STATES = ("success", "failed")


def free_port() -> int:
    """A TCP port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str, pause: float = 0.5) -> Any:
    """Wait until ``condition`` returns something true, and return it."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(pause)


@dataclass(frozen=True)
class TaskProcesses:
    """What runs a task on the worker.

    Attributes:
        task: Process id of the task itself.
        supervisor: Process id of the worker above it, which speaks to the API server for the task.
    """

    task: int
    supervisor: int

    def signal(self, number: signal.Signals) -> None:
        """Signal both, the supervisor first: it must not tell of what becomes of the task."""
        for pid in (self.supervisor, self.task):
            os.kill(pid, number)


class LocalAirflow:
    """Starts, watches and stops the four components.

    A component has the name under which it was started; there may be more than one of a kind, as with
    ``start_component("triggerer", name="triggerer-2")``.

    Args:
        home: Folder for everything, created if missing.
        dags: Folder of DAG files.
        connections: Connections as JSON objects by id; they reach Airflow through its environment.
        settings: More Airflow settings, such as ``{"AIRFLOW__CORE__PARALLELISM": "8"}``.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        *,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home.resolve()
        self._ports = {name: free_port() for name in API_SERVERS}
        self.url = f"http://127.0.0.1:{self._ports['api-server']}"
        self._execution_url = f"http://127.0.0.1:{self._ports['execution-api-server']}/execution/"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._strays: list[psutil.Process] = []
        # SQLite bears one writer; two requests that write can keep each other waiting until both fail.
        self._writing = threading.Lock()
        self._session = requests.Session()
        self._session.trust_env = False
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags.resolve()),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": self._execution_url,
            # Seconds to wait for another process's lock (default: 5). A triggerer or scheduler that cannot write ends.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db?timeout=60",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
            # So late may Airflow notice that a task's process has ended (default: 5). A task that runs again by then
            # is taken for killed; with jobs of seconds that happens.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **{
                f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection)
                for name, connection in (connections or {}).items()
            },
            **(settings or {}),
        }

    # Processes

    def __enter__(self) -> LocalAirflow:
        # Whoever ends this program with SIGTERM ends what it started, as with Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Create the database and start all components."""
        (self.home / "logs").mkdir(parents=True, exist_ok=True)
        self.run("db", "migrate")
        for component in COMPONENTS:
            self.start_component(component)
        self.wait_for_api_server()

    def run(self, *arguments: str) -> None:
        """Run an ``airflow`` command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(arguments)} failed:\n{done.stdout.decode()[-4000:]}")

    def start_component(self, component: str, *, name: str | None = None) -> None:
        """Start one component; its output goes to ``<home>/<name>.log``.

        Args:
            component: What to start.
            name: What to call it, when there is one of its kind already.
        """
        name = name or component
        options = ["--skip-serve-logs"] if component in ("scheduler", "triggerer") else []
        command = component
        if component in API_SERVERS:
            command = "api-server"
            options = ["--apps", API_SERVERS[component], "--port", str(self._ports[component])]
        with (self.home / f"{name}.log").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", command, *options],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def kill_component(self, name: str, *, with_children: bool = True) -> None:
        """End one component at once, as a crash would: with SIGKILL.

        Args:
            name: The component.
            with_children: False spares what it has started: a scheduler's workers, and the tasks they run.
        """
        process = self._processes.pop(name)
        members = _members(process)
        process.kill()
        process.wait()
        self._strays += members
        if with_children:
            self._end_strays()

    def stop_component(self, name: str, *, seconds: float = 20) -> None:
        """End one component as a service manager does: SIGTERM to its first process, some seconds of grace, SIGKILL.

        A scheduler lets its running tasks come to their end first. It may wait for ever when one of its workers had
        been killed before.
        """
        process = self._processes.pop(name)
        self._strays += _members(process)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        process.wait()
        self._end_strays()

    def restart_api_server(self) -> None:
        """End both API servers politely, start others on the same ports, and wait until they answer."""
        with ThreadPoolExecutor(len(API_SERVERS)) as pool:
            list(pool.map(self.stop_component, API_SERVERS))
        for name in API_SERVERS:
            self.start_component(name)
        self.wait_for_api_server()

    def start_missing_components(self) -> None:
        """Start what has ended, by itself or not, and was not started again."""
        for component in COMPONENTS:
            process = self._processes.get(component)
            if process is None or process.poll() is not None:
                self.start_component(component)
        self.wait_for_api_server()

    def pause_component(self, name: str) -> None:
        """Stop the clock for one component and what it has started, tasks excepted."""
        _signal_group(self._processes[name], signal.SIGSTOP)

    def resume_component(self, name: str) -> None:
        """Let a paused component go on as if nothing had been."""
        _signal_group(self._processes[name], signal.SIGCONT)

    def wait_for_api_server(self) -> None:
        """Wait until both API servers answer."""
        wait_until(self._answers, seconds=120, what="The start of Airflow's API servers")

    def stop(self) -> None:
        """End all components, politely first, and whatever they have left behind."""
        processes = list(self._processes.values())
        self._strays += [member for process in processes for member in _members(process)]
        for process in processes:
            _signal_group(process, signal.SIGTERM)
            _signal_group(process, signal.SIGCONT)
        end = time.monotonic() + STOP_SECONDS
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._end_strays()
        self._processes.clear()
        self._session.close()

    def _end_strays(self) -> None:
        """Kill what outlived the component that had started it; a process id in other hands by now is left alone."""
        for member in self._strays:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        self._strays.clear()

    def _answers(self) -> bool:
        for component, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"airflow {component} ended:\n{self.component_log(component)[-4000:]}")
        try:
            addresses = (f"{self.url}/api/v2/version", f"{self._execution_url}health/ping")
            return all(self._session.get(address, timeout=5).ok for address in addresses)
        except requests.RequestException:
            return False

    def component_log(self, name: str) -> str:
        """What a component has printed."""
        return (self.home / f"{name}.log").read_text(errors="replace")

    # REST API

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """Call Airflow's public REST API and return its JSON; more than one thread may do so."""
        if "Authorization" not in self._session.headers:
            token = self._session.get(f"{self.url}/auth/token", timeout=30).json()["access_token"]
            self._session.headers["Authorization"] = f"Bearer {token}"
        with contextlib.nullcontext() if method == "GET" else self._writing:
            response = self._session.request(method, f"{self.url}/api/v2{path}", timeout=60, **arguments)
        if not response.ok:
            raise RuntimeError(f"{method} {path}: HTTP {response.status_code}: {response.text[:1000]}")
        return response.json() if response.content else None

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run of a DAG, waiting for the DAG to be known first; return the run's id."""

        def known() -> bool:
            try:
                return not self.api("GET", f"/dags/{dag_id}")["is_paused"]
            except RuntimeError:
                return False

        wait_until(known, seconds=90, what=f"The parsing of DAG {dag_id}")
        run = self.api("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """State of a DAG run."""
        return str(self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def wait_for_run(self, dag_id: str, run_id: str, *, seconds: float = 180) -> str:
        """Wait until a run has ended and return its state."""

        def ended() -> str | None:
            state = self.run_state(dag_id, run_id)
            return state if state in FINAL_STATES else None

        return str(wait_until(ended, seconds=seconds, what=f"The end of run {run_id} of {dag_id}"))

    def run_dag(self, dag_id: str, conf: Mapping[str, Any] | None = None, *, expect: str = "success") -> str:
        """Run a DAG to its end and return the run's id.

        Raises:
            AssertionError: If it does not end as expected; with everything its tasks and the scheduler said of it.
        """
        run_id = self.trigger(dag_id, conf)
        self.expect_end(dag_id, run_id, expect)
        return run_id

    def expect_end(self, dag_id: str, run_id: str, expect: str = "success", *, seconds: float = 180) -> None:
        """Wait for the end of a run; see :meth:`run_dag`."""
        state = self.wait_for_run(dag_id, run_id, seconds=seconds)
        if state != expect:
            folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
            logs = [f"{path}:\n{path.read_text()}" for path in sorted(folder.rglob("*.log*")) if path.is_file()]
            said = [line for line in self.component_log("scheduler").splitlines() if run_id in line and "rror" in line]
            raise AssertionError("\n".join([f"{dag_id} ended as {state}, not {expect}", *logs, *said]))

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """A task instance."""
        return dict(self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"))

    def task_processes(self, dag_id: str, run_id: str, task_id: str) -> TaskProcesses:
        """The processes of a task that is running."""
        task = self.task(dag_id, run_id, task_id)
        if task["state"] != "running" or not task["pid"]:
            raise RuntimeError(f"{task_id} of {dag_id} is {task['state']}, not running")
        pid = int(task["pid"])
        return TaskProcesses(task=pid, supervisor=psutil.Process(pid).ppid())

    def wait_for_task_state(
        self, dag_id: str, run_id: str, task_id: str, *states: str, seconds: float = 90
    ) -> dict[str, Any]:
        """Wait until a task instance is in one of the states and return it."""

        def there() -> dict[str, Any] | None:
            task = self.task(dag_id, run_id, task_id)
            return task if task["state"] in states else None

        what = f"{task_id} of {dag_id} being {' or '.join(states)}"
        return dict(wait_until(there, seconds=seconds, what=what))

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", *, map_index: int = -1) -> Any:
        """An XCom value, as the UI shows it."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.api("GET", path, params={"deserialize": "true", "map_index": map_index})["value"]

    def task_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Everything a task instance has logged, in all its tries."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return "\n".join(path.read_text(errors="replace") for path in sorted(folder.rglob("*.log*")))


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the process group that ``start_component`` created, if anything of it is left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _members(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Everything a component has started and that still lives.

    Tasks have process groups of their own, and lose their parent when it dies, but stay in the component's session.
    """
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(pid) == process.pid:
                members.append(psutil.Process(pid))
    return members
