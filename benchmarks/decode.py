"""Decode and count a large sampler result, side by side with qiskit-ibm-runtime in the same process.

The payload is the service's answer for one register of 127 bits and a million shots in the tagged encoding. There are
two data sets: a noisy GHZ state (two dominant outcomes, about a thousand in total) and a million distinct outcomes.
Times are of the processor, from the text to the counts, and the best of several runs in turn, because a busy machine
lengthens the times of a clock. Nothing here waits or has a second thread, so on an idle machine both are the same.
Memory is the peak in ``tracemalloc`` above a baseline that includes the payload; the raw array takes 16 bytes per shot.
The limit of a plain dictionary is what Python takes to split a ready text into its keys and to put these into a
dictionary: two calls of C code, without any decoding.

A second table shows the time from the last byte of the body; see ``decode_arriving``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from benchmarks.decode_arriving import Timing, estimates, measure, packed, peak, seconds, shots
from benchmarks.report import Goal, Report, Table

NUM_BITS = 127
SHOTS = 1_000_000
VALUES = 1_000_000
BYTES_PER_SHOT = 16
REPEATS = 5
COMPACT = "compact counts"
DICT = "plain dict"
DISTINCT = "all distinct"
LEAST_SPEEDUP = 5
MOST_PEAK = 3
MOST_OF_LIMIT = 1.6
"""The most that a plain dictionary may take, as a multiple of the limit: the rest is decoding and making the text."""
MOST_BESIDE_DICT = 1.5
"""The most memory that is taken beside a plain dictionary, in multiples of the raw array. The shots are 1."""


@dataclass(frozen=True)
class Row:
    """One row of the table: seconds of both libraries, and peak memory in multiples of the raw array."""

    data: str
    what: str
    distinct: int
    ours_s: float
    qiskit_s: float
    ours_peak: float
    qiskit_peak: float

    @property
    def speedup(self) -> float:
        """The factor by which our code is faster."""
        return self.qiskit_s / self.ours_s


def noisy_ghz(shots: int = SHOTS) -> Any:
    """Return packed shots of which 85 % are all zeros or all ones, and the rest is one of a thousand other outcomes."""
    import numpy as np

    rng = np.random.default_rng(7)
    others = _random_rows(rng, 1000)
    zeros_and_ones = np.zeros((2, BYTES_PER_SHOT), dtype=np.uint8)
    zeros_and_ones[1] = 0xFF
    zeros_and_ones[1, 0] = 0x7F
    outcomes = np.concatenate([zeros_and_ones, others])
    weights = np.concatenate([[0.425, 0.425], np.full(1000, 0.15 / 1000)])
    return outcomes[rng.choice(len(outcomes), size=shots, p=weights)]


def all_distinct(shots: int = SHOTS) -> Any:
    """Return packed random shots; a million of 2**127 possible outcomes are distinct."""
    import numpy as np

    return _random_rows(np.random.default_rng(7), shots)


def _random_rows(rng: Any, count: int) -> Any:
    rows = rng.integers(0, 256, (count, BYTES_PER_SHOT), dtype="uint8")
    rows[:, 0] &= 0x7F
    return rows


def payload_of(rows: Any) -> str:
    """Return the result text that the service would send for these shots."""
    bits = {"__type__": "BitArray", "__value__": {"array": packed(rows), "num_bits": NUM_BITS}}
    data = {"field_names": ["meas"], "shape": [], "fields": {"meas": bits}}
    pub = {"data": {"__type__": "DataBin", "__value__": data}, "metadata": {}}
    value = {"pub_results": [{"__type__": "SamplerPubResult", "__value__": pub}], "metadata": {"version": 2}}
    return json.dumps({"__type__": "PrimitiveResult", "__value__": value})


def ours_counts(payload: str) -> Any:
    """Decode and count with our code, keeping the counts packed."""
    from airflow_provider_qrt.primitives import decode_sampler_result

    return decode_sampler_result(payload)[0].join().counts()


def ours_dict(payload: str) -> dict[str, int]:
    """Decode and count with our code into a plain dictionary."""
    return ours_counts(payload).to_dict()


def qiskit_dict(payload: str) -> dict[str, int]:
    """Decode and count like a user of qiskit-ibm-runtime."""
    from qiskit_ibm_runtime import RuntimeDecoder

    return json.loads(payload, cls=RuntimeDecoder)[0].data.meas.get_counts()


def dict_of_lines(text: str) -> dict[str, int]:
    """Return a dictionary whose keys are the lines of a text: the least that Python does for such a dictionary."""
    return dict.fromkeys(text.split("\n"), 1)


@dataclass(frozen=True)
class Limit:
    """The least that a plain dictionary of these outcomes costs.

    Attributes:
        seconds: To make the keys from a ready text, and the dictionary from the keys.
        peak: Memory of the dictionary and its keys, in multiples of the raw array.
        characters: Memory of the characters of the keys alone.
    """

    seconds: float
    peak: float
    characters: float


def run(shots_of_each: int = SHOTS, repeats: int = REPEATS) -> tuple[list[dict[str, Any]], Limit, list[Timing]]:
    """Measure both, and check that their counts agree.

    Returns:
        One dictionary for each row, with the fields of ``Row`` and ``speedup``; the limit of the plain dictionary of
        distinct outcomes; and what is left after the last byte.
    """
    rows, timings = [], []
    limit = Limit(0, 0, 0)
    for name, make in (("noisy GHZ", noisy_ghz), (DISTINCT, all_distinct)):
        array = make(shots_of_each)
        payload, raw = payload_of(array), array.nbytes
        del array
        counts = ours_dict(payload)
        if counts != qiskit_dict(payload):
            raise AssertionError(f"{name}: the two sides count differently")
        distinct, text = len(counts), "\n".join(counts)
        size = sys.getsizeof(counts) + sum(map(sys.getsizeof, counts))
        del counts
        calls: list[Callable[[], Any]] = [partial(one, payload) for one in (ours_counts, ours_dict, qiskit_dict)]
        compact_s, dict_s, qiskit_s, limit_s = seconds(*calls, partial(dict_of_lines, text), repeats=repeats)
        if name == DISTINCT:
            limit = Limit(limit_s, size / raw, distinct * NUM_BITS / raw)
        del text
        compact_peak, dict_peak, qiskit_peak = (peak(call) / raw for call in calls)
        for what, ours_s, ours_peak in ((COMPACT, compact_s, compact_peak), (DICT, dict_s, dict_peak)):
            row = Row(name, what, distinct, ours_s, qiskit_s, ours_peak, qiskit_peak)
            rows.append({**asdict(row), "speedup": row.speedup})
        timings.append(measure(shots(f"sampler, {name}", payload, raw), repeats))
    timings.append(measure(estimates(VALUES), repeats))
    return rows, limit, timings


def _arriving_table(timings: list[Timing]) -> Table:
    return Table(
        "From the last byte of the body to the arrays, which are unpacked while the body arrives:",
        (
            "result",
            "while arriving",
            "after the last byte",
            "from the whole text",
            "qiskit-ibm-runtime",
            "faster",
            "unpacking alone",
            "peak, arriving",
            "peak, text",
            "peak, qiskit-ibm-runtime",
        ),
        [
            (
                one.name,
                f"{one.during_s:.3f} s",
                f"{one.after_s:.4f} s",
                f"{one.whole_s:.3f} s",
                f"{one.official_s:.3f} s",
                f"{one.speedup:.0f}x",
                f"{one.unpack_s:.3f} s",
                f"{one.arriving_peak:.1f} raw",
                f"{one.whole_peak:.1f} raw",
                f"{one.official_peak:.1f} raw",
            )
            for one in timings
        ],
    )


def report() -> Report:
    """Measure, and compare the figures with our claims."""
    rows, limit, timings = run()
    compact = [row for row in rows if row["what"] == COMPACT]
    plain = next(row for row in rows if row["what"] == DICT and row["data"] == DISTINCT)
    slowest = min(row["speedup"] for row in compact)
    most = max(row["ours_peak"] for row in compact)
    table = Table(
        f"Decode and count {SHOTS:,} shots of {NUM_BITS} bits (raw array: {SHOTS * BYTES_PER_SHOT / 1e6:.0f} MB):",
        ("data, to", "distinct", "ours", "qiskit-ibm-runtime", "faster", "peak, ours", "peak, qiskit-ibm-runtime"),
        [
            *(
                (
                    f"{row['data']}, {row['what']}",
                    f"{row['distinct']:,}",
                    f"{row['ours_s']:.3f} s",
                    f"{row['qiskit_s']:.3f} s",
                    f"{row['speedup']:.1f}x",
                    f"{row['ours_peak']:.1f} raw",
                    f"{row['qiskit_peak']:.1f} raw",
                )
                for row in rows
            ),
            (
                f"{DISTINCT}, {DICT}: the limit",
                f"{plain['distinct']:,}",
                f"{limit.seconds:.3f} s",
                f"{plain['qiskit_s']:.3f} s",
                f"{plain['qiskit_s'] / limit.seconds:.1f}x",
                f"{limit.peak:.1f} raw",
                f"{plain['qiskit_peak']:.1f} raw",
            ),
        ],
    )
    goals = [
        Goal(
            f"to compact counts at least {LEAST_SPEEDUP} times faster, for both data sets",
            f"at least {slowest:.1f} times",
            slowest >= LEAST_SPEEDUP,
        ),
        Goal(
            f"to compact counts with a peak of at most {MOST_PEAK} times the raw array",
            f"at most {most:.1f} times",
            most <= MOST_PEAK,
        ),
        Goal(
            f"to a plain dict of distinct outcomes at least {LEAST_SPEEDUP} times faster, or in at most "
            f"{MOST_OF_LIMIT} times Python's limit",
            f"{plain['speedup']:.1f} times faster, where the limit is {plain['qiskit_s'] / limit.seconds:.1f}; "
            f"{plain['ours_s'] / limit.seconds:.2f} times the limit",
            plain["speedup"] >= LEAST_SPEEDUP or plain["ours_s"] <= MOST_OF_LIMIT * limit.seconds,
        ),
        Goal(
            f"to a plain dict of distinct outcomes with at most {MOST_BESIDE_DICT} times the raw array beside it",
            f"{plain['ours_peak'] - limit.peak:.1f} times, beside a dictionary of {limit.peak:.1f}",
            plain["ours_peak"] - limit.peak <= MOST_BESIDE_DICT,
        ),
        Goal(
            f"arrays ready at least {LEAST_SPEEDUP} times sooner after the last byte, of sampler and estimator",
            f"at least {min(one.speedup for one in timings):.0f} times",
            min(one.speedup for one in timings) >= LEAST_SPEEDUP,
        ),
        Goal(
            f"arrays decoded on arrival with a peak of at most {MOST_PEAK} times the raw arrays, beside the body",
            f"at most {max(one.arriving_peak for one in timings):.1f} times",
            max(one.arriving_peak for one in timings) <= MOST_PEAK,
        ),
    ]
    notes = [
        "qiskit-ibm-runtime has no compact form: its figure is for a dictionary of bit strings in both rows.",
        "The limit: two calls of C code make the keys from a ready text and the dictionary from the keys; nothing is "
        f"decoded. The characters of the keys alone take {limit.characters:.1f} times the raw array.",
    ]
    return Report("Decoding a large result", [table, _arriving_table(timings)], goals, notes)
