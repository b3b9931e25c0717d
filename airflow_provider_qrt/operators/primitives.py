"""Operators of the primitives: circuits in, counts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.identity import ProgramInput
from airflow_provider_qrt.operators import arguments, results
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator
from airflow_provider_qrt.primitives import (
    check_sampler_options,
    coerce_pubs,
    decode_sampler_result,
    largest_xcom_bytes,
    sampler_params,
)
from airflow_provider_qrt.primitives.errors import InvalidInput

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from airflow_provider_qrt.client.models import Job, JobMetrics
    from airflow_provider_qrt.primitives import SamplerPub

CIRCUIT_FILES = (".qasm", ".qasm3")


class QiskitRuntimeSamplerOperator(QiskitRuntimeJobOperator):
    """Runs circuits with the sampler primitive and returns their counts.

    The return value is plain JSON: ``job_id``, ``backend``, ``status``, ``usage_seconds`` and so on, and ``results``,
    one entry per circuit with ``shots``, ``counts`` and ``registers``. Element 0 of a register is the rightmost
    character, as in Qiskit. ``SamplerResult.from_xcom(value)`` makes an object of it. The keys ``job_id`` and
    ``session_id`` are pushed on their own before the wait.

    Args:
        circuits: OpenQASM 3 text, the name of a ``.qasm`` or ``.qasm3`` file beside the DAG, a ``QuantumCircuit``, or a
            list of these or of tuples ``(circuit, parameter_values, shots)``. A list becomes one job. Text and files
            are Jinja templates.
        shots: Shots for circuits that do not name their own. None: IBM's default, 4096.
        options: Sampler options, such as ``{"dynamical_decoupling": {"enable": True}}``.
        kwargs: See :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = (
        "circuits",
        "shots",
        "options",
        *QiskitRuntimeJobOperator.template_fields,
    )
    template_ext: Sequence[str] = CIRCUIT_FILES
    program_id = "sampler"

    def __init__(
        self,
        *,
        circuits: Any,
        shots: int | str | None = None,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.circuits = circuits
        self.shots = shots
        self.options = options

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render templates; a circuit file that is missing or trips Jinja gets a message that says so."""
        import jinja2

        try:
            super().render_template_fields(context, jinja_env)
        except jinja2.TemplateNotFound as error:
            raise AirflowFailException(
                f"circuits: the file {error.name!r} was not found. Put it beside the DAG file, or name its folder in "
                "the DAG's template_searchpath."
            ) from error
        except jinja2.TemplateSyntaxError as error:
            raise AirflowFailException(
                f"A template of this task cannot be read: {error}. In OpenQASM, two braces in a row and '{{%' or '{{#' "
                "belong to Jinja: put a space between the braces, or wrap text in airflow.sdk.literal()."
            ) from error

    def build_input(self) -> ProgramInput:
        """Check circuits, shots and options, and return the sampler's input."""
        options = check_sampler_options(self.options) if self.options else None
        pubs = coerce_pubs(self.circuits, shots=arguments.whole_number("shots", self.shots))
        params = sampler_params(pubs, options=options)
        self._check_result_fits(pubs, (options or {}).get("default_shots"))
        return ProgramInput(params, identity={**params, "pubs": [pub.identity() for pub in pubs]})

    def _check_result_fits(self, pubs: Sequence[SamplerPub], default_shots: int | None) -> None:
        """Refuse a job whose result may not fit through XCom and has nowhere else to go."""
        if not self.wait_for_completion or arguments.optional_text(self.result_path) is not None:
            return
        size, limit = largest_xcom_bytes(pubs, default_shots=default_shots), results.max_xcom_bytes()
        if size > limit:
            raise InvalidInput(
                f"The result may take {size:,} bytes, more than the {limit:,} that go through XCom, when every shot "
                "gives another outcome. Set result_path on the task (a folder, local or in an object store), raise "
                "[qiskit_runtime] max_xcom_bytes, or ask for fewer shots. Nothing was submitted."
            )

    def read_result(self, job: Job) -> dict[str, Any]:
        """Fetch and decode the result; what needs the network comes before a private job's one read."""
        metrics = self._metrics(job)
        result = decode_sampler_result(self.fetch_result(job))
        usage = (metrics and metrics.usage) or job.usage
        value: dict[str, Any] = {
            "job_id": job.id,
            "backend": job.backend,
            "program_id": self.program_id,
            "status": job.status.value,
            "session_id": job.session_id,
            "created": _iso(job.created or (metrics and metrics.created)),
            "finished": _iso(metrics and metrics.finished),
            "usage_seconds": usage.seconds if usage else None,
            "result_path": None,
        }
        limit = results.max_xcom_bytes()
        size = result.estimated_xcom_bytes()
        path = arguments.optional_text(self.result_path)
        if path is None and size > limit and not job.private:
            raise results.too_large(job.id, size, limit)
        whole = {**value, "results": result.to_xcom_results()}
        if path is None:
            if size > limit:
                self.log.warning("The result of private job %s can be read once only: XCom takes all of it.", job.id)
            return whole
        whole["result_path"] = results.result_file(path, job.id)
        try:
            results.write_json(whole["result_path"], whole)
        except Exception:
            if not job.private:
                raise
            self.log.exception(
                "The result of private job %s could not be written to %s; it can be read once only, so XCom takes it.",
                job.id,
                whole["result_path"],
            )
            return {**whole, "result_path": None}
        self.log.info("The result of job %s is in %s.", job.id, whole["result_path"])
        return whole if size <= limit else {**whole, "results": result.manifest()}

    def _metrics(self, job: Job) -> JobMetrics | None:
        """When the job ended and what it used: worth a line less in XCom, not worth a failure."""
        try:
            return self.hook.client.job_metrics(job.id)
        except errors.QiskitRuntimeError as error:
            self.log.warning("The metrics of job %s could not be read: %s", job.id, error)
            return None


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
