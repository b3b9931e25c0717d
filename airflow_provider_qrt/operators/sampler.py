"""The operator of the sampler primitive: circuits in, counts out, or quasi-probabilities on older channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow_provider_qrt import primitives
from airflow_provider_qrt.arguments.constants import Check, one_of
from airflow_provider_qrt.arguments.options import sampler_options
from airflow_provider_qrt.hooks.deployment import max_decoded_bytes
from airflow_provider_qrt.operators import arguments
from airflow_provider_qrt.operators.circuits import EXECUTOR, QiskitRuntimeCircuitsOperator
from airflow_provider_qrt.primitives.inputs.pubs import MAX_EXECUTIONS_PER_JOB
from airflow_provider_qrt.primitives.results.asked import Asked

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from airflow_provider_qrt.arguments.keywords import CircuitsArguments

PROGRAMS = ("sampler", EXECUTOR)


class QiskitRuntimeSamplerOperator(QiskitRuntimeCircuitsOperator):
    """Runs circuits with the sampler primitive and returns their counts.

    The return value is plain JSON: ``job_id``, ``backend``, ``status``, ``usage_seconds`` and so on, and ``results``,
    one entry per circuit with ``shots``, ``counts`` and ``registers``. Element 0 of a register is the rightmost
    character, as in Qiskit. ``SamplerResult.from_xcom(value)`` makes an object of it. The keys ``job_id`` and
    ``session_id`` are pushed on their own before the wait.

    On the channels ``ibm_cloud`` and ``ibm_quantum`` it is version 1 of the sampler, which gives no counts: ``results``
    then has ``quasi_dists``, the quasi-probability of each outcome.

    Args:
        circuits: OpenQASM 3 text, the name of a ``.qasm`` or ``.qasm3`` file beside the DAG, a ``QuantumCircuit``, or a
            list of these or of tuples ``(circuit, parameter_values, shots)``. A list becomes one job, or the fewest
            that IBM takes. Text and files are Jinja templates.
        shots: Shots for circuits that do not name their own. None: IBM's default, 4096.
        options: Sampler options, such as ``{"dynamical_decoupling": {"enable": True}}``.
        program_id: ``sampler``, or ``executor`` for the same over the program that takes its place: IBM deprecated the
            sampler that runs on its servers in September 2026. The executor twirls and decouples nothing.
        kwargs: ``optimization_level`` and ``check_isa``, see
            :class:`~airflow_provider_qrt.operators.circuits.QiskitRuntimeCircuitsOperator`; all others, see
            :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = ("shots", "program_id", *QiskitRuntimeCircuitsOperator.template_fields)
    program_id: str = PROGRAMS[0]
    max_executions = MAX_EXECUTIONS_PER_JOB
    arguments_elsewhere: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("observables", "precision", "resilience_level"), "it belongs to QiskitRuntimeEstimatorOperator"
    )
    checks: ClassVar[Mapping[str, Check]] = {
        "shots": arguments.whole_number,
        "program_id": one_of(PROGRAMS),
        "options": sampler_options,
    }

    def __init__(
        self,
        *,
        circuits: Any,
        shots: int | str | XComArg | None = None,
        options: Mapping[str, Any] | XComArg | None = None,
        program_id: str | XComArg = PROGRAMS[0],
        **kwargs: Unpack[CircuitsArguments],
    ) -> None:
        super().__init__(circuits=circuits, options=options, **kwargs)
        self.shots = shots
        self.program_id = cast("str", program_id)
        self.check_constants(*QiskitRuntimeSamplerOperator.checks)

    def read_pubs(self) -> Sequence[primitives.SamplerPub]:
        """Check program, circuits, shots and options."""
        if self.program_id not in PROGRAMS:
            raise primitives.InvalidInput(f"program_id: {self.program_id!r} is not one of {', '.join(PROGRAMS)}.")
        shots = arguments.whole_number("shots", self.shots)
        if self.is_v1:
            return self._read_circuits(shots)
        pubs = primitives.coerce_pubs(self.given_circuits(), shots=shots)
        self.check_result_fits(
            sum(Asked.of(pub).json_bytes() for pub in pubs)
            + primitives.largest_xcom_bytes(pubs, options=self._options()),
            "when every shot gives another outcome",
            "ask for fewer shots",
        )
        return pubs

    def _read_circuits(self, shots: int | None) -> Sequence[primitives.SamplerPub]:
        """Check circuits, shots and options for version 1."""
        pubs = primitives.coerce_v1_circuits(self.given_circuits(), shots=shots)
        written = primitives.sampler_v1_params(pubs, options=self.options)
        self.check_result_fits(
            primitives.largest_quasi_dists_bytes(pubs, default_shots=written.get("run_options", {}).get("shots")),
            "when every shot gives another outcome",
            "ask for fewer shots",
        )
        return pubs

    def write_params(self, pubs: Sequence[primitives.SamplerPub]) -> dict[str, Any]:
        """Return the ``params`` of the program."""
        if self.is_v1:
            return primitives.sampler_v1_params(pubs, options=self.options)
        write = primitives.executor_params if self._is_executor() else primitives.sampler_params
        return write(pubs, options=self._options())

    def identify(self, pubs: Sequence[primitives.SamplerPub], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is the same whenever the same is asked for."""
        return primitives.executor_identity(pubs, params) if self._is_executor() else super().identify(pubs, params)

    def count_executions(self, pubs: Sequence[primitives.SamplerPub]) -> int:
        """Shots times parameter sets."""
        from airflow_provider_qrt.primitives.inputs.executions import sampler_executions

        return sampler_executions(pubs, options=self._options())

    def gates_randomized_by(self) -> str | None:
        """Return the option that makes the service randomize gates, if one does; an executor runs them as they are."""
        return None if self._is_executor() else primitives.gate_randomizer(self._options())

    def decode(self, text: str) -> primitives.SamplerResult:
        """Read the text of the program's result."""
        read = primitives.decode_executor_result if self._is_executor() else primitives.decode_sampler_result
        return read(text, max_bytes=max_decoded_bytes())

    def _is_executor(self) -> bool:
        return self.program_id == EXECUTOR

    def _options(self) -> dict[str, Any]:
        return primitives.check_sampler_options(self.options) if self.options else {}
