"""The names of a task's arguments: an unknown one gets the nearest that is known, and inspection shows them all."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

PACKAGE = __name__.partition(".")[0]
CUTOFF = 0.55
"""How alike two names must be, of 1: ``buget`` and ``budget`` are, ``colour`` and ``circuits`` are not."""
CONNECTION = "qiskit_runtime_conn_id"
GUESSES: Mapping[str, tuple[str, ...]] = {
    "circuit": ("circuits",),
    "conn_id": (CONNECTION,),
    "connection_id": (CONNECTION,),
    "ibm_conn_id": (CONNECTION,),
    "num_shots": ("shots",),
    "observable": ("observables",),
    "parameters": ("program_params",),
    "poke_interval": ("poll_interval",),
    "poll_interval": ("poke_interval",),
    "program_inputs": ("program_params",),
    "session": ("session_id",),
    "ttl": ("max_ttl",),
}
"""Names that people try first, and those that are meant; only one that a class has is suggested."""
ELSEWHERE: Mapping[str, str] = {
    "parameter_values": (
        "parameter values belong to their circuit: circuits=[(circuit, parameter_values)] for the sampler, "
        "circuits=[(circuit, observables, parameter_values)] for the estimator"
    ),
    "pubs": "circuits takes PUBs too: circuits=[(circuit, parameter_values, shots)]",
    "default_shots": "write shots=..., or options={'default_shots': ...}",
    "service": "an Airflow connection takes its place: qiskit_runtime_conn_id='...'",
    "token": "the API key belongs into the connection's password: qiskit_runtime_conn_id='...'",
    "api_key": "it belongs into the connection's password: qiskit_runtime_conn_id='...'",
    "instance": "the CRN belongs into the connection: qiskit_runtime_conn_id='...'",
    "resilience": "write options={'resilience': {...}}",
    "twirling": "write options={'twirling': {...}}",
    "dynamical_decoupling": "write options={'dynamical_decoupling': {...}}",
}
"""Names that stand for something which is written elsewhere."""


class UnknownArgument(TypeError):
    """A task was given an argument that its class does not have. Says which name is meant, if that can be told."""


class NamedArguments:
    """Gives a class of tasks what this module describes."""

    arguments_elsewhere: ClassVar[Mapping[str, str]] = {}
    """Names that another class has, and what to write instead, for :func:`check_names`."""

    if not TYPE_CHECKING:
        # A type checker is to look at __init__, which names the arguments.
        def __new__(cls, *_args: Any, **kwargs: Any) -> Any:
            """Check the names; of a misspelt circuits Airflow says only that circuits is missing."""
            if kwargs and cls.__init__.__module__.partition(".")[0] == PACKAGE:
                check_names(cls, kwargs)
            return super().__new__(cls)


class _WholeSignature:
    """Shows the arguments of a class and of its bases to whoever inspects it: help, notebooks, documentation."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        return inspect.Signature(list(parameters(owner).values()))


NamedArguments.__signature__ = _WholeSignature()  # type: ignore[attr-defined]


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the arguments that a class of tasks takes, its own first; Airflow's come last."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        init = vars(base).get("__init__")
        if init is None or base is object:
            continue
        named = list(inspect.signature(init).parameters.values())[1:]
        for one in named:
            if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD) and one.name not in found:
                found[one.name] = one.replace(kind=one.KEYWORD_ONLY)
    return found


def check_names(cls: type, given: Iterable[str], *, call: str = "", task_id: str | None = None) -> None:
    """See that a class of tasks has arguments of these names.

    Args:
        cls: The class.
        given: The names. Those that begin with an underscore are Airflow's own.
        call: What was called, such as ``.partial``; empty for the class itself.
        task_id: The task, for the message; otherwise the argument of that name.

    Raises:
        UnknownArgument: It lacks one; says of each what is meant.
    """
    names = list(given)
    known = parameters(cls)
    unknown = [name for name in names if name not in known and not name.startswith("_")]
    if not unknown:
        return
    task = task_id or (dict(given).get("task_id") if isinstance(given, Mapping) else None)
    who = f"{getattr(cls, 'custom_operator_name', cls.__name__)}{call}{f' (task {task!r})' if task else ''}"
    said = " ".join(f"There is no argument {name!r}{_meant(cls, name, known)}" for name in unknown)
    raise UnknownArgument(f"{who}: {said}")


def _meant(cls: type, name: str, known: Iterable[str]) -> str:
    """End a sentence about an unknown name."""
    names = list(known)
    for guess in GUESSES.get(name, ()):
        if guess in names:
            return f"; did you mean {guess!r}?"
    elsewhere = {**ELSEWHERE, **getattr(cls, "arguments_elsewhere", {})}
    if name in elsewhere:
        return f": {elsewhere[name]}."
    near = difflib.get_close_matches(name, names, n=1, cutoff=CUTOFF)
    return f"; did you mean {near[0]!r}?" if near else "."
