"""The sensor that waits for a job submitted elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, conf
from airflow.sdk import PokeReturnValue

from airflow_provider_qrt.arguments.constants import Check, boolean, check_constants
from airflow_provider_qrt.compat import triggerer_renders_templates
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink, job_url
from airflow_provider_qrt.sensors.base import QiskitRuntimeSensor

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg
    from airflow.triggers.base import StartTriggerArgs

    from airflow_provider_qrt.arguments.keywords import WaitArguments
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.jobs.refusals import Refusals
    from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
    from airflow_provider_qrt.jobs.wait.progress import Progress

TRIGGER = "airflow_provider_qrt.triggers.qiskit_runtime.QiskitRuntimeJobTrigger"


def can_render_in_triggerer(job_id: Any) -> bool:
    """Return whether the triggerer can render a ``job_id``.

    It cannot render an XComArg, nor an ``xcom_pull`` without ``map_indexes``: Airflow 3.3 then requests a list of
    values, which the triggerer never answers, so the trigger would hang. An older Airflow renders nothing there.
    """
    if not triggerer_renders_templates():
        return isinstance(job_id, str) and not any(mark in job_id for mark in ("{{", "{%"))
    return isinstance(job_id, str) and ("xcom_pull" not in job_id or "map_indexes" in job_id)


class QiskitRuntimeJobSensor(QiskitRuntimeSensor):
    """Waits until a job has completed; fails if it failed or was cancelled. It never cancels the job.

    Returns ``{"job_id", "backend", "program_id", "status", "session_id", "created", "usage_seconds"}``. Connection
    errors are retried until the sensor's ``timeout``. A rejected request (wrong credentials, no permission, no such
    job) ends the wait if it persists for minutes (``[qiskit_runtime] refusal_patience``).

    Args:
        job_id: The job, for instance ``"{{ ti.xcom_pull('submit', key='job_id') }}"``.
        qiskit_runtime_conn_id: The connection.
        deferrable: Wait in the triggerer, without a worker.
        start_from_trigger: Do not use a worker even for the first poll: the scheduler starts the trigger. Needs
            ``deferrable=True`` and a ``job_id`` that the triggerer can render: text, where each ``xcom_pull`` names
            ``map_indexes`` (-1 for a task that is not mapped). Otherwise a worker makes the first poll.
        kwargs: ``poke_interval``, ``timeout``, ``mode``, ``soft_fail`` and so on, as for any sensor. While deferred,
            ``poke_interval`` is the longest time between two polls; recent jobs are polled more often.
    """

    template_fields: Sequence[str] = ("job_id", "qiskit_runtime_conn_id")
    operator_extra_links = (QiskitRuntimeJobLink(),)
    ui_color = "#e8daff"
    ui_fgcolor = "#161616"
    checks: ClassVar[Mapping[str, Check]] = {"start_from_trigger": boolean}
    start_from_trigger = False
    start_trigger_args: StartTriggerArgs | None = None

    def __init__(
        self,
        *,
        job_id: str | XComArg,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_from_trigger: bool = False,
        **kwargs: Unpack[WaitArguments],
    ) -> None:
        super().__init__(qiskit_runtime_conn_id=qiskit_runtime_conn_id, deferrable=deferrable, **kwargs)
        check_constants(type(self), {"start_from_trigger": start_from_trigger}, task_id=self.task_id)
        self.job_id = job_id
        self.job_url: str | None = ""
        self._unknown_reads = 0
        self._progress: Progress | None = None
        self.start_from_trigger = start_from_trigger and deferrable and can_render_in_triggerer(job_id)
        if self.start_from_trigger:
            from airflow.triggers.base import StartTriggerArgs

            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=TRIGGER,
                trigger_kwargs={
                    "job_id": job_id,
                    "qiskit_runtime_conn_id": qiskit_runtime_conn_id,
                    "poll_interval": self.poke_interval,
                },
                next_method="execute_complete",
                next_kwargs=None,
                timeout=min(timedelta(seconds=self.timeout), self.execution_timeout or timedelta.max),
            )

    @cached_property
    def _refusals(self) -> Refusals:
        from airflow_provider_qrt.config import refusal_patience
        from airflow_provider_qrt.jobs.refusals import Refusals

        return Refusals(patience=refusal_patience())

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Check the job once."""
        from airflow_provider_qrt.client import errors
        from airflow_provider_qrt.client.states import JobStatus
        from airflow_provider_qrt.jobs.refusals import REFUSALS, describe_patience
        from airflow_provider_qrt.jobs.wait.poller import UNKNOWN_STATE_READS

        job_id = self._checked_job_id()
        place = ""
        try:
            place = f" Asked with {self.hook.describe()}."
            if not self.job_url:
                self.job_url = job_url(self.hook.settings.base_url, job_id)
                context["ti"].xcom_push(self.operator_extra_links[0].xcom_key, self.job_url)
            job = self.hook.client.job(job_id)
        except errors.InvalidSettingsError as error:
            raise AirflowFailException(f"Job {job_id} cannot be watched. {error}") from error
        except errors.QiskitRuntimeError as error:
            if self._refusals.is_definite(error, time.time()) or isinstance(error, errors.InternalError):
                raise AirflowException(f"Job {job_id} cannot be watched. {error}{place}") from error
            until = f"{place} {describe_patience(self._refusals.patience)}" if isinstance(error, REFUSALS) else ""
            self.log.warning("Job %s could not be read, waiting on. %s%s", job_id, error, until)
            return False
        self._refusals.on_success()
        if job.status is JobStatus.UNKNOWN:
            self._unknown_reads += 1
            message = f"Job {job_id} is in a state this version of the provider does not know: {job.state.word!r}."
            if self._unknown_reads >= UNKNOWN_STATE_READS:
                raise AirflowException(f"{message} Look at it on IBM Quantum Platform and update airflow-provider-qrt.")
            self.log.warning(message)
        else:
            self._unknown_reads = 0
        if not job.status.is_final:
            self._tell(job)
            return False
        return PokeReturnValue(True, self._summary(job))

    def _tell(self, job: Job) -> None:
        """Log at growing intervals that the job has not ended."""
        from airflow_provider_qrt.jobs.wait.progress import Progress, queue_length

        now = time.time()
        if self._progress is None:
            self._progress = Progress(job.created.timestamp() if job.created else now)
            self._progress.skip_to(now)
            self.log.info("Job %s is %s.", job.id, job.state.word.lower() or "in no known state")
        elif now >= self._progress.next_at:
            self.log.info(self._progress.line(job, now, queue_length(self.hook.client, job.backend)))

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Resume after the trigger has fired."""
        from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome

        outcome = WaitOutcome.from_event(event)
        with self.hook:
            return self._conclude(outcome)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after deferral. This may be the task's first time on a worker, so set the link first."""
        try:
            self.job_url = job_url(self.hook.settings.base_url, str(self.job_id).strip())
        except Exception as error:
            self.job_url = None
            self.log.warning("The link to the job is not known: %s", error)
        return super().resume_execution(next_method, next_kwargs, context)

    def _conclude(self, outcome: WaitOutcome) -> dict[str, Any]:
        """Return the XCom value at the end of the wait, or raise an error."""
        from airflow_provider_qrt.jobs.wait.outcome import Ending

        if not outcome.job_id:
            raise AirflowFailException(outcome.message)
        if outcome.job is None or outcome.ending is not Ending.FINAL:
            raise AirflowException(outcome.message)
        return self._summary(outcome.job)

    def defer_wait(self, seconds: float) -> NoReturn:
        """Defer the task; the trigger waits for at most ``seconds``."""
        from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

        self.defer(
            trigger=QiskitRuntimeJobTrigger(
                job_id=self._checked_job_id(),
                qiskit_runtime_conn_id=self.qiskit_runtime_conn_id,
                submitted_at=time.time(),
                poll_interval=self.poke_interval,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, seconds)),
        )

    def _checked_job_id(self) -> str:
        job_id = str(self.job_id or "").strip()
        if job_id in ("", "None"):
            raise AirflowFailException(
                "job_id is empty. Name a job, or take it from the task that submits it: "
                "\"{{ ti.xcom_pull('the_task', key='job_id') }}\"."
            )
        return job_id

    def _summary(self, job: Job) -> dict[str, Any]:
        """Return the XCom value of a completed job; raise an error for a failed or cancelled one."""
        from airflow_provider_qrt.client.states import JobStatus
        from airflow_provider_qrt.jobs.failure import explain_failure

        if job.status is not JobStatus.COMPLETED:
            raise AirflowFailException(explain_failure(self.hook.client, job, is_ours=False))
        return {
            "job_id": job.id,
            "backend": job.backend,
            "program_id": job.program_id,
            "status": job.status.value,
            "session_id": job.session_id,
            "created": job.created.isoformat() if job.created else None,
            "usage_seconds": job.usage.seconds if job.usage else None,
        }
