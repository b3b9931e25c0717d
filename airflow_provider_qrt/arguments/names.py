"""Check argument names, suggest the nearest known name for an unknown one, and show all of them to inspection."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

__all__ = ["UnknownArgumentError"]

PACKAGE = __name__.partition(".")[0]
CUTOFF = 0.55
"""Minimum similarity of two names (0 to 1): ``buget`` matches ``budget``, ``colour`` does not match ``circuits``."""
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
"""Names that people often try, and the right ones; only a name that the class has is suggested."""
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
"""Unknown names whose value belongs elsewhere, and where."""


class UnknownArgumentError(TypeError):
    """A task was given an argument that its class does not have. Suggests the right name if possible."""


class NamedArguments:
    """Mixin that checks an operator's argument names and shows them to inspection."""

    arguments_elsewhere: ClassVar[Mapping[str, str]] = {}
    """Names that belong to another class, and what to write instead, for :func:`check_names`."""

    if not TYPE_CHECKING:
        # Type checkers must use __init__, which names the arguments.
        def __new__(cls, *_args: Any, **kwargs: Any) -> Any:
            """Check the names, since Airflow would only report a misspelt ``circuits`` as missing."""
            if kwargs and cls.__init__.__module__.partition(".")[0] == PACKAGE:
                check_names(cls, kwargs)
            return super().__new__(cls)


class _WholeSignature:
    """Signature with the arguments of a class and of its bases, for help, notebooks and documentation."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        return inspect.Signature(list(parameters(owner).values()))


NamedArguments.__signature__ = _WholeSignature()  # type: ignore[attr-defined]


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the arguments of an operator class: its own first, Airflow's last."""
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
    """Check that an operator class has arguments of these names.

    Args:
        cls: The class.
        given: The names. Those that begin with an underscore are Airflow's own.
        call: Suffix of the call, such as ``.partial``; empty for the class itself.
        task_id: The task, for the message; by default the argument of that name.

    Raises:
        UnknownArgumentError: It lacks one; suggests the right name for each.
    """
    names = list(given)
    known = parameters(cls)
    unknown = [name for name in names if name not in known and not name.startswith("_")]
    if not unknown:
        return
    task = task_id or (dict(given).get("task_id") if isinstance(given, Mapping) else None)
    who = f"{getattr(cls, 'custom_operator_name', cls.__name__)}{call}{f' (task {task!r})' if task else ''}"
    said = " ".join(f"There is no argument {name!r}{_meant(cls, name, known)}" for name in unknown)
    raise UnknownArgumentError(f"{who}: {said}")


def _meant(cls: type, name: str, known: Iterable[str]) -> str:
    """Return the end of the sentence about an unknown name, with a suggestion if possible."""
    names = list(known)
    for guess in GUESSES.get(name, ()):
        if guess in names:
            return f"; did you mean {guess!r}?"
    elsewhere = {**ELSEWHERE, **getattr(cls, "arguments_elsewhere", {})}
    if name in elsewhere:
        return f": {elsewhere[name]}."
    import difflib

    near = difflib.get_close_matches(name, names, n=1, cutoff=CUTOFF)
    return f"; did you mean {near[0]!r}?" if near else "."


# Former names, for one release.
UnknownArgument = UnknownArgumentError
