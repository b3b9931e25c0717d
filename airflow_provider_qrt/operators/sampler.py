"""The operator of the sampler primitive: circuits in, counts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_qrt.jobs.identity import ProgramInput
from airflow_provider_qrt.operators import arguments
from airflow_provider_qrt.operators.circuits import QiskitRuntimeCircuitsOperator
from airflow_provider_qrt.primitives import (
    SamplerResult,
    check_sampler_options,
    coerce_pubs,
    decode_sampler_result,
    largest_xcom_bytes,
    sampler_params,
)
from airflow_provider_qrt.primitives.executions import sampler_executions


class QiskitRuntimeSamplerOperator(QiskitRuntimeCircuitsOperator):
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

    template_fields: Sequence[str] = ("shots", *QiskitRuntimeCircuitsOperator.template_fields)
    program_id = "sampler"

    def __init__(
        self,
        *,
        circuits: Any,
        shots: int | str | None = None,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(circuits=circuits, options=options, **kwargs)
        self.shots = shots

    def build_input(self) -> ProgramInput:
        """Check circuits, shots and options, and return the sampler's input."""
        options = check_sampler_options(self.options) if self.options else None
        pubs = coerce_pubs(self.circuits, shots=arguments.whole_number("shots", self.shots))
        params = sampler_params(pubs, options=options)
        self.check_result_fits(
            largest_xcom_bytes(pubs, default_shots=(options or {}).get("default_shots")),
            "when every shot gives another outcome",
            "ask for fewer shots",
        )
        return ProgramInput(
            params,
            identity={**params, "pubs": [pub.identity() for pub in pubs]},
            executions=sampler_executions(pubs, options=options),
        )

    def decode(self, text: str) -> SamplerResult:
        """Read the text of a sampler's result."""
        return decode_sampler_result(text)
