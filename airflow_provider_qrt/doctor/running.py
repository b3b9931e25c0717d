"""Checks that submit jobs: submission, lists, states, metrics, results, cancellation."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import quoted
from airflow_provider_qrt.client.client import QiskitRuntimeClient
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.reading import read_list
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.doctor.looking import STATES
from airflow_provider_qrt.doctor.requests_out import Service
from airflow_provider_qrt.doctor.rows import Examination, NotTriedError, at, wrong_fields
from airflow_provider_qrt.primitives.results.decode import decode_sampler_result

CIRCUIT = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nbit[1] c;\nx $0;\nc[0] = measure $0;\n'
"""One gate that every machine has, on its first qubit."""
SHOTS = 1
MAX_EXECUTION_SECONDS = 30
JOBS = 3
"""Number of submitted jobs: one for each encoding of results, and one that is cancelled in the queue."""
SECONDS_PER_JOB = 3.0
"""Approximate QPU seconds of a smallest job."""
TAG = "airflow-provider-qrt:doctor"
PATIENCE = 1800.0
"""Seconds to wait for a job to end."""
POLL = 2.0

CLAIMS_OF_A_JOB = (
    ("E-jobs-post", "A submission is answered with the job's id"),
    ("R-visibility", "A new job is found by its tag"),
    ("E-job-results", "A completed job has a result"),
    ("R-plain-sampler", "A plain result has hexadecimal samples by register"),
    ("R-tagged-sampler", "support_qiskit=true gives the tagged encoding"),
    ("R-results-too-early", "A result that is asked for too early is 400 with 1234"),
    ("E-job-cancel", "A job can be cancelled in the queue"),
    ("R-usage-cancelled", "A job cancelled in the queue costs nothing"),
)


class Running:
    """The checks that submit jobs.

    Args:
        service: The service to check.
        client: The client that tasks use.
        examination: Collects the rows.
        backend: Backend for the jobs.
        sleep: Called with seconds.
        clock: Returns seconds of a monotonic clock.
    """

    def __init__(
        self,
        service: Service,
        client: QiskitRuntimeClient,
        examination: Examination,
        backend: str,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._client = client
        self._examination = examination
        self._backend = backend
        self._sleep = sleep
        self._clock = clock
        self._tag = f"{TAG}:{uuid.uuid4().hex[:12]}"
        self.job_ids: list[str] = []

    def examine(self) -> None:
        """Submit, watch, read and cancel jobs; in any case, cancel those that are left at the end."""
        try:
            self._whole_life()
            self._tagged()
            self._cancelled()
        finally:
            self.clean_up()

    def submit(self, *, support_qiskit: bool) -> str:
        """Submit the smallest job and return its id."""
        params = {"pubs": [[CIRCUIT, None, SHOTS]], "version": 2, "support_qiskit": support_qiskit}
        submitted = self._client.submit_job(
            program_id="sampler",
            backend=self._backend,
            params=params,
            tags=[TAG, self._tag],
            max_execution_seconds=MAX_EXECUTION_SECONDS,
        )
        self.job_ids.append(submitted.id)
        return submitted.id

    def _whole_life(self) -> None:
        check = self._examination.check
        ids: list[str] = []

        def submission() -> str | None:
            ids.append(self.submit(support_qiskit=False))
            return None

        if not check("E-jobs-post", "A submission is answered with the job's id", submission):
            self._examination.skip("no job was submitted", *CLAIMS_OF_A_JOB[1:4])
            return
        job_id = ids[0]
        self._visibility(job_id)
        text: list[str] = []

        def too_early() -> str | None:
            try:
                self._client.job_result(job_id)
            except errors.ResultsNotReadyError as error:
                return None if error.body.code == "1234" else f"code {error.body.code}"
            raise NotTriedError("the job had already ended")

        def result() -> str | None:
            job = self.end_of(job_id)
            if job.status is not JobStatus.COMPLETED:
                return f"the job ended as {job.state.word}"
            text.append(self._client.job_result(job_id))
            return None

        def plain() -> str | None:
            if not text:
                raise NotTriedError("there is no result")
            results = read_list(json_of(text[0]), "results", "its result")
            samples = at(results[0], "data.c.samples") if results else None
            return None if samples in (["0x1"], ["0x0"]) else "no samples such as 0x1 in results[0].data.c"

        check("R-results-too-early", "A result that is asked for too early is 400 with 1234", too_early)
        check("E-job-results", "A completed job has a result", result)
        check("R-plain-sampler", "A plain result has hexadecimal samples by register", plain)
        check(
            "R-metrics-times",
            "Its metrics tell when it was created, started and ended",
            lambda: wrong_fields(
                self._service.get(f"/jobs/{quoted(job_id)}/metrics"),
                {"timestamps.created": str, "timestamps.running": str, "timestamps.finished": str},
            ),
        )

    def _visibility(self, job_id: str) -> None:
        """Measure how long a new job is missing from the list, which matters to a task after a lost answer."""
        begun = self._clock()
        found: list[float] = []

        def listed() -> str | None:
            while self._clock() - begun < 60:
                if any(job.id == job_id for job in self._client.jobs(tags=[self._tag])):
                    found.append(self._clock() - begun)
                    return None
                self._sleep(0.5)
            return "not within 60 s"

        if self._examination.check("R-visibility", "A new job is found by its tag", listed):
            self._examination.seen("R-visibility", "How long that takes is not documented", f"{found[0]:.1f} s")

    def _tagged(self) -> None:
        def tagged() -> str | None:
            job_id = self.submit(support_qiskit=True)
            job = self.end_of(job_id)
            if job.status is not JobStatus.COMPLETED:
                return f"the job ended as {job.state.word}"
            text = self._client.job_result(job_id)
            if at(json_of(text), "__type__") != "PrimitiveResult":
                return "its __type__ is not PrimitiveResult"
            shots = decode_sampler_result(text).to_xcom_results()[0]["shots"]
            return None if shots == SHOTS else f"it has {shots} shots"

        self._examination.check("R-tagged-sampler", "support_qiskit=true gives the tagged encoding", tagged)

    def _cancelled(self) -> None:
        ids: list[str] = []

        def cancel() -> str | None:
            ids.append(self.submit(support_qiskit=False))
            try:
                self._client.cancel_job(ids[0])
            except errors.ConflictError:
                raise NotTriedError("the job had already ended") from None
            job = self.end_of(ids[0])
            return None if job.status is JobStatus.CANCELLED else f"the job ended as {job.state.word}"

        def charge() -> str | None:
            if not ids:
                raise NotTriedError("no job was submitted")
            job = self._client.job(ids[0])
            if job.status is not JobStatus.CANCELLED:
                raise NotTriedError("the job was not cancelled")
            seconds = job.usage.seconds if job.usage else None
            return None if not seconds else f"{seconds} s were charged"

        check = self._examination.check
        check("E-job-cancel", "A job can be cancelled in the queue", cancel)
        check("R-usage-cancelled", "A job cancelled in the queue costs nothing", charge)

    def end_of(self, job_id: str) -> Job:
        """Wait for a job to end and return it."""
        begun = self._clock()
        while True:
            job = self._client.job(job_id)
            if job.status.is_final:
                return job
            if self._clock() - begun > PATIENCE:
                raise NotTriedError(f"the job was still {job.state.word.lower()} after {PATIENCE:.0f} s")
            self._sleep(POLL)

    def clean_up(self) -> None:
        """Cancel the jobs that have not ended."""
        for job_id in self.job_ids:
            try:
                if not self._client.job(job_id).status.is_final:
                    self._client.cancel_job(job_id)
            except errors.QiskitRuntimeError as error:
                self._examination.skip(
                    f"a job could not be cancelled and may still run: {type(error).__name__}",
                    ("E-job-cancel", "No job of this examination is left waiting"),
                )


def dry_run(service: Service, client: QiskitRuntimeClient, examination: Examination, backend: str) -> None:
    """Submit a dry run to the backend's mock twin, which uses no QPU time and returns random data."""
    twin = f"mock_{backend.partition('_')[2]}"

    def run() -> str | None:
        answer = service.get_object("/backends", include_mocks="true")
        names = [at(one, "name") for one in answer.get("devices", ()) if at(one, "name")]
        if twin not in names:
            raise NotTriedError("the instance has no backends for dry runs")
        running = Running(service, client, examination, twin)
        job_id = running.submit(support_qiskit=False)
        try:
            job = running.end_of(job_id)
        finally:
            running.clean_up()
        if job.status is not JobStatus.COMPLETED:
            return f"the job ended as {job.state.word}"
        return None if job.state.word in STATES else f"its state is {job.state.word}"

    examination.check("R-backend-mocks", "include_mocks shows machines for dry runs, which run a job", run)


def estimate(service: Service, examination: Examination, backend: str) -> None:
    """Check and estimate the smallest job as a task's ``dry_run`` does. Nothing is submitted."""
    from airflow_provider_qrt.primitives.circuits.isa import check_pubs_isa
    from airflow_provider_qrt.primitives.errors import InvalidInputError
    from airflow_provider_qrt.primitives.inputs.pubs import coerce_pubs

    def fits() -> str | None:
        configuration = service.get_object(f"/backends/{quoted(backend)}/configuration")
        try:
            check_pubs_isa(coerce_pubs(CIRCUIT, shots=SHOTS), configuration)
        except InvalidInputError as error:
            return str(error)
        return None

    def room() -> str | None:
        usage: Any = service.get("/instances/usage")
        if at(usage, "usage_limit_reached") is True:
            return "the instance has reached its usage limit"
        return None

    examination.check("R-isa", "The smallest circuit is within the machine's basis", fits)
    examination.check("R-usage-limit", "The instance has QPU time left", room)


def json_of(text: str) -> Any:
    """Return the JSON of a text; None if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None
