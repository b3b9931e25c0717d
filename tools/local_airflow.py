"""A real Airflow on this machine with SQLite: API servers, scheduler, DAG processor and triggerer as processes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from tools.airflow_api import TaskProcesses
from tools.airflow_installation import AirflowInstallation
from tools.processes import free_port, wait_until

__all__ = ["LocalAirflow", "TaskProcesses", "free_port", "wait_until"]

API_SERVERS = {"api-server": "core", "execution-api-server": "execution"}
"""The API servers with the API that each serves: one for people and programs, one for tasks.

A single server for both can deadlock on SQLite: its event loop waits for the database while a task's request, which
locks the database, waits for the event loop. Only the database's timeout ends that.
"""
DATABASE = "airflow.db"
TEMPLATES = Path(__file__).resolve().parent.parent / ".local" / "databases"
"""Empty databases of Airflow, by version."""
COMPONENTS = (*API_SERVERS, "scheduler", "dag-processor", "triggerer")


class LocalAirflow(AirflowInstallation):
    """An Airflow for one machine, on SQLite, whose scheduler runs the tasks.

    There can be several components of one kind, as with ``start_component("triggerer", name="triggerer-2")``.

    Args:
        home: Folder for all files, created if missing.
        dags: Folder of DAG files.
        connections: Connections as JSON objects by id, which Airflow gets through its environment.
        settings: More Airflow settings, such as ``{"AIRFLOW__CORE__PARALLELISM": "8"}``.
        python: The Python in whose environment Airflow is installed; by default this one.
    """

    components = COMPONENTS

    def __init__(
        self,
        home: Path,
        dags: Path,
        *,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        settings: Mapping[str, str] | None = None,
        python: Path | None = None,
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
                # Seconds to wait for another process's lock (default: 5). A triggerer or scheduler exits if it cannot
                # write.
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home.resolve()}/{DATABASE}?timeout=60",
                # After so many seconds without a heartbeat (default: 30) a scheduler is taken for dead, even by itself,
                # and then starts its own running tasks anew. On a busy machine it may have to wait that long.
                "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "600",
                **(settings or {}),
            },
            python=python,
        )
        # SQLite supports one writer; two requests that write can block each other until both fail.
        self._writing = threading.Lock()

    def migrate(self) -> None:
        """Create the database: a copy of one that was created before, which saves ten seconds of a processor."""
        asked = [self._python, "-c", "from importlib.metadata import version; print(version('apache-airflow'))"]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        template = TEMPLATES / f"airflow-{version}.db"
        if (self.home / DATABASE).exists():
            # Started once more, perhaps with another version of Airflow.
            super().migrate()
        elif not template.exists():
            super().migrate()
            TEMPLATES.mkdir(parents=True, exist_ok=True)
            # Several processes may do this at once.
            copy = template.with_suffix(f".{os.getpid()}")
            shutil.copyfile(self.home / DATABASE, copy)
            copy.replace(template)
        else:
            shutil.copyfile(template, self.home / DATABASE)

    def command(self, component: str) -> list[str]:
        """Return the ``airflow`` command of a component, without ``airflow``."""
        if component in API_SERVERS:
            return ["api-server", "--apps", API_SERVERS[component], "--port", str(self._ports[component])]
        return [component, "--skip-serve-logs"] if component in ("scheduler", "triggerer") else [component]

    def restart_api_server(self) -> None:
        """Stop both API servers gracefully, start new ones on the same ports, and wait until they answer."""
        with ThreadPoolExecutor(len(API_SERVERS)) as pool:
            list(pool.map(self.stop_component, API_SERVERS))
        for name in API_SERVERS:
            self.start_component(name)
        self.wait_for_api_server()

    def expire_scheduler(self) -> None:
        """Let the last heartbeat of a scheduler that was killed be an hour ago, so that the next one need not wait."""
        self._write("UPDATE job SET latest_heartbeat = datetime('now', '-1 hour') WHERE job_type = 'SchedulerJob'")

    def expire_task(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Do the same for a task whose supervisor was killed or stands still."""
        self._write(
            "UPDATE task_instance SET last_heartbeat_at = datetime('now', '-1 hour') "
            "WHERE dag_id = ? AND run_id = ? AND task_id = ?",
            dag_id,
            run_id,
            task_id,
        )

    def expire_run(self, dag_id: str, run_id: str) -> None:
        """Let a DAG run have begun a day ago, so that its ``dagrun_timeout`` passes at once and not too early."""
        self._write(
            "UPDATE dag_run SET start_date = datetime('now', '-1 day') WHERE dag_id = ? AND run_id = ?", dag_id, run_id
        )

    def _write(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(self.home / DATABASE, timeout=60)) as database, database:
            database.execute(statement, values)
