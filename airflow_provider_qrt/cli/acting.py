"""Commands that can change something at the service: ``cancel`` and ``orphans``."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TextIO

from airflow_provider_qrt.cli.connect import make_client
from airflow_provider_qrt.cli.output import print_json, print_table
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.durations import seconds
from airflow_provider_qrt.jobs.cancel import cancel_job

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient


def cancel(args: Namespace, out: TextIO) -> int:
    """Cancel jobs; if one cannot be cancelled, report it and cancel the others; return 3 in that case."""
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
    """Return whether the instance has the job; otherwise its id is mistyped, or belongs to another instance."""
    try:
        client.job(job_id)
    except errors.NotFoundError:
        return False
    return True


def orphans(args: Namespace, out: TextIO) -> int:
    """List jobs and sessions that no task waits for, and cancel them on request; return 1 if some are left."""
    from airflow_provider_qrt.cli.airflow_database import open_airflow
    from airflow_provider_qrt.jobs.orphans.finding import find_orphans

    older_than = timedelta(seconds=seconds("--older-than", args.older_than))
    airflow = open_airflow()
    from airflow_provider_qrt.cleanup.records import RecordsUnreadableError
    from airflow_provider_qrt.hooks.airflow_name import airflow_name
    from airflow_provider_qrt.hooks.orphans import cancel_orphans

    with make_client(args) as client:
        try:
            found = find_orphans(client, airflow, airflow_name(), older_than=older_than, now=datetime.now(UTC))
        except RecordsUnreadableError as error:
            raise errors.InvalidSettingsError(
                f"{error} Without the records it is not known which jobs are orphans. "
                "Run this where the tasks' record_path can be read."
            ) from None
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
