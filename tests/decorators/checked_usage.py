"""A DAG file for the type checkers; a comment after a line says that a type checker must find an error there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import XComArg

from airflow_provider_qrt.decorators.primitives import (
    qiskit_estimator_task,
    qiskit_executor_task,
    qiskit_sampler_task,
)


class Circuit:
    """A stand-in with the attributes of Qiskit's circuit that are needed here."""

    num_qubits: int = 1
    num_clbits: int = 1


@qiskit_sampler_task
def text(qubits: int) -> str:
    return "OPENQASM 3.0;" * qubits


@qiskit_sampler_task(shots=100, deferrable=True, timeout=timedelta(hours=2), retries=3, pool="quantum")
def circuits(qubits: int, *, name: str = "") -> list[Circuit]:
    return [Circuit()] * qubits


@qiskit_sampler_task(shots="{{ params.shots }}", tags=["mine"], budget={"max_seconds": 10})
def pubs() -> list[tuple[str, dict[str, float], int]]:
    return [("OPENQASM 3.0;", {"a": 1.0}, 10)]


@qiskit_estimator_task(precision=0.01, observables={"ZZ": 1.0}, resilience_level=1)
def estimate() -> tuple[str, str, None, float]:
    return "OPENQASM 3.0;", "ZZ", None, 0.1


@qiskit_estimator_task(options={"resilience": {"zne_mitigation": True}}, session_id=None)
def anything() -> Any:
    return ["OPENQASM 3.0;"]


result: XComArg = text(3)
several: XComArg = circuits(3, name="three")
mapped: XComArg = circuits.expand(qubits=[1, 2])
other: XComArg = pubs.override(task_id="other")()


@qiskit_sampler_task  # error
def nothing() -> None: ...


@qiskit_sampler_task()  # error
def number() -> int:
    return 3


class Program:
    """A stand-in for a quantum program."""

    shots: int = 1
    items: list[Any] = []  # noqa: RUF012


@qiskit_executor_task(result_format="npz", deferrable=True)
def directed() -> Program:
    return Program()


@qiskit_executor_task
def parts(shots: int) -> dict[str, Any]:
    return {"shots": shots, "items": []}


@qiskit_executor_task  # error
def no_program() -> str:
    return ""


@qiskit_executor_task(shots=100)  # error
def shots_elsewhere() -> Program:
    return Program()


@qiskit_estimator_task(precision=0.1)  # error
def numbers() -> list[int]:
    return [3]


@qiskit_sampler_task(shotts=100)  # error
def misspelt() -> str:
    return ""


@qiskit_sampler_task(deferrable="yes")  # error
def not_a_flag() -> str:
    return ""


@qiskit_sampler_task(precision=0.1)  # error
def of_the_estimator() -> str:
    return ""


@qiskit_estimator_task(circuits="OPENQASM 3.0;")  # error
def twice() -> str:
    return ""


text("three")  # error
circuits(3, nickname="three")  # error
