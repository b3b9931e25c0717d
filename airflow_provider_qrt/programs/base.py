"""The few methods that every program has.

An operator makes a program of its rendered arguments when a task starts, and again when it returns from the triggerer.
The package ``execution`` runs it: it builds the input, fits it to the chosen backend, splits it into jobs, and reads
what they measured.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend, Job
    from airflow_provider_qrt.jobs.submit.identity import JobRequest, ProgramInput
    from airflow_provider_qrt.primitives.results.arriving import ArrivingResult

AUTO = "auto"
"""Stands for whichever program can run the input, the executor first."""
EXECUTOR = "executor"
"""The program that takes the place of the primitives on the present platform."""


class FinishedJobs(Protocol):
    """The completed jobs of a task, for the program that reads them."""

    @property
    def jobs(self) -> Sequence[Job]:
        """The jobs, in the order in which they were submitted."""

    @property
    def split(self) -> Sequence[Sequence[int]] | None:
        """The indices of the PUBs in each job; None for a task with one job."""

    def fetch(self, place: int = 0) -> str:
        """Fetch the text of a job's result; that of a private job is kept before anything else can fail."""

    def receive(self, place: int = 0) -> str | ArrivingResult:
        """Fetch a job's result, and unpack its arrays while it arrives, for a decoder of the primitives.

        The result of a private job is fetched as text, because that is kept before anything else can fail.
        """

    def add_to_events(self, facts: Mapping[str, Any]) -> None:
        """Add facts to the events of the assets in the task's ``outlets``.

        Args:
            facts: Ready for JSON; they stand beside those that every event has, such as ``job_id``.
        """

    def deliver(self, result: Any, *, used_qiskit: bool = False) -> Any:
        """Return what goes to XCom for a decoded result, and write its file if the task has a ``result_path``.

        Args:
            result: Has ``to_xcom_results``, ``manifest``, ``estimated_xcom_bytes`` and ``write``.
            used_qiskit: Whether the input is Qiskit's work, so that its version belongs to the result.
        """


class TaskProgram(ABC):
    """A program that a task runs.

    A program whose input always fits into one job implements :meth:`build` and :meth:`read` only.
    """

    program_id: str
    """As the service names it."""

    @abstractmethod
    def build(self) -> ProgramInput:
        """Check the arguments and return the program's input, before anything is sent.

        Raises:
            InvalidInputError: Something is wrong; says what to do.
        """

    @abstractmethod
    def read(self, finished: FinishedJobs) -> Any:
        """Read what the jobs measured, and return what goes to XCom."""

    def alternative(self) -> TaskProgram | None:
        """Return another program that gets the same from the service, already built; None if there is none.

        Called after :meth:`build`, when the service refuses this program, or when an earlier try of the task may have
        submitted the other one.
        """
        return None

    def preliminary(self) -> TaskProgram | None:
        """Return a program whose job must complete before this one is submitted; None if there is none.

        Called after :meth:`build`. Its job runs in the session of the task, or in a batch that the task opens for both.
        """
        return None

    def take_preliminary(self, job: Job, text: str) -> None:
        """Take what the job of :meth:`preliminary` has measured.

        Args:
            job: The job, completed.
            text: Its result.
        """
        raise NotImplementedError(f"{type(self).__name__} has a preliminary job and does not say what it is for.")

    def wants_backend(self) -> str | None:
        """Return the name of the only backend that will do; None if there are others. Called after :meth:`build`."""
        return None

    @property
    def grows_to_fit(self) -> bool:
        """Whether :meth:`fit` changes how much is submitted, as transpilation does."""
        return False

    def fit(self, request: JobRequest, backend: Backend) -> JobRequest:
        """Make the request fit the backend that was chosen, just before it is submitted."""
        return request

    def split(self) -> Sequence[Sequence[int]]:
        """Distribute the PUBs over jobs, by their indices; called when they are as they will be submitted."""
        return [[0]]

    def build_part(self, pubs: Sequence[int]) -> ProgramInput:
        """Return what :meth:`build` would return for these PUBs only."""
        return self.build()

    def fit_part(self, asked: ProgramInput, pubs: Sequence[int]) -> ProgramInput:
        """Return the input of one job as it is submitted to the backend that :meth:`fit` was told of last."""
        return asked

    def part_of(self, request: JobRequest, pubs: Sequence[int]) -> JobRequest:
        """Return the request of one job of several."""
        return replace(request, input=self.build_part(pubs))

    def to_remember(self) -> Mapping[str, Any]:
        """Return what the program wants to know again when the task returns from the triggerer, JSON-ready."""
        return {}
