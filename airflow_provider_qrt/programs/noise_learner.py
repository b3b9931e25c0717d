"""Learning the noise of the layers of circuits, over the program ``executor``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import primitives
from airflow_provider_qrt.config import max_decoded_bytes
from airflow_provider_qrt.jobs.submit.identity import ProgramInput
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.programs.backend_snapshots import read_properties
from airflow_provider_qrt.programs.base import EXECUTOR, FinishedJobs
from airflow_provider_qrt.programs.circuits import CircuitArguments, CircuitsProgram, log

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Backend, Job
    from airflow_provider_qrt.primitives.inputs.noise_learning import LearningCircuit
    from airflow_provider_qrt.primitives.noise_model import NoiseModel


@dataclass
class NoiseLearnerProgram(CircuitsProgram):
    """The official client prepares the learning circuits and computes the rates.

    Attributes:
        result_format: Of the model's file; None if there is none.
    """

    arguments: CircuitArguments
    result_format: Any = None
    program_id = EXECUTOR

    def read_pubs(self) -> Sequence[LearningCircuit]:
        """Check circuits and options."""
        from airflow_provider_qrt.primitives.inputs.noise_learning import coerce_learning_circuits
        from airflow_provider_qrt.primitives.noise_model import check_model_format

        if self.result_format is not None:
            check_model_format(self.result_format)
        self.options()
        return coerce_learning_circuits(self.arguments.circuits.read())

    def options(self) -> dict[str, Any]:
        """Return the options, checked."""
        from airflow_provider_qrt.primitives.inputs.noise_learning import check_noise_learner_options

        return check_noise_learner_options(self.arguments.options)

    def write_params(self, pubs: Sequence[LearningCircuit]) -> dict[str, Any]:
        """Return by what the input is known until it is prepared."""
        return {"learn_noise_of": [pub.digest for pub in pubs], "options": self.options()}

    def identify(self, pubs: Sequence[LearningCircuit], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is the same whenever the same is asked for."""
        return dict(params)

    def count_executions(self, pubs: Sequence[LearningCircuit]) -> int | None:
        """Return None: how many layers there are is known when the circuits are transpiled."""
        return None

    def check_fractional_gates(self) -> None:
        """Refuse ``use_fractional_gates``: PEC and PEA, for which noise is learned, do not suit fractional gates."""
        if self.arguments.fractional:
            raise InvalidInputError(
                "use_fractional_gates: the noise of layers is learned for PEC and PEA, which do not go together with "
                "fractional gates. Leave it out, here and in the estimator. Nothing was submitted."
            )

    def split(self) -> Sequence[Sequence[int]]:
        """Put all into one job."""
        return [range(len(self._pubs))]

    def fit_pubs(self, backend: Backend) -> Sequence[LearningCircuit]:
        """Transpile the circuits for the backend, or check that it can run them as they are."""
        level = self.arguments.level
        if level is None:
            return super().fit_pubs(backend)
        transpiler = self.transpiler(backend, level)
        return [
            replace(
                pub,
                circuit=transpiler.transpile(
                    pub.circuit, f"circuits[{index}]", info=pub.info, source=pub.source
                ).circuit,
            )
            for index, pub in enumerate(self._pubs)
        ]

    def fit_input(self, asked: ProgramInput, pubs: Sequence[Any], backend: Backend) -> ProgramInput:
        """Find the layers, and prepare the learning circuits."""
        from airflow_provider_qrt.primitives.inputs.noise_learning import prepare_noise_learner

        program, layers = prepare_noise_learner(
            self._pubs,
            [pub.circuit for pub in pubs],
            options=self.options(),
            backend=self.snapshot(backend),
        )
        log.info(
            "The noise of %d layers is learned with %s executions: %s.",
            len(layers),
            f"{program.executions:,}",
            "; ".join(map(str, layers)),
        )
        return self.prepared(asked, program, backend)

    def decode(self, text: str) -> NoiseModel:
        """Compute the rates."""
        return primitives.decode_noise_model(text, max_bytes=max_decoded_bytes())

    def read(self, finished: FinishedJobs) -> Any:
        """Return the model, and tell the events of the task's assets where its file is."""
        value = finished.deliver(self.model_of(finished.jobs[0], finished.fetch()), used_qiskit=True)
        if value.get("result_path"):
            finished.add_to_events({"result_path": value["result_path"]})
        return value

    def model_of(self, job: Job, text: str) -> NoiseModel:
        """Return the model that a job has learned, with the calibration under which it ran.

        Args:
            job: The job.
            text: Its result.
        """
        return date_model(self.client, job, self.decode(text))

    def uses_qiskit(self) -> bool:
        """Tell that it does: the official client prepares the input."""
        return True


def date_model(client: QiskitRuntimeClient, job: Job, model: NoiseModel) -> NoiseModel:
    """Return a model with the time of its job, and with the calibration under which the job ran.

    Args:
        client: The API.
        job: The job that learned it.
        model: What the job's result says.
    """
    metrics = client.job_metrics(job.id)
    ran = metrics.running or metrics.finished or job.created
    calibration = (read_properties(client, model.backend, updated_before=ran) or {}).get("last_update_date")
    return replace(
        model,
        learned=model.learned if metrics.finished is None else metrics.finished.astimezone(UTC).isoformat(),
        calibrated=None if calibration is None else str(calibration),
    )
