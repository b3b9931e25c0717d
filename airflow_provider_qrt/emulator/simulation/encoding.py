"""Writes results in both encodings of IBM's REST API reference.

Plain JSON contains hexadecimal samples; the tagged encoding nests ``{"__type__", "__value__"}`` objects, which
``qiskit_ibm_runtime.RuntimeDecoder`` converts back into Qiskit's result classes.
"""

from __future__ import annotations

import base64
import io
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.simulation.outcome import ENDED, STARTED, PubEstimates, PubSamples


def encode_samples(pubs: Sequence[PubSamples], tagged: bool) -> str:
    """Write a sampler result as JSON text.

    Args:
        pubs: Samples of every PUB, in order.
        tagged: Whether the tagged Qiskit encoding is wanted.
    """
    return json.dumps(_tagged(pubs) if tagged else _plain(pubs))


def encode_estimates(pubs: Sequence[PubEstimates], tagged: bool, about: dict[str, Any] | None = None) -> str:
    """Write an estimator result as JSON text.

    Args:
        pubs: Expectation values of every PUB, in order.
        tagged: Whether the tagged Qiskit encoding is wanted.
        about: What the metadata say about the mitigation of errors, or None.
    """
    results = []
    for pub in pubs:
        arrays = _estimate_fields(pub)
        metadata = _estimate_metadata(pub)
        if tagged:
            fields = {name: array_of(array) for name, array in arrays.items()}
            data = _data_bin(fields, pub.evs.shape)
            results.append(tag("PubResult", {"data": data, "metadata": metadata}))
        else:
            plain = {name: array.tolist() for name, array in arrays.items()}
            results.append({"data": plain, "metadata": metadata})
    whole = {"version": 2, **({} if about is None else {"resilience": about})}
    if tagged:
        return json.dumps(tag("PrimitiveResult", {"pub_results": results, "metadata": whole}))
    return json.dumps({"results": results, "metadata": whole})


def _estimate_fields(pub: PubEstimates) -> dict[str, NDArray[np.float64]]:
    arrays = {"evs": pub.evs, "stds": pub.stds}
    found = pub.extrapolations
    if found is None:
        return {**arrays, "ensemble_standard_error": pub.stds}
    return {
        **arrays,
        "evs_noise_factors": found.measured,
        # Twirls add no spread of their own here.
        "stds_noise_factors": found.measured_errors,
        "ensemble_stds_noise_factors": found.measured_errors,
        "evs_extrapolated": found.values,
        "stds_extrapolated": found.errors,
    }


def _estimate_metadata(pub: PubEstimates) -> dict[str, Any]:
    metadata: dict[str, Any] = {"shots": pub.shots, "target_precision": pub.precision, "circuit_metadata": {}}
    if pub.extrapolations is not None:
        by = pub.extrapolations.by
        zne = {"extrapolator": None if None in by else by if pub.evs.shape else by[0]}
        metadata |= {"num_randomizations": pub.randomizations, "resilience": {"zne": zne}}
    if pub.overhead is not None:
        pec = {"num_randomizations_scaling": pub.overhead}
        metadata |= {"num_randomizations": pub.randomizations, "resilience": {"pec": pec}}
    return metadata


def load_array(text: str) -> NDArray[Any]:
    """Read the value of a tagged ``ndarray``: an ``.npy`` file without pickles, in zlib, in base64.

    Raises:
        ValueError: The text has another format.
    """
    try:
        raw = zlib.decompress(base64.b64decode(text, validate=True))
        loaded: NDArray[Any] = np.load(io.BytesIO(raw), allow_pickle=False)
    except (zlib.error, EOFError, OSError) as error:
        raise ValueError(f"not an encoded array: {error}") from error
    return loaded


def _plain(pubs: Sequence[PubSamples]) -> dict[str, Any]:
    results = []
    for pub in pubs:
        data: dict[str, Any] = {
            name: {"samples": _hex(register.packed), "num_bits": register.num_bits}
            for name, register in pub.registers.items()
        }
        # The reference says that kerneled measurements are numbers; each is a pair, because JSON has no complex ones.
        data |= {name: np.stack([one.real, one.imag], axis=-1).tolist() for name, one in pub.points.items()}
        results.append({"data": data, "metadata": {"circuit_metadata": {}}})
    return {"results": results, "metadata": {"version": 2}}


def _hex(packed: NDArray[np.uint8]) -> list[Any]:
    if packed.ndim > 2:
        return [_hex(inner) for inner in packed]
    return [hex(int.from_bytes(row.tobytes(), "big")) for row in packed]


def _tagged(pubs: Sequence[PubSamples]) -> dict[str, Any]:
    results = []
    slices: dict[str, list[Any]] = {}
    for index, pub in enumerate(pubs):
        fields = {
            name: tag("BitArray", {"array": array_of(register.packed), "num_bits": register.num_bits})
            for name, register in pub.registers.items()
        }
        fields |= {name: array_of(points) for name, points in pub.points.items()}
        metadata: dict[str, Any] = {"circuit_metadata": {}}
        results.append(tag("SamplerPubResult", {"data": _data_bin(fields, pub.shape), "metadata": metadata}))
        slices[str(index)] = [[*pub.shape, pub.shots], 0, math.prod(pub.shape), 0, pub.shots]
    span = {
        "start": tag("datetime", STARTED),
        "stop": tag("datetime", ENDED),
        "data_slices": slices,
    }
    spans = tag("ExecutionSpans", {"spans": [tag("DoubleSliceSpan", span)]})
    whole = {"version": 2, "execution": {"execution_spans": spans}}
    return tag("PrimitiveResult", {"pub_results": results, "metadata": whole})


def _data_bin(fields: dict[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    types = [field["__type__"] for field in fields.values()]
    return tag("DataBin", {"field_names": list(fields), "field_types": types, "shape": list(shape), "fields": fields})


def tag(kind: str, value: Any) -> dict[str, Any]:
    """Return a value with its type, as the tagged encoding nests them."""
    return {"__type__": kind, "__value__": value}


def array_of(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array in the tagged encoding."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return tag("ndarray", base64.b64encode(zlib.compress(buffer.getvalue())).decode())
