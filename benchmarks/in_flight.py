"""Measures the cost of many jobs in flight, and how soon the ends of the jobs are noticed.

The provider's triggers wait in one event loop, as in Airflow's triggerer: once with a shared poller, as usual, and once
with a poller for each trigger. They are compared with IBM's client with a thread for each job, and with
prefect-qiskit's loop. Each system has an emulator in another process, whose journal counts the requests.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from benchmarks.in_flight_lane import INTERVAL, Lane, Measured, measure
from benchmarks.in_flight_plot import draw
from benchmarks.report import Goal, Report, Table, version_of
from benchmarks.running import NotMeasurableError, install_prefect

JOBS = (10, 100, 1000)
MANY, MOST = 1000, 5000
MOST_BUSY = 200
"""Number of jobs for systems that poll each job twice a second; more jobs would measure the emulator's capacity."""
SETTLE = 33.0
"""Seconds until every trigger has polled its old job once."""
INTERVALS, FEWER_INTERVALS = 5, 2
ENDING, MOST_ENDING = 75.0, 60.0
BUSY_SETTLE, BUSY_WINDOW, BUSY_ENDING = 10.0, 15.0, 20.0

MOST_REQUESTS = 6
MOST_TOKENS = 2
MOST_LAG = 0.05
MOST_MEMORY = 20_000
MOST_LATENESS = 2.0
MOST_AFTER = 120.0
NAMES = {
    "shared": "ours, one poller",
    "alone": "ours, a poller for each trigger",
    "official": "IBM's client, a thread for each job",
    "prefect": "prefect-qiskit's loop",
}

Outcome = Measured | str
"""The measured values, or the reason why there are none."""
Figures = dict[tuple[str, int], Outcome]


def lane(system: str, jobs: int) -> Lane:
    """Return the lane that measures a system with this many jobs."""
    if system in ("official", "prefect"):
        return Lane(system, jobs, BUSY_SETTLE, BUSY_WINDOW, BUSY_ENDING)
    intervals = 1 if system == "alone" else FEWER_INTERVALS if jobs == MOST else INTERVALS
    return Lane(system, jobs, SETTLE, intervals * INTERVAL, MOST_ENDING if jobs == MOST else ENDING)


def stages() -> list[list[tuple[str, int]]]:
    """Return the stages of the measurement; everything in one stage is measured at the same time."""
    light = [(system, jobs) for system in ("shared", "alone") for jobs in JOBS if jobs < MANY]
    return [
        # Also measure sleeping triggers, which show the effect of the machine's other work on the event loop.
        [("shared", MANY), ("bare", MANY), *light],
        [("alone", MANY)],
        *([("official", jobs), ("prefect", jobs)] for jobs in (10,)),
        *([(system, jobs)] for jobs in (100, MOST_BUSY) for system in ("official", "prefect")),
        [("shared", MOST), ("bare", MOST)],
    ]


def report(picture: Path | None = None) -> Report:
    """Measure all.

    Args:
        picture: Path of a plot of the cost; None for no plot.
    """
    found: Figures = {}
    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        ThreadPoolExecutor() as pool,
    ):
        prefect = pool.submit(install_prefect, Path(name) / "venv")
        for stage in stages():
            running = {one: pool.submit(_outcome, lane(*one), prefect) for one in stage}
            for one, future in running.items():
                found[one] = future.result()
                print(f"[{one[0]}, {one[1]} jobs: {_brief(found[one])}]", flush=True)
    if picture is not None:
        draw(found, picture)
    return Report("Many jobs in flight", [_waiting(found), _ending(found)], goals(found), _notes())


def goals(found: Figures) -> list[Goal]:
    """Return our claims with the measured values."""
    many, bare = found["shared", MANY], found["bare", MANY]
    if isinstance(many, str) or isinstance(bare, str):
        return [Goal(f"{MANY:,} jobs can be measured", f"{many}; {bare}", met=False)]
    memory, slowest = many.memory - bare.memory, many.latency[1]
    calm, busy = many.lag["steady"][1], many.lag["ending"][1]
    allowed = INTERVAL + MOST_LATENESS
    claims = [
        Goal(
            f"{MANY:,} deferred jobs of one connection: at most {MOST_REQUESTS} requests in {INTERVAL:.0f} s",
            f"{many.requests:.1f}, on average over {INTERVALS} intervals",
            many.requests <= MOST_REQUESTS,
        ),
        Goal(f"at most {MOST_TOKENS} requests for a token", f"{many.tokens}", many.tokens <= MOST_TOKENS),
        Goal(
            f"the event loop is less than {MOST_LAG * 1000:.0f} ms late (p99)",
            f"{calm * 1000:.1f} ms while nothing ends, {busy * 1000:.1f} ms while jobs end",
            max(calm, busy) < MOST_LAG,
        ),
        Goal(
            f"less than {MOST_MEMORY // 1000} kB for a job beyond a trigger that sleeps",
            f"{memory / 1000:.1f} kB",
            memory < MOST_MEMORY,
        ),
        Goal(
            f"an end is noticed within {allowed:.0f} s, the interval and {MOST_LATENESS:.0f} s (p99)",
            f"{slowest:.1f} s",
            slowest <= allowed,
        ),
    ]
    most = found["shared", MOST]
    if isinstance(most, Measured):
        claims.append(
            Goal(
                f"of {MOST:,} jobs that end within a minute, all events come within {MOST_AFTER:.0f} s of the last end",
                f"{most.last:.1f} s; the jobs ended within {most.ended_within:.0f} s",
                most.last <= MOST_AFTER,
            )
        )
    else:
        claims.append(Goal(f"{MOST:,} jobs can be measured", most, met=False))
    return claims


def _outcome(one: Lane, prefect: Future[tuple[Path, str]]) -> Outcome:
    try:
        if one.system == "prefect":
            return measure(one, prefect.result()[0])
        return measure(one)
    except NotMeasurableError as reason:
        return f"not measured: {reason}"


def _waiting(found: Figures) -> Table:
    rows = []
    for system, name in NAMES.items():
        for (_, jobs), outcome in _of(found, system):
            if isinstance(outcome, str):
                rows.append((f"{name}: {outcome}", f"{jobs:,}", *["-"] * 5))
                continue
            bare = found.get(("bare", jobs))
            beyond = f"{(outcome.memory - bare.memory) / 1000:.1f} kB" if isinstance(bare, Measured) else "-"
            # With few jobs, this would be the growth of the whole process.
            memory = f"{outcome.memory / 1000:.1f} kB" if jobs >= 100 else "-"
            rows.append((name, f"{jobs:,}", f"{outcome.requests:,.1f}", f"{outcome.tokens:,}",
                         _lag(outcome, "steady"), memory, beyond))  # fmt: skip
    for (_, jobs), outcome in _of(found, "bare"):
        if isinstance(outcome, Measured):
            memory = f"{outcome.memory / 1000:.1f} kB"
            rows.append(("triggers that only sleep", f"{jobs:,}", "0", "0", _lag(outcome, "steady"), memory, "0"))
    return Table(
        "Jobs submitted an hour ago, none of which ends (lateness of the event loop: p50, p99, most):",
        ("system", "jobs", f"requests in {INTERVAL:.0f} s", "tokens", "event loop late by", "memory a job",
         "beyond a sleeping trigger"),
        rows,
    )  # fmt: skip


def _ending(found: Figures) -> Table:
    rows = [
        (name, f"{jobs:,}", f"{outcome.ended_within:.0f} s", *(f"{value:.1f} s" for value in outcome.latency),
         f"{outcome.last:.1f} s", f"{outcome.ending_requests:,}", _lag(outcome, "ending"))
        for system, name in NAMES.items()
        for (_, jobs), outcome in _of(found, system)
        if isinstance(outcome, Measured)
    ]  # fmt: skip
    return Table(
        "The same jobs ending at random times; from each end on the server to its event:",
        ("system", "jobs", "ended within", "p50", "p99", "most", "last event after the last end", "requests",
         "event loop late by"),
        rows,
    )  # fmt: skip


def _notes() -> list[str]:
    return [
        f"At poll_interval {INTERVAL:.0f} s, the default; IBM's client {version_of('qiskit-ibm-runtime')} and "
        "prefect-qiskit at their own pace, twice a second for each job.",
        "Every job that the list names is read by itself after ten minutes at the latest, which takes a request more "
        "in an interval. Here that is so from the start, so the figures are those of a long wait.",
        "Tokens are counted from the program's first request to the last event. Clients of one process share theirs, "
        "also where each trigger has a poller of its own.",
        f"IBM's client and prefect-qiskit are measured with at most {MOST_BUSY} jobs, over {BUSY_WINDOW:.0f} s. At "
        f"their pace {MANY:,} jobs would be {2 * MANY:,} requests a second, that is {round(2 * MANY * INTERVAL):,} in "
        f"{INTERVAL:.0f} s (calculated).",
        "prefect-qiskit's loop runs without Prefect's flows and server around it.",
        "Requests while jobs end are counted up to 10,000; the journal keeps no more.",
    ]


def _of(found: Figures, system: str) -> list[tuple[tuple[str, int], Outcome]]:
    return sorted((item for item in found.items() if item[0][0] == system), key=lambda item: item[0][1])


def _lag(measured: Measured, phase: str) -> str:
    figures = measured.lag.get(phase)
    return "-" if figures is None else ", ".join(f"{seconds * 1000:.1f}" for seconds in figures) + " ms"


def _brief(outcome: Outcome) -> str:
    if isinstance(outcome, str):
        return outcome
    late = {phase: [round(1000 * value, 1) for value in values] for phase, values in outcome.lag.items()}
    return (
        f"{outcome.requests:.1f} requests, {outcome.tokens} tokens, {outcome.memory / 1000:.1f} kB a job, lag {late} ms"
        f", latency {[round(value, 1) for value in outcome.latency]} s, last {outcome.last:.1f} s"
    )
