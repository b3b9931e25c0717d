"""OpenLineage events about a task's jobs. Without the OpenLineage provider nothing here is called.

The provider calls an operator's ``get_openlineage_facets_on_...`` in a process forked from the task's, before and after
``execute``. Nobody is asked for anything there: what is told is what the operator and its report hold.
https://airflow.apache.org/docs/apache-airflow-providers-openlineage/stable/guides/developer.html
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_qrt.execution.report import JobReport


def is_on() -> bool:
    """Whether the OpenLineage provider is installed and sends events somewhere."""
    try:
        from airflow.providers.openlineage.conf import is_disabled
    except ImportError:
        return False
    try:
        return not is_disabled()
    except Exception:
        # A setting of somebody else's that cannot be read.
        return False


class ReportsLineage:
    """Base of the operators that tell OpenLineage of their jobs."""

    @cached_property
    def report(self) -> JobReport:
        """The record of the task's jobs in this process."""
        from airflow_provider_qrt.execution.report import JobReport

        operator: Any = self
        return JobReport(operator.dag_id, getattr(operator, "program_id", None))

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """Tell what the task is going to run, and where."""
        return _lineage_of(self)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Tell which job it was, what it cost, and where the result is."""
        return _lineage_of(self, task_instance)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Tell what is known about the job."""
        return _lineage_of(self, task_instance)


def _lineage_of(operator: Any, task_instance: Any = None) -> OperatorLineage[Any, Any]:
    from airflow_provider_qrt.execution.lineage_event import Lineage

    return Lineage(operator).lineage(task_instance)
