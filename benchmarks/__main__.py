"""``python -m benchmarks``: measures and prints our claims; the exit status says whether they hold.

No test asserts on time, because a busy machine must not make a test fail. The goals are counts, and ratios within one
run, with three exceptions: the import time of a DAG file, the one second within which the live stream reports a job's
end, and the half second that a page may take.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import decode, faults, hybrid, imports, in_flight, mitigation, packing, pages, requests_per_job, stream
from benchmarks.fault_rows import ROWS
from benchmarks.report import Report, machine

BENCHMARKS: dict[str, Callable[[], Report]] = {
    "requests": requests_per_job.report,
    "packing": packing.report,
    "faults": faults.report,
    "imports": imports.report,
    "decode": decode.report,
    "stream": stream.report,
    "pages": pages.report,
    "in_flight": in_flight.report,
    "mitigation": mitigation.report,
    "hybrid": hybrid.report,
    "packing_batch": packing.batch_report,
}
ONLY_BY_NAME = frozenset({"packing_batch"})
"""Benchmarks that do not run when no name is given, because they take long and decide no goal."""


def main() -> int:
    """Run the requested benchmarks; return 1 if a goal is missed or a benchmark fails, otherwise 0."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(BENCHMARKS)}; when none is given, all but {', '.join(sorted(ONLY_BY_NAME))}",
    )
    arguments.add_argument("--write", type=Path, metavar="PATH", help="also write the tables to this file, as Markdown")
    arguments.add_argument(
        "--only", action="append", metavar="ROW", default=[], help=f"rows of faults: {', '.join(r.name for r in ROWS)}"
    )
    arguments.add_argument(
        "--plot", type=Path, metavar="PATH", help="draw what jobs in flight cost to this file, SVG or PNG"
    )
    options = arguments.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        arguments.error(f"unknown benchmark: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    if options.plot and options.names and "in_flight" not in options.names:
        arguments.error("--plot goes with in_flight")
    if options.only and options.names != ["faults"]:
        arguments.error("--only goes with faults")
    if unknown := set(options.only) - {row.name for row in ROWS}:
        arguments.error(f"unknown row: {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in ROWS)}")
    names = options.names or set(BENCHMARKS) - ONLY_BY_NAME
    chosen = {name: run for name, run in BENCHMARKS.items() if name in names}
    if options.only:
        chosen = {"faults": partial(faults.report, options.only)}
    if options.plot:
        chosen["in_flight"] = partial(in_flight.report, options.plot)
    line = machine()
    print(line, flush=True)
    reports: list[Report] = []
    broken = []
    for name, run in chosen.items():
        print(f"\n[{name}: measuring]\n", flush=True)
        try:
            report = run()
        except Exception:
            traceback.print_exc()
            broken.append(name)
            continue
        reports.append(report)
        print(report.text(), flush=True)
    if options.write:
        options.write.write_text("\n\n".join([f"Measured: {line}.", *(report.markdown() for report in reports)]) + "\n")
    missed = [goal for report in reports for goal in report.goals if not goal.met]
    goals = sum(len(report.goals) for report in reports)
    print(f"\n{goals - len(missed)} of {goals} goals met" + (f"; broke: {', '.join(broken)}" if broken else ""))
    return 1 if missed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
