"""The result of a ``calibrate`` job: when the calibration began and when it ended.

Source: IBM's schemas for the calibrator, v0.1, ``CalibratorResultModel``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from airflow_provider_qrt.primitives.errors import InvalidInputError, InvalidResultError
from airflow_provider_qrt.primitives.inputs.calibration import PROGRAM
from airflow_provider_qrt.primitives.results.decoding import describe, load_payload
from airflow_provider_qrt.primitives.results.result_file import ResultFormat, dump_json

MAX_JSON_BYTES = 200
"""Upper bound of the JSON of a result: two timestamps and a number."""


@dataclass(frozen=True)
class CalibrationResult:
    """The times of a calibration.

    Attributes:
        start: Its start, with a time zone.
        stop: Its end.
    """

    start: datetime
    stop: datetime

    @property
    def seconds(self) -> float:
        """Its duration in seconds."""
        return (self.stop - self.start).total_seconds()

    def to_event(self) -> dict[str, Any]:
        """Return the facts for asset events, ready for JSON."""
        return {"calibration_start": self.start.isoformat(), "calibration_stop": self.stop.isoformat()}

    def to_xcom_results(self) -> dict[str, Any]:
        """Return ``start`` and ``stop`` in ISO 8601, and ``seconds``."""
        return {"start": self.start.isoformat(), "stop": self.stop.isoformat(), "seconds": self.seconds}

    def manifest(self) -> dict[str, Any]:
        """Return the same: there is nothing to leave out."""
        return self.to_xcom_results()

    def estimated_xcom_bytes(self) -> int:
        """Return an upper bound of the JSON of ``to_xcom_results``, in bytes."""
        return MAX_JSON_BYTES

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write the times and the facts about the job to an open file.

        Raises:
            InvalidInputError: The format is not JSON.
        """
        check_calibration_format(result_format)
        dump_json(file, {**job, "results": self.to_xcom_results()})


def check_calibration_format(result_format: ResultFormat) -> None:
    """Check that the result can be written in a format.

    Raises:
        InvalidInputError: It is not JSON.
    """
    if result_format is not ResultFormat.JSON:
        raise InvalidInputError(
            f"result_format: {result_format} is for arrays, and the result of {PROGRAM} is two times. Leave "
            "result_format out."
        )


def decode_calibration_result(payload: str | bytes | Mapping[str, Any]) -> CalibrationResult:
    """Read the result of a ``calibrate`` job.

    Args:
        payload: The body of ``GET /jobs/{id}/results``, or its parsed JSON.

    Raises:
        InvalidResultError: The text is not JSON (the message shows its end, which is the reason for a failed job), or
            does not say when the calibration began and ended.
    """
    document = load_payload(payload)
    if not isinstance(document, Mapping):
        raise InvalidResultError(f"this is no result of the program {PROGRAM}: {describe(document)}")
    return CalibrationResult(_time(document, "start"), _time(document, "stop"))


def _time(document: Mapping[str, Any], name: str) -> datetime:
    try:
        found = datetime.fromisoformat(document[name])
    except (KeyError, TypeError, ValueError):
        raise InvalidResultError(
            f"this is no result of the program {PROGRAM}: {name} is {str(document.get(name))[:100]!r} instead of a time"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
