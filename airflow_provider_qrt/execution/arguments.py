"""The arguments of a task that say how its jobs are run, read once each time the task starts or returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, cast

from airflow_provider_qrt import durations, templated
from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.execution.result import Destination
from airflow_provider_qrt.jobs.submit.identity import JobRequest, check_tags

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria
    from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget
    from airflow_provider_qrt.jobs.submit.identity import ProgramInput


def read_dry_run(name: str, value: Any) -> bool | str:
    """Read the argument ``dry_run``: true, false, or ``service``.

    Raises:
        InvalidInputError: It is something else.
    """
    from airflow_provider_qrt.jobs.budget.spending import SERVICE

    return templated.one_of_or_flag(name, value, SERVICE)


@dataclass(frozen=True)
class RunArguments:
    """The rendered arguments; ``QiskitRuntimeJobOperator`` describes them.

    A value that a template may have made wrong is read when it is first needed: a task that returns with a paid result
    does not fail because of an argument that only a submission needs.
    """

    backend: Any
    backend_filters: Any
    session_id: Any
    start_session: bool
    tags: Any
    max_execution_time: Any
    private: bool
    deferrable: bool
    defer_after: Any
    poll_interval: Any
    timeout: Any
    wait_for_completion: bool
    cancel_on_kill: bool
    cancel_on_timeout: bool
    budget: QiskitRuntimeBudget | Mapping[str, Any] | float | timedelta | str | None
    dry_run: Any
    result_path: Any
    result_format: Any
    durable: bool
    qiskit_runtime_conn_id: str

    @classmethod
    def of(cls, operator: Any) -> Self:
        """Take them from an operator whose templates were rendered."""
        return cls(**{field.name: getattr(operator, field.name) for field in fields(cls)})

    @property
    def cancels_when_stopped(self) -> bool:
        """Whether the jobs are cancelled when the task has stopped; a task that does not wait hands its job on."""
        return self.cancel_on_kill and self.wait_for_completion

    @cached_property
    def defer_after_seconds(self) -> float:
        """Seconds that a wait may take on the worker before the task defers."""
        return durations.seconds_or_zero("defer_after", self.defer_after)

    @cached_property
    def poll_seconds(self) -> float:
        """Longest time between two looks at a job, in seconds."""
        return durations.seconds("poll_interval", self.poll_interval)

    @cached_property
    def timeout_seconds(self) -> float:
        """Wall-clock seconds from the submission to the end of the job."""
        return durations.seconds("timeout", self.timeout)

    @cached_property
    def dry_run_kind(self) -> bool | str:
        """Whether nothing is to be submitted; ``service`` for a dry run by the service."""
        return read_dry_run("dry_run", self.dry_run)

    @cached_property
    def session(self) -> str | None:
        """Session or batch that the user named."""
        return templated.optional_text(self.session_id)

    @cached_property
    def criteria(self) -> BackendCriteria:
        """The backends that ``least_busy`` may choose from."""
        from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria

        return BackendCriteria.from_filters(self.backend_filters)

    @cached_property
    def own_budget(self) -> QiskitRuntimeBudget | None:
        """The task's budget; None if it names none."""
        from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget

        return QiskitRuntimeBudget.read(self.budget)

    @cached_property
    def destination(self) -> Destination | None:
        """Where the whole result goes; None if ``result_path`` is not set."""
        return Destination.read(self.result_path, self.result_format)

    def backend_name(self) -> str:
        """Return the backend's name, or ``least_busy``.

        Raises:
            InvalidSettingsError: There is none.
        """
        name = templated.optional_text(self.backend)
        if name is None:
            raise InvalidSettingsError("backend: name one, such as 'ibm_fez', or write 'least_busy'.")
        return name

    def request(self, program_id: str, backend: str, program_input: ProgramInput) -> JobRequest:
        """Return what is asked of the service.

        Raises:
            InvalidTagsError: A tag is wrong.
            InvalidInputError: ``max_execution_time`` is wrong.
        """
        return JobRequest(
            program_id=program_id,
            backend=backend,
            input=program_input,
            tags=check_tags(cast("Sequence[str]", self.tags)),
            session_id=self.session,
            max_execution_seconds=durations.execution_time("max_execution_time", self.max_execution_time),
            private=self.private,
            start_session=self.start_session,
        )
