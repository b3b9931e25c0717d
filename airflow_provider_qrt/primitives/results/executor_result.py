"""Decodes the text of a finished ``executor`` job into a ``SamplerResult``.

Source: IBM's schemas for the executor, v2.0: ``data`` has an entry for each item of the program, with a tensor for each
classical register by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from airflow_provider_qrt.primitives.arrays.tensors import is_complex, read_bits, read_complex
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.inputs.executor import PASSTHROUGH_KEY
from airflow_provider_qrt.primitives.results.arriving import ArrivingResult
from airflow_provider_qrt.primitives.results.bits import BitRegister
from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES, Budget
from airflow_provider_qrt.primitives.results.executor_arrays import load_executor_document
from airflow_provider_qrt.primitives.results.kerneled import KerneledRegister, merge_randomizations
from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult
from airflow_provider_qrt.primitives.results.sampler_result import SamplerResult

FLIPS = "measurement_flips."
"""Prefix of the names of the bit flips of a twirled measurement, by which the outcomes have to be flipped back."""
POST_PROCESSOR = "post_processor"
"""Key in ``passthrough_data`` under which the official client's sampler keeps its options."""
POINTS, AVERAGES = "_iq", "_avg_iq"
"""Ends of the names of registers that hold readout points, and averages of them."""


def is_of_executor(document: Any) -> bool:
    """Return whether parsed JSON is the result of an ``executor`` job."""
    return isinstance(document, Mapping) and "schema_version" in document and isinstance(document.get("data"), list)


def decode_executor_result(
    payload: str | bytes | Mapping[str, Any] | ArrivingResult, *, max_bytes: int = MAX_DECODED_BYTES
) -> SamplerResult:
    """Read the result of an ``executor`` job that was built by ``executor_params`` or by hand.

    The text is sufficient, because it contains the order of the registers. For a job that was built elsewhere, the
    registers are in the order in which the service wrote them. The shots of twirled circuits are flipped back and put
    together, as the official client does it (``qiskit_ibm_runtime.decoders.executor_sampler``), without Qiskit.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, its parsed JSON, or the body as it was decoded on arrival.
        max_bytes: Maximum total size of all registers in bytes, uncompressed.

    Raises:
        InvalidResultError: The text is not JSON (the message shows its end, which is the reason for a failed job), is
            the result of another program or schema, or is damaged or too large.
    """
    if isinstance(payload, ArrivingResult):
        return payload.decode(partial(decode_executor_result, max_bytes=max_bytes))
    document = load_executor_document(payload)
    passthrough = document.get("passthrough_data")
    orders = _orders(passthrough, len(document["data"]))
    twirled, budget = _was_twirled(passthrough), Budget(max_bytes)
    pubs = tuple(
        _read_item(item, order, f"data[{index}]", budget, twirled=twirled)
        for index, (item, order) in enumerate(zip(document["data"], orders, strict=True))
    )
    metadata = document.get("metadata")
    return SamplerResult(pubs, dict(metadata) if isinstance(metadata, Mapping) else {})


def is_directed(document: Any) -> bool:
    """Return whether a result is of a program that was built for itself, not of a sampler's input.

    Args:
        document: Parsed JSON.
    """
    if not isinstance(document, Mapping):
        return False
    passthrough = document.get("passthrough_data")
    return not isinstance(passthrough, Mapping) or not {PASSTHROUGH_KEY, POST_PROCESSOR} & passthrough.keys()


def _was_twirled(passthrough: Any) -> bool:
    """Return whether the official client has twirled the circuits, so that the first axis runs over randomizations."""
    post_processor = passthrough.get(POST_PROCESSOR) if isinstance(passthrough, Mapping) else None
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


def _read_item(item: Any, order: list[str] | None, where: str, budget: Budget, *, twirled: bool) -> SamplerPubResult:
    results = item.get("results") if isinstance(item, Mapping) else None
    if not isinstance(results, Mapping) or not results:
        raise InvalidResultError(f"{where}: the result holds no classical register")
    metadata = _metadata(item.get("metadata"))
    if any(name.endswith(POINTS) and is_complex(tensor) for name, tensor in results.items()):
        return _read_points(results, order, where, budget, metadata, twirled=twirled)
    found = {name: read_bits(tensor, f"{where}.{name}", budget) for name, tensor in results.items()}
    flips = {name.removeprefix(FLIPS): found.pop(name) for name in list(found) if name.startswith(FLIPS)}
    registers = {}
    for name in _in_order(found, order):
        register = found[name] if name not in flips else _flipped_back(found[name], flips[name], f"{where}.{name}")
        registers[name] = _merged(register, f"{where}.{name}", metadata) if twirled else register
    if not registers:
        raise InvalidResultError(f"{where}: the result holds no classical register")
    if len({register.array.shape[:-1] for register in registers.values()}) > 1:
        shapes = ", ".join(f"{name} {register.array.shape[:-1]}" for name, register in registers.items())
        raise InvalidResultError(f"{where}: the registers differ in sweep or shots: {shapes}")
    return SamplerPubResult(registers, metadata)


def _read_points(
    results: Mapping[str, Any],
    order: list[str] | None,
    where: str,
    budget: Budget,
    metadata: dict[str, Any],
    *,
    twirled: bool,
) -> SamplerPubResult:
    """Read the readout points of an item. Bits of the same registers, which a program can ask for too, are left out."""
    found = {}
    for name, tensor in results.items():
        if not is_complex(tensor):
            continue
        averaged = name.endswith(AVERAGES)
        array = read_complex(tensor, f"{where}.{name}", budget)
        if twirled and array.ndim > (1 if averaged else 2):
            metadata["num_randomizations"] = array.shape[0]
            array = array.mean(axis=0) if averaged else merge_randomizations(array, array.ndim - 3)
        try:
            register = KerneledRegister(array, averaged)
        except ValueError as error:
            raise InvalidResultError(f"{where}.{name}: {error}") from None
        found[name.removesuffix(AVERAGES if averaged else POINTS)] = register
    if len({(register.shape, register.shots) for register in found.values()}) > 1:
        raise InvalidResultError(f"{where}: the registers differ in sweep or shots")
    return SamplerPubResult({}, metadata, kerneled={name: found[name] for name in _in_order(found, order)})


def _in_order(found: Mapping[str, Any], order: list[str] | None) -> list[str]:
    """Return the names of registers in the order of declaration, as far as it is known."""
    # A result that was paid for must not be refused because of a missing or additional name.
    names = [name for name in order or () if name in found]
    return names + [name for name in found if name not in names]


def _flipped_back(register: BitRegister, flips: BitRegister, where: str) -> BitRegister:
    """Undo the flips of a twirled measurement; one row of them counts for all shots of a randomization."""
    import numpy as np

    outcomes, flipped = register.array.shape, flips.array.shape
    fits = register.num_bits == flips.num_bits and len(outcomes) == len(flipped)
    if not fits or any(of not in (1, have) for have, of in zip(outcomes, flipped, strict=True)):
        raise InvalidResultError(f"{where}: the flips of twirling have the shape {flipped}, and the bits {outcomes}")
    return BitRegister(np.bitwise_xor(register.array, flips.array), register.num_bits)


def _merged(register: BitRegister, where: str, metadata: dict[str, Any]) -> BitRegister:
    """Join the shots of all randomizations, over which the first axis runs."""
    array = register.array
    if array.ndim < 3:
        raise InvalidResultError(f"{where}: the shape {array.shape[:-1]} has no axis of randomizations")
    metadata["num_randomizations"] = int(array.shape[0])
    return BitRegister(merge_randomizations(array, array.ndim - 3), register.num_bits)


def _metadata(given: Any) -> dict[str, Any]:
    """Return the known facts about a circuit's execution in the sampler's format."""
    metadata: dict[str, Any] = {"circuit_metadata": {}}
    if isinstance(given, Mapping):
        compilation = {name: value for name, value in given.items() if value}
        if compilation:
            metadata["compilation"] = compilation
    return metadata
