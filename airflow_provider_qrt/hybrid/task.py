"""A hybrid loop as an Airflow task: its journal in the task's state, its waits in the triggerer, its end."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.compat import TaskDeferralError
from airflow_provider_qrt.config import refusal_patience
from airflow_provider_qrt.execution.cancel_note import CancelNote
from airflow_provider_qrt.execution.context import (
    StoreAfterFiles,
    clear_number_of,
    identity_of,
    map_index_of,
    task_store,
)
from airflow_provider_qrt.execution.failure import JobUnreadError, no_retry_for_permanent_errors
from airflow_provider_qrt.execution.leg import DEFERRAL_MARGIN
from airflow_provider_qrt.execution.superseded import Standing, standing_of, will_retry
from airflow_provider_qrt.execution.task import link_key
from airflow_provider_qrt.execution.task_jobs import FETCH, TaskJobs, add_to_message
from airflow_provider_qrt.execution_timeout import earlier, execution_deadline
from airflow_provider_qrt.hybrid.errors import AnswerTooLargeError, CallFailedError, CallUnreadError, HybridError
from airflow_provider_qrt.hybrid.files import JournalFiles
from airflow_provider_qrt.hybrid.inputs import Inputs
from airflow_provider_qrt.hybrid.journal import HEAD_KEY, MOST_STORED, Journal
from airflow_provider_qrt.hybrid.loop import Loop
from airflow_provider_qrt.hybrid.machine import LoopLimits, LoopPreparation, Machine
from airflow_provider_qrt.hybrid.parts import CallRules, LoopParts
from airflow_provider_qrt.hybrid.qpu import Qpu
from airflow_provider_qrt.hybrid.running import make_rng
from airflow_provider_qrt.hybrid.slots import Slots
from airflow_provider_qrt.hybrid.turn import Turn
from airflow_provider_qrt.hybrid.waiting import Waiting
from airflow_provider_qrt.jobs.errors import JobGoneError
from airflow_provider_qrt.jobs.sessions.opening import SessionOpener, SessionRecord, close
from airflow_provider_qrt.jobs.submit.rate import pause_before_submission
from airflow_provider_qrt.jobs.submit.submitter import JobSubmitter
from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
from airflow_provider_qrt.links.qiskit_runtime import job_url
from airflow_provider_qrt.storage.records import Place, TaskFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_qrt.execution.task import DeferrableTask
    from airflow_provider_qrt.hybrid.arguments import HybridArguments
    from airflow_provider_qrt.jobs.errors import SubmissionRateLimitedError
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob
    from airflow_provider_qrt.jobs.submit.record import StateStore

log = logging.getLogger(__name__)

XCOM_KEY = "qiskit_runtime_loop"
"""The XCom with the calls of a loop that has ended."""
UNREAD = (JobUnreadError, TaskDeferralError, errors.InternalError, *errors.MISTAKES)
"""Errors that say nothing about a job, so that it is left running."""


class UnreadForGoodError(AirflowFailException):
    """Nobody will be able to say how a job stands, and it goes on elsewhere. It is not cancelled."""


class HybridTask:
    """One leg of a task with a loop: from its start, or its return from the triggerer, to its end there.

    Args:
        operator: With its templates rendered.
        arguments: Read from it.
        context: Airflow's.
        is_stopped: Whether the task has been told to stop before this leg began.
    """

    def __init__(
        self, operator: DeferrableTask, arguments: HybridArguments, context: Context, *, is_stopped: bool = False
    ) -> None:
        self._operator = operator
        self._arguments = arguments
        self._context = context
        self._ti: Any = context["ti"]
        self._hook = operator.hook
        self._has_begun = False
        self._is_stopped = is_stopped
        self._defers = False
        self._refused_since: float | None = None
        self._open_session: str | None = None
        self._noted: list[str] = []
        self.jobs = TaskJobs(
            operator.hook, [], durable=True, cancel_on_kill=arguments.cancel_on_kill, how_to_go_on=FETCH
        )

    @cached_property
    def _place(self) -> Place:
        return Place(self._ti.dag_id, self._ti.run_id, self._ti.task_id, map_index_of(self._ti))

    @cached_property
    def _store(self) -> StateStore:
        """Where the task keeps its journal.

        Raises:
            AirflowFailException: This Airflow keeps no state, and there is no ``journal_path``.
        """
        store, path = task_store(self._context), self._arguments.path
        files = None if path is None else TaskFiles(path, self._place, str(self._ti.id))
        if store is not None:
            if files is None or not files.is_there():
                return store
            # Of a try on an Airflow without a store.
            files.begin()
            return StoreAfterFiles(store, files)
        if files is None:
            raise AirflowFailException(
                "journal_path: this Airflow keeps no state of tasks across tries, so the loop needs a folder for its "
                "journal that all workers reach: journal_path='s3://...' or a shared folder. Or set [qiskit_runtime] "
                "record_path, or use Airflow 3.3 or newer. Nothing was submitted."
            )
        files.begin()
        return files

    @cached_property
    def _journal(self) -> Journal:
        path = self._arguments.path
        files = None if path is None else JournalFiles(f"{path.rstrip('/')}/{self._place.folder()}")
        return Journal(
            self._store,
            files,
            max_tries=self._ti.max_tries,
            clear_number=clear_number_of(self._context),
            try_number=self._ti.try_number,
        )

    @cached_property
    def _machine(self) -> Machine:
        arguments, hook = self._arguments, self._hook
        preparation = LoopPreparation(
            hook,
            identity_of(self._ti),
            arguments.criteria,
            arguments.own_budget or hook.defaults.budget,
            lambda request, _: request,
        )
        preparation.used = lambda: self._journal.seconds + sum(self._parts.expected.values())
        opener = None
        if arguments.session_mode is not None:
            opener = SessionOpener(
                hook.client,
                max_tries=self._ti.max_tries,
                store=self._store,
                connection=arguments.qiskit_runtime_conn_id,
                keep_open=not arguments.cancel_on_kill,
            )
        return Machine(
            hook,
            preparation,
            self._journal,
            backend=arguments.backend_name(),
            mode=arguments.session_mode,
            max_ttl=arguments.ttl_seconds,
            opener=opener,
            opened=lambda session_id: self._ti.xcom_push("session_id", session_id),
        )

    @cached_property
    def _parts(self) -> LoopParts:
        arguments, journal = self._arguments, self._journal
        return LoopParts(
            journal,
            Slots(self._store, journal.head.run, journal.head.drops, lambda number: journal.find(number) is not None),
            self._machine,
            LoopLimits(arguments.most_jobs, arguments.most_seconds),
            CallRules(
                arguments.job_tags,
                arguments.job_seconds,
                arguments.private,
                arguments.cancel_on_timeout,
                arguments.cancel_on_kill,
            ),
            Waiting(
                self._hook,
                arguments.poll_seconds,
                arguments.timeout_seconds,
                arguments.defer_seconds,
                self._defer if arguments.deferrable else None,
                self.jobs.sleep,
            ),
            self._submitter,
            self.jobs,
            Turn(arguments.timeout_seconds, self.jobs.sleep, self._leave_until_turn, self._refused_since),
            self._submitted,
        )

    # What the operator calls

    def run(self, function: Callable[[Qpu], Any], event: Any = None, since: float | None = None) -> Any:
        """Run the function from its start, and return what it returns.

        Args:
            function: Takes the QPU.
            event: The trigger's, when the task returns from the triggerer.
            since: Epoch seconds since when the service refuses submissions, when the task has waited for that there.
        """
        self._refused_since = since
        with self._settle_on_error():
            # Settings before anything else: without a connection there is nothing to run.
            _ = self._hook.settings
            parts = self._begin()
            if isinstance(event, Mapping) and "ending" in event:
                parts.waiting.event = outcome = WaitOutcome.from_event(event)
                parts.returned = frozenset([outcome.job_id, *(outcome.completed or ())])
            loop = Loop(parts, self._arguments.on_divergence)
            room = None if self._journal.has_files else MOST_STORED // 4 * 3
            inputs = Inputs(self._hook.client, self._machine.snapshots, room)
            qpu = Qpu(loop, inputs, lambda: make_rng(identity_of(self._ti)))
            returned = function(qpu)
            loop.end()
            self._ti.xcom_push(XCOM_KEY, self.manifest())
            self._close_session()
            return returned

    def fail(self, error: Exception) -> NoReturn:
        """End a task whose trigger failed, or which Airflow gave up while it waited.

        Raises:
            Exception: The error.
        """
        with self._settle_on_error():
            self._begin()
            raise error
        raise AssertionError("unreachable")

    def kill(self) -> None:
        """Cancel what is under way and close the session, unless nobody has stopped the task; see ``Leg.kill``."""
        if not self._has_begun:
            # What is under way is not known yet, and a signal may have interrupted the question of what it is.
            self._is_stopped = True
            return
        standing = standing_of(self._ti, self._store, key=HEAD_KEY)
        if standing is Standing.REPLACED:
            log.info("Another try of this task has taken over: its loop goes on there.")
            self.jobs.settled = self.jobs.killed = True
        elif self._defers and standing is not Standing.STOPPED:
            log.info("The task waits for a job in the triggerer; the end of this process does not stop it.")
        elif standing in (Standing.RUNNING, Standing.UNKNOWN) and will_retry(self._ti):
            log.warning("Airflow does not say that this task was stopped, so its loop is left to the retry.")
            self.jobs.leaving = True
        else:
            self.jobs.kill()
            self._close_session_quickly()

    def _begin(self) -> LoopParts:
        """Find what earlier legs and tries have left: jobs that are under way, and the session.

        Raises:
            AirflowException: The task was stopped meanwhile.
        """
        parts = self._parts
        parts.attach()
        record = SessionRecord.read(self._store) if self._machine.has_session else None
        if record is not None and record.max_tries == self._ti.max_tries:
            self._open_session = record.session_id
        self._has_begun = True
        if self._is_stopped:
            self.kill()
            self.jobs.stop_if_killed()
        self._noted = [handle.record.tag for handle in self.jobs.handles if handle.record is not None]
        # The XComs of earlier tries are gone.
        if self._noted:
            self._push_note()
        if self._open_session is not None:
            self._ti.xcom_push("session_id", self._open_session)
        return parts

    def note_delivery(self) -> None:
        """Note that Airflow has what the function returned: clearing the task from now on begins anew."""
        self._journal.finish()

    def manifest(self) -> dict[str, Any]:
        """Return the calls of the loop with their jobs, as plain JSON."""
        journal = self._journal
        return {
            "calls": [
                {
                    "number": entry.call.number,
                    "kind": entry.call.kind,
                    "name": entry.call.name,
                    "job_ids": [job.id for job in entry.jobs],
                    "seconds": entry.seconds,
                    "shown": entry.shown,
                }
                for entry in journal.entries
            ],
            "jobs": self._parts.submitted_jobs,
            "seconds": self._parts.seconds,
            "backend": journal.head.backend,
        }

    # How

    @contextmanager
    def _settle_on_error(self) -> Iterator[None]:
        """When the task fails, see to what is under way, and say in the error what becomes of it."""
        try:
            with no_retry_for_permanent_errors(self._hook.describe), _told_to_airflow(), self._retry_of_refusals():
                yield
        except Exception as error:
            for_good = not will_retry(self._ti) or isinstance(error, AirflowFailException | AirflowSkipException)
            is_gone = isinstance(error.__context__, JobGoneError)
            is_unread = is_gone or isinstance(error, (*UNREAD, UnreadForGoodError))
            settle = self.jobs.leave if is_unread else self.jobs.settle
            add_to_message(error, settle(for_good=for_good))
            if for_good and self._has_begun and not self.jobs.killed:
                self._end_for_good()
            raise
        finally:
            self._hook.close()

    @contextmanager
    def _retry_of_refusals(self) -> Iterator[None]:
        """Leave a loop to its retries when the service refuses access, if there is something to lose.

        Raises:
            AirflowException: In place of the refusal.
        """
        try:
            yield
        except (errors.UnauthorizedError, errors.ForbiddenError, errors.NotFoundError) as error:
            if not self._journal.entries and not any(handle.name for handle in self.jobs.handles):
                raise
            raise AirflowException(
                f"{error} Asked with {self._hook.describe()}. A retry goes on with the loop; a clear begins it anew."
            ) from error

    def _end_for_good(self) -> None:
        """Keep what the loop has measured where people find it, and close its session. Nothing is raised."""
        try:
            self._ti.xcom_push(XCOM_KEY, self.manifest())
        except Exception as error:
            log.warning(
                "The calls of the loop could not be written to XCom: %s: %s",
                type(error).__name__,
                error,
                exc_info=isinstance(error, errors.MISTAKES),
            )
        self._close_session_quickly()

    def _close_session(self) -> None:
        try:
            if (session_id := self._session_id()) is not None and close(self._hook.client, session_id):
                log.info("Closed session %s.", session_id)
            self._forget_session()
        except errors.QiskitRuntimeError as error:
            # The function has returned: its value is worth more than an open session, which ends by itself.
            log.warning("The session could not be closed; it ends by itself: %s", error)

    def _close_session_quickly(self) -> None:
        # Nothing may be asked of Airflow here: a signal may have interrupted just that.
        if (session_id := self._session_id()) is not None:
            log.info(self._hook.close_session_quickly(session_id))
            self._forget_session()

    def _session_id(self) -> str | None:
        """Return the session of the loop: the one that this leg has used, or the one that an earlier one has opened."""
        return self._machine.session_id or self._open_session

    def _forget_session(self) -> None:
        self._machine.session_id = self._open_session = None

    def _submitter(self, name: str, store: StateStore) -> JobSubmitter:
        ti, arguments = self._ti, self._arguments
        return JobSubmitter(
            self._hook.submit_client,
            replace(identity_of(ti), part=name),
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            clear_number=clear_number_of(self._context),
            connection=arguments.qiskit_runtime_conn_id,
            store=store,
            cancel_replaced=arguments.cancel_on_kill,
            may_outlive_task=not arguments.cancel_on_kill,
            patience=refusal_patience(),
            before_submission=self._note_submission,
        )

    def _note_submission(self, tag: str) -> None:
        """Leave in XCom what is needed to cancel the task's jobs when the task is gone."""
        under_way = {handle.record.tag for handle in self.jobs.handles if handle.record is not None}
        self._noted = [*(one for one in self._noted if one in under_way), tag]
        self._push_note()

    def _push_note(self) -> None:
        arguments = self._arguments
        note = CancelNote(arguments.qiskit_runtime_conn_id, self._noted, arguments.cancel_on_kill, by_tag=True)
        note.push(self._ti)

    def _submitted(self, job: ObtainedJob) -> None:
        """Make the first job of a leg known, for the link of the task."""
        if not self._operator.job_url:
            self._publish(job)

    def _publish(self, job: ObtainedJob) -> None:
        self._operator.job_url = job_url(self._hook.settings.base_url, job.job_id)
        self._ti.xcom_push("job_id", job.job_id)
        self._ti.xcom_push(link_key(self._operator), self._operator.job_url)

    def _defer(self, obtained: Sequence[ObtainedJob], submitted_at: float, deadline: float) -> NoReturn:
        """Leave the worker until the jobs of a call have ended."""
        from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

        arguments = self._arguments
        deadline = earlier(deadline, execution_deadline(self._operator, self._context))
        # The trigger cancels its job when the task is stopped only if the task has published that job.
        self._publish(obtained[0])
        first, *more = waited = [job.job_id for job in obtained]
        self._defers = True
        self._operator.defer(
            trigger=QiskitRuntimeJobTrigger(
                job_id=first,
                more_job_ids=more,
                qiskit_runtime_conn_id=arguments.qiskit_runtime_conn_id,
                submitted_at=submitted_at,
                deadline=deadline,
                poll_interval=arguments.poll_seconds,
                cancel_on_kill=arguments.cancel_on_kill,
                cancel_on_timeout=arguments.cancel_on_timeout,
                submitted_to=obtained[0].record.place if obtained[0].record is not None else None,
                session_id=self._session_id(),
                also_cancel=[job_id for job_id in self.jobs.job_ids if job_id not in waited],
            ),
            method_name="execute_loop",
            timeout=timedelta(seconds=max(0.0, deadline - time.time()) + arguments.poll_seconds + DEFERRAL_MARGIN),
        )

    def _leave_until_turn(self, full: SubmissionRateLimitedError, pause: float, since: float) -> None:
        """Leave the worker after a 429, unless the pause is short, or there are jobs that nobody would wait for."""
        arguments = self._arguments
        if not arguments.deferrable or pause <= arguments.defer_seconds or self.jobs.job_ids:
            return
        from airflow_provider_qrt.triggers.submission import QiskitRuntimeSubmissionTrigger

        self._defers = True
        deadline = earlier(since + arguments.timeout_seconds, execution_deadline(self._operator, self._context))
        self._operator.defer(
            trigger=QiskitRuntimeSubmissionTrigger(
                qiskit_runtime_conn_id=arguments.qiskit_runtime_conn_id,
                not_before=time.time() + pause_before_submission(full.retry_after, 0, random.Random()),  # noqa: S311
                session_id=self._session_id(),
                cancel_on_kill=arguments.cancel_on_kill,
            ),
            method_name="execute_loop",
            kwargs={"since": since},
            timeout=timedelta(seconds=max(0.0, deadline - time.time()) + DEFERRAL_MARGIN),
        )


@contextmanager
def _told_to_airflow() -> Iterator[None]:
    """Turn the errors of the loop into those by which Airflow decides on a retry."""
    try:
        yield
    except AnswerTooLargeError as error:
        # The job is kept: a retry after a change of the DAG file reads its answer.
        raise AirflowException(str(error)) from error
    except CallUnreadError as error:
        raise (UnreadForGoodError if error.is_for_good else JobUnreadError)(str(error)) from error
    except CallFailedError as error:
        raise (AirflowException if error.retry_can_help else AirflowFailException)(str(error)) from error
    except HybridError as error:
        raise AirflowFailException(str(error)) from error
