"""A job that must complete before the task's own is submitted, such as one that learns the noise of its circuits.

Both run in one session or batch: the one that the user named, or a batch that the task opens for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.execution.private_result import read_once
from airflow_provider_qrt.jobs.sessions.opening import SessionOpener, SessionRequest
from airflow_provider_qrt.jobs.submit.split import part_store

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.execution.preparation import Preparation
    from airflow_provider_qrt.execution.run import TaskRun
    from airflow_provider_qrt.execution.stages import Stages
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.programs.base import TaskProgram

STAGE = "pre"
"""Name of the stage."""


class Preliminary:
    """Runs the preliminary job of a task.

    Args:
        run: The task's run.
        stages: Runs jobs that come before the task's own.
        request: What the task asks for.
    """

    def __init__(self, run: TaskRun, stages: Stages, request: JobRequest) -> None:
        self._run = run
        self._stages = stages
        self._request = request

    def complete(self, program: TaskProgram, preparation: Preparation) -> None:
        """Run it, hand what it measured to the task's program, and let the task's own job run beside it.

        Args:
            program: Of the preliminary job.
            preparation: Completes the task's own request; told the backend and the session of the preliminary job.

        Raises:
            TaskDeferred: The task waits for the job in the triggerer.
            AirflowException: The job failed, or was not done in time.
        """
        run = self._run
        asked = run.arguments.request(program.program_id, self._request.backend, program.build())
        own = run.preparation_of(program)

        def prepare(one: JobRequest) -> JobRequest:
            ready = own.complete(one)
            return ready if ready.session_id is not None else replace(ready, session_id=self._open(ready))

        job = self._stages.complete(STAGE, asked, prepare)
        run.program.take_preliminary(job, self._read(job))
        preparation.backend = job.backend
        if self._request.session_id is None and job.session_id is not None and self._accepts(job.session_id):
            preparation.session_id = job.session_id

    def _open(self, ready: JobRequest) -> str | None:
        """Open a batch for both jobs, where the channel has batches."""
        run = self._run
        if not run.task.hook.channel.offers(Feature.BATCHES):
            return None
        opener = SessionOpener(
            run.task.hook.client,
            max_tries=run.attachment.ti.max_tries,
            store=run.attachment.store,
            connection=run.arguments.qiskit_runtime_conn_id,
            keep_open=not run.arguments.cancels_when_stopped,
        )
        session = opener.obtain(SessionRequest("batch", ready.backend), lambda: ready.backend)
        assert run.jobs is not None
        run.jobs.batch_id = session.id
        run.jobs.stop_if_killed()
        return session.id

    def _read(self, job: Job) -> str:
        run = self._run
        read = run.task.hook.client.job_result
        if not (job.private or run.arguments.private):
            return read(job.id)
        store = part_store(run.attachment.store, STAGE)
        return read_once(job.id, read, store=store, destination=run.arguments.destination)

    def _accepts(self, session_id: str) -> bool:
        try:
            return self._run.task.hook.client.session(session_id).accepting_jobs
        except errors.NotFoundError:
            return False
