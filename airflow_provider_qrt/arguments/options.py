"""Parse-time checks of a primitive's options: names and values, as far as no connection is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from airflow_provider_qrt import primitives
from airflow_provider_qrt.primitives.errors import InvalidInputError

V1_OPTIONS = frozenset({"run_options", "resilience_settings", "transpilation_settings"})
"""Option names of version 1, for connections to older services; no other version has any of them."""


def sampler_options(_name: str, options: Any) -> None:
    """Accept options of the sampler, of either version, or of the sampler on the executor.

    Raises:
        InvalidInputError: One is unknown or wrong; starts with its path.
    """
    if options is not None and not _are_v1(options):
        _check_either(options, primitives.check_sampler_options, primitives.check_executor_sampler_options)


def estimator_options(_name: str, options: Any) -> None:
    """Accept options of the estimator, of either version, or of the estimator on the executor.

    Raises:
        InvalidInputError: One is unknown or wrong; starts with its path.
    """
    if options is not None and not _are_v1(options):
        _check_either(options, primitives.check_estimator_options, primitives.check_executor_estimator_options)


def executor_options(_name: str, options: Any) -> None:
    """Accept options of a directed execution.

    Raises:
        InvalidInputError: One is unknown or wrong; starts with its path.
    """
    if options is None:
        return
    from airflow_provider_qrt.primitives.inputs.executor_encoding import check_executor_options

    check_executor_options(options)


def calibration_options(_name: str, options: Any) -> None:
    """Accept options of the program ``calibrate``.

    Raises:
        InvalidInputError: One is unknown or wrong; starts with its path.
    """
    if options is None:
        return
    from airflow_provider_qrt.primitives.inputs.calibration import check_calibration_options

    check_calibration_options(options)


def _check_either(options: Any, check: Callable[[Any], object], check_for_executor: Callable[[Any], object]) -> None:
    try:
        check(options)
    except InvalidInputError:
        with suppress(InvalidInputError):
            check_for_executor(options)
            return
        raise


def _are_v1(options: Any) -> bool:
    """Return whether options are of version 1, and check them if so.

    Raises:
        InvalidInputError: One of them is unknown.
    """
    if not isinstance(options, Mapping) or not V1_OPTIONS & options.keys():
        return False
    from airflow_provider_qrt.primitives.inputs.v1 import check_v1_options

    check_v1_options(options)
    return True
