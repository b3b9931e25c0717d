"""Builds the ``params`` of version 1 of sampler and estimator for the older generations of the service.

``{"circuits": [OpenQASM 3 text, ...], "run_options": {"shots": n}}``: the service transpiles the circuits; there are no
PUBs and no sweeps, and all circuits of a job have the same shots. Source: the historic examples of IBM's REST API.
Options that they do not show (``resilience_settings``, ``transpilation_settings``) are passed on unchecked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from airflow_provider_qrt.primitives.circuits.qpy import check_measures, check_measures_nothing
from airflow_provider_qrt.primitives.circuits.reader import CircuitReader, ReadCircuit
from airflow_provider_qrt.primitives.circuits.text import check_circuit, check_circuit_to_estimate
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.estimator import check_resilience_level
from airflow_provider_qrt.primitives.inputs.estimator_pubs import EstimatorPub, read_observables, split_estimator_pub
from airflow_provider_qrt.primitives.inputs.listing import as_list
from airflow_provider_qrt.primitives.inputs.option_checks import Schema, check_closed, passed_through
from airflow_provider_qrt.primitives.inputs.pubs import SamplerPub, check_shots, split_pub

Pub = TypeVar("Pub", SamplerPub, EstimatorPub)

_SCHEMA: Schema = {
    "run_options": passed_through,
    "resilience_settings": passed_through,
    "transpilation_settings": passed_through,
}
_HERE = "version 1 takes run_options, resilience_settings and transpilation_settings"
_ELSEWHERE = {
    "default_shots": "write shots on the task",
    "shots": "write shots on the task",
    "default_precision": "version 1 knows no precision; write shots into options.run_options",
    "max_execution_time": "this is an argument of the operator, not an option",
    "optimization_level": "the service transpiles the circuits itself; see options.transpilation_settings",
    "resilience_level": "this is an argument of the estimator's operator; or write options.resilience_settings",
    **dict.fromkeys(
        ("dynamical_decoupling", "twirling", "execution", "resilience", "simulator", "experimental"),
        f"it belongs to version 2 of the primitives; {_HERE}",
    ),
}


def coerce_v1_circuits(circuits: Any, *, shots: int | None = None) -> tuple[SamplerPub, ...]:
    """Check the user's ``circuits`` for a sampler of version 1.

    Args:
        circuits: OpenQASM 3 text, a ``QuantumCircuit``, or a list of these or of tuples ``(circuit, None, shots)``.
        shots: Shots for circuits without shots.

    Returns:
        At least one circuit, each as text, without parameter values, all with the same shots.

    Raises:
        InvalidInputError: A circuit cannot be read, has no measurement, has inputs or values for them, or cannot be
            written as text; or the circuits differ in shots.
    """
    shots = check_shots(shots, "shots")

    def read(item: Any, where: str, reader: CircuitReader) -> SamplerPub:
        circuit, values, own_shots = split_pub(item, where)
        checked = _read(reader, circuit, values, where)
        own_shots = check_shots(own_shots, f"{where}: shots")
        return SamplerPub(_text(checked, where), None, shots if own_shots is None else own_shots, checked.info)

    pubs = _read_all(circuits, SamplerPub, CircuitReader(check_circuit, check_measures), read)
    pubs = tuple(pub if pub.shots is not None else replace(pub, shots=shots) for pub in pubs)
    for index, pub in enumerate(pubs):
        if pub.shots != pubs[0].shots:
            raise InvalidInputError(
                f"circuits[{index}]: asks for {_said(pub.shots)} and circuits[0] for {_said(pubs[0].shots)}; version 1 "
                "runs all circuits of a job with the same number. Give them one number, or put each number into a "
                "task of its own."
            )
    return pubs


def coerce_v1_estimates(circuits: Any, *, observables: Any = None) -> tuple[EstimatorPub, ...]:
    """Check the user's ``circuits`` and ``observables`` for an estimator of version 1.

    Args:
        circuits: OpenQASM 3 text, a ``QuantumCircuit``, or a list of these or of tuples ``(circuit, observable)``.
        observables: Observables for circuits without an observable.

    Returns:
        At least one circuit, each as text and with one Pauli string.

    Raises:
        InvalidInputError: As in :func:`coerce_v1_circuits`; or an observable is an array, or a sum instead of one Pauli
            string with weight 1, or a precision was given.
    """

    def read(item: Any, where: str, reader: CircuitReader) -> EstimatorPub:
        circuit, own, values, precision = split_estimator_pub(item, where)
        if precision is not None:
            raise InvalidInputError(f"{where}: {_NO_PRECISION}")
        checked = _read(reader, circuit, values, where)
        measured = read_observables(own, observables, checked, where)
        _check_one_pauli(measured.terms, where)
        return EstimatorPub(_text(checked, where), measured.terms, info=checked.info)

    return _read_all(circuits, EstimatorPub, CircuitReader(check_circuit_to_estimate, check_measures_nothing), read)


def sampler_v1_params(
    circuits: Any, *, shots: int | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Build the ``params`` of a ``sampler`` job of version 1.

    Args:
        circuits: The circuits, in any form that ``coerce_v1_circuits`` returns or accepts.
        shots: Shots for circuits without shots; None for the service's default, 4000.
        options: ``run_options``, ``resilience_settings`` and ``transpilation_settings``, passed on unchecked.

    Raises:
        InvalidInputError: Anything is wrong with circuits, shots or options.
    """
    pubs = coerce_v1_circuits(circuits, shots=shots)
    return _params(pubs, {}, pubs[0].shots, options)


def estimator_v1_params(
    circuits: Any,
    *,
    observables: Any = None,
    resilience_level: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the ``params`` of an ``estimator`` job of version 1.

    Args:
        circuits: The circuits, in any form that ``coerce_v1_estimates`` returns or accepts.
        observables: Observables for circuits without one: a Pauli string for each circuit, with qubit 0 rightmost.
        resilience_level: The level in ``resilience_settings``; None for the service's default.
        options: As in ``sampler_v1_params``; shots go into ``run_options``.

    Raises:
        InvalidInputError: Anything is wrong with circuits, observables, level or options.
    """
    check_resilience_level(resilience_level)
    pubs = coerce_v1_estimates(circuits, observables=observables)
    params = _params(pubs, {"observables": [next(iter(pub.observables)) for pub in pubs]}, None, options)
    return _set(params, "resilience_settings", "level", resilience_level)


def check_no_precision(precision: Any) -> None:
    """Refuse a precision.

    Raises:
        InvalidInputError: A precision was given.
    """
    if precision is not None:
        raise InvalidInputError(f"precision: {_NO_PRECISION}")


_NO_PRECISION = (
    "version 1 of the estimator takes shots and no precision; about 1/precision² of them reach it. Write "
    "options={'run_options': {'shots': 4000}}."
)


def check_v1_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check the names of the options of version 1; the service checks their contents.

    Raises:
        InvalidInputError: There is no such option, or it is not a mapping.
    """
    return check_closed(options or {}, _SCHEMA, program="primitives of version 1", elsewhere=_ELSEWHERE)


def _params(
    pubs: Sequence[SamplerPub | EstimatorPub],
    observables: Mapping[str, Any],
    shots: int | None,
    options: Mapping[str, Any] | None,
) -> dict[str, Any]:
    params = {"circuits": [pub.circuit for pub in pubs], **observables, **check_v1_options(options)}
    return _set(params, "run_options", "shots", shots)


def _set(params: dict[str, Any], group: str, name: str, value: int | None) -> dict[str, Any]:
    """Put an argument of the task into a group of options, unless it is None or the options already set it."""
    if value is None:
        return params
    options = params.get(group, {})
    if options.get(name, value) != value:
        raise InvalidInputError(
            f"options.{group}.{name}: {options[name]!r} here and {value} as an argument of the task; write one of them."
        )
    return {**params, group: {**options, name: value}}


def _read_all(
    circuits: Any, kind: type[Pub], reader: CircuitReader, read: Callable[[Any, str, CircuitReader], Pub]
) -> tuple[Pub, ...]:
    """Read one circuit or a list of circuits; circuits that have already been read stay as they are."""
    return tuple(
        item if isinstance(item, kind) else read(item, f"circuits[{index}]", reader)
        for index, item in enumerate(as_list(circuits, kind))
    )


def _read(reader: CircuitReader, circuit: Any, values: Any, where: str) -> ReadCircuit:
    checked = reader.read(circuit, where)
    inputs = checked.info.parameters if checked.info is not None else ()
    if inputs or values:
        has = f"the circuit has the inputs {', '.join(inputs)}" if inputs else "the PUB has parameter values"
        raise InvalidInputError(
            f"{where}: {has}, and version 1 of the primitives, which this connection's channel speaks, knows neither "
            "inputs nor sweeps. Write the values into the circuit (QuantumCircuit.assign_parameters), and a circuit "
            "for each point of a sweep."
        )
    return checked


def _text(checked: ReadCircuit, where: str) -> str:
    text = checked.circuit if isinstance(checked.circuit, str) else checked.source
    if text is None:
        raise InvalidInputError(
            f"{where}: version 1 of the primitives, which this connection's channel speaks, takes circuits as OpenQASM "
            "3 text, and this one is QPY, or cannot be written as such text. Give text, or a QuantumCircuit of "
            "standard gates; qiskit.qpy.load reads QPY."
        )
    return text


def _check_one_pauli(terms: Any, where: str) -> None:
    if isinstance(terms, list):
        problem = "an array of observables"
    elif list(terms.values()) != [1.0]:
        problem = "a weighted sum"
    else:
        return
    raise InvalidInputError(
        f"{where}: {problem}; version 1 of the estimator, which this connection's channel speaks, is sent one Pauli "
        "string for each circuit here. Write the circuit once for each: circuits=[(circuit, 'ZZ'), (circuit, 'XX')]."
    )


def _said(shots: int | None) -> str:
    return "no shots of its own" if shots is None else f"{shots:,} shots"
