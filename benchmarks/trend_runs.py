"""``python -m benchmarks.trend_runs DAG RUNS``: put runs of a DAG with results into Airflow's database.

For the page *Quantum trends*: each run has one task with counts of a hundred outcomes, as a nightly job has.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

OUTCOMES = 100


def main(dag_id: str, count: int) -> None:
    """Insert the runs."""
    from airflow import settings
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    from airflow_provider_qrt.plugins.run_data import LINK

    now = datetime.now(UTC)
    with Session(settings.engine) as session:
        for number in range(count):
            when = now - timedelta(days=count - number)
            run_id = f"scheduled__{when:%Y-%m-%d}"
            insert(session, DagRun, dag_id=dag_id, run_id=run_id, state="success", run_type="scheduled", run_after=when)
            run = session.scalar(select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
            about = {"dag_id": dag_id, "run_id": run_id, "task_id": "measure", "map_index": -1}
            insert(session, TaskInstance, id=uuid4(), state="success", **about)
            counts = {f"{outcome:07b}": 1 + (outcome * number) % 50 for outcome in range(OUTCOMES)}
            value = {
                "job_id": f"job{number}",
                "program_id": "sampler",
                "backend": "ibm_fez",
                "created": when.isoformat(),
                "finished": (when + timedelta(minutes=5)).isoformat(),
                "usage_seconds": 3.0,
                "results": [{"shots": sum(counts.values()), "counts": counts, "registers": {}}],
            }
            for key, content in ((LINK, "https://example.com"), ("return_value", value)):
                insert(session, XComModel, dag_run_id=run, key=key, value=content, timestamp=when, **about)
        session.commit()


def insert(session: Any, model: Any, **values: Any) -> None:
    """Insert a row; required columns that are not given get a made-up value."""
    for column in model.__table__.columns:
        if column.name in values or column.nullable or column.server_default is not None:
            continue
        if not (column.primary_key and column.name == "id"):
            values[column.name] = datetime.now(UTC) if "Date" in type(column.type).__name__ else 1
    session.execute(model.__table__.insert().values(**values))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
