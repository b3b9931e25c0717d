"""A task as the rooms here see it: what they need of the operator whose jobs they run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.triggers.base import BaseTrigger

    from airflow_provider_qrt.execution.report import JobReport
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
    from airflow_provider_qrt.programs.base import TaskProgram


class HasLinks(Protocol):
    """An operator with links."""

    operator_extra_links: Any


class DeferrableTask(HasLinks, Protocol):
    """An operator that can wait in the triggerer, with its templates rendered."""

    execution_timeout: timedelta | None
    job_url: str | None

    @property
    def hook(self) -> QiskitRuntimeHook:
        """The hook of the connection."""

    def defer(
        self,
        *,
        trigger: BaseTrigger,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | int | float | None = None,
    ) -> NoReturn:
        """Leave the worker and wait in the triggerer."""


class Task(DeferrableTask, Protocol):
    """An operator that reads a job, with its templates rendered."""

    outlets: Any

    @property
    def report(self) -> JobReport:
        """Told what becomes known of the jobs."""


class JobTask(Task, Protocol):
    """An operator that runs jobs, with its templates rendered."""

    def make_program(self) -> TaskProgram:
        """Return what the task runs."""


def link_key(task: HasLinks) -> str:
    """Return the XCom key of the link to the job."""
    links: Sequence[Any] = task.operator_extra_links
    return str(links[0].xcom_key)
