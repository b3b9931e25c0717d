"""The choice of the program of a task's jobs, and the change to another one that gets the same."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from airflow_provider_qrt.execution.context import identity_of
from airflow_provider_qrt.execution.failure import may_be_about_program
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY

if TYPE_CHECKING:
    from airflow_provider_qrt.execution.leg import Leg
    from airflow_provider_qrt.execution.preparation import Preparation
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.programs.base import TaskProgram

log = logging.getLogger(__name__)


class ProgramChoice:
    """The program that a task runs.

    Args:
        leg: Of the task.
    """

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._task = leg.task
        self._arguments = leg.arguments

    @cached_property
    def program(self) -> TaskProgram:
        """The program that is used now; its own preliminary one during a dry run."""
        return self._task.make_program()

    def build_request(self) -> JobRequest:
        """Check all arguments and return what is asked of the service."""
        from airflow_provider_qrt.execution.preparation import check_needs

        backend = self._arguments.backend_name()
        # Settings before circuits: without a connection there is nothing to check circuits for.
        _ = self._task.hook.settings
        if self._arguments.destination is not None:
            self._arguments.destination.check()
        program_input = self.program.build()
        if backend == LEAST_BUSY:
            backend = self.program.wants_backend() or backend
        request = replace(
            self._arguments.request(self.program.program_id, backend, program_input),
            make_alternative=cache(self._alternative_request),
        )
        check_needs(self._task.hook.channel, request, limited=self._leg.budget is not None)
        return request

    def preparation(self) -> Preparation:
        """Return what completes the requests of the program."""
        return self.preparation_of(self.program)

    def preparation_of(self, program: TaskProgram) -> Preparation:
        """Return what completes the requests of another program."""
        from airflow_provider_qrt.execution.preparation import Preparation

        return Preparation(
            hook=self._task.hook,
            identity=identity_of(self._leg.context["ti"]),
            criteria=self._arguments.criteria,
            budget=self._leg.budget,
            fit_request=program.fit,
            note_outlook=self._leg.note_outlook,
        )

    def preliminary_request(self, first: TaskProgram, backend: str) -> JobRequest:
        """Go on with the preliminary program, and return what it asks of the service.

        Args:
            first: The preliminary program.
            backend: Name of the backend that is asked for.
        """
        self.program = first
        return self._arguments.request(first.program_id, backend, first.build())

    def change(self, request: JobRequest, refusal: Exception) -> JobRequest | None:
        """Go on with another program that gets the same, if that may help and nothing is submitted yet.

        Args:
            request: The one that was refused.
            refusal: Why.

        Returns:
            What the other program asks of the service; None if there is none.
        """
        jobs = self._leg.jobs
        if (jobs is not None and jobs.job_ids) or not may_be_about_program(refusal):
            return None
        refused = self.program.program_id
        other = self.switch(request)
        if other is not None:
            log.warning(
                "The program %s cannot be used, so nothing was submitted with it; %s is used instead. %s",
                refused,
                other.program_id,
                refusal,
            )
        return other

    def switch(self, request: JobRequest) -> JobRequest | None:
        """Go on with the other program, and return what it asks of the service; None if there is none."""
        other, program = request.alternative(), self.program.alternative()
        if other is None or program is None:
            return None
        self.program = program
        self._task.report.asked(other)
        return replace(other, make_alternative=lambda: request)

    def _alternative_request(self) -> JobRequest | None:
        """Return what gets the same from another program; None if there is none."""
        other = self.program.alternative()
        if other is None:
            return None
        return self._arguments.request(other.program_id, self._arguments.backend_name(), other.build())
