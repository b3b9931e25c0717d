"""What an operator does whose input may be more than IBM takes in one job: it runs the fewest jobs, as one task."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowException

from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.identity import JobRequest, ProgramInput
from airflow_provider_qrt.jobs.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.parts import Partition, part_store
from airflow_provider_qrt.jobs.record import SubmissionRecord
from airflow_provider_qrt.jobs.sessions import SessionOpener, SessionRecord
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator
from airflow_provider_qrt.operators.in_hand import KnownJob
from airflow_provider_qrt.operators.last_resort import pull
from airflow_provider_qrt.operators.parts import Part, PartsSubmission, TaskBatch
from airflow_provider_qrt.primitives.inputs.packing import MAX_BODY_BYTES

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.jobs.submission import ObtainedJob
    from airflow_provider_qrt.operators.in_hand import JobInHand
    from airflow_provider_qrt.operators.preparation import Preparation


PARTS = "parts"
"""The XCom that says which circuits are in which job, of a task that keeps no record of that."""


def max_body_bytes() -> int:
    """Largest submission, in bytes of JSON."""
    limit = conf.getint("qiskit_runtime", "max_body_bytes", fallback=MAX_BODY_BYTES)
    return max(1, limit)


class QiskitRuntimePackedOperator(QiskitRuntimeJobOperator):
    """Base of the operators whose input can be distributed over several jobs.

    One that fits into one job is submitted as one. Of several, each is submitted once, re-attached, replaced and
    cancelled as a single one is; the task ends when all have completed, or with the first that has not.
    """

    # What a subclass says

    @abstractmethod
    def split(self) -> Sequence[Sequence[int]]:
        """Say which PUBs go into which job, by their indices. Called when they are as they will be submitted."""

    @abstractmethod
    def build_part(self, pubs: Sequence[int]) -> ProgramInput:
        """Return what :meth:`build_input` would return if it were asked for these PUBs only."""

    @abstractmethod
    def fit_part(self, asked: ProgramInput, pubs: Sequence[int]) -> ProgramInput:
        """Return the input of a part as it is submitted to the backend that :meth:`adapt` was told of last."""

    @property
    @abstractmethod
    def changes_to_fit(self) -> bool:
        """Whether :meth:`adapt` changes how much is submitted."""

    @abstractmethod
    def read_results(self, jobs: Sequence[Job], partition: Partition, fetch: Callable[[int], str]) -> Any:
        """Return what goes to XCom of several completed jobs.

        Args:
            jobs: All of them.
            partition: Which PUBs are in which.
            fetch: Fetches the text of a job's result, by the job's place.
        """

    # What Airflow calls

    def execute_complete(self, context: Context, event: Any = None, parts: Mapping[str, Any] | None = None) -> Any:
        """Go on after the trigger has fired."""
        partition = Partition.from_json(parts)
        if parts is None or partition is None:
            return super().execute_complete(context, event)
        self._partition = partition
        with self._seen_to(context):
            records = self._records(context, partition)
            self._take_up(context, [KnownJob(*one) for one in zip(parts["job_ids"], records, strict=True)])
            return self._conclude_wait(context, WaitOutcome.from_event(event))

    # How it is done

    _partition: Partition | None = None
    """Of a task that has several jobs, as soon as that is known."""

    def _plan(self, preparation: Preparation, request: JobRequest) -> dict[str, Any]:
        def split(ready: JobRequest) -> list[JobRequest]:
            jobs = self.split()
            return [ready] if len(jobs) == 1 else [self._part_of(ready, pubs) for pubs in jobs]

        plan = preparation.plan(request, split)
        self.log.info("Dry run, nothing is submitted: %s", plan)
        return plan

    def _obtaining(
        self, context: Context, request: JobRequest, preparation: Preparation, *, resumed: bool
    ) -> Callable[[], Sequence[ObtainedJob]]:
        self._partition = self._divide(context, request, preparation)
        if self._partition is None:
            return super()._obtaining(context, request, preparation, resumed=resumed)
        store, ti = self._store(context), context["ti"]
        in_hand = self._take_up(context, self._recorded_jobs(context, self._partition))
        parts = [
            Part(held, part_store(store, number), pubs, self._part_of(request, pubs))
            for number, (held, pubs) in enumerate(zip(in_hand.jobs, self._partition.jobs, strict=True), start=1)
        ]
        batch = None
        if request.session_id is None:
            opener = SessionOpener(
                self.hook.client,
                max_tries=ti.max_tries,
                store=store,
                connection=self.qiskit_runtime_conn_id,
                keep_open=not self._cancels_when_stopped,
                log=self.log.info,
            )
            batch = TaskBatch(self.hook.client, opener, in_hand, self.log.info)
        if store is None:
            # For a leg that gets nothing but the trigger's event.
            ti.xcom_push(PARTS, self._partition.to_json())
        if in_hand.job_ids:
            # Before the first job is looked at: what is not published does not look like this task's.
            ti.xcom_push("job_ids", in_hand.job_ids)
        submission = PartsSubmission(
            request,
            parts,
            preparation,
            self.fit_part,
            batch,
            in_hand,
            partial(self._publish_part, context, in_hand),
            ti.max_tries,
            resumed,
            self.wait_for_completion,
        )
        return submission.obtain

    def _part_of(self, request: JobRequest, pubs: Sequence[int]) -> JobRequest:
        return replace(request, input=self.build_part(pubs))

    def _divide(self, context: Context, request: JobRequest, preparation: Preparation) -> Partition | None:
        """Distribute the PUBs over jobs, as an earlier try has done if it has; None where one job takes all."""
        store, fingerprint = self._store(context), request.fingerprint()
        stored = Partition.read(store)
        if stored is not None and stored.fingerprint == fingerprint and self._is_under_way(context, stored):
            return stored
        single = SubmissionRecord.read(store) if stored is None else None
        if single is not None and single.fingerprint == fingerprint and not single.refused:
            return None
        if self.changes_to_fit:
            preparation.fit_ahead(request)
        jobs = self.split()
        self._give_up_other_parts(context, stored, len(jobs))
        if len(jobs) == 1:
            if stored is not None:
                Partition.forget(store)
            return None
        self._submitter(context).withdraw()
        partition = Partition(fingerprint, tuple(tuple(job) for job in jobs))
        partition.write(store)
        self.log.info("%s PUBs are distributed over %s jobs.", sum(map(len, jobs)), len(jobs))
        return partition

    def _is_under_way(self, context: Context, partition: Partition) -> bool:
        records = self._records(context, partition)
        return any(record is not None and not record.refused for record in records)

    def _records(self, context: Context, partition: Partition) -> list[SubmissionRecord | None]:
        store = self._store(context)
        return [SubmissionRecord.read(part_store(store, part)) for part in range(1, len(partition.jobs) + 1)]

    def _recorded_jobs(self, context: Context, partition: Partition) -> list[KnownJob]:
        """The jobs that this run of the task has, or had when it failed; not those of before a clear."""
        max_tries = context["ti"].max_tries
        return [
            KnownJob(record.job_id, record)
            if record is not None and record.max_tries == max_tries and not record.abandoned
            else KnownJob()
            for record in self._records(context, partition)
        ]

    def _give_up_other_parts(self, context: Context, stored: Partition | None, wanted: int) -> None:
        """See to the jobs of an earlier input that had more parts; the first ones see to themselves."""
        if stored is not None:
            first = 1 if wanted == 1 else wanted + 1
            for part in range(first, len(stored.jobs) + 1):
                self._submitter(context, part).withdraw()

    def _open_batch_id(self, context: Context, in_hand: JobInHand) -> str | None:
        """The batch of a task that stopped half-way to wait for its turn."""
        if len(in_hand.job_ids) == len(in_hand.jobs):
            return None
        record = SessionRecord.read(self._store(context))
        return record.session_id if record is not None and record.max_tries == context["ti"].max_tries else None

    def _publish_part(self, context: Context, in_hand: JobInHand, job: ObtainedJob) -> None:
        """Make known which jobs there are, all of them before the first, which stands for the task."""
        context["ti"].xcom_push("job_ids", in_hand.job_ids)
        if job.job_id == in_hand.jobs[0].job_id:
            self._publish(context, in_hand, job)
        self.report.obtained(job)

    def _known_jobs(self, context: Context) -> Sequence[KnownJob]:
        partition = Partition.read(self._store(context))
        if partition is not None:
            self._partition = partition
            return self._recorded_jobs(context, partition)
        published = None if self._store(context) is not None else pull(context["ti"], "job_ids")
        if isinstance(published, list) and len(published) > 1:
            if self._partition is None:
                self._partition = Partition.from_json(pull(context["ti"], PARTS))
            return [KnownJob(str(job_id)) for job_id in published]
        return super()._known_jobs(context)

    def _take_up(self, context: Context, known: Sequence[KnownJob] = (KnownJob(),)) -> JobInHand:
        in_hand = super()._take_up(context, known)
        if len(known) > 1:
            in_hand.batch_id = self._open_batch_id(context, in_hand)
        return in_hand

    def _summarize(self, jobs: Sequence[ObtainedJob]) -> Any:
        summary = super()._summarize(jobs)
        return {**summary, "job_ids": [job.job_id for job in jobs]} if len(jobs) > 1 else summary

    def _to_resume_with(self, jobs: Sequence[ObtainedJob]) -> dict[str, Any] | None:
        if self._partition is None:
            return None
        return {"parts": {**self._partition.to_json(), "job_ids": [job.job_id for job in jobs]}}

    def _read(self, context: Context, in_hand: JobInHand, job: Job) -> Any:
        partition = self._partition
        if len(in_hand.jobs) == 1:
            return super()._read(context, in_hand, job)
        if partition is None:
            # Without a store nobody knows any more which circuit is where.
            raise AirflowException("Which circuits are in which job is not known any more, so nothing can be read.")
        jobs = [job if one == job.id else self.hook.client.job(one) for one in in_hand.job_ids]
        for one in jobs:
            if one.status is not JobStatus.COMPLETED:
                return self._conclude(context, WaitOutcome(Ending.FINAL, one.id, one))
        in_hand.completed = True
        store = self._store(context)

        def fetch(place: int) -> str:
            self._result_store = part_store(store, place + 1)
            return self.fetch_result(jobs[place])

        return self.read_results(jobs, partition, fetch)
