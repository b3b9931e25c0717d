"""Learning the noise of the layers of circuits, for estimators that cancel or amplify it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_qrt.arguments.constants import Check
from airflow_provider_qrt.operators.circuits import QiskitRuntimeCircuitsOperator

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from airflow_provider_qrt.arguments.keywords import CircuitsArguments
    from airflow_provider_qrt.programs.base import TaskProgram

__all__ = ["QiskitRuntimeNoiseLearnerOperator"]


def noise_learner_options(_name: str, options: Any) -> None:
    """Take options of a noise learner, or None.

    Raises:
        InvalidInputError: One is unknown or wrong; starts with its path.
    """
    if options is None:
        return
    from airflow_provider_qrt.primitives.inputs.noise_learning import check_noise_learner_options

    check_noise_learner_options(options)


class QiskitRuntimeNoiseLearnerOperator(QiskitRuntimeCircuitsOperator):
    """Learns the noise of the distinct layers of two-qubit gates in circuits, over the program ``executor``.

    The circuits are transpiled as the estimator would do it. The return value is that of the other operators, and
    ``results`` is the noise model as plain JSON, with the transpiled circuits: pass all of it to the argument
    ``noise_model`` of :class:`~airflow_provider_qrt.operators.primitives.QiskitRuntimeEstimatorOperator`, together with
    the same circuits. ``NoiseModel.from_xcom(value)`` makes an object of it. A model that is too large for XCom goes to
    ``result_path``, and ``results`` then names the layers only.

    The official client's functions prepare the learning circuits and compute the rates, so workers need the extra
    ``noise-learning``. A layer costs ``num_randomizations`` times ``shots_per_randomization`` executions for each depth
    and basis: 225,280 with the defaults, some 80 s of QPU time.

    Args:
        circuits: Those that the estimator is going to run, in the same forms; observables, values and precisions of
            PUBs are left aside.
        options: ``shots_per_randomization`` (128), ``num_randomizations`` (32), ``layer_pair_depths``
            ([0, 1, 2, 4, 16, 32]), ``bit_flip_checks``, ``execution``, ``experimental``, and ``twirling`` with
            ``strategy`` and ``group``, which must be those of the estimator.
        kwargs: ``optimization_level``, ``use_fractional_gates`` and ``check_isa``, see
            :class:`~airflow_provider_qrt.operators.circuits.QiskitRuntimeCircuitsOperator`; all others, see
            :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    arguments_elsewhere: ClassVar[Mapping[str, str]] = {
        "shots": "write options={'shots_per_randomization': ..., 'num_randomizations': ...}",
        **dict.fromkeys(("observables", "precision", "resilience_level"), "it belongs to the estimator that follows"),
    }
    checks: ClassVar[Mapping[str, Check]] = {"options": noise_learner_options}

    def __init__(
        self,
        *,
        circuits: Any,
        options: Mapping[str, Any] | XComArg | None = None,
        **kwargs: Unpack[CircuitsArguments],
    ) -> None:
        super().__init__(circuits=circuits, options=options, **kwargs)
        self.check_constants(*QiskitRuntimeNoiseLearnerOperator.checks)

    def make_program(self) -> TaskProgram:
        """Return the noise learner."""
        from airflow_provider_qrt.client.channels.base import Feature
        from airflow_provider_qrt.execution.result import Destination
        from airflow_provider_qrt.programs.circuits import CircuitArguments
        from airflow_provider_qrt.programs.noise_learner import NoiseLearnerProgram

        self.hook.channel.require(Feature.PUBS, type(self).__name__)
        destination = Destination.read(self.result_path, self.result_format)
        return NoiseLearnerProgram(
            self.hook.client,
            CircuitArguments(**self.circuit_arguments()),
            None if destination is None else destination.format,
        )
