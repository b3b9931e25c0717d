"""Builds the ``params`` of a ``calibrate`` job.

Source: IBM's schemas for the calibrator, v0.1: the input has options only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.primitives.inputs.option_checks import Schema, check_closed, passed_through

PROGRAM = "calibrate"
SCHEMA_VERSION = "v0.1"
"""Version of the calibrator's schemas."""
OPTIONS: Schema = {"experimental": passed_through}


def check_calibration_options(options: Any) -> dict[str, Any]:
    """Check the options of a calibration, and return them as a new plain dictionary.

    Raises:
        InvalidInputError: One is unknown or wrong; the message starts with its path.
    """
    return check_closed(options or {}, OPTIONS, program=f"program {PROGRAM}", elsewhere={})


def calibration_params(options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the ``params`` of a ``calibrate`` job.

    Args:
        options: ``experimental`` only; the service checks its content.

    Raises:
        InvalidInputError: See :func:`check_calibration_options`.
    """
    return {"schema_version": SCHEMA_VERSION, "options": {"experimental": {}, **check_calibration_options(options)}}
