"""Options of a primitive, checked when the DAG file is parsed: names and values, as far as no connection is needed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from airflow_provider_qrt import primitives
from airflow_provider_qrt.primitives.errors import InvalidInput

V1_OPTIONS = frozenset({"run_options", "resilience_settings", "transpilation_settings"})
"""Those of version 1, which a connection to an older service has; no other version knows one of them."""


def sampler_options(_name: str, options: Any) -> None:
    """Take options of the sampler, of either version.

    Raises:
        InvalidInput: One is unknown or wrong; starts with its path.
    """
    if options is not None and not _are_v1(options):
        primitives.check_sampler_options(options)


def estimator_options(_name: str, options: Any) -> None:
    """Take options of the estimator, of either version, or over the executor.

    Raises:
        InvalidInput: One is unknown or wrong; starts with its path.
    """
    if options is None or _are_v1(options):
        return
    try:
        primitives.check_estimator_options(options)
    except InvalidInput:
        with suppress(InvalidInput):
            primitives.check_executor_estimator_options(options)
            return
        raise


def _are_v1(options: Any) -> bool:
    """Tell whether options are of version 1, and check those.

    Raises:
        InvalidInput: One of them is unknown.
    """
    if not isinstance(options, Mapping) or not V1_OPTIONS & options.keys():
        return False
    from airflow_provider_qrt.primitives.inputs.v1 import check_v1_options

    check_v1_options(options)
    return True
