"""``doctor``: check the provider's assumptions against a real account."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TextIO

from airflow_provider_qrt.cli.connect import find_settings
from airflow_provider_qrt.cli.output import cost, print_json
from airflow_provider_qrt.client.client import QiskitRuntimeClient
from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.limits import CHANNEL
from airflow_provider_qrt.doctor.looking import ReadOnly
from airflow_provider_qrt.doctor.report import markdown, summary
from airflow_provider_qrt.doctor.requests_out import Service
from airflow_provider_qrt.doctor.rows import Examination, Row
from airflow_provider_qrt.doctor.running import CLAIMS_OF_A_JOB, JOBS, SECONDS_PER_JOB, Running, dry_run, estimate
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.untrusted.blotter import without_secrets


def doctor(args: Namespace, out: TextIO) -> int:
    """Compare the service with the provider's assumptions, row by row; return 1 if a row differs."""
    settings = find_settings(args)
    if settings.channel != CHANNEL:
        raise InvalidSettingsError(
            f"doctor examines the present platform, channel {CHANNEL!r}, not {settings.channel!r}."
        )
    if args.job and not args.yes and not sys.stdin.isatty():
        raise InvalidInputError("--job asks before it spends anything, and there is no terminal to ask at. Add --yes.")

    def show(row: Row) -> None:
        if not args.json:
            found = f"  ({without_secrets(row.found, settings.secrets)})" if row.found else ""
            print(f"{row.verdict.value:<11}  {row.id:<24}  {row.claim}{found}", file=out, flush=True)

    examination = Examination(on_row=show)
    service = Service(settings)
    try:
        with QiskitRuntimeClient(settings) as client:
            _examine(args, service, client, examination)
    finally:
        service.close()
    if args.report:
        Path(args.report).write_text(markdown(examination.rows, settings))
    if args.json:
        rows = [{**row.to_json(), "found": without_secrets(row.found, settings.secrets)} for row in examination.rows]
        print_json(rows, out)
    else:
        print(f"\n{summary(examination.rows)}.", file=out)
        if args.report:
            print(f"The report, without secrets, is in {args.report}.", file=out)
    return int(examination.differs)


def _examine(args: Namespace, service: Service, client: QiskitRuntimeClient, examination: Examination) -> None:
    looking = ReadOnly(service, examination, args.backend)
    if looking.begin():
        # Run jobs first, so that an account without any has some to read.
        _run_jobs(args, service, client, examination, looking.backend)
        looking.go_on()


def _run_jobs(
    args: Namespace, service: Service, client: QiskitRuntimeClient, examination: Examination, backend: str | None
) -> None:
    if backend is None:
        examination.skip("the instance has no backends", *CLAIMS_OF_A_JOB)
        return
    if args.dry_run_job:
        estimate(service, examination, backend)
        dry_run(service, client, examination, backend)
    if not args.job:
        examination.skip("needs --job", *CLAIMS_OF_A_JOB)
    elif not (args.yes or _agreed(backend)):
        examination.skip("not agreed to", *CLAIMS_OF_A_JOB)
    else:
        Running(service, client, examination, backend).examine()


def _agreed(backend: str) -> bool:
    """Ask for confirmation, and name the cost."""
    seconds = (JOBS - 1) * SECONDS_PER_JOB
    question = (
        f"Submit {JOBS} smallest jobs to {backend}, one of which is cancelled at once? They may take about "
        f"{seconds:.0f} s of QPU time, about {cost(seconds)}. [y/N] "
    )
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
