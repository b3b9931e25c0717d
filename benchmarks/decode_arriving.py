"""Times from the last byte of a large result to its arrays, which are unpacked while the result arrives.

A sampler's million shots of 127 bits, and an estimator's million values with their errors, in the tagged encoding. The
body comes in pieces of 64 KiB, as from the network. The official client decodes the whole text after the last byte.
Unpacking alone (base64 and zlib) is the limit for whatever begins only then. Times are of the processor.
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
from dataclasses import dataclass
from typing import Any

PIECE = 1 << 16


@dataclass(frozen=True)
class Payload:
    """A result to decode.

    Attributes:
        name: What it holds.
        text: The text that the service would send.
        decode: Our decoder, which takes a text or what was unpacked on arrival.
        official: Reads the arrays of the official client's result.
        arrays: Returns our arrays of a decoded result.
        raw: Bytes of the arrays.
    """

    name: str
    text: str
    decode: Callable[[Any], Any]
    official: Callable[[Any], list[Any]]
    arrays: Callable[[Any], list[Any]]
    raw: int


@dataclass(frozen=True)
class Timing:
    """Seconds and peaks for one payload; peaks in multiples of the raw arrays, beside the body."""

    name: str
    whole_s: float
    during_s: float
    after_s: float
    official_s: float
    unpack_s: float
    whole_peak: float
    arriving_peak: float
    official_peak: float

    @property
    def speedup(self) -> float:
        """The factor by which our arrays are ready sooner after the last byte."""
        return self.official_s / self.after_s


def packed(array: Any) -> dict[str, str]:
    """Return an array in the tagged encoding."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return {"__type__": "ndarray", "__value__": base64.b64encode(zlib.compress(buffer.getvalue())).decode()}


def estimates(values: int) -> Payload:
    """Return an estimator's result with so many expectation values and as many standard errors."""
    import numpy as np

    from airflow_provider_qrt.primitives import decode_estimator_result

    rng = np.random.default_rng(7)
    evs, stds = rng.normal(0, 0.3, values), rng.uniform(0.001, 0.02, values)
    fields = {"evs": packed(evs), "stds": packed(stds)}
    data = {"field_names": list(fields), "shape": [values], "fields": fields}
    pub = {"data": {"__type__": "DataBin", "__value__": data}, "metadata": {}}
    value = {"pub_results": [{"__type__": "PubResult", "__value__": pub}], "metadata": {"version": 2}}
    return Payload(
        f"estimator, {values:,} values and errors",
        json.dumps({"__type__": "PrimitiveResult", "__value__": value}),
        decode_estimator_result,
        lambda result: [result[0].data.evs, result[0].data.stds],
        lambda result: [result[0].evs, result[0].stds],
        evs.nbytes + stds.nbytes,
    )


def shots(name: str, text: str, raw: int) -> Payload:
    """Return a sampler's result with one register named ``meas``."""
    from airflow_provider_qrt.primitives import decode_sampler_result

    return Payload(
        name,
        text,
        decode_sampler_result,
        lambda result: [result[0].data.meas.array],
        lambda result: [result[0].registers["meas"].array],
        raw,
    )


def measure(payload: Payload, repeats: int) -> Timing:
    """Measure one payload, and check that both sides read the same arrays."""
    import numpy as np
    from qiskit_ibm_runtime import RuntimeDecoder

    from airflow_provider_qrt.primitives.results.arriving import ArrivingResult

    body = payload.text.encode()
    pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    del body

    def whole() -> list[Any]:
        return payload.arrays(payload.decode(payload.text))

    def official() -> list[Any]:
        return payload.official(json.loads(payload.text, cls=RuntimeDecoder))

    def receive() -> Any:
        result = ArrivingResult()
        for piece in pieces:
            result.write(piece)
        return result

    def arriving() -> list[Any]:
        return payload.arrays(payload.decode(receive()))

    for ours in (whole(), arriving()):
        if not all(np.array_equal(*pair) for pair in zip(ours, official(), strict=True)):
            raise AssertionError(f"{payload.name}: the two sides read different arrays")
    texts = [part["__value__"] for part in _arrays_in(json.loads(payload.text))]

    def unpack() -> list[bytes]:
        return [zlib.decompress(base64.b64decode(text)) for text in texts]

    whole_s, official_s, unpack_s, during_s = seconds(whole, official, unpack, receive, repeats=repeats)
    after_s = float("inf")
    for _ in range(repeats):
        received = receive()
        start = time.process_time()
        arrays = payload.arrays(payload.decode(received))
        after_s = min(after_s, time.process_time() - start)
        del received, arrays
    return Timing(
        payload.name,
        whole_s,
        during_s,
        after_s,
        official_s,
        unpack_s,
        peak(whole) / payload.raw,
        peak(arriving) / payload.raw,
        peak(official) / payload.raw,
    )


def _arrays_in(value: Any) -> list[dict[str, str]]:
    if isinstance(value, list):
        return [found for part in value for found in _arrays_in(part)]
    if not isinstance(value, dict):
        return []
    return [value] if value.get("__type__") == "ndarray" else _arrays_in(list(value.values()))


def seconds(*functions: Callable[[], Any], repeats: int) -> list[float]:
    """Return the least processor time of each function, called in turn, so that a busy moment meets all of them."""
    best = [float("inf")] * len(functions)
    for _ in range(repeats):
        for place, function in enumerate(functions):
            gc.collect()
            start = time.process_time()
            result = function()
            best[place] = min(best[place], time.process_time() - start)
            del result
    return best


def peak(function: Callable[[], Any]) -> int:
    """Return the most bytes that a call takes at a time, with what it returns."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        result = function()
        _, most = tracemalloc.get_traced_memory()
        del result
    finally:
        tracemalloc.stop()
    return most - before
