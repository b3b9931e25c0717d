"""The inputs of calls: the program that runs, and the outline by which a call is known again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import primitives, templated
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.programs.any_program import AnyProgram
from airflow_provider_qrt.programs.auto import AutoProgram, choose_program
from airflow_provider_qrt.programs.estimator import (
    EstimatorArguments,
    EstimatorProgram,
    ExecutorEstimatorProgram,
    program_with_model,
)
from airflow_provider_qrt.programs.given import GivenCircuits
from airflow_provider_qrt.programs.sampler import ExecutorSamplerProgram, SamplerArguments, SamplerProgram

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.programs.backend_snapshots import BackendSnapshots
    from airflow_provider_qrt.programs.base import TaskProgram
    from airflow_provider_qrt.programs.circuits import CircuitsProgram

PROGRAM_OF = {"sample": SamplerProgram.program_id, "estimate": EstimatorProgram.program_id}


@dataclass(frozen=True)
class CallInput:
    """The input of a call.

    Attributes:
        kind: ``sample``, ``estimate`` or ``run``.
        given: What it was given, as JSON.
        program: What runs.
        reader: Reads what it measured, also if an earlier try ran the other program that measures the same.
        is_single: Whether it was given one circuit, and not a list.
        has_texts: Whether short texts among it may be kept; those of unknown programs may be secrets.
    """

    kind: str
    given: Mapping[str, Any]
    program: TaskProgram
    reader: TaskProgram
    is_single: bool = True
    has_texts: bool = True


@dataclass(frozen=True)
class CircuitOptions:
    """The arguments of a call that circuits of both primitives have; see ``QiskitRuntimeCircuitsOperator``."""

    options: Mapping[str, Any] | None = None
    optimization_level: int | None = None
    use_fractional_gates: bool = False
    check_isa: bool = True
    program_id: str = "auto"

    def outline(self) -> dict[str, Any]:
        """Return what is the same whenever the same is asked for."""
        named = {
            "options": self.options,
            "optimization_level": self.optimization_level,
            "use_fractional_gates": self.use_fractional_gates or None,
        }
        return {name: value for name, value in named.items() if value is not None}

    def arguments(self, pubs: Any) -> dict[str, Any]:
        """Return the arguments that the programs of both primitives take."""
        return {
            "circuits": GivenCircuits(lambda: list(pubs)),
            "options": self.options,
            "optimization_level": self.optimization_level,
            "use_fractional_gates": self.use_fractional_gates,
            "check_isa": self.check_isa,
        }


class Inputs:
    """Makes the inputs of calls.

    Args:
        client: The API.
        snapshots: Reads the backend of the loop.
        room: The most bytes that a result may take; None: any number.
    """

    def __init__(self, client: QiskitRuntimeClient, snapshots: BackendSnapshots, room: int | None = None) -> None:
        self._client = client
        self._snapshots = snapshots
        self._room = room
        self._announced: set[str] = set()

    def sample(self, circuits: Any, parameter_values: Any, shots: Any, options: CircuitOptions) -> CallInput:
        """Return the input of a sampler.

        Raises:
            InvalidInputError: Something is wrong; says what to do.
        """
        self._check_channel()
        shots = templated.whole_number("shots", shots)
        pubs = primitives.coerce_pubs(_with_values(circuits, (), parameter_values), shots=shots)
        self._check_room(primitives.largest_xcom_bytes(pubs, options=options.options or {}), "ask for fewer shots")
        arguments = SamplerArguments(**options.arguments(pubs))
        program, reader = self._choose("sample", options.program_id, arguments, ExecutorSamplerProgram, SamplerProgram)
        return CallInput(
            "sample",
            {"circuits": [pub.identity() for pub in pubs], **options.outline()},
            program,
            reader,
            not isinstance(circuits, list),
        )

    def estimate(
        self,
        circuits: Any,
        observables: Any,
        parameter_values: Any,
        precision: Any,
        resilience_level: Any,
        noise_model: Any,
        options: CircuitOptions,
    ) -> CallInput:
        """Return the input of an estimator.

        Raises:
            InvalidInputError: Something is wrong; says what to do.
        """
        self._check_channel()
        single = not isinstance(circuits, list)
        given = circuits
        if parameter_values is not None and single:
            given, observables = _with_values(circuits, (observables,), parameter_values), None
        elif parameter_values is not None:
            _with_values(circuits, (), parameter_values)
        pubs = primitives.coerce_estimator_pubs(
            given, observables=observables, precision=templated.standard_error("precision", precision)
        )
        largest = primitives.largest_estimates_bytes(
            pubs, options=options.options or {}, resilience_level=resilience_level
        )
        self._check_room(largest, "split the sweep over several calls")
        arguments = EstimatorArguments(
            **options.arguments(pubs), resilience_level=resilience_level, noise_model=noise_model
        )
        if noise_model is None:
            program, reader = self._choose(
                "estimate", options.program_id, arguments, ExecutorEstimatorProgram, EstimatorProgram
            )
        elif noise_model == "learn":
            raise InvalidInputError(
                "noise_model: a call learns no noise. Learn it in a QiskitRuntimeNoiseLearnerOperator before the loop, "
                "and pass its output to the function."
            )
        else:
            program = reader = program_with_model(self._client, arguments, options.program_id)
        level = {} if resilience_level is None else {"resilience_level": resilience_level}
        return CallInput(
            "estimate",
            {"circuits": [pub.identity() for pub in pubs], **level, **options.outline()},
            program,
            reader,
            single,
        )

    def run(self, program_id: str, params: Mapping[str, Any]) -> CallInput:
        """Return the input of any program.

        Raises:
            InvalidInputError: It is not JSON, or there is no program.
        """
        program = AnyProgram(program_id, params)
        program.build()
        return CallInput("run", {"program_id": program_id, "params": dict(params)}, program, program, has_texts=False)

    def _choose(
        self,
        kind: str,
        program_id: str,
        arguments: Any,
        executor: type[CircuitsProgram],
        server: type[CircuitsProgram],
    ) -> tuple[TaskProgram, TaskProgram]:
        """Return the program that runs, and the one that reads what either of the two has measured."""

        def make(program: type[CircuitsProgram]) -> Callable[[], CircuitsProgram]:
            return cache(lambda: program(self._client, arguments, snapshots=self._snapshots))

        first, second = make(executor), make(server)
        # It is the same for each call, and said once.
        level = logging.DEBUG if kind in self._announced else logging.INFO
        self._announced.add(kind)
        program = choose_program(program_id, first, second, PROGRAM_OF[kind], level=level)
        return program, program if isinstance(program, AutoProgram) else AutoProgram(first(), second())

    def _check_room(self, size: int, instead: str) -> None:
        """Refuse a call whose result may have no room in the journal."""
        if self._room is not None and size > self._room:
            raise InvalidInputError(
                f"The result may take {size:,} bytes, more than the {self._room:,} that the state of a task holds. Set "
                f"journal_path (a folder that all workers reach), or {instead}. Nothing was submitted."
            )

    def _check_channel(self) -> None:
        self._client.channel.require(Feature.PUBS, "A hybrid loop")


def _with_values(circuits: Any, others: tuple[Any, ...], parameter_values: Any) -> Any:
    """Return one circuit with its parameter values as a PUB; circuits without values as they are."""
    if parameter_values is None:
        return circuits
    if isinstance(circuits, list | tuple):
        raise InvalidInputError(
            "parameter_values: they belong to one circuit. Put those of several circuits into the list: for sample "
            "[(circuit, parameter_values), ...], for estimate [(circuit, observables, parameter_values), ...]."
        )
    return (circuits, *others, parameter_values)
