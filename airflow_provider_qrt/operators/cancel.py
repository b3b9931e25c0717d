"""Cancelling a job as a task."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

from airflow_provider_qrt.arguments.constants import CheckedArguments
from airflow_provider_qrt.arguments.names import check_names
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.cancelling import cancel_job
from airflow_provider_qrt.operators import arguments
from airflow_provider_qrt.operators.permanent import no_retry_for_permanent_errors
from airflow_provider_qrt.templating import RendersInputs

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_qrt.arguments.keywords import TaskArguments


class QiskitRuntimeCancelJobOperator(CheckedArguments, RendersInputs):
    """Cancels a job; one that has ended, or that the service does not know, is fine.

    Returns what became of it, as a text.

    Args:
        job_id: The job; nothing (None or empty) is fine: there is nothing to cancel.
        qiskit_runtime_conn_id: The connection.
    """

    template_fields: Sequence[str] = ("job_id", "qiskit_runtime_conn_id")
    ui_color = "#e8daff"
    ui_fgcolor = "#161616"

    def __init__(
        self,
        *,
        job_id: str | XComArg | None,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        check_names(type(self), kwargs)
        super().__init__(**kwargs)
        self.job_id = job_id
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id

    @cached_property
    def hook(self) -> QiskitRuntimeHook:
        """The hook of the connection."""
        return QiskitRuntimeHook(self.qiskit_runtime_conn_id)

    def execute(self, context: Context) -> str:
        """Cancel it."""
        job_id = arguments.optional_text(self.job_id)
        if job_id is None:
            outcome = "There is no job to cancel."
        else:
            with self.hook, no_retry_for_permanent_errors(self.hook.describe):
                outcome = cancel_job(self.hook.client, job_id)
        self.log.info(outcome)
        return outcome
