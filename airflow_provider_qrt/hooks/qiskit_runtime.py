"""The hook: an Airflow connection becomes a client of the Qiskit Runtime REST API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_provider_qrt.client.errors import MISTAKES, InternalError
from airflow_provider_qrt.hooks.connection import settings_from_connection
from airflow_provider_qrt.hooks.connection_defaults import ConnectionDefaults
from airflow_provider_qrt.hooks.connection_form import CONNECTION_TYPE, DEFAULT_CONNECTION
from airflow_provider_qrt.hooks.deployment import answer_limits
from airflow_provider_qrt.jobs.cancelling import cancel_job
from airflow_provider_qrt.observability.metrics import counting_cancellations, counting_polls

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from types import TracebackType

    from airflow_provider_qrt.client.channels.base import Channel
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Program
    from airflow_provider_qrt.client.retry import RetryPolicy
    from airflow_provider_qrt.client.settings import ClientSettings
    from airflow_provider_qrt.jobs.budget import Spending
    from airflow_provider_qrt.jobs.orphans import Orphan

KILL_TIMEOUT = 2.0
"""Seconds for each request of ``on_kill``: Airflow sends SIGKILL five seconds after SIGTERM."""
KILL_PATIENCE = 3.5
"""Seconds for all cancellations of one task that is killed."""
MOST_AT_ONCE = 10
"""Cancellations under way at the same time."""

_warned_of: set[tuple[str, str | None]] = set()
"""Connections, and what this process has warned of."""


class QiskitRuntimeHook(BaseHook):
    """Gives access to one IBM Quantum instance.

    Close it when done, or use it in a ``with`` block: on the channel ``ibm_quantum`` that logs out, once no other hook
    of the process uses the login. A closed hook may be used again, and is then closed again.

    Args:
        qiskit_runtime_conn_id: The connection. Its password is the IBM Cloud API key, its ``instance`` field the CRN.

    Raises:
        InvalidSettings: On first use, if the connection lacks something; says what to put where.
    """

    conn_name_attr = "qiskit_runtime_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = CONNECTION_TYPE
    hook_name = "IBM Quantum (Qiskit Runtime)"

    def __init__(self, qiskit_runtime_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self._clients: list[QiskitRuntimeClient] = []

    def __enter__(self) -> QiskitRuntimeHook:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the clients of this hook. Nothing is raised."""
        for client in self._clients:
            try:
                client.close()
            except Exception as error:
                self.log.warning("A client could not be closed: %s", error)

    @cached_property
    def settings(self) -> ClientSettings:
        """The checked settings of the connection."""
        try:
            connection = self.get_connection(self.qiskit_runtime_conn_id)
        except AirflowNotFoundException:
            raise AirflowNotFoundException(
                f"Airflow finds no connection {self.qiskit_runtime_conn_id!r}, which qiskit_runtime_conn_id names. "
                "Create it under Admin, Connections, or correct the name. If it lives in a secrets backend that does "
                "not answer just now, a retry finds it."
            ) from None
        settings = settings_from_connection(connection, connection.extra_dejson)
        self._warn_of(settings)
        return settings

    @property
    def channel(self) -> Channel:
        """The generation of the API that the connection speaks to, with what it offers and how it differs."""
        return self.settings.generation

    def _warn_of(self, settings: ClientSettings) -> None:
        """Say once in a process that the connection's API version ends, or that others may read along."""
        from airflow_provider_qrt.client.cautions import cautions
        from airflow_provider_qrt.client.versions import sunset_warning

        for warning in (sunset_warning(settings), *cautions(settings)):
            what = (self.qiskit_runtime_conn_id, warning)
            if warning is not None and what not in _warned_of:
                _warned_of.add(what)
                self.log.warning("Connection %r: %s", self.qiskit_runtime_conn_id, warning)

    @cached_property
    def defaults(self) -> ConnectionDefaults:
        """What the connection says about the tasks that use it."""
        return ConnectionDefaults.read(
            self.qiskit_runtime_conn_id, self.get_connection(self.qiskit_runtime_conn_id).extra_dejson
        )

    @cached_property
    def client(self) -> QiskitRuntimeClient:
        """The client; the bearer token behind it is shared by the whole process."""
        return self.create_client()

    def get_conn(self) -> QiskitRuntimeClient:
        """Return :attr:`client`."""
        return self.client

    def create_client(
        self, *, retry: RetryPolicy | None = None, read_timeout: float = 60.0, shared_connections: bool = True
    ) -> QiskitRuntimeClient:
        """Build a client of its own, for a caller that wants other retries or timeouts (seconds).

        One with connections of its own is for a signal handler: it may have interrupted a use of the shared ones, whose
        lock would never be free.
        """
        from airflow_provider_qrt.client.client import QiskitRuntimeClient

        client = QiskitRuntimeClient(
            self.settings,
            retry=retry,
            read_timeout=read_timeout,
            limits=answer_limits(),
            on_request=counting_cancellations(self.qiskit_runtime_conn_id),
            shared_connections=shared_connections,
        )
        self._clients.append(client)
        return client

    @cached_property
    def submit_client(self) -> QiskitRuntimeClient:
        """The client for a task that submits: a 429 on a submission is raised at once, for the task to wait out."""
        from airflow_provider_qrt.client.retry import RetryPolicy

        return self.create_client(retry=RetryPolicy(min_submit_wait=None))

    def create_poll_client(self) -> QiskitRuntimeClient:
        """Build a client for a loop that looks at a job again and again, and judges errors itself."""
        client = poll_client(self.qiskit_runtime_conn_id, self.settings)
        self._clients.append(client)
        return client

    def describe(self) -> str:
        """Name connection, instance and region for a message; never the account."""
        return describe_connection(self.qiskit_runtime_conn_id, self.settings)

    def cancel_job_quickly(self, job_id: str, *, submitted_to: str | None = None) -> str:
        """Cancel a job with a short request, for the moment in which a task is being killed.

        Args:
            job_id: The job.
            submitted_to: Instance, region and host that it was submitted to, if known.

        Returns:
            What became of it, for the log. Nothing is raised.
        """
        try:
            return cancel_job(self._hasty_client(), job_id, submitted_to=submitted_to)
        except Exception as error:
            return self._not_done(f"Job {job_id} could not be cancelled and may still run and be charged", error)

    def cancel_jobs_quickly(self, job_ids: Sequence[str], *, submitted_to: str | None = None) -> list[str]:
        """Cancel jobs at the same time: one after the other takes too long. Otherwise as :meth:`cancel_job_quickly`."""
        from concurrent.futures import ThreadPoolExecutor, wait

        if len(job_ids) <= 1:
            return [self.cancel_job_quickly(job_id, submitted_to=submitted_to) for job_id in job_ids]
        try:
            # The token once, here: this thread may have been interrupted while it held the lock of the tokens.
            self._hasty_client().prepare()
        except Exception as error:
            return [self._not_done(f"Jobs {', '.join(job_ids)} could not be cancelled and may be charged", error)]
        pool = ThreadPoolExecutor(min(len(job_ids), MOST_AT_ONCE))
        cancelled = {
            job_id: pool.submit(self.cancel_job_quickly, job_id, submitted_to=submitted_to) for job_id in job_ids
        }
        wait(cancelled.values(), timeout=KILL_PATIENCE)
        pool.shutdown(wait=False, cancel_futures=True)
        return [
            done.result() if done.done() and not done.cancelled() else f"Job {job_id} may not have been cancelled yet."
            for job_id, done in cancelled.items()
        ]

    def cancel_tagged_jobs_quickly(self, tag: str) -> str:
        """Cancel the active job with this identity tag; otherwise as :meth:`cancel_job_quickly`."""
        try:
            client = self._hasty_client()
            found = [job.id for job in client.jobs(tags=[tag], pending=True) if tag in job.tags]
            return " ".join(cancel_job(client, job_id) for job_id in found) or "The task has no active job."
        except Exception as error:
            return self._not_done("Whether the task has an active job could not be found out", error)

    def close_batch_quickly(self, session_id: str) -> str:
        """Let a batch take no more jobs, with a short request; those in it run on. Otherwise as the above."""
        from airflow_provider_qrt.jobs.sessions import close

        try:
            closed = close(self._hasty_client(), session_id)
        except Exception as error:
            return self._not_done(f"Batch {session_id} could not be closed; it ends by itself", error)
        return f"Batch {session_id} was closed." if closed else f"Batch {session_id} has been closed already."

    def _not_done(self, what: str, error: Exception) -> str:
        """Say what could not be done; of a mistake of our own the log has the traceback too."""
        if isinstance(error, (*MISTAKES, InternalError)):
            self.log.exception(what)
        return f"{what}: {error}"

    def _hasty_client(self) -> QiskitRuntimeClient:
        from airflow_provider_qrt.client.retry import RetryPolicy

        # A second try is for an answer that came at once and was an error; waiting for one is all a timeout leaves.
        return self.create_client(
            retry=RetryPolicy(attempts=2, first_wait=0.2), read_timeout=KILL_TIMEOUT, shared_connections=False
        )

    def seconds_used(
        self, *, dag_id: str, run_id: str | None = None, window: timedelta | float | None = None
    ) -> Spending:
        """Add up the QPU seconds of the jobs that this Airflow submitted for a DAG, or for one of its runs.

        They are read from the service, which knows the jobs by their tags; there is no ledger here. A dedicated session
        counts with the time for which it held the backend, which is what is charged for it. Jobs that were deleted from
        the service are not counted, nor are those that other code submitted.

        Args:
            dag_id: The DAG.
            run_id: One of its runs; None: all.
            window: Count jobs of the last so many seconds (or a timedelta). None: all jobs of the run, or those of the
                DAG in the last 28 days.

        Returns:
            ``charged_seconds``, which is settled, ``expected_seconds`` of jobs whose bill is open, ``total``, and
            ``jobs``, how many.

        Raises:
            InvalidInput: ``dag_id`` or ``run_id`` is empty, or ``window`` is no duration.
            NotOffered: The channel has no account of the QPU time used.
            QiskitRuntimeError: If the service could not be asked.
        """
        from airflow_provider_qrt.client.channels.base import Feature
        from airflow_provider_qrt.hooks.deployment import airflow_name
        from airflow_provider_qrt.jobs.budget import add_up, jobs_of, window_start
        from airflow_provider_qrt.jobs.identity import JobIdentity
        from airflow_provider_qrt.jobs.session_use import dedicated_sessions
        from airflow_provider_qrt.primitives.errors import InvalidInput

        if not dag_id or run_id == "":
            raise InvalidInput(f"seconds_used: {'run_id' if dag_id else 'dag_id'} is empty; name one.")
        since = window_start(window, datetime.now(UTC), whole=run_id is not None)
        self.channel.require(Feature.USAGE, "seconds_used")
        identity = JobIdentity(dag_id, run_id or "", "", airflow=airflow_name())
        jobs = list(jobs_of(self.client.jobs, identity, whole_dag=run_id is None, since=since))
        return add_up(jobs, dedicated_sessions(self.client, jobs))

    def find_orphans(
        self,
        *,
        older_than: timedelta | float | str = 600.0,
        include_unknown: bool = False,
        exclude_dags: Collection[str] = (),
    ) -> list[Orphan]:
        """List jobs, sessions and batches of this Airflow on the instance that no task of it waits for any more.

        To be called in a task: Airflow is asked how its runs and tasks stand. Only what has not ended is listed. A
        session or batch is known by its jobs; one that holds none, or a job that is not this Airflow's, is left out.

        Args:
            older_than: What was created less than so many seconds ago (or a timedelta, or text such as ``"2h"``) is
                left out.
            include_unknown: List also what carries this Airflow's tags but cannot be told to belong to a task or not;
                it is marked with ``certain=False``.
            exclude_dags: DAGs to leave out, such as one whose jobs are meant to outlive its runs.

        Raises:
            InvalidInput: If ``older_than`` is no duration.
            AirflowUnavailable: If Airflow gave no answer, or this is not called in a task.
            NotOffered: On a channel without tags or without a list of workloads.
            QiskitRuntimeError: If the service could not be asked.
        """
        from airflow_provider_qrt.hooks.orphans import find_orphans

        return find_orphans(
            self.client,
            older_than=older_than,
            include_unknown=include_unknown,
            exclude_dags=exclude_dags,
            log=self.log.warning,
        )

    def list_programs(self) -> list[Program]:
        """List the programs that the service can run: ids on the channel ``ibm_quantum``, details on ``api_token``.

        Raises:
            NotOffered: On the other channels, which have no such list.
            QiskitRuntimeError: If the service could not be asked.
        """
        return self.client.programs()

    def get_program(self, program_id: str) -> Program:
        """Read one of :meth:`list_programs`.

        Raises:
            NoSuchProgram: If the service has none of this id; says which it has.
            NotOffered: See :meth:`list_programs`.
            QiskitRuntimeError: See there.
        """
        return self.client.program(program_id)

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection and say which rights it proved. Submits nothing.

        Returns:
            Whether it can be used, and what was found.
        """
        from airflow_provider_qrt.hooks.connection_test import try_connection

        try:
            with self.create_client() as client:
                found = try_connection(client)
        except Exception as error:
            # The form tries a connection under a name that nobody has given it.
            return False, str(error).removeprefix(f"Connection {self.qiskit_runtime_conn_id!r}: ")
        return True, found


def describe_connection(conn_id: str, settings: ClientSettings) -> str:
    """Name connection, instance and region for a message; never the account."""
    return f"connection {conn_id!r} ({settings.place})"


def poll_client(conn_id: str, settings: ClientSettings) -> QiskitRuntimeClient:
    """Build a client that never retries by itself: whoever polls decides what an error means."""
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.retry import RetryPolicy

    return QiskitRuntimeClient(
        settings, retry=RetryPolicy(attempts=1), limits=answer_limits(), on_request=counting_polls(conn_id)
    )
