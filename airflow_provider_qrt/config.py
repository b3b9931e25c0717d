"""All options of ``[qiskit_runtime]`` in airflow.cfg; each is read only here. Internal.

``get_provider_info`` describes them, and docs/reference/settings.md is generated from it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import conf

from airflow_provider_qrt.client.limits import PRICE_PER_SECOND
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE

if TYPE_CHECKING:
    from airflow_provider_qrt.client.bounds import AnswerLimits
    from airflow_provider_qrt.client.settings import ClientSettings
    from airflow_provider_qrt.jobs.backends.disk_cache import BackendCache
    from airflow_provider_qrt.primitives.circuits.cache import CircuitCache

log = logging.getLogger(__name__)

SECTION = "qiskit_runtime"
DEFAULT_MAX_XCOM_BYTES = 2_000_000
DEFAULT_USAGE_WAIT = 10.0
DEFAULT_DEFER_AFTER = 10.0
"""Seconds; docs/waiting.md says what speaks for more and for less."""
DEFAULT_PAGES_DAYS = 28.0
DEFAULT_CLEANUP_INTERVAL = 90.0
"""With this interval, abandoned jobs are found twice and cancelled within five minutes."""
NO_CACHE = "none"


def airflow_name() -> str:
    """Return the configured name of this Airflow in the tags of its jobs; empty if there is none."""
    return conf.get(SECTION, "airflow_name", fallback="") or ""


def default_program() -> str:
    """Return the program of tasks whose ``program_id`` is ``auto``; ``auto`` unless it is set."""
    return (conf.get(SECTION, "default_program", fallback="auto") or "auto").strip().lower()


def refusal_patience() -> float:
    """Return the seconds for which rejections must persist before they end a wait."""
    return max(0.0, float(conf.getfloat(SECTION, "refusal_patience", fallback=DEFAULT_PATIENCE)))


def defer_after() -> float:
    """Return the seconds that a deferrable task may wait on its worker first; 0 means that it defers at once."""
    return max(0.0, float(conf.getfloat(SECTION, "defer_after", fallback=DEFAULT_DEFER_AFTER)))


def cleanup_interval() -> float:
    """Return the seconds between two searches of the triggerer for abandoned jobs; 0 means none."""
    return max(0.0, float(conf.getfloat(SECTION, "cleanup_interval", fallback=DEFAULT_CLEANUP_INTERVAL)))


def circuit_cache() -> CircuitCache | None:
    """Return the cache of transpiled circuits; None if it is disabled."""
    from airflow_provider_qrt.primitives.circuits.cache import CircuitCache

    directory = conf.get(SECTION, "circuit_cache", fallback="").strip()
    return None if directory.lower() == NO_CACHE else CircuitCache(directory or None)


def backend_cache(settings: ClientSettings) -> BackendCache | None:
    """Return the cache of what the service says of backends; None if it is disabled.

    Args:
        settings: Of the connection.
    """
    from airflow_provider_qrt.jobs.backends.disk_cache import BackendCache

    directory = conf.get(SECTION, "backend_cache", fallback="").strip()
    return None if directory.lower() == NO_CACHE else BackendCache(settings, directory or None)


def record_path() -> str | None:
    """Return the folder for the records of tasks, where Airflow keeps none; None if there is none."""
    return (conf.get(SECTION, "record_path", fallback="") or "").strip() or None


def circuit_folders() -> list[str]:
    """Return the folders whose QPY files may be named by untrusted data."""
    folders = conf.getlist(SECTION, "circuit_folders", fallback="")
    return [folder for folder in folders if Path(folder).is_absolute()]


def max_body_bytes() -> int:
    """Return the largest submission, in bytes of JSON."""
    from airflow_provider_qrt.primitives.inputs.packing import MAX_BODY_BYTES

    return max(1, int(conf.getint(SECTION, "max_body_bytes", fallback=MAX_BODY_BYTES)))


def max_xcom_bytes() -> int:
    """Return the largest result for XCom, in bytes of JSON."""
    return int(conf.getint(SECTION, "max_xcom_bytes", fallback=DEFAULT_MAX_XCOM_BYTES))


def answer_limits() -> AnswerLimits:
    """Return the largest answer and the largest result, in bytes."""
    from airflow_provider_qrt.client.bounds import AnswerLimits

    return AnswerLimits(
        max_bytes=conf.getint(SECTION, "max_answer_bytes", fallback=AnswerLimits.max_bytes),
        max_result_bytes=conf.getint(SECTION, "max_result_bytes", fallback=AnswerLimits.max_result_bytes),
    )


def max_decoded_bytes() -> int:
    """Return the largest total size of one result's arrays in memory, in bytes."""
    from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES

    return int(conf.getint(SECTION, "max_decoded_bytes", fallback=MAX_DECODED_BYTES))


def usage_wait_seconds() -> float:
    """Return the seconds for which a worker waits for a job's usage to be settled; the default if malformed.

    The job has already been charged, so a misspelt number must not lose its result.
    """
    try:
        return float(conf.getfloat(SECTION, "usage_wait_seconds", fallback=DEFAULT_USAGE_WAIT))
    except Exception as error:
        log.warning("[%s] usage_wait_seconds cannot be read, %g s are taken: %s", SECTION, DEFAULT_USAGE_WAIT, error)
        return DEFAULT_USAGE_WAIT


def price() -> tuple[float, str]:
    """Return the price of a QPU second, and its currency.

    Raises:
        ValueError: The price is not a number.
    """
    per_second = conf.get(SECTION, "price_per_second", fallback=None) or PRICE_PER_SECOND
    return float(per_second), conf.get(SECTION, "price_currency", fallback="USD") or "USD"


def pages_connections() -> list[str]:
    """Return the connections that the pages show in addition to those that they find."""
    # Before Airflow 3.2 an empty option is a list of one empty text.
    return [name for name in conf.getlist(SECTION, "pages_connections", fallback="") if name]


def pages_look_back() -> timedelta:
    """Return how far back the pages list jobs; the default if the option is invalid."""
    try:
        days = float(conf.get(SECTION, "pages_days", fallback=None) or DEFAULT_PAGES_DAYS)
        return timedelta(days=days if days > 0 else DEFAULT_PAGES_DAYS)
    except (OverflowError, ValueError):
        log.warning("[%s] pages_days is no number of days, %g are taken.", SECTION, DEFAULT_PAGES_DAYS)
        return timedelta(days=DEFAULT_PAGES_DAYS)
