"""The program ``calibrate``: a session calibrates its machine, and nothing but the time of the calibration changes.

IBM's REST API reference: the input has a schema version and options; the result says when the calibration began and
when it ended. A job of it belongs into a session.
"""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import bad_request

CALIBRATE = "calibrate"
"""The name of the program."""

SCHEMA_VERSION = "v0.1"

_HINT = "Open a session with mode dedicated, and submit the calibration with its id."


def check_calibrate(params: dict[str, Any], session_id: str | None) -> None:
    """Check the input of a calibration.

    Raises:
        ApiError: 400 for malformed input, or without a session.
    """
    checks.refuse_unknown(params, frozenset({"schema_version", "options"}), "params")
    if params.get("schema_version") != SCHEMA_VERSION:
        raise bad_request(f"params.schema_version must be {SCHEMA_VERSION}.")
    options = checks.mapping(params.get("options"), "params.options")
    checks.refuse_unknown(options, frozenset({"experimental"}), "params.options")
    if options.get("experimental") is not None:
        checks.mapping(options["experimental"], "params.options.experimental")
    if session_id is None:
        raise bad_request("A machine is calibrated inside a session only.", _HINT)


def check_mode(mode: str) -> None:
    """Check the mode of the session that a calibration is to join.

    Raises:
        ApiError: 400 for a batch.
    """
    if mode != "dedicated":
        raise bad_request("A machine is calibrated inside a session, not inside a batch.", _HINT)


def calibration_result(start: float, stop: float) -> str:
    """Return the result of a calibration as JSON text.

    Args:
        start: Its start in seconds since the epoch.
        stop: Its end in seconds since the epoch.
    """
    return json.dumps({"schema_version": SCHEMA_VERSION, "start": timestamp(start), "stop": timestamp(stop)})
