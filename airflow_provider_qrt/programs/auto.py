"""``program_id="auto"``: the executor where it can run the input, else the server's program.

IBM deprecated its server-side primitives in September 2026 (qiskit-ibm-runtime 0.50) in favour of ``executor``, and has
not said when it withdraws them: https://quantum.cloud.ibm.com/docs/guides/migrate-to-client-side-primitives
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import config
from airflow_provider_qrt.jobs.submit.identity import JobRequest, ProgramInput
from airflow_provider_qrt.primitives.errors import InvalidInputError, ProgramUnfitError
from airflow_provider_qrt.primitives.qiskit_needed import QiskitMissingError
from airflow_provider_qrt.programs.base import AUTO, EXECUTOR, FinishedJobs, TaskProgram

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend
    from airflow_provider_qrt.programs.circuits import CircuitsProgram

log = logging.getLogger(__name__)

SERVER = "server"
"""In ``[qiskit_runtime] default_program``: the programs that IBM runs on its servers, ``sampler`` and ``estimator``."""


def choose_program(
    program_id: str,
    executor: Callable[[], CircuitsProgram],
    server: Callable[[], CircuitsProgram],
    server_id: str,
    *,
    level: int = logging.INFO,
) -> TaskProgram:
    """Return the program of a task.

    Args:
        program_id: ``auto``, ``executor`` or the server's program.
        executor: Makes the program over ``executor``.
        server: Makes the server's program.
        server_id: The id of that program.
        level: Of the log line that says which was chosen.

    Raises:
        InvalidInputError: There is no such program, or the setting ``default_program`` is wrong.
    """
    known = (AUTO, EXECUTOR, server_id)
    if program_id not in known:
        raise InvalidInputError(f"program_id: {program_id!r} is not one of {', '.join(known)}.")
    if program_id == AUTO:
        pinned = config.default_program()
        if pinned not in (AUTO, EXECUTOR, SERVER):
            raise InvalidInputError(
                f"[qiskit_runtime] default_program: {pinned!r} is not one of {AUTO}, {EXECUTOR}, {SERVER}."
            )
        program_id = server_id if pinned == SERVER else pinned
    if program_id == AUTO:
        return AutoProgram(executor(), server(), level)
    return executor() if program_id == EXECUTOR else server()


class AutoProgram(TaskProgram):
    """Whichever of two programs can run the input.

    Args:
        executor: The program that comes first.
        server: The one that takes its place.
        level: Of the log line that says which was chosen.
    """

    def __init__(self, executor: CircuitsProgram, server: CircuitsProgram, level: int = logging.INFO) -> None:
        self._executor = executor
        self._server = server
        self._level = level
        self._chosen: CircuitsProgram | None = None
        self._other: CircuitsProgram | None = None

    @property
    def program_id(self) -> str:  # type: ignore[override]
        """The program that was chosen; ``auto`` before :meth:`build`."""
        return AUTO if self._chosen is None else self._chosen.program_id

    def build(self) -> ProgramInput:
        """Check the arguments, choose the program, and return its input."""
        server = self._server.program_id
        try:
            built = self._executor.build()
        except (ProgramUnfitError, QiskitMissingError) as unfit:
            try:
                built = self._server.build()
            except InvalidInputError as error:
                raise InvalidInputError(
                    f"neither program takes this input. The program {server}: {error} The program executor: {unfit}"
                ) from None
            self._choose(self._server, None)
            because = "Program: %s, which IBM has deprecated, because the executor cannot run this. %s"
            log.log(self._level, because, server, unfit)
            return built
        drawback = self._executor.drawback()
        if drawback is not None and (other := _build(self._server)) is not None:
            self._choose(self._server, self._executor)
            because = "Program: %s, which IBM has deprecated, because with the executor %s."
            log.log(self._level, because, server, drawback)
            return other
        self._choose(self._executor, self._server)
        log.log(self._level, "Program: executor, which takes the place of the %s that IBM has deprecated.", server)
        return built

    def _choose(self, chosen: CircuitsProgram, other: CircuitsProgram | None) -> None:
        self._chosen, self._other = chosen, other

    def alternative(self) -> TaskProgram | None:
        """Return the program that was not chosen, if it can run the input too."""
        return None if self._other is None or _build(self._other) is None else self._other

    def read(self, finished: FinishedJobs) -> Any:
        """Read the results of the program that ran, whichever would be chosen now."""
        ran = finished.jobs[0].program_id
        return (self._executor if ran in (EXECUTOR, None) else self._server).read(finished)

    @property
    def grows_to_fit(self) -> bool:
        """As the chosen program does."""
        return self._program.grows_to_fit

    def fit(self, request: JobRequest, backend: Backend) -> JobRequest:
        """Make the request fit the backend."""
        return self._program.fit(request, backend)

    def split(self) -> Sequence[Sequence[int]]:
        """Distribute the PUBs over jobs."""
        return self._program.split()

    def build_part(self, pubs: Sequence[int]) -> ProgramInput:
        """Return the input for these PUBs."""
        return self._program.build_part(pubs)

    def fit_part(self, asked: ProgramInput, pubs: Sequence[int]) -> ProgramInput:
        """Return the input of one job as it is submitted."""
        return self._program.fit_part(asked, pubs)

    def part_of(self, request: JobRequest, pubs: Sequence[int]) -> JobRequest:
        """Return the request of one job of several, which the other program could take over too."""

        def alternative() -> JobRequest | None:
            other = request.alternative()
            return None if other is None or self._other is None else self._other.part_of(other, pubs)

        return replace(super().part_of(request, pubs), make_alternative=alternative)

    def to_remember(self) -> Mapping[str, Any]:
        """Return what the chosen program wants to know again."""
        return self._program.to_remember()

    @property
    def _program(self) -> CircuitsProgram:
        return self._chosen or self._executor


def _build(program: CircuitsProgram) -> ProgramInput | None:
    """Return the input of a program; None if it cannot run what the task asks for."""
    try:
        return program.build()
    except InvalidInputError:
        return None
