"""Commands that change something at the service: cancel, and orphans with ``--cancel``."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TextIO

from airflow_provider_qrt.cli.connect import make_client
from airflow_provider_qrt.cli.output import print_json, print_table
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.cancelling import cancel_job
from airflow_provider_qrt.jobs.durations import seconds

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient


def cancel(args: Namespace, out: TextIO) -> int:
    """Cancel jobs; each that cannot be cancelled is named, and the others are cancelled all the same."""
    outcomes, refused = {}, False
    with make_client(args) as client:
        for job_id in args.job_ids:
            try:
                outcomes[job_id] = cancel_job(client, job_id)
                refused = refused or not _is_known(client, job_id)
            except errors.QiskitRuntimeError as error:
                refused = True
                outcomes[job_id] = f"Job {job_id} could not be cancelled and may still run and be charged: {error}"
    if args.json:
        print_json(outcomes, out)
    else:
        print(*outcomes.values(), sep="\n", file=out)
    return 3 if refused else 0


def _is_known(client: QiskitRuntimeClient, job_id: str) -> bool:
    """Whether the instance has such a job: an id of none is a slip, or that of another instance's job."""
    try:
        client.job(job_id)
    except errors.NotFound:
        return False
    return True


def orphans(args: Namespace, out: TextIO) -> int:
    """List what no task waits for, and cancel it if asked to; 1 if there is something left."""
    from airflow_provider_qrt.cli.airflow_database import open_airflow
    from airflow_provider_qrt.jobs.orphans import find_orphans

    older_than = timedelta(seconds=seconds("--older-than", args.older_than))
    airflow = open_airflow()
    from airflow_provider_qrt.hooks.deployment import airflow_name
    from airflow_provider_qrt.hooks.orphans import cancel_orphans

    with make_client(args) as client:
        found = find_orphans(client, airflow, airflow_name(), older_than=older_than, now=datetime.now(UTC))
        outcomes = cancel_orphans(client, found, log=lambda _: None) if args.cancel else {}
    if args.json:
        print_json([{**asdict(one), "outcome": outcomes.get(one.id)} for one in found], out)
    elif not found:
        print("There are none.", file=out)
    else:
        print_table(
            ("kind", "id", "backend", "status", "created", "dag", "task", "why"),
            [
                (one.kind, one.id, one.backend, one.status, one.created, one.dag_id, one.task, one.reason)
                for one in found
            ],
            out,
        )
        print(*outcomes.values(), sep="\n", file=out, end="\n" if outcomes else "")
    return int(bool(found) and not args.cancel)
