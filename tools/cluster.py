"""A distributed Airflow on this machine with Postgres, Redis, Celery workers, and two of each component if possible."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from tools.airflow_installation import AirflowInstallation
from tools.processes import free_port
from tools.servers import Postgres, Redis

COMPONENTS = {
    "api-server": "api-server",
    "scheduler-1": "scheduler",
    "scheduler-2": "scheduler",
    "dag-processor": "dag-processor",
    "triggerer-1": "triggerer",
    "triggerer-2": "triggerer",
    "worker-1": "worker",
    "worker-2": "worker",
}
"""The kind of each component, by its name."""
WORKER_CONCURRENCY = 4
"""Number of simultaneous tasks on each worker."""
TASK_TITLE = "airflow worker -- "
"""The process title of a task, which the id of the task instance follows."""
PRELOADED = (
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.task_runner",
    "airflow_provider_qrt.operators.primitives",
    "airflow_provider_qrt.triggers.job",
    "openqasm3.parser",
)
"""Modules that a worker imports once. Otherwise the process of each task imports them, which takes most of a second."""


class LocalCluster(AirflowInstallation):
    """An Airflow of several processes that share only Postgres, Redis and the folders of DAGs and logs.

    Each of ``api-server``, ``scheduler-1``, ``scheduler-2``, ``dag-processor``, ``triggerer-1``, ``triggerer-2``,
    ``worker-1`` and ``worker-2`` can be killed and restarted separately, and so can the two servers.

    Args:
        home: Folder for all files except Postgres's data, created if missing.
        dags: Folder of DAG files.
        connections: Connections as JSON objects by id, which Airflow gets through its environment.
        settings: More Airflow settings, such as ``{"AIRFLOW__CORE__PARALLELISM": "8"}``.

    Raises:
        NotInstalledError: Postgres or Redis is not installed.
    """

    components = tuple(COMPONENTS)

    def __init__(
        self,
        home: Path,
        dags: Path,
        *,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._port = free_port()
        url = f"http://127.0.0.1:{self._port}"
        super().__init__(
            home,
            dags,
            url=url,
            execution_url=f"{url}/execution/",
            connections=connections,
            settings={
                "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
                "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(WORKER_CONCURRENCY),
                "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps({"imports": PRELOADED}),
                **(settings or {}),
            },
        )
        self.home.mkdir(parents=True, exist_ok=True)
        self.redis = Redis(self._processes, self.environment, self.home)
        self.postgres = Postgres(self._processes, self.environment)
        self.environment |= {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{self.postgres.connection}",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{self.postgres.connection}",
            "AIRFLOW__CELERY__BROKER_URL": self.redis.url,
        }

    def start(self) -> None:
        """Start the servers, create the database and start all components."""
        self.postgres.start()
        self.redis.start()
        super().start()

    def stop(self) -> None:
        """End all components, then the servers, and delete Postgres's data."""
        servers = (Postgres.name, Redis.name)
        self._processes.stop_all([name for name in self._processes.names() if name not in servers])
        super().stop()
        self.postgres.remove()

    def command(self, component: str) -> list[str]:
        """Return the ``airflow`` command of a component, without ``airflow``."""
        match COMPONENTS[component]:
            case "api-server":
                return ["api-server", "--port", str(self._port)]
            case "worker":
                own = ["--celery-hostname", component, "--pid", str(self.home / f"{component}.pid")]
                return ["celery", "worker", "--skip-serve-logs", *own]
            case "dag-processor":
                return ["dag-processor"]
            case kind:
                return [kind, "--skip-serve-logs"]

    def restart_ended(self) -> list[str]:
        """Restart components that have ended by themselves, as a service manager does; return their names."""
        ended = [name for name in self._processes.ended() if name in COMPONENTS]
        for name in ended:
            self.start_component(name)
        return ended

    def tasks_on(self, worker: str) -> set[str]:
        """Return the ids of the task instances that currently run on a worker."""
        titles = [_title(process) for process in self._processes.members(worker)]
        return {title.removeprefix(TASK_TITLE).strip() for title in titles if title.startswith(TASK_TITLE)}

    def memory(self) -> dict[str, int]:
        """Return the memory in bytes of each component and server with its child processes, dividing shared memory."""
        return {
            name: sum(_proportional(process) for process in self._processes.members(name))
            for name in self._processes.names()
        }


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
