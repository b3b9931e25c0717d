"""Names of Airflow's internals that tests use and that have moved, and marks for tests of what an older Airflow lacks.

The package itself must not need these: what it uses stands in ``airflow_provider_qrt.compat``.
"""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_qrt.compat import connections_have_teams, has_state_store, triggerer_renders_templates

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:
    from airflow.exceptions import AirflowRescheduleException

try:
    from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics.statsd_logger import get_statsd_logger

    def send_metrics(*, to_statsd: bool) -> None:
        """Begin to send metrics to the StatsD server of the settings, or to none."""
        factory = get_statsd_logger if to_statsd else NoStatsLogger
        if hasattr(stats, "initialize"):
            stats.initialize(factory=factory, export_legacy_names=False)
        else:
            # Before Airflow 3.2.2.
            stats.Stats.initialize(factory=factory)
except ImportError:
    from airflow.metrics.base_stats_logger import NoStatsLogger
    from airflow.metrics.statsd_logger import get_statsd_logger
    from airflow.stats import Stats

    def send_metrics(*, to_statsd: bool) -> None:
        """Begin to send metrics to the StatsD server of the settings, or to none."""
        type(Stats).factory = get_statsd_logger if to_statsd else NoStatsLogger
        Stats.instance = None


def dag_serialization() -> Any:
    """Return Airflow's class that stores DAGs, imported late: that takes a tenth of a second."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization
    return DagSerialization


def encode_trigger(trigger: Any) -> Any:
    """Return the trigger as Airflow stores it with an asset."""
    try:
        from airflow.serialization.encoders import encode_trigger as encode
    except ImportError:
        from airflow.serialization.serialized_objects import _encode_trigger as encode
    return encode(trigger)


needs_state_store = pytest.mark.skipif(not has_state_store(), reason="this Airflow has no task state store")
needs_templated_triggers = pytest.mark.skipif(
    not triggerer_renders_templates(), reason="this Airflow renders nothing in the triggerer"
)
needs_teams = pytest.mark.skipif(not connections_have_teams(), reason="in this Airflow no team has connections")


def payloads(runner: Any) -> list[Any]:
    """Return what the triggers in Airflow's runner have reported."""
    # Before Airflow 3.3 an entry is the trigger's id and the event.
    return [(entry[1] if isinstance(entry, tuple) else entry.event).payload for entry in runner.events]
