"""The hook: turns an Airflow connection into a client of the Qiskit Runtime REST API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook

from airflow_provider_qrt.hooks.connection_names import CONNECTION_TYPE, DEFAULT_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from types import TracebackType

    from airflow_provider_qrt.client.channels.base import Channel
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Program
    from airflow_provider_qrt.client.retry import RetryPolicy
    from airflow_provider_qrt.client.settings import ClientSettings
    from airflow_provider_qrt.hooks.connection_defaults import ConnectionDefaults
    from airflow_provider_qrt.jobs.budget.spending import Spending
    from airflow_provider_qrt.jobs.orphans.finding import Orphan

__all__ = ["QiskitRuntimeHook"]

KILL_TIMEOUT = 2.0
"""Seconds for each request of ``on_kill``: Airflow sends SIGKILL five seconds after SIGTERM."""
KILL_PATIENCE = 3.5
"""Seconds for all cancellations of one killed task."""
MOST_AT_ONCE = 10
"""Maximum number of concurrent cancellations."""

_warned_of: set[tuple[str, str | None]] = set()
"""Connections and warnings that this process has already logged."""


class QiskitRuntimeHook(BaseHook):
    """Gives access to one IBM Quantum instance.

    Close it when done, or use it in a ``with`` block: on the channel ``ibm_quantum`` this logs out, unless another hook
    of the process uses the login. A closed hook may be used again, and must then be closed again.

    Args:
        qiskit_runtime_conn_id: The connection. Its password is the IBM Cloud API key, its ``instance`` field the CRN.

    Raises:
        InvalidSettingsError: On first use, if the connection is incomplete; says what to enter where.
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
        """Close the clients of this hook. Errors are only logged."""
        for client in self._clients:
            try:
                client.close()
            except Exception as error:
                self.log.warning("A client could not be closed: %s", error)

    @cached_property
    def settings(self) -> ClientSettings:
        """The validated settings of the connection."""
        from airflow_provider_qrt.hooks.connection import settings_from_connection

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
        """The API generation of the connection, with its features and differences."""
        return self.settings.generation

    def _warn_of(self, settings: ClientSettings) -> None:
        """Warn once per process that the connection's API version ends, or that the connection is insecure."""
        from airflow_provider_qrt.client.cautions import cautions
        from airflow_provider_qrt.client.versions import sunset_warning

        for warning in (sunset_warning(settings), *cautions(settings)):
            what = (self.qiskit_runtime_conn_id, warning)
            if warning is not None and what not in _warned_of:
                _warned_of.add(what)
                self.log.warning("Connection %r: %s", self.qiskit_runtime_conn_id, warning)

    @cached_property
    def defaults(self) -> ConnectionDefaults:
        """The connection's defaults for the tasks that use it."""
        from airflow_provider_qrt.hooks.connection_defaults import ConnectionDefaults

        return ConnectionDefaults.read(
            self.qiskit_runtime_conn_id, self.get_connection(self.qiskit_runtime_conn_id).extra_dejson
        )

    @cached_property
    def client(self) -> QiskitRuntimeClient:
        """The client; all clients of the process share the bearer token."""
        return self.create_client()

    def get_conn(self) -> QiskitRuntimeClient:
        """Return :attr:`client`."""
        return self.client

    def create_client(
        self, *, retry: RetryPolicy | None = None, read_timeout: float = 60.0, shared_connections: bool = True
    ) -> QiskitRuntimeClient:
        """Build a separate client, for a caller that needs other retries or timeouts (seconds).

        A signal handler needs a client without shared connections: it may have interrupted their use, and their lock
        would never be released.
        """
        from airflow_provider_qrt.client.client import QiskitRuntimeClient
        from airflow_provider_qrt.config import answer_limits
        from airflow_provider_qrt.observability.metrics import counting_cancellations

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
        """The client for submissions: a 429 on a submission is raised at once, and the task waits."""
        from airflow_provider_qrt.client.retry import RetryPolicy

        return self.create_client(retry=RetryPolicy(min_submit_wait=None))

    def create_poll_client(self) -> QiskitRuntimeClient:
        """Build a client for a polling loop, which handles errors itself."""
        client = poll_client(self.qiskit_runtime_conn_id, self.settings)
        self._clients.append(client)
        return client

    def describe(self) -> str:
        """Return connection, instance and region for a message; never the account."""
        return describe_connection(self.qiskit_runtime_conn_id, self.settings)

    def cancel_job_quickly(self, job_id: str, *, submitted_to: str | None = None) -> str:
        """Cancel a job with a short request, while a task is being killed.

        Args:
            job_id: The job.
            submitted_to: Instance, region and host that it was submitted to, if known.

        Returns:
            The outcome, for the log. Nothing is raised.
        """
        try:
            from airflow_provider_qrt.jobs.cancel import cancel_job

            return cancel_job(self._hasty_client(), job_id, submitted_to=submitted_to)
        except Exception as error:
            return self._not_done(f"Job {job_id} could not be cancelled and may still run and be charged", error)

    def cancel_jobs_quickly(self, job_ids: Sequence[str], *, submitted_to: str | None = None) -> list[str]:
        """Cancel jobs concurrently, since one by one takes too long; otherwise like :meth:`cancel_job_quickly`."""
        from concurrent.futures import ThreadPoolExecutor, wait

        if len(job_ids) <= 1:
            return [self.cancel_job_quickly(job_id, submitted_to=submitted_to) for job_id in job_ids]
        try:
            # Get the token in this thread: it may have been interrupted while it held the token lock.
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
        """Cancel the active job with this identity tag; otherwise like :meth:`cancel_job_quickly`."""
        try:
            from airflow_provider_qrt.jobs.cancel import cancel_job

            client = self._hasty_client()
            found = [job.id for job in client.jobs(tags=[tag], pending=True) if tag in job.tags]
            return " ".join(cancel_job(client, job_id) for job_id in found) or "The task has no active job."
        except Exception as error:
            return self._not_done("Whether the task has an active job could not be found out", error)

    def close_batch_quickly(self, session_id: str) -> str:
        """Close a batch with a short request; its jobs still run. Otherwise like :meth:`cancel_job_quickly`."""
        return self.close_session_quickly(session_id, kind="Batch")

    def close_session_quickly(self, session_id: str, *, kind: str = "Session") -> str:
        """Close a session with a short request; its jobs still run. Otherwise like :meth:`cancel_job_quickly`."""
        try:
            from airflow_provider_qrt.jobs.sessions.opening import close

            closed = close(self._hasty_client(), session_id)
        except Exception as error:
            return self._not_done(f"{kind} {session_id} could not be closed; it ends by itself", error)
        return f"{kind} {session_id} was closed." if closed else f"{kind} {session_id} has been closed already."

    def _not_done(self, what: str, error: Exception) -> str:
        """Describe what could not be done; for a bug of our own, also log the traceback."""
        from airflow_provider_qrt.client.errors import MISTAKES, InternalError

        if isinstance(error, (*MISTAKES, InternalError)):
            self.log.exception(what)
        return f"{what}: {error}"

    def _hasty_client(self) -> QiskitRuntimeClient:
        from airflow_provider_qrt.client.retry import RetryPolicy

        # The second attempt is only for errors that are returned quickly: after a timeout there is no time left.
        return self.create_client(
            retry=RetryPolicy(attempts=2, first_wait=0.2), read_timeout=KILL_TIMEOUT, shared_connections=False
        )

    def seconds_used(
        self, *, dag_id: str, run_id: str | None = None, window: timedelta | float | None = None
    ) -> Spending:
        """Add up the QPU seconds of the jobs that this Airflow submitted for a DAG, or for one of its runs.

        The jobs are found at the service by their tags; nothing is recorded locally. A dedicated session counts with
        the time for which it held the backend, since that is what is charged. Jobs that were deleted from the service,
        or that other code submitted, are not counted.

        Args:
            dag_id: The DAG.
            run_id: One of its runs; None means all.
            window: Count jobs of the last seconds (or timedelta). None: all jobs of the run, or those of the DAG in the
                last 28 days.

        Returns:
            ``charged_seconds``, which are settled, ``expected_seconds`` of jobs that are not settled yet, ``total``,
            and ``jobs``, the number of jobs.

        Raises:
            InvalidInputError: ``dag_id`` or ``run_id`` is empty, or ``window`` is not a duration.
            NotOfferedError: The channel does not report usage.
            QiskitRuntimeError: If the request to the service failed.
        """
        from airflow_provider_qrt.client.channels.base import Feature
        from airflow_provider_qrt.hooks.airflow_name import airflow_name
        from airflow_provider_qrt.jobs.budget.spending import add_up, jobs_of, window_start
        from airflow_provider_qrt.jobs.sessions.usage import dedicated_sessions
        from airflow_provider_qrt.jobs.submit.identity import JobIdentity
        from airflow_provider_qrt.primitives.errors import InvalidInputError

        if not dag_id or run_id == "":
            raise InvalidInputError(f"seconds_used: {'run_id' if dag_id else 'dag_id'} is empty; name one.")
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
        """List jobs, sessions and batches of this Airflow on the instance that none of its tasks waits for any more.

        Call it in a task: it asks Airflow for the states of runs and tasks. Only active jobs and sessions are listed. A
        session or batch is identified by its jobs; it is left out if it has none, or any that are not this Airflow's.

        Args:
            older_than: Leave out what was created less than this many seconds ago (or a timedelta, or text such as
                ``"2h"``).
            include_unknown: Also list what has this Airflow's tags, but cannot be attributed to a task; it is marked
                with ``certain=False``.
            exclude_dags: DAGs to leave out, such as one whose jobs are meant to outlive its runs.

        Raises:
            InvalidInputError: If ``older_than`` is not a duration.
            AirflowUnavailableError: If Airflow did not answer, or this is not called in a task.
            NotOfferedError: On a channel without tags or without a list of workloads.
            QiskitRuntimeError: If the request to the service failed.
        """
        from airflow_provider_qrt.hooks.orphans import find_orphans

        return find_orphans(
            self.client,
            older_than=older_than,
            include_unknown=include_unknown,
            exclude_dags=exclude_dags,
        )

    def list_programs(self) -> list[Program]:
        """List the programs that the service can run: ids on the channel ``ibm_quantum``, details on ``api_token``.

        Raises:
            NotOfferedError: On the other channels, which have no such list.
            QiskitRuntimeError: If the request to the service failed.
        """
        return self.client.programs()

    def get_program(self, program_id: str) -> Program:
        """Return one of :meth:`list_programs`.

        Raises:
            NoSuchProgramError: If the service has no program with this id; names those it has.
            NotOfferedError: See :meth:`list_programs`.
            QiskitRuntimeError: See there.
        """
        return self.client.program(program_id)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the fields of the connection form. Airflow 3.2 and newer read them from the provider's metadata."""
        from airflow_provider_qrt.hooks.form_widgets import connection_form_widgets

        return connection_form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the form shows Airflow's own fields, as :meth:`get_connection_form_widgets`."""
        from airflow_provider_qrt.hooks.form_widgets import ui_field_behaviour

        return ui_field_behaviour()

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection and report its rights. Submits nothing.

        Returns:
            Whether the connection can be used, and a description of the result.
        """
        from airflow_provider_qrt.hooks.connection_test import try_connection

        try:
            with self.create_client() as client:
                found = try_connection(client)
        except Exception as error:
            # The form tests the connection under a temporary id, which must not be shown.
            return False, str(error).removeprefix(f"Connection {self.qiskit_runtime_conn_id!r}: ")
        return True, found


def describe_connection(conn_id: str, settings: ClientSettings) -> str:
    """Return connection, instance and region for a message; never the account."""
    return f"connection {conn_id!r} ({settings.place})"


def poll_client(conn_id: str, settings: ClientSettings) -> QiskitRuntimeClient:
    """Build a client that never retries by itself, since the polling code handles errors."""
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.retry import RetryPolicy
    from airflow_provider_qrt.config import answer_limits
    from airflow_provider_qrt.observability.metrics import counting_polls

    return QiskitRuntimeClient(
        settings, retry=RetryPolicy(attempts=1), limits=answer_limits(), on_request=counting_polls(conn_id)
    )
