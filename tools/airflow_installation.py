"""A separate Airflow on this machine: a folder, an environment, and components as processes.

It uses only its folder and free ports of 127.0.0.1, so several can run side by side.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import requests

from tools.airflow_api import AirflowApi
from tools.processes import Processes, wait_until


class AirflowInstallation(AirflowApi, ABC):
    """Starts, monitors and stops the components.

    Each component has the name under which it was started; there can be several of one kind.

    Args:
        home: Folder for all files, created if missing.
        dags: Folder of DAG files.
        url: Base URL of the API server for people and programs.
        execution_url: Base URL of the API server for tasks.
        connections: Connections as JSON objects by id, which Airflow gets through its environment.
        settings: More Airflow settings, such as ``{"AIRFLOW__CORE__PARALLELISM": "8"}``.
        python: The Python in whose environment Airflow is installed; by default this one.
    """

    components: Sequence[str]
    """The names of the components, in the order of their start."""

    def __init__(
        self,
        home: Path,
        dags: Path,
        *,
        url: str,
        execution_url: str,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        settings: Mapping[str, str] | None = None,
        python: Path | None = None,
    ) -> None:
        super().__init__(home, url)
        self._python = str(python or sys.executable)
        self._airflow = [self._python, "-m", "airflow"]
        self._execution_url = execution_url
        self._processes = Processes(self.home)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags.resolve()),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": execution_url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            # Changed files are parsed immediately; parsing the others again and again would use a full core.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
            # Seconds until Airflow notices that a task's process has ended (default: 5). If the task runs again by
            # then, Airflow treats it as killed, which happens with jobs of a few seconds.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **{
                f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection)
                for name, connection in (connections or {}).items()
            },
            **(settings or {}),
        }

    def __enter__(self) -> Self:
        # SIGTERM also ends everything that this program has started, like Ctrl-C.
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
        self.migrate()
        for component in self.components:
            self.start_component(component)
        self.wait_for_api_server()

    def migrate(self) -> None:
        """Create the database."""
        self.run("db", "migrate")

    def run(self, *arguments: str) -> None:
        """Run an ``airflow`` command and wait for its end."""
        done = subprocess.run(
            [*self._airflow, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(arguments)} failed:\n{done.stdout.decode()[-4000:]}")

    @abstractmethod
    def command(self, component: str) -> list[str]:
        """Return the ``airflow`` command of a component, without ``airflow``."""

    def start_component(self, component: str, *, name: str | None = None) -> None:
        """Start one component; its output goes to ``<home>/<name>.log``.

        Args:
            component: The kind of component.
            name: Its name, if there already is one of this kind.
        """
        name = name or component
        self._processes.start(name, [*self._airflow, *self.command(component)], self.environment)

    def kill_component(self, name: str, *, with_children: bool = True) -> None:
        """Kill one component with SIGKILL, as in a crash.

        Args:
            name: The component.
            with_children: Whether to kill its child processes too, such as a scheduler's workers and their tasks.
        """
        self._processes.kill(name, with_children=with_children)

    def stop_component(self, name: str, *, seconds: float = 20) -> None:
        """End one component as a service manager does: SIGTERM to its first process, a grace period, then SIGKILL.

        A scheduler first waits for its running tasks. It may wait forever if one of its workers was killed before.
        """
        self._processes.stop(name, seconds=seconds)

    def start_missing_components(self) -> list[str]:
        """Start all components that have ended for any reason and were not restarted; return their names."""
        missing = [component for component in self.components if not self._processes.runs(component)]
        for component in missing:
            self.start_component(component)
        self.wait_for_api_server()
        return missing

    def pause_component(self, name: str) -> None:
        """Suspend one component and its child processes, except tasks."""
        self._processes.signal_group(name, signal.SIGSTOP)

    def resume_component(self, name: str) -> None:
        """Resume a paused component."""
        self._processes.signal_group(name, signal.SIGCONT)

    def wait_for_api_server(self) -> None:
        """Wait until the API servers answer."""
        wait_until(self._answers, seconds=300, what="The start of Airflow's API servers")

    def stop(self) -> None:
        """End all components, first gracefully, and all processes that they have left behind."""
        self._processes.stop_all()
        self._session.close()

    def component_log(self, name: str) -> str:
        """Return the output of a component."""
        return self._processes.output(name)

    def _answers(self) -> bool:
        for component in self._processes.ended():
            raise RuntimeError(f"airflow {component} ended:\n{self.component_log(component)[-4000:]}")
        try:
            addresses = (f"{self.url}/api/v2/version", f"{self._execution_url}health/ping")
            return all(self._session.get(address, timeout=5).ok for address in addresses)
        except requests.RequestException:
            return False
