"""Plots the cost of ten to thousands of jobs in flight: requests, memory and the delay until an end is noticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.in_flight_lane import INTERVAL, Measured

STYLES = {
    "shared": ("ours, one poller", "#0f62fe", "o"),
    "alone": ("ours, a poller for each trigger", "#8a3ffc", "s"),
    "official": ("IBM's client, a thread for each job", "#da1e28", "^"),
    "prefect": ("prefect-qiskit's loop", "#6f6f6f", "v"),
}
"""Name, colour and marker of each system."""
LEAST_FOR_MEMORY = 100
"""Smallest number of jobs for the plot of memory; with fewer jobs it would show the growth of the whole process."""
PANELS: tuple[tuple[str, Callable[[Measured, int], float | None], bool], ...] = (
    (f"requests in {INTERVAL:.0f} s, nothing ending", lambda one, _jobs: one.requests, True),
    (
        "memory of all jobs, MB",
        lambda one, jobs: one.memory * jobs / 1e6 if jobs >= LEAST_FOR_MEMORY else None,
        True,
    ),
    ("from an end to its event, p99, s", lambda one, _jobs: one.latency[1], False),
)
"""Title, plotted value, and whether the axis is logarithmic."""


def draw(found: Mapping[tuple[str, int], Measured | str], path: Path) -> None:
    """Write the plot to a file.

    Args:
        found: The measured values by system and number of jobs.
        path: The path, whose suffix selects SVG or PNG.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    # Make the file reproducible, and keep text as text.
    mpl.rcParams.update({"svg.hashsalt": "in-flight", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure, axes = plt.subplots(1, len(PANELS), figsize=(12, 3.8), layout="constrained")
    for axis, (title, value, logarithmic) in zip(axes, PANELS, strict=True):
        for system, (name, colour, marker) in STYLES.items():
            points = [
                (jobs, height)
                for (one, jobs), outcome in sorted(found.items(), key=lambda item: item[0][1])
                if one == system and isinstance(outcome, Measured) and (height := value(outcome, jobs)) is not None
            ]
            if points:
                axis.plot(*zip(*points, strict=True), label=name, color=colour, marker=marker)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("jobs in flight")
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda jobs, _place: f"{jobs:,.0f}"))
        if logarithmic:
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter(FuncFormatter(lambda height, _place: f"{height:,g}"))
            axis.yaxis.set_minor_formatter(NullFormatter())
        else:
            axis.set_ylim(bottom=0)
        axis.grid(which="major", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(STYLES), frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, facecolor="white")
    plt.close(figure)
