"""The arguments that operators and sensors pass on to their bases, for type checkers and editors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    from airflow.sdk import DAG, TaskGroup, XComArg
    from airflow.sdk.definitions.retry_policy import RetryPolicy

    from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget

Rendered: TypeAlias = "str | XComArg"
"""A template, or another task's output, whose value is only known when the task runs."""
Duration: TypeAlias = "float | timedelta | Rendered"
"""Seconds, a timedelta, or text such as ``90s``, ``2h`` and ``1h30m``."""
Callback: TypeAlias = "Callable[[Any], Any]"
Callbacks: TypeAlias = "Callback | list[Callback] | None"
CallbackCollection: TypeAlias = "Callback | Collection[Callback] | None"


class CommonArguments(TypedDict, total=False):
    """Arguments of ``airflow.sdk.BaseOperator`` that several tasks can share."""

    owner: str
    email: str | Sequence[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: RetryPolicy | None
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str | None
    pool_slots: int
    sla: timedelta | None
    execution_timeout: timedelta | None
    on_execute_callback: CallbackCollection
    on_failure_callback: Callbacks
    on_success_callback: CallbackCollection
    on_retry_callback: Callbacks
    on_skipped_callback: CallbackCollection
    pre_execute: Callable[[Any], None] | None
    post_execute: Callable[[Any, Any], None] | None
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


class TaskArguments(CommonArguments, total=False):
    """Arguments of ``airflow.sdk.BaseOperator``."""

    task_id: str


class SubmissionArguments(TaskArguments, total=False):
    """Arguments of ``QiskitRuntimeJobOperator`` except ``result_format``."""

    backend: Rendered
    backend_filters: Mapping[str, Any] | XComArg | None
    session_id: Rendered | None
    start_session: bool
    tags: Sequence[str] | XComArg
    max_execution_time: int | timedelta | Rendered | None
    private: bool
    deferrable: bool
    defer_after: Duration
    poll_interval: Duration
    timeout: Duration
    wait_for_completion: bool
    cancel_on_kill: bool
    cancel_on_timeout: bool
    budget: QiskitRuntimeBudget | Mapping[str, Any] | float | timedelta | str | None
    dry_run: bool | Rendered
    result_path: Rendered | None
    durable: bool
    qiskit_runtime_conn_id: str


class JobArguments(SubmissionArguments, total=False):
    """Arguments of :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`."""

    result_format: Rendered


class CircuitsArguments(JobArguments, total=False):
    """Common arguments of :class:`~airflow_provider_qrt.operators.circuits.QiskitRuntimeCircuitsOperator`."""

    optimization_level: int | Rendered | None
    use_fractional_gates: bool | Rendered
    check_isa: bool


class SamplerArguments(CircuitsArguments, total=False):
    """Arguments of ``QiskitRuntimeSamplerOperator`` except ``circuits``."""

    options: Mapping[str, Any] | XComArg | None
    shots: int | Rendered | None
    program_id: Rendered


class EstimatorArguments(CircuitsArguments, total=False):
    """Arguments of ``QiskitRuntimeEstimatorOperator`` except ``circuits``."""

    options: Mapping[str, Any] | XComArg | None
    observables: Any
    precision: float | Rendered | None
    resilience_level: int | Rendered | None
    program_id: Rendered
    noise_model: Any
    noise_model_max_age: Duration | None


class ExecutorArguments(SubmissionArguments, total=False):
    """Arguments of ``QiskitRuntimeExecutorOperator`` except ``program``."""

    options: Mapping[str, Any] | XComArg | None
    check_isa: bool
    result_format: Rendered | None


class SensorArguments(TaskArguments, total=False):
    """Arguments of ``airflow.sdk.BaseSensorOperator`` except its two durations."""

    soft_fail: bool
    mode: str
    exponential_backoff: bool
    max_wait: timedelta | float | None
    silent_fail: bool
    never_fail: bool


class WaitArguments(SensorArguments, total=False):
    """Arguments of this provider's sensors."""

    poke_interval: float | timedelta | str
    timeout: float | timedelta | str | None


class HybridArguments(TaskArguments, total=False):
    """Arguments of ``QiskitRuntimeHybridOperator`` except the function and its arguments."""

    backend: Rendered
    backend_filters: Mapping[str, Any] | XComArg | None
    mode: Rendered | None
    max_ttl: int | timedelta | Rendered | None
    tags: Sequence[str] | XComArg
    max_execution_time: int | timedelta | Rendered | None
    private: bool
    deferrable: bool
    defer_after: Duration
    poll_interval: Duration
    timeout: Duration
    cancel_on_kill: bool
    cancel_on_timeout: bool
    budget: QiskitRuntimeBudget | Mapping[str, Any] | float | timedelta | str | None
    max_jobs: int | Rendered | None
    max_seconds: Duration | None
    journal_path: Rendered | None
    on_divergence: str
    qiskit_runtime_conn_id: str
