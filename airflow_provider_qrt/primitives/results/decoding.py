"""The common parts of decoding results: parsing, unwrapping and size limits.

Sampler and estimator use one of two encodings, which is detected automatically. The tagged one wraps every object as
``{"__type__": T, "__value__": V}``; the plain one is ``{"results": [{"data", "metadata"}, ...], "metadata"}``. Only
data is decoded: objects that name a class to import stay dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_qrt.primitives.arrays.npy import cost_of, read_array
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.untrusted.json_text import UnfitJsonError, check_depth, parse_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

PubResult = TypeVar("PubResult")

MAX_DECODED_BYTES = 1 << 29
"""Maximum total size of the arrays of one result in bytes. IBM's limit of ten million executions per job gives 160 MB
at 127 bits and 200 MB at 156; half a gigabyte leaves room for a second register and stops a decompression bomb."""
MAX_BITS = 1 << 16
"""Maximum number of bits of one register; a circuit that measures 156 qubits four hundred times has fewer."""
BYTES_OF_A_NUMBER = 32
"""Memory of a number as an object in a list."""
_TAIL_CHARS = 2000
"""Number of characters shown of a text that is not JSON; the end of a traceback contains the reason."""


DAMAGED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, MemoryError)
"""Errors that unexpected types of values may cause during reading."""


def metadata_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping under ``metadata``; an empty one if there is no mapping."""
    metadata = entry.get("metadata")
    return dict(metadata) if isinstance(metadata, Mapping) else {}


def split_value(value: Mapping[str, Any]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Split the return value of an operator into results, metadata and the other keys, which describe the job."""
    job = {key: part for key, part in value.items() if key not in ("results", "metadata")}
    return value.get("results"), metadata_of(value), job


class Budget:
    """The number of bytes that may still be decoded, over all arrays of a result."""

    def __init__(self, max_bytes: int) -> None:
        self.left = max_bytes

    def array(self, text: str) -> NDArray[Any]:
        """Decode an array of the tagged encoding.

        Raises:
            InvalidResultError: It is damaged, or larger than the remaining budget.
        """
        array = read_array(text, self.left)
        self.take(cost_of(array.shape, array.nbytes))
        return array

    def take(self, count: int) -> None:
        """Subtract bytes that are about to be decoded from the budget.

        Raises:
            InvalidResultError: They exceed the remaining budget.
        """
        if count > self.left:
            raise InvalidResultError(
                f"the values take {count:,} bytes; {self.left:,} are left of the limit. If the result is meant to be "
                "that large, raise [qiskit_runtime] max_decoded_bytes, or max_bytes where you read it yourself"
            )
        self.left -= count


def load_document(text: str | bytes | bytearray) -> Any:
    """Parse the text of a result.

    Raises:
        InvalidResultError: It is not JSON, or nested deeper than any result.
    """
    try:
        return parse_json(text, strict=False)
    except UnfitJsonError as error:
        raise InvalidResultError(f"the result cannot be read: {error}") from None
    except ValueError:
        shown = text if isinstance(text, str) else text[-4 * _TAIL_CHARS :].decode("utf-8", "replace")
        shown = shown.strip()[-_TAIL_CHARS:]
        if not shown:
            raise InvalidResultError("the result is empty; the job has none (yet)") from None
        raise InvalidResultError(
            f"the result is no JSON. Jobs that failed return their reason this way; it ends: {shown}"
        ) from None


def load_payload(payload: str | bytes | Mapping[str, Any]) -> Any:
    """Parse the body of a result, unless it is already parsed.

    Raises:
        InvalidResultError: See :func:`load_document`.
    """
    if isinstance(payload, str | bytes | bytearray):
        return load_document(payload)
    check_nesting(payload)
    return payload


def check_nesting(value: Any) -> None:
    """Check that a value is not nested deeper than any result.

    Raises:
        InvalidResultError: It is nested deeper.
    """
    try:
        check_depth(value)
    except UnfitJsonError as error:
        raise InvalidResultError(f"the result cannot be read: {error}") from None


def is_v1(document: Any, key: str) -> bool:
    """Return whether a document is the result of version 1 of a primitive, which has a list under this key."""
    return isinstance(document, Mapping) and isinstance(document.get(key), list) and "results" not in document


def v1_metadata(document: Mapping[str, Any], number: int, budget: Budget) -> list[dict[str, Any]]:
    """Return the metadata of each circuit of a job of version 1 as plain JSON; empty mappings where there is none."""
    found = document.get("metadata")
    known = found[:number] if isinstance(found, list) else []
    return [plain_mapping(one, budget) for one in (*known, *[None] * (number - len(known)))]


def read_pubs(
    payload: str | bytes | Mapping[str, Any],
    program: str,
    budget: Budget,
    *,
    tagged: Callable[[Any, str, Budget], PubResult],
    plain: Callable[[Any, str, Budget], PubResult],
) -> tuple[tuple[PubResult, ...], dict[str, Any]]:
    """Read the result of a sampler or an estimator PUB by PUB.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, or its parsed JSON.
        program: The program's name with its article for error messages, such as ``a sampler``.
        budget: The budget for the arrays.
        tagged: A function that reads one PUB of the tagged encoding: ``(pub, where, budget)``.
        plain: A function that reads one PUB of the plain encoding.

    Returns:
        The results of the PUBs, and the metadata of the job as plain JSON.

    Raises:
        InvalidResultError: The text is not JSON, or the result of another program.
    """
    document = load_payload(payload)
    del payload
    try:
        kind, value = untag(document)
        if kind == "PrimitiveResult" and isinstance(value, Mapping):
            pubs, read_pub = value.get("pub_results"), tagged
        elif kind is None and isinstance(value, Mapping) and isinstance(value.get("results"), list):
            pubs, read_pub = value["results"], plain
        else:
            raise InvalidResultError(f"this is no result of {program} (version 2): {describe(document)}")
        if not isinstance(pubs, list):
            raise InvalidResultError("the result has no list of PUB results")
        read = tuple(read_pub(pub, f"results[{index}]", budget) for index, pub in enumerate(pubs))
        return read, plain_mapping(value.get("metadata"), budget)
    except RecursionError:
        raise InvalidResultError("the result is nested too deep to be read") from None


def read_data_bin(pub: Any, kinds: tuple[str, ...], where: str) -> tuple[dict[str, Any], Any]:
    """Return the fields of one PUB of the tagged encoding by name, in order, and its metadata, both not yet decoded.

    Raises:
        InvalidResultError: It has an unknown form or is damaged.
    """
    kind, value = untag(pub)
    if kind not in kinds or not isinstance(value, Mapping):
        raise InvalidResultError(f"{where}: expected the result of a PUB, but {describe(pub)}")
    bin_kind, data = untag(value.get("data"))
    if bin_kind != "DataBin" or not isinstance(data, Mapping) or not isinstance(data.get("fields"), Mapping):
        raise InvalidResultError(f"{where}: the data is damaged: {describe(value.get('data'))}")
    fields = data["fields"]
    names = data.get("field_names", list(fields))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or set(names) != set(fields):
        raise InvalidResultError(f"{where}: the names of the fields and their data do not agree")
    return {name: fields[name] for name in names}, value.get("metadata")


def describe(document: Any) -> str:
    """Describe a value of the wrong type for an error message."""
    kind, value = untag(document)
    if kind is not None:
        return f"it has the type {kind!r}"
    if isinstance(value, Mapping):
        if "quasi_dists" in value:
            return "it holds quasi-probabilities (quasi_dists), as version 1 of the sampler returns"
        return f"it has the keys {', '.join(map(repr, list(value)[:8]))}" if value else "it is empty"
    return f"it is a {type(value).__name__}"


def untag(item: Any) -> tuple[str | None, Any]:
    """Return type and value of a tagged object; for any other object, return None and the object."""
    if isinstance(item, Mapping) and isinstance(item.get("__type__"), str) and "__value__" in item:
        return item["__type__"], item["__value__"]
    return None, item


def plain_mapping(metadata: Any, budget: Budget) -> dict[str, Any]:
    """Return metadata as plain JSON; an empty mapping if it is not a mapping."""
    plain = _plain(metadata, budget)
    return plain if isinstance(plain, dict) else {}


def _plain(item: Any, budget: Budget) -> Any:
    """Convert metadata to plain JSON: dates to ISO text, sets and arrays to lists, execution spans to dictionaries."""
    kind, value = untag(item)
    match kind:
        case None:
            if isinstance(item, Mapping):
                return {key: _plain(part, budget) for key, part in item.items() if key != "__int_keys__"}
            if isinstance(item, list | tuple):
                return [_plain(part, budget) for part in item]
            return item
        case "datetime" | "complex":
            return value
        case "set" | "ExecutionSpans":
            return _plain(value, budget)
        case "ExecutionSpan" | "DoubleSliceSpan" | "TwirledSliceSpan" | "TwirledSliceSpanV2":
            plain = _plain(value, budget)
            return {"type": kind, **plain} if isinstance(plain, dict) else plain
        case "ndarray":
            if not isinstance(value, str):
                return _plain(value, budget)
            array = budget.array(value)
            budget.take(array.size * BYTES_OF_A_NUMBER)
            return _complex_to_pairs(array)
    return item


def _complex_to_pairs(array: NDArray[Any]) -> Any:
    """Return nested lists in which a complex number becomes ``[real, imaginary]``, as in IBM's encoding."""
    import numpy as np

    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    return array.tolist()
