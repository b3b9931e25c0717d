"""Asset events of a task's outlets, with the facts about its job for the DAGs that they trigger."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias

from airflow_provider_qrt.assets.qiskit_runtime import create_asset, instance_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.client.settings import ClientSettings
    from airflow_provider_qrt.execution.report import JobReport

log = logging.getLogger(__name__)


def describe_in_outlets(context: Context, outlets: Sequence[Any], report: JobReport, settings: ClientSettings) -> None:
    """Put what is known of a task's job into the events that Airflow makes when the task succeeds.

    An alias stands for the backend that the job ran on, unless the task has given it another asset. What a task has
    put into an event itself stays as it is. Nothing here fails the task.

    Args:
        context: The task's.
        outlets: Its outlets.
        report: What is known of its job.
        settings: Of the connection, which names the instance.
    """
    for outlet in outlets:
        try:
            _describe(context["outlet_events"][outlet], outlet, report, settings)
        except Exception as error:
            log.warning("The event of %s says nothing of the job: %s: %s", outlet, type(error).__name__, error)


def _describe(accessor: Any, outlet: Any, report: JobReport, settings: ClientSettings) -> None:
    extra = _extra(report)
    if not isinstance(outlet, AssetAlias):
        accessor.extra = {**extra, **accessor.extra}
    elif not accessor.asset_alias_events and report.backend is not None:
        accessor.add(_asset_of_backend(report.backend, settings), extra=extra)


def _extra(report: JobReport) -> Mapping[str, Any]:
    usage = report.usage
    several = {"job_ids": list(report.job_ids)} if len(report.job_ids) > 1 else {}
    return {
        "job_id": report.job_ids[0] if report.job_ids else None,
        **several,
        "backend": report.backend,
        "program_id": report.program_id,
        "session_id": report.session_id,
        "calibrated": report.calibrated.isoformat() if report.calibrated else None,
        "usage_seconds": usage.seconds if usage else None,
        **report.findings,
    }


def _asset_of_backend(backend: str, settings: ClientSettings) -> Asset:
    return create_asset(instance=instance_of(settings), backend=backend)
