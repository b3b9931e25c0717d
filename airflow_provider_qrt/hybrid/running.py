"""Running a hybrid function without Airflow, in a notebook, a script or a test."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_qrt import durations
from airflow_provider_qrt.execution.task_jobs import TaskJobs
from airflow_provider_qrt.hybrid.files import JournalFiles
from airflow_provider_qrt.hybrid.inputs import Inputs
from airflow_provider_qrt.hybrid.journal import Journal
from airflow_provider_qrt.hybrid.loop import Loop
from airflow_provider_qrt.hybrid.machine import LoopLimits, LoopPreparation, Machine
from airflow_provider_qrt.hybrid.parts import CallRules, LoopParts
from airflow_provider_qrt.hybrid.qpu import Qpu
from airflow_provider_qrt.hybrid.slots import Slots
from airflow_provider_qrt.hybrid.turn import Turn
from airflow_provider_qrt.hybrid.waiting import Waiting
from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY
from airflow_provider_qrt.jobs.sessions.opening import SessionOpener, SessionRecord, close
from airflow_provider_qrt.jobs.submit.identity import JobIdentity
from airflow_provider_qrt.jobs.submit.submitter import JobSubmitter
from airflow_provider_qrt.storage.records import Place, TaskFiles

if TYPE_CHECKING:
    import numpy as np

    from airflow_provider_qrt.client.channels.base import Channel
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
    from airflow_provider_qrt.hybrid.reading import OnDivergence
    from airflow_provider_qrt.jobs.sessions.opening import Mode
    from airflow_provider_qrt.jobs.submit.record import StateStore

__all__ = ["run_hybrid"]

NAME = "run_hybrid"
"""Stands for DAG and run in the tags of jobs and in the folder of a journal."""
ONE_DAY = 86_400.0
"""Seconds."""


@dataclass(frozen=True)
class ClientService:
    """A client, as a loop reaches it."""

    client: QiskitRuntimeClient

    @property
    def submit_client(self) -> QiskitRuntimeClient:
        """The client itself, which waits after a 429."""
        return self.client

    @property
    def channel(self) -> Channel:
        """The generation of its API."""
        return self.client.channel

    def create_poll_client(self) -> QiskitRuntimeClient:
        """Return the client itself, which repeats a read after an error."""
        return self.client

    def describe(self) -> str:
        """Return instance and region for a message."""
        return self.client.settings.place


def run_hybrid(
    function: Callable[..., Any],
    client: QiskitRuntimeClient,
    *args: Any,
    journal: str | PathLike[str],
    backend: str = LEAST_BUSY,
    backend_filters: Mapping[str, Any] | None = None,
    mode: Mode | None = None,
    max_ttl: int | str | None = None,
    max_jobs: int | None = None,
    max_seconds: float | None = None,
    max_execution_time: int | str | None = None,
    timeout: float | str = ONE_DAY,
    poll_interval: float | str = 30.0,
    on_divergence: OnDivergence = "fail",
    **kwargs: Any,
) -> Any:
    """Run a hybrid function here and return what it returns, without Airflow's scheduler or database.

    It is the function of ``@task.qiskit_hybrid``. If it is interrupted, call this again with the same folder: the calls
    that are done return at once, and a job that was under way is waited for. Another folder begins anew.

    Args:
        function: Takes a :class:`~airflow_provider_qrt.hybrid.qpu.Qpu` as its first argument.
        client: The API.
        args: The function's other positional arguments.
        journal: Folder of the journal: a local path, or a URL that ``ObjectStoragePath`` understands.
        backend: Name of the backend, or ``least_busy``.
        backend_filters: What ``least_busy`` may choose.
        mode: ``dedicated`` or ``batch``: run all jobs in one, which is closed in the end. None: each by itself.
        max_ttl: How long it may live: seconds, or text such as ``"2h"``.
        max_jobs: Jobs that the function may submit, all tries together.
        max_seconds: QPU seconds that it may use, all tries together.
        max_execution_time: QPU time after which IBM stops a job: seconds, or text such as ``"60s"``.
        timeout: Wall-clock time from the submission of a job to its end: seconds, or text such as ``"2h"``.
        poll_interval: Longest time between two looks at a job: seconds, or text such as ``"30s"``.
        on_divergence: ``fail``, or ``continue``: drop the rest of the journal when the function makes another call than
            before, and buy it again.
        kwargs: The function's keyword arguments.

    Raises:
        HybridError: See :mod:`airflow_provider_qrt.hybrid.errors`.
        Exception: What the function raises. A session is left open then, for whoever goes on; it ends by itself.
    """
    store, files = _journal_in(fspath(journal), getattr(function, "__name__", "function"))
    kept = Journal(store, files, max_tries=0, clear_number=0, key=secrets.token_hex(8))
    former = SessionRecord.read(store)
    service = ClientService(client)
    identity = JobIdentity(NAME, str(kept.head.key), getattr(function, "__name__", "function"))
    hook = cast("QiskitRuntimeHook", service)
    jobs = TaskJobs(hook, [], durable=True, cancel_on_kill=False)

    def submitter(name: str, of_call: StateStore) -> JobSubmitter:
        part = JobIdentity(identity.dag_id, identity.run_id, identity.task_id, part=name)
        return JobSubmitter(client, part, try_number=kept.try_number, max_tries=0, clear_number=0, store=of_call)

    preparation = LoopPreparation(
        hook, identity, BackendCriteria.from_filters(backend_filters), None, lambda request, _: request
    )
    machine = Machine(
        service,
        preparation,
        kept,
        backend=backend,
        mode=mode,
        max_ttl=durations.whole_seconds("max_ttl", max_ttl),
        opener=None if mode is None else SessionOpener(client, max_tries=0, store=store, keep_open=True),
    )
    parts = LoopParts(
        kept,
        Slots(store, kept.head.run, kept.head.drops, lambda number: kept.find(number) is not None),
        machine,
        LoopLimits(max_jobs, max_seconds),
        CallRules(max_execution_seconds=durations.execution_time("max_execution_time", max_execution_time)),
        Waiting(
            service,
            durations.seconds("poll_interval", poll_interval),
            durations.seconds("timeout", timeout),
            0.0,
            None,
        ),
        submitter,
        jobs,
        Turn(durations.seconds("timeout", timeout)),
    )
    parts.attach()
    loop = Loop(parts, on_divergence)
    qpu = Qpu(loop, Inputs(client, machine.snapshots), lambda: make_rng(identity))
    returned = function(qpu, *args, **kwargs)
    loop.end()
    if machine.session_id is None and former is not None and former.session_id is not None and mode is not None:
        # Of a run that was interrupted after its last job.
        close(client, former.session_id)
    machine.close_session()
    return returned


def make_rng(identity: JobIdentity) -> np.random.Generator:
    """Return a generator whose numbers depend on the task alone, and not on its try."""
    import numpy as np

    return np.random.default_rng(int(hashlib.sha256(identity.stem().encode()).hexdigest()[:32], 16))


def _journal_in(folder: str, name: str) -> tuple[TaskFiles, JournalFiles]:
    place = Place(NAME, NAME, name, -1)
    # Whoever begins last may write; an earlier process that still runs may not.
    store = TaskFiles(folder, place, secrets.token_hex(8))
    store.begin()
    return store, JournalFiles(f"{folder.rstrip('/')}/{place.folder()}")
