"""A real Airflow on this machine: api-servers, scheduler, dag-processor and triggerer as processes, on SQLite."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools.airflow_api import TaskProcesses
from tools.airflow_installation import AirflowInstallation
from tools.processes import free_port, wait_until

__all__ = ["LocalAirflow", "TaskProcesses", "free_port", "wait_until"]

API_SERVERS = {"api-server": "core", "execution-api-server": "execution"}
"""The API servers and which API each serves: one is for people and programs, one for tasks.

One for both can come to a standstill on SQLite: its event loop waits for the database while a task's request, which
holds the database, waits for the event loop. That ends when the database's patience does.
"""
COMPONENTS = (*API_SERVERS, "scheduler", "dag-processor", "triggerer")


class LocalAirflow(AirflowInstallation):
    """An Airflow for one machine, on SQLite, whose scheduler runs the tasks.

    There may be more than one component of a kind, as with ``start_component("triggerer", name="triggerer-2")``.

    Args:
        home: Folder for everything, created if missing.
        dags: Folder of DAG files.
        connections: Connections as JSON objects by id; they reach Airflow through its environment.
        settings: More Airflow settings, such as ``{"AIRFLOW__CORE__PARALLELISM": "8"}``.
    """

    components = COMPONENTS

    def __init__(
        self,
        home: Path,
        dags: Path,
        *,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._ports = {name: free_port() for name in API_SERVERS}
        super().__init__(
            home,
            dags,
            url=f"http://127.0.0.1:{self._ports['api-server']}",
            execution_url=f"http://127.0.0.1:{self._ports['execution-api-server']}/execution/",
            connections=connections,
            settings={
                "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
                "AIRFLOW__CORE__PARALLELISM": "4",
                # Seconds to wait for another process's lock (default: 5). A triggerer or scheduler that cannot write
                # ends.
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home.resolve()}/airflow.db?timeout=60",
                **(settings or {}),
            },
        )
        # SQLite bears one writer; two requests that write can keep each other waiting until both fail.
        self._writing = threading.Lock()

    def command(self, component: str) -> list[str]:
        """The ``airflow`` command of a component, without ``airflow``."""
        if component in API_SERVERS:
            return ["api-server", "--apps", API_SERVERS[component], "--port", str(self._ports[component])]
        return [component, "--skip-serve-logs"] if component in ("scheduler", "triggerer") else [component]

    def restart_api_server(self) -> None:
        """End both API servers politely, start others on the same ports, and wait until they answer."""
        with ThreadPoolExecutor(len(API_SERVERS)) as pool:
            list(pool.map(self.stop_component, API_SERVERS))
        for name in API_SERVERS:
            self.start_component(name)
        self.wait_for_api_server()
