"""``python -m benchmarks``: measures and prints our claims; the exit status says whether they hold.

No test asserts on time, because a busy machine must not make a test fail. The goals are counts, and ratios within one
run, with a few exceptions: the half second after which a short job's result is in hand, the minute of a recovery, the
second within which the live stream reports a job's end, and the half second that a page may take.

``--busy-too`` measures everything a second time, while as many other processes compute as the machine has cores, and
shows both figures in every table. The goals are decided without that load.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import (
    decode,
    defer_after,
    deferral,
    faults,
    hybrid,
    imports,
    in_flight,
    mapped_limit,
    mitigation,
    packing,
    pages,
    recovery,
    requests_per_job,
    resumed,
    stream,
)
from benchmarks.fault_rows import ROWS
from benchmarks.load import busy
from benchmarks.report import Report, machine, with_busy

BENCHMARKS: dict[str, Callable[[], Report]] = {
    "requests": requests_per_job.report,
    "deferral": deferral.report,
    "packing": packing.report,
    "imports": imports.report,
    "decode": decode.report,
    "recovery": recovery.report,
}
"""Those that run when no name is given: less than fifteen minutes on two cores."""
LONG: dict[str, Callable[[], Report]] = {
    "defer_after": defer_after.report,
    "faults": faults.report,
    "hybrid": hybrid.report,
    "in_flight": in_flight.report,
    "mapped_limit": mapped_limit.report,
    "mitigation": mitigation.report,
    "packing_batch": packing.batch_report,
    "pages": pages.report,
    "resumed": resumed.report,
    "stream": stream.report,
}
"""Those that run by name only."""
EVERY = {**BENCHMARKS, **LONG}


def _options() -> argparse.Namespace:
    """Read the command line."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(BENCHMARKS)}, which run when none is given; {', '.join(LONG)}",
    )
    arguments.add_argument("--write", type=Path, metavar="PATH", help="also write the tables to this file, as Markdown")
    arguments.add_argument(
        "--only", action="append", metavar="ROW", default=[], help=f"rows of faults: {', '.join(r.name for r in ROWS)}"
    )
    arguments.add_argument(
        "--plot", type=Path, metavar="PATH", help="draw what jobs in flight cost to this file, SVG or PNG"
    )
    arguments.add_argument("--busy-too", action="store_true", help="measure on a busy machine as well")
    options = arguments.parse_args()
    if unknown := set(options.names) - set(EVERY):
        arguments.error(f"unknown benchmark: {', '.join(sorted(unknown))}; there are {', '.join(EVERY)}")
    if options.plot and "in_flight" not in options.names:
        arguments.error("--plot goes with in_flight")
    if options.only and options.names != ["faults"]:
        arguments.error("--only goes with faults")
    if unknown := set(options.only) - {row.name for row in ROWS}:
        arguments.error(f"unknown row: {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in ROWS)}")
    return options


def main() -> int:
    """Run the requested benchmarks; return 1 if a goal is missed or a benchmark fails, otherwise 0."""
    options = _options()
    chosen = {name: EVERY[name] for name in options.names or BENCHMARKS}
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
            if options.busy_too:
                with busy() as processes:
                    report = with_busy(report, run(), processes)
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
