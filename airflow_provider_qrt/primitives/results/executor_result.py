"""Decodes the text of a finished ``executor`` job into a ``SamplerResult``.

Source: IBM's schemas for the executor, v2.0: ``data`` has an entry for each item of the program, with a tensor for each
classical register by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.primitives.arrays.tensors import read_bits
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.inputs.executor import PASSTHROUGH_KEY, SCHEMA_VERSION
from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, Budget, describe, load_payload
from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult
from airflow_provider_qrt.primitives.results.sampler_result import SamplerResult

_FLIPS = "measurement_flips."
"""Prefix of the names of bit flips from the official client's twirling, which the client would undo."""


def decode_executor_result(
    payload: str | bytes | Mapping[str, Any], *, max_bytes: int = MAX_DECODED_BYTES
) -> SamplerResult:
    """Read the result of an ``executor`` job that was built by ``executor_params`` or by hand.

    The text is sufficient, because it contains the order of the registers. For a job that was built elsewhere, the
    registers are in the order in which the service wrote them.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, or its parsed JSON.
        max_bytes: Maximum total size of all registers in bytes, uncompressed.

    Raises:
        InvalidResultError: The text is not JSON (the message shows its end, which is the reason for a failed job), is
            the result of another program or schema, is damaged or too large, or contains no plain counts but readout
            points or bits that twirling has flipped.
    """
    document = load_payload(payload)
    if not isinstance(document, Mapping) or not isinstance(document.get("data"), list):
        raise InvalidResultError(f"this is no result of the program executor: {describe(document)}")
    if document.get("schema_version") != SCHEMA_VERSION:
        raise InvalidResultError(
            f"the result has the schema {str(document.get('schema_version'))[:50]!r}; only {SCHEMA_VERSION} is read. "
            "Read the job with qiskit-ibm-runtime instead"
        )
    passthrough = document.get("passthrough_data")
    if _was_twirled(passthrough):
        raise InvalidResultError(
            "the job was twirled by the official client, which has to put its randomizations together again: read it "
            "with qiskit-ibm-runtime"
        )
    orders = _orders(passthrough, len(document["data"]))
    budget = Budget(max_bytes)
    pubs = tuple(
        _read_item(item, order, f"data[{index}]", budget)
        for index, (item, order) in enumerate(zip(document["data"], orders, strict=True))
    )
    metadata = document.get("metadata")
    return SamplerResult(pubs, dict(metadata) if isinstance(metadata, Mapping) else {})


def _was_twirled(passthrough: Any) -> bool:
    post_processor = passthrough.get("post_processor") if isinstance(passthrough, Mapping) else None
    return isinstance(post_processor, Mapping) and bool(post_processor.get("twirling"))


def _orders(passthrough: Any, number: int) -> list[list[str] | None]:
    """Return the names of each item's registers in the order of declaration, as far as they are known."""
    own = passthrough.get(PASSTHROUGH_KEY) if isinstance(passthrough, Mapping) else None
    if not isinstance(own, Mapping):
        return [None] * number
    orders = own.get("registers")
    if not isinstance(orders, list) or len(orders) != number:
        raise InvalidResultError(f"the result has {number} items, and the job asked for another number of circuits")
    return [
        order if isinstance(order, list) and all(isinstance(name, str) for name in order) else None for order in orders
    ]


def _read_item(item: Any, order: list[str] | None, where: str, budget: Budget) -> SamplerPubResult:
    results = item.get("results") if isinstance(item, Mapping) else None
    if not isinstance(results, Mapping) or not results:
        raise InvalidResultError(f"{where}: the result holds no classical register")
    if any(name.startswith(_FLIPS) for name in results):
        raise InvalidResultError(f"{where}: its bits were flipped by twirling; read the job with qiskit-ibm-runtime")
    # A result that was paid for must not be refused because of a missing or additional name.
    names = [name for name in order or () if name in results]
    names += [name for name in results if name not in names]
    registers = {name: read_bits(results[name], f"{where}.{name}", budget) for name in names}
    if len({register.array.shape[:-1] for register in registers.values()}) > 1:
        shapes = ", ".join(f"{name} {register.array.shape[:-1]}" for name, register in registers.items())
        raise InvalidResultError(f"{where}: the registers differ in sweep or shots: {shapes}")
    return SamplerPubResult(registers, _metadata(item.get("metadata")))


def _metadata(given: Any) -> dict[str, Any]:
    """Return the known facts about a circuit's execution in the sampler's format."""
    metadata: dict[str, Any] = {"circuit_metadata": {}}
    if isinstance(given, Mapping):
        compilation = {name: value for name, value in given.items() if value}
        if compilation:
            metadata["compilation"] = compilation
    return metadata
