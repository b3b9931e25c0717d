"""Commands that only read: backends, jobs, a job, its result."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from airflow_provider_qrt.cli.connect import make_client
from airflow_provider_qrt.cli.output import cost, print_facts, print_json, print_table
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.limits import MAX_TAG_LENGTH
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.primitives.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job

SHORTEST_INTERVAL = 2.0
"""Minimum number of seconds between two readings of the list of jobs."""
SHOWN_OUTCOMES = 16
"""Number of outcomes of a circuit to print, most frequent first."""


def backends(args: Namespace, out: TextIO) -> int:
    """List backends with their queues."""
    from airflow_provider_qrt.jobs.backends.select import WAIT_TIME

    with make_client(args) as client:
        listed = client.backends(fields=WAIT_TIME)
    listed.sort(key=lambda one: (not one.is_available, one.queue_length, one.name))
    rows = [
        {
            "name": one.name,
            "status": one.status if one.is_available else f"{one.status} ({one.status_reason or 'no reason given'})",
            "queue": one.queue_length,
            "wait_seconds": (one.wait_time_seconds or {}).get("p50"),
            "qubits": one.num_qubits,
            "processor": " ".join(
                str(one.processor_type[key]) for key in ("family", "revision") if one.processor_type.get(key)
            ),
        }
        for one in listed
    ]
    _print(rows, args, out)
    return 0


def jobs(args: Namespace, out: TextIO) -> int:
    """List jobs, once or until all have ended."""
    if args.limit < 1:
        raise InvalidInputError(f"--limit: must be at least 1, got {args.limit}.")
    with make_client(args) as client:
        while True:
            listed = _listed(client, args)
            if args.watch and not args.json and out.isatty():
                # Clear the screen.
                print("\033[2J\033[H", end="", file=out)
            _print([_row(one) for one in listed], args, out)
            if not args.watch or all(one.status.is_final for one in listed):
                return 0
            out.flush()
            time.sleep(max(SHORTEST_INTERVAL, args.interval))


def job(args: Namespace, out: TextIO) -> int:
    """Show a job; return 1 if it has failed or was cancelled."""
    from airflow_provider_qrt.client.channels.base import Feature

    with make_client(args) as client:
        found = client.job(args.job_id)
        metrics = client.job_metrics(args.job_id) if client.channel.offers(Feature.METRICS) else None
    facts = {
        **_row(found),
        "run": _tag(found, "run"),
        "session": found.session_id,
        "private": found.private or None,
        "expected_seconds": found.estimated_running_seconds,
        "max_execution_seconds": found.max_execution_seconds,
        "running": metrics.running if metrics else None,
        "finished": metrics.finished if metrics else None,
        "reason": found.state.reason,
        "reason_code": found.state.reason_code,
        "solution": found.state.reason_solution,
        "tags": list(found.tags),
    }
    if args.json:
        print_json(facts, out)
    else:
        print_facts(
            ((name, ", ".join(value) if isinstance(value, list) else value) for name, value in facts.items()), out
        )
    return int(found.status in (JobStatus.FAILED, JobStatus.CANCELLED))


def result(args: Namespace, out: TextIO) -> int:
    """Print a job's result, or write it to a file."""
    from airflow_provider_qrt.primitives.results.any_result import read_any_result

    with make_client(args) as client:
        found = client.job(args.job_id)
        if found.status in (JobStatus.FAILED, JobStatus.CANCELLED):
            why = f": {found.state.reason}" if found.state.reason else "."
            print(f"Job {found.id} is {found.state.word.lower()} and has no result{why}", file=sys.stderr)
            print(f"`job {found.id}` shows more.", file=sys.stderr)
            return 1
        if found.status is not JobStatus.COMPLETED:
            raise errors.ResultsNotReadyError(
                400,
                errors.ErrorBody(message=f"Job {found.id} is {found.state.word.lower()} and has no result"),
                request=f"GET /jobs/{found.id}/results",
            )
        if found.private and not args.yes:
            raise InvalidInputError(
                f"Job {found.id} is private: its result can be read only once. Add --yes to read it now, and --output "
                "to keep it."
            )
        if args.output:
            # Check that the file can be written before reading a result that can be read only once.
            Path(args.output).touch()
        text = client.job_result(found.id)
    if args.output:
        Path(args.output).write_text(text)
        print(f"The result of job {found.id} is in {args.output}.", file=out)
        return 0
    value = read_any_result(found.program_id, text).to_xcom_results()
    if args.json or not isinstance(value, list):
        print_json(value, out)
        return 0
    for number, one in enumerate(value):
        _print_pub(number, one, out)
    return 0


def _print_pub(number: int, one: Any, out: TextIO) -> None:
    counts = one.get("counts") if isinstance(one, dict) else None
    if isinstance(counts, dict):
        print(f"circuit {number}: {one.get('shots')} shots, {len(counts)} outcomes", file=out)
        most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        print_table(("outcome", "counts"), most[:SHOWN_OUTCOMES], out)
        if len(most) > SHOWN_OUTCOMES:
            print(f"... and {len(most) - SHOWN_OUTCOMES} more: --json prints all", file=out)
    elif isinstance(one, dict) and "evs" in one:
        print(f"circuit {number}:", file=out)
        print_facts((("evs", json.dumps(one["evs"])), ("stds", json.dumps(one.get("stds")))), out)
    else:
        print(f"circuit {number}:", file=out)
        print_json(one, out)


def _listed(client: QiskitRuntimeClient, args: Namespace) -> list[Job]:
    tags = [f"dag:{args.dag}"[:MAX_TAG_LENGTH]] if args.dag else []
    return list(
        islice(
            client.jobs(pending=True if args.pending else None, tags=tags, page_size=min(args.limit, 200)), args.limit
        )
    )


def _row(one: Job) -> dict[str, Any]:
    seconds = one.usage.seconds if one.usage else None
    return {
        "id": one.id,
        "state": one.state.word,
        "backend": one.backend,
        "program": one.program_id,
        "dag": _tag(one, "dag"),
        "task": _tag(one, "task"),
        "created": one.created,
        "charged_seconds": seconds,
        "cost": cost(seconds),
    }


def _tag(one: Job, name: str) -> str | None:
    return next((tag.removeprefix(f"{name}:") for tag in one.tags if tag.startswith(f"{name}:")), None)


def _print(rows: Sequence[dict[str, Any]], args: Namespace, out: TextIO) -> None:
    if args.json:
        print_json(rows, out)
    elif rows:
        print_table([name.replace("_", " ") for name in rows[0]], [list(row.values()) for row in rows], out)
    else:
        print("There are none.", file=out)
