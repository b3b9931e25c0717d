"""A job that must complete before the task's own is submitted, such as one that learns the noise of its circuits.

Both run in one session or batch: the one that the user named, or a batch that the task opens for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.execution.private_result import read_once
from airflow_provider_qrt.jobs.sessions.opening import SessionRequest
from airflow_provider_qrt.jobs.submit.split import part_store

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.execution.leg import Leg
    from airflow_provider_qrt.execution.preparation import Preparation
    from airflow_provider_qrt.execution.program_choice import ProgramChoice
    from airflow_provider_qrt.execution.stages import Stages
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.programs.base import TaskProgram

STAGE = "pre"
"""Name of the stage."""


class Preliminary:
    """Runs the preliminary job of a task.

    Args:
        leg: Of the task.
        choice: Of the program.
        stages: Runs jobs that come before the task's own.
        request: What the task asks for.
    """

    def __init__(self, leg: Leg, choice: ProgramChoice, stages: Stages, request: JobRequest) -> None:
        self._leg = leg
        self._choice = choice
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
        leg = self._leg
        asked = leg.arguments.request(program.program_id, self._request.backend, program.build())
        own = self._choice.preparation_of(program)

        def prepare(one: JobRequest) -> JobRequest:
            ready = own.complete(one)
            return ready if ready.session_id is not None else replace(ready, session_id=self._open(ready))

        job = self._stages.complete(STAGE, asked, prepare)
        self._choice.program.take_preliminary(job, self._read(job))
        preparation.backend = job.backend
        if self._request.session_id is None and job.session_id is not None and self._accepts(job.session_id):
            preparation.session_id = job.session_id

    def _open(self, ready: JobRequest) -> str | None:
        """Open a batch for both jobs, where the channel has batches."""
        leg = self._leg
        if not leg.task.hook.channel.offers(Feature.BATCHES):
            return None
        session = leg.attachment.session_opener().obtain(SessionRequest("batch", ready.backend), lambda: ready.backend)
        assert leg.jobs is not None
        leg.jobs.batch_id = session.id
        leg.jobs.stop_if_killed()
        return session.id

    def _read(self, job: Job) -> str:
        leg = self._leg
        read = leg.task.hook.client.job_result
        if not (job.private or leg.arguments.private):
            return read(job.id)
        store = part_store(leg.attachment.store, STAGE)
        return read_once(job.id, read, store=store, destination=leg.arguments.destination)

    def _accepts(self, session_id: str) -> bool:
        try:
            return self._leg.task.hook.client.session(session_id).accepting_jobs
        except errors.NotFoundError:
            return False
