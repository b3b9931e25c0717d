"""Results of programs that have no reader of their own here: plain JSON, or text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from airflow_provider_qrt.primitives.errors import InvalidInput, InvalidResult
from airflow_provider_qrt.primitives.results.decoding import load_document
from airflow_provider_qrt.primitives.results.estimator_decoding import decode_estimator_result
from airflow_provider_qrt.primitives.results.executor_estimator_result import decode_executor_estimates, holds_estimates
from airflow_provider_qrt.primitives.results.executor_result import decode_executor_result
from airflow_provider_qrt.primitives.results.plain_json import strict_json
from airflow_provider_qrt.primitives.results.result_file import ResultFormat, dump_json
from airflow_provider_qrt.primitives.results.sampler_decoding import decode_sampler_result
from airflow_provider_qrt.untrusted.json_text import UnfitJson, parse_json


def _read_executor(text: str) -> Any:
    """Read what an executor's bits stand for: expectation values, or counts."""
    document = load_document(text)
    return decode_executor_estimates(text) if holds_estimates(document) else decode_executor_result(document)


READERS: Mapping[str, Callable[[str], Any]] = {
    "sampler": decode_sampler_result,
    "estimator": decode_estimator_result,
    "executor": _read_executor,
}
"""Programs whose results are decoded, by ``program_id``."""


@dataclass(frozen=True)
class AnyResult:
    """A result as the service gave it.

    Attributes:
        value: JSON, or the text if it is none.
        size: Bytes of the text.
    """

    value: Any = field(repr=False)
    size: int

    def to_xcom_results(self) -> Any:
        """The value; NaN and infinities, which JSON has not, become null."""
        return strict_json(self.value)

    def manifest(self) -> Any:
        """Nothing but that there is a result elsewhere."""
        return None

    def estimated_xcom_bytes(self) -> int:
        """Bound the JSON of the value, in bytes; a text may be escaped."""
        return 2 * self.size

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write the value to an open file, with what is known of its job.

        Raises:
            InvalidInput: The format is not JSON.
        """
        if result_format is not ResultFormat.JSON:
            raise InvalidInput(_only_json(result_format))
        dump_json(file, {**job, "results": self.to_xcom_results()})


def check_format(program_id: str | None, result_format: ResultFormat, *, decode: bool = True) -> None:
    """See that a program's result can be written in a format.

    Raises:
        InvalidInput: It cannot, for it is not decoded.
    """
    if result_format is not ResultFormat.JSON and not (decode and program_id in READERS):
        raise InvalidInput(_only_json(result_format))


def _only_json(result_format: ResultFormat) -> str:
    return (
        f"result_format: {result_format} is for the decoded results of {', '.join(READERS)}; this one can be written "
        "as json only. Leave result_format out."
    )


def read_any_result(program_id: str | None, text: str, *, decode: bool = True) -> Any:
    """Read the text of a program's result.

    Args:
        program_id: What ran; the primitives' and the executor's results are decoded.
        text: As the service gave it.
        decode: False: as it is, parsed if it is JSON.

    Raises:
        InvalidResult: A result that should be decoded cannot be read.
    """
    reader = READERS.get(program_id or "") if decode else None
    if reader is not None:
        return reader(text)
    try:
        value = parse_json(text, strict=False)
    except UnfitJson as error:
        raise InvalidResult(f"the result cannot be read: {error}") from None
    except ValueError:
        value = text
    return AnyResult(value, len(text.encode()))
