"""Results of programs without a decoder here, as plain JSON or text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from airflow_provider_qrt.primitives.errors import InvalidInputError, InvalidResultError
from airflow_provider_qrt.primitives.results.arriving import ArrivingResult
from airflow_provider_qrt.primitives.results.decode import decode_estimator_result, decode_sampler_result
from airflow_provider_qrt.primitives.results.decoding import load_document
from airflow_provider_qrt.primitives.results.executor_arrays import decode_executor_arrays
from airflow_provider_qrt.primitives.results.executor_estimator_result import decode_executor_estimates, holds_estimates
from airflow_provider_qrt.primitives.results.executor_result import decode_executor_result, is_directed
from airflow_provider_qrt.primitives.results.noise_model_result import decode_noise_model, holds_noise_model
from airflow_provider_qrt.primitives.results.plain_json import strict_json
from airflow_provider_qrt.primitives.results.result_file import ResultFormat, dump_json
from airflow_provider_qrt.untrusted.json_text import UnfitJsonError, parse_json


def _read_executor(text: str) -> Any:
    """Decode the result of an executor as expectation values, as counts, or as learned noise, whichever it contains.

    What a directed execution returned may be no counts, such as the outputs of a samplex; then it is all arrays.
    """
    document = load_document(text)
    if holds_estimates(document):
        return decode_executor_estimates(text)
    if holds_noise_model(document):
        return decode_noise_model(text)
    try:
        return decode_executor_result(document)
    except InvalidResultError:
        if not is_directed(document):
            raise
        return decode_executor_arrays(document)


READERS: Mapping[str, Callable[[Any], Any]] = {
    "sampler": decode_sampler_result,
    "estimator": decode_estimator_result,
    "executor": _read_executor,
}
"""The decoders by ``program_id``."""
READ_WHILE_ARRIVING = ("sampler", "estimator")
"""Programs whose decoders take an ``ArrivingResult`` too."""


@dataclass(frozen=True)
class AnyResult:
    """A result as the service returned it.

    Attributes:
        value: The parsed JSON, or the text if it is not JSON.
        size: Size of the text in bytes.
    """

    value: Any = field(repr=False)
    size: int

    def to_xcom_results(self) -> Any:
        """Return the value; NaN and infinities, which JSON does not support, become null."""
        return strict_json(self.value)

    def manifest(self) -> Any:
        """Return an empty placeholder for a result that is stored elsewhere."""
        return None

    def estimated_xcom_bytes(self) -> int:
        """Return an upper bound of the JSON of the value in bytes; text may need escapes."""
        return 2 * self.size

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write the value and the facts about its job to an open file.

        Raises:
            InvalidInputError: The format is not JSON.
        """
        if result_format is not ResultFormat.JSON:
            raise InvalidInputError(_only_json(result_format))
        dump_json(file, {**job, "results": self.to_xcom_results()})


def check_format(program_id: str | None, result_format: ResultFormat, *, decode: bool = True) -> None:
    """Check that a program's result can be written in a format.

    Raises:
        InvalidInputError: It cannot, because it is not decoded.
    """
    if result_format is not ResultFormat.JSON and not (decode and program_id in READERS):
        raise InvalidInputError(_only_json(result_format))


def _only_json(result_format: ResultFormat) -> str:
    return (
        f"result_format: {result_format} is for the decoded results of {', '.join(READERS)}; this one can be written "
        "as json only. Leave result_format out."
    )


def read_any_result(program_id: str | None, text: str | ArrivingResult, *, decode: bool = True) -> Any:
    """Read the text of a program's result.

    Args:
        program_id: The program; results of the primitives and of the executor are decoded.
        text: The text that the service returned, or for :data:`READ_WHILE_ARRIVING` what was decoded on arrival.
        decode: Whether to decode the result; if not, JSON is only parsed.

    Raises:
        InvalidResultError: A result that should be decoded cannot be read.
    """
    reader = READERS.get(program_id or "") if decode else None
    if reader is not None:
        return reader(text)
    text = text if isinstance(text, str) else text.text()
    try:
        value: Any = parse_json(text, strict=False)
    except UnfitJsonError as error:
        raise InvalidResultError(f"the result cannot be read: {error}") from None
    except ValueError:
        value = text
    return AnyResult(value, len(text.encode()))
