"""Decode and count a large sampler result, side by side with qiskit-ibm-runtime in the same process.

The payload is the service's answer for one register of 127 bits and a million shots in the tagged encoding. There are
two data sets: a noisy GHZ state (two dominant outcomes, about a thousand in total) and a million distinct outcomes.
Times are the best of several runs, from the text to the counts. Memory is the peak in ``tracemalloc`` above a baseline
that includes the payload; the raw array takes 16 bytes per shot.
"""

from __future__ import annotations

import base64
import gc
import io
import json
import time
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.report import Goal, Report, Table

NUM_BITS = 127
SHOTS = 1_000_000
BYTES_PER_SHOT = 16
REPEATS = 5
COMPACT = "compact counts"
LEAST_SPEEDUP = 5
MOST_PEAK = 3


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
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    array = {"__type__": "ndarray", "__value__": base64.b64encode(zlib.compress(buffer.getvalue())).decode()}
    bits = {"__type__": "BitArray", "__value__": {"array": array, "num_bits": NUM_BITS}}
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


def _seconds(function: Callable[[str], Any], payload: str, repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        result = function(payload)
        best = min(best, time.perf_counter() - start)
        del result
    return best


def _peak(function: Callable[[str], Any], payload: str, raw: int) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        result = function(payload)
        _, peak = tracemalloc.get_traced_memory()
        del result
    finally:
        tracemalloc.stop()
    return (peak - before) / raw


def run(shots: int = SHOTS, repeats: int = REPEATS) -> list[dict[str, Any]]:
    """Measure both, and check that their counts agree.

    Returns:
        One dictionary for each row: the fields of ``Row`` and ``speedup``.
    """
    rows = []
    for name, make in (("noisy GHZ", noisy_ghz), ("all distinct", all_distinct)):
        packed = make(shots)
        payload = payload_of(packed)
        raw = packed.nbytes
        del packed
        ours = ours_dict(payload)
        if ours != qiskit_dict(payload):
            raise AssertionError(f"{name}: the two sides count differently")
        distinct = len(ours)
        del ours
        qiskit_s = _seconds(qiskit_dict, payload, repeats)
        qiskit_peak = _peak(qiskit_dict, payload, raw)
        for what, function in ((COMPACT, ours_counts), ("plain dict", ours_dict)):
            ours_s = _seconds(function, payload, repeats)
            row = Row(name, what, distinct, ours_s, qiskit_s, _peak(function, payload, raw), qiskit_peak)
            rows.append({**asdict(row), "speedup": row.speedup})
    return rows


def report() -> Report:
    """Measure, and compare the figures with our claims."""
    rows = run()
    compact = [row for row in rows if row["what"] == COMPACT]
    slowest = min(row["speedup"] for row in compact)
    peak = max(row["ours_peak"] for row in compact)
    table = Table(
        f"Decode and count {SHOTS:,} shots of {NUM_BITS} bits (raw array: {SHOTS * BYTES_PER_SHOT / 1e6:.0f} MB):",
        ("data, to", "distinct", "ours", "qiskit-ibm-runtime", "faster", "peak, ours", "peak, qiskit-ibm-runtime"),
        [
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
            f"at most {peak:.1f} times",
            peak <= MOST_PEAK,
        ),
    ]
    notes = ["qiskit-ibm-runtime has no compact form: its figure is for a dictionary of bit strings in both rows."]
    return Report("Decoding a large result", [table], goals, notes)
