"""One run of a loop's function: the numbers of its calls, and what the journal says of each."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.hybrid.calls import JobCall
from airflow_provider_qrt.hybrid.errors import DivergenceError, HybridError, NestedCallError
from airflow_provider_qrt.hybrid.journal import Call, Entry
from airflow_provider_qrt.hybrid.outline import outline
from airflow_provider_qrt.hybrid.slots import jobs_of
from airflow_provider_qrt.hybrid.values import from_json, to_json
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord

if TYPE_CHECKING:
    from airflow_provider_qrt.hybrid.inputs import CallInput
    from airflow_provider_qrt.hybrid.parts import LoopParts
    from airflow_provider_qrt.hybrid.reading import OnDivergence
    from airflow_provider_qrt.hybrid.slots import CallStore

log = logging.getLogger(__name__)


class Loop:
    """Makes the calls of a function, each once.

    Args:
        parts: What the calls share.
        on_divergence: What to do when a call differs from the one that was made in its place before: ``fail``, or
            ``continue``, which drops the rest of the journal.
    """

    def __init__(self, parts: LoopParts, on_divergence: OnDivergence) -> None:
        self.parts = parts
        self._on_divergence = on_divergence
        self._number = 0
        self._open: list[JobCall] = []
        self._failure: BaseException | None = None
        self._step: Call | None = None
        self._began = time.time()
        self._replayed = 0
        self._received: set[int] = set()
        if parts.journal.was_cleared:
            log.info("The task was cleared, so its loop begins anew.")
        self._withdraw_left_behind()

    @property
    def number(self) -> int:
        """Number of the last call."""
        return self._number

    @property
    def seconds_used(self) -> float:
        """QPU seconds of the calls whose answers the function has received, which are the same in each run of it."""
        return sum(entry.seconds for entry in self.parts.journal.entries if entry.call.number in self._received)

    def check_not_in_step(self, what: str) -> None:
        """See that no step is running.

        Args:
            what: Names what is refused.

        Raises:
            NestedCallError: One is.
        """
        if self._step is not None:
            raise NestedCallError(
                f"{str(self._step).capitalize()} uses {what}. A retry does not run the step again, so everything after "
                "it would differ. Use the QPU and its generator outside of steps, and pass what they give to the step."
            )

    def job(self, name: str | None, make: Callable[[], CallInput]) -> JobCall:
        """Return the next call, which runs jobs; they are submitted unless the journal has its answer.

        Args:
            name: The user's name of it, or None.
            make: Returns what it asks for.
        """
        self._check()
        self.check_not_in_step("the QPU")
        asked = make()
        try:
            call, entry, is_known = self._next(asked.kind, name, asked.given, with_texts=asked.has_texts)
            made = JobCall(self.parts, call, asked, entry, is_known=is_known)
            self._open.append(made)
            made.submit()
        except BaseException as error:
            # A deferral too: calls of a finally block must not submit anything.
            self._failure = error
            raise
        return made

    def result_of(self, made: JobCall) -> Any:
        """Return the answer of a call; see :meth:`JobCall.result`."""
        if not made.is_done:
            self._check()
        try:
            answer = made.result()
        except BaseException as error:
            self._failure = error
            raise
        if made in self._open:
            self._open.remove(made)
        self._received.add(made.call.number)
        return answer

    def step(self, kind: str, name: str | None, given: Mapping[str, Any], function: Callable[[], Any]) -> Any:
        """Return what a function returned the first time; call it if the journal does not have that.

        Args:
            kind: ``step`` or ``now``.
            name: Of the step.
            given: What it was given, as JSON.
            function: Makes the value.

        Raises:
            NotKeepableError: The value is of a kind that the journal cannot keep.
            NestedCallError: A step is running.
        """
        self._check()
        self.check_not_in_step("another step" if kind == "step" else "the clock")
        try:
            call, entry, _ = self._next(kind, name, given, with_texts=False)
            if entry is None:
                value = to_json(self._run(call, function), f"the value of {call}")
                answer = json.dumps(value).encode()
                entry = self.parts.journal.keep(Entry(call, {}, ended_at=time.time()), answer)
                if kind == "step":
                    log.info("%s is done.", str(call).capitalize())
        except HybridError as error:
            self._failure = error
            raise
        # Also the first time: a retry gets the same value.
        return from_json(json.loads(self.parts.journal.answer_of(entry)))

    def end(self) -> None:
        """See that the function has not gone on after a failure, and give up jobs that it never asked the answer of.

        Raises:
            Exception: The failure that the function has suppressed.
        """
        self._check()
        for made in [made for made in self._open if not made.is_done]:
            log.warning(
                "The function returned and never asked for the answer of %s, so its job is given up. Call result() on "
                "what submit_sample() and submit_estimate() return.",
                made.call,
            )
            made.give_up()
        for store in self.parts.slots.calls_from(self._number + 1):
            log.warning("The function made %s in an earlier try, but not in this one.", store.call)
            self._withdraw_attached(store)
        journal = self.parts.journal
        log.info(
            "The loop is done: %s calls, of which %s were in the journal, %s jobs, %.1f s of QPU time, %.0f s in this "
            "try.",
            self._number,
            self._replayed,
            self.parts.submitted_jobs,
            journal.seconds,
            time.time() - self._began,
        )

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self, call: Call, function: Callable[[], Any]) -> Any:
        self._step = call
        try:
            return function()
        finally:
            self._step = None

    def _withdraw_left_behind(self) -> None:
        """Cancel jobs of before a clear, and of a course that was dropped, as far as they may be under way."""
        left, journal = self.parts.slots.left_behind, self.parts.journal
        done = {run: journal.jobs_of_run(run) for run in {store.run for store in left} - {journal.head.run}}
        for store in left:
            try:
                self._withdraw(store, done.get(store.run, set()))
            except (errors.UnauthorizedError, errors.ForbiddenError) as error:
                log.warning(
                    "An earlier job of %s may still run and be charged: it could not be read. %s", store.call, error
                )

    def _withdraw_attached(self, store: CallStore) -> None:
        """Cancel the jobs of a call that an earlier leg or try has made, and that this one does not."""
        self._withdraw(store)
        for name, _ in jobs_of(store):
            self.parts.forget(name)

    def _withdraw(self, store: CallStore, done: Collection[str] = ()) -> None:
        """Cancel the jobs of a call that is not made any more.

        Args:
            store: Of the call.
            done: The ids of jobs that have completed.
        """
        bought = 0
        for name, own in jobs_of(store):
            record = SubmissionRecord.read(own)
            if record is not None and record.job_id in done:
                continue
            if record is not None and record.unread and not record.abandoned:
                log.warning("Job %s, which could not be read before the clear, was not cancelled.", record.job_id)
                continue
            bought += record is not None and record.job_id is not None and not record.abandoned
            self.parts.submitter(name, own).withdraw()
        if store.run == self.parts.journal.head.run:
            self.parts.journal.count_dropped(bought)

    def _next(
        self, kind: str, name: str | None, given: Mapping[str, Any], *, with_texts: bool
    ) -> tuple[Call, Entry | None, bool]:
        """Return the next call, what the journal has in its place, and whether an earlier leg or try has made it."""
        self._number += 1
        journal = self.parts.journal
        short = outline(given, salt=journal.head.salt, with_texts=with_texts)
        call = Call(self._number, kind, name, short, journal.try_number)
        entry = journal.find(call.number)
        before = entry.call if entry is not None else self.parts.slots.find(call.number)
        if before is None:
            return call, None, False
        try:
            call.check(before)
        except DivergenceError as error:
            # In one try a task that waits again and again would buy the same jobs without end.
            this_try = call.try_number in (before.try_number, journal.head.dropped_in_try)
            if self._on_divergence != "continue" or this_try:
                raise
            self._drop(call.number, error)
            return call, None, False
        if entry is not None:
            self._replayed += 1
        return call, entry, True

    def _drop(self, number: int, error: DivergenceError) -> None:
        """Forget the calls from this number on."""
        for store in self.parts.slots.done_from(number):
            # Nobody else needs to see to them.
            for name, own in jobs_of(store):
                self.parts.submitter(name, own).abandoned()
        dropped = self.parts.journal.drop_from(number)
        under_way = self.parts.slots.drop_from(number)
        log.warning(
            "%s Because of on_divergence='continue' the journal's calls from number %s on are dropped: %s jobs with "
            "%.1f QPU seconds, which are bought again. Jobs of %s calls that are under way are cancelled.",
            str(error).partition(" Nothing was submitted.")[0],
            number,
            sum(len(entry.jobs) for entry in dropped),
            sum(entry.seconds for entry in dropped),
            len(under_way),
        )
        for store in under_way:
            self._withdraw_attached(store)
