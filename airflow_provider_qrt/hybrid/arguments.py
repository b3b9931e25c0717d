"""The arguments of a task with a loop, read once each time the task starts or returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, cast

from airflow_provider_qrt import durations, templated
from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.hybrid.reading import (
    OnDivergence,
    read_budget,
    read_mode,
    read_seconds,
)
from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria
from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget
from airflow_provider_qrt.jobs.submit.identity import check_tags

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_provider_qrt.jobs.sessions.opening import Mode


@dataclass(frozen=True)
class HybridArguments:
    """The rendered arguments; ``QiskitRuntimeHybridOperator`` describes them."""

    backend: Any
    backend_filters: Any
    mode: Any
    max_ttl: Any
    tags: Any
    max_execution_time: Any
    private: bool
    deferrable: bool
    defer_after: Any
    poll_interval: Any
    timeout: Any
    cancel_on_kill: bool
    cancel_on_timeout: bool
    budget: QiskitRuntimeBudget | Mapping[str, Any] | float | timedelta | str | None
    max_jobs: Any
    max_seconds: Any
    journal_path: Any
    on_divergence: OnDivergence
    qiskit_runtime_conn_id: str

    @classmethod
    def of(cls, operator: Any) -> Self:
        """Take them from an operator whose templates were rendered."""
        return cls(**{field.name: getattr(operator, field.name) for field in fields(cls)})

    @cached_property
    def session_mode(self) -> Mode | None:
        """The mode of the loop's session; None: no session."""
        return read_mode("mode", self.mode)

    @cached_property
    def ttl_seconds(self) -> int | None:
        """Seconds that the session may live."""
        return durations.whole_seconds("max_ttl", self.max_ttl)

    @cached_property
    def poll_seconds(self) -> float:
        """Longest time between two looks at a job, in seconds."""
        return durations.seconds("poll_interval", self.poll_interval)

    @cached_property
    def timeout_seconds(self) -> float:
        """Wall-clock seconds from the submission of a job to its end."""
        return durations.seconds("timeout", self.timeout)

    @cached_property
    def defer_seconds(self) -> float:
        """Seconds that a wait may take on the worker."""
        return durations.seconds_or_zero("defer_after", self.defer_after)

    @cached_property
    def criteria(self) -> BackendCriteria:
        """The backends that ``least_busy`` may choose from."""
        return BackendCriteria.from_filters(self.backend_filters)

    @cached_property
    def own_budget(self) -> QiskitRuntimeBudget | None:
        """The task's budget; None if it names none."""
        return read_budget("budget", self.budget)

    @cached_property
    def most_jobs(self) -> int | None:
        """Jobs that the loop may submit."""
        return templated.whole_number("max_jobs", self.max_jobs)

    @cached_property
    def most_seconds(self) -> float | None:
        """QPU seconds that the loop may use."""
        return read_seconds("max_seconds", self.max_seconds)

    @cached_property
    def job_tags(self) -> tuple[str, ...]:
        """The user's tags of each job."""
        return check_tags(cast("Sequence[str]", self.tags))

    @cached_property
    def job_seconds(self) -> int | None:
        """QPU seconds after which IBM stops a job."""
        return durations.execution_time("max_execution_time", self.max_execution_time)

    @cached_property
    def path(self) -> str | None:
        """The folder of journals."""
        return templated.optional_text(self.journal_path)

    def backend_name(self) -> str:
        """Return the backend's name, or ``least_busy``.

        Raises:
            InvalidSettingsError: There is none.
        """
        name = templated.optional_text(self.backend)
        if name is None:
            raise InvalidSettingsError("backend: name one, such as 'ibm_fez', or write 'least_busy'.")
        return name
