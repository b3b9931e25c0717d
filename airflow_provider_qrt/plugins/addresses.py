"""Addresses of Airflow's pages, in the form that Airflow's own links have, so that its tabs show where one is."""

from __future__ import annotations

from urllib.parse import quote

PLAIN = ":+"
"""Characters that Airflow leaves as they are, and that most ids of runs have."""


def dag_page(airflow: str, dag_id: str) -> str:
    """Return the address of a DAG.

    Args:
        airflow: Path of Airflow's base URL.
        dag_id: The DAG.
    """
    return f"{airflow}/dags/{_segment(dag_id)}"


def run_page(airflow: str, dag_id: str, run_id: str) -> str:
    """Return the address of a DAG run."""
    return f"{dag_page(airflow, dag_id)}/runs/{_segment(run_id)}"


def task_page(airflow: str, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
    """Return the address of a task instance, which shows its log."""
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    return f"{run_page(airflow, dag_id, run_id)}/tasks/{_segment(task_id)}{mapped}"


def _segment(name: str) -> str:
    return quote(name, safe=PLAIN)
