"""Checks the values of a circuit's parameters: every input has a value, all are finite, and their shapes agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidInputError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from airflow_provider_qrt.primitives.circuits.text import CircuitInfo


def check_values(
    values: Any, info: CircuitInfo | None, where: str, *, by_name: bool
) -> tuple[dict[str, Any] | list[Any] | None, tuple[int, ...]]:
    """Check the parameter values of one PUB.

    Args:
        values: None, a mapping of names to numbers or arrays, or numbers in the order of the names.
        info: The declarations of the circuit; None when they are not known: then only the numbers are checked.
        where: The place named at the start of an error message.
        by_name: Return a mapping (for texts, for which IBM does not document an order); otherwise, if ``info`` is
            given, return a nested list in the order of ``info.parameters``.

    Returns:
        The values as plain lists, all broadcast to the shape of the sweep, or None; and the shape.

    Raises:
        InvalidInputError: A name is missing or unknown, a value is not a finite real number, or shapes do not agree.
    """
    if values is None or (isinstance(values, Mapping | list | tuple) and not values) or _is_empty_row(values):
        if info is not None and info.parameters:
            raise InvalidInputError(
                f"{where}: the circuit has inputs and no values were given: {', '.join(info.parameters)}. "
                f"Give them with the circuit, in a tuple: (circuit, {{{info.parameters[0]!r}: 0.5}}) for a sampler, a "
                "value or a list for each parameter."
            )
        return None, ()
    import numpy as np

    if isinstance(values, Mapping):
        named = _from_mapping(values, info, where)
    elif info is None:
        array = _numbers(values, where)
        return array.tolist(), array.shape[:-1]
    else:
        named = _from_sequence(values, info, where, sort=by_name)
    try:
        arrays = dict(zip(named, np.broadcast_arrays(*named.values()), strict=True))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in named.items())
        raise InvalidInputError(
            f"{where}: the shapes of the parameter values do not go together: {shapes}. In a sweep all values have "
            "one shape, or shapes that numpy can broadcast to one."
        ) from None
    shape = next(iter(arrays.values())).shape
    if 0 in shape:
        raise InvalidInputError(f"{where}: the parameter values are an empty list; give at least one set of values.")
    if by_name or info is None:
        return {name: array.tolist() for name, array in arrays.items()}, shape
    return np.stack([arrays[name] for name in info.parameters], axis=-1).tolist(), shape


def _is_empty_row(values: Any) -> bool:
    """Return whether it is an array without values, which Qiskit uses for a circuit without parameters."""
    return getattr(values, "shape", None) == (0,)


def written(values: Mapping[str, Any] | list[Any] | None) -> Mapping[str, Any] | list[Any] | None:
    """Return checked values in the form that is sent, which preserves the shape of the sweep.

    For a single parameter, Qiskit treats a last axis of length 1 as the axis of parameters. So if the last axis of the
    sweep has length 1, the axis of parameters is added.

    Args:
        values: The values that :func:`check_values` returned.
    """
    if not isinstance(values, Mapping):
        return values
    return {name: _with_parameter_axis(one) if _ends_in_one(one) else one for name, one in values.items()}


def _ends_in_one(values: Any) -> bool:
    while isinstance(values, list) and values and isinstance(values[0], list):
        values = values[0]
    return isinstance(values, list) and len(values) == 1


def _with_parameter_axis(values: Any) -> list[Any]:
    return [_with_parameter_axis(one) for one in values] if isinstance(values, list) else [values]


def _from_mapping(values: Mapping[Any, Any], info: CircuitInfo | None, where: str) -> dict[str, NDArray[np.float64]]:
    named: dict[str, NDArray[np.float64]] = {}
    for key, value in values.items():
        array = _numbers(value, f"{where}: parameter {_name(key)!r}")
        elements = _elements(key, info)
        if elements is None:
            named[_name(key)] = array
        elif array.shape[-1:] != (len(elements),):
            raise InvalidInputError(
                f"{where}: parameter {_name(key)!r} is a vector of {len(elements)} elements; the last axis of its "
                f"values must have that length, and their shape is {array.shape}."
            )
        else:
            named.update({element: array[..., i] for i, element in enumerate(elements)})
    if info is None:
        return named
    for name in named:
        if name not in info.parameters:
            declared = ", ".join(info.parameters) or "none"
            raise InvalidInputError(
                f"{where}: the circuit has no input {name!r}{did_you_mean(name, info.parameters)} "
                f"(declared: {declared})"
            )
    if missing := [name for name in info.parameters if name not in named]:
        raise InvalidInputError(f"{where}: no value for the input {', '.join(map(repr, missing))}.")
    return named


def _from_sequence(values: Any, info: CircuitInfo, where: str, *, sort: bool) -> dict[str, NDArray[np.float64]]:
    names = sorted(info.parameters) if sort else list(info.parameters)
    array = _numbers(values, f"{where}: parameter values")
    if not names:
        raise InvalidInputError(f"{where}: the circuit declares no inputs, but values were given for some.")
    if len(names) == 1 and array.shape[-1:] != (1,):
        array = array[..., None]  # With one parameter, the axis of parameters can be left out, as in Qiskit.
    if array.shape[-1:] != (len(names),):
        raise InvalidInputError(
            f"{where}: the circuit has {len(names)} inputs, in the order of their names {', '.join(names)}; the last "
            f"axis of the values must have that length, and their shape is {array.shape}. A mapping of names to "
            "values is easier to get right."
        )
    return {name: array[..., i] for i, name in enumerate(names)}


def _name(key: Any) -> str:
    """Return the name of a parameter given as text or as a Qiskit object; join the names of a tuple by commas."""
    if isinstance(key, tuple):
        return ", ".join(map(_name, key))
    return key if isinstance(key, str) else str(getattr(key, "name", key))


def _elements(key: Any, info: CircuitInfo | None) -> list[str] | None:
    """Return the names that a key stands for: a tuple of parameters, or ``theta`` for ``theta[0]``, ``theta[1]``."""
    if isinstance(key, tuple):
        return [_name(one) for one in key]
    name = _name(key)
    if info is None or name in info.parameters:
        return None
    own = [parameter for parameter in info.parameters if parameter.startswith(f"{name}[")]
    return sorted(own, key=lambda element: (len(element), element)) or None


def _numbers(value: Any, where: str) -> NDArray[np.float64]:
    """Return finite real numbers as an array."""
    import numpy as np

    if bad := _not_a_number(value):
        raise InvalidInputError(f"{where}: expected real numbers, found {bad}.")
    try:
        array = np.asarray(value)
    except ValueError:
        raise InvalidInputError(f"{where}: the lists have different lengths; values must form a full array.") from None
    if array.dtype.kind not in "iuf":
        raise InvalidInputError(f"{where}: expected real numbers, found {array.dtype}.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise InvalidInputError(f"{where}: expected finite numbers, found NaN or infinity.")
    return array


def _not_a_number(value: Any) -> str | None:
    """Describe the first value in nested lists that is not a real number. The dtype of arrays is checked later."""
    if isinstance(value, list | tuple):
        return next((bad for item in value if (bad := _not_a_number(item))), None)
    if isinstance(value, bool | complex | str | bytes) or value is None or isinstance(value, Mapping):
        return f"{value!r} ({type(value).__name__})"
    return None
