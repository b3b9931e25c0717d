"""Readout points: the complex numbers of which bits are made, for those who classify them themselves.

Source: IBM's schemas for the executor, v2.0 (``meas_level``), and the official client's ``SamplerExecutionOptions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.inputs.executor_sampler_options import AVERAGED, KERNELED
from airflow_provider_qrt.primitives.inputs.sizes import numbers_json_bytes
from airflow_provider_qrt.primitives.results.decoding import Budget

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEAS_TYPE = "meas_type"
"""Key of a PUB's result that says which kind of readout points it holds."""
POINTS = "points"
"""Key of a register's points."""


@dataclass(frozen=True, eq=False)
class KerneledRegister:
    """The readout points of one classical register, in arbitrary units.

    Attributes:
        array: ``complex128`` of shape ``(*shape, shots, num_bits)``, or ``(*shape, num_bits)`` if they are averages.
            The last axis is the index of the bit.
        averaged: Whether each number is the mean over all shots.

    Raises:
        ValueError: The array has another type or too few axes.
    """

    array: NDArray[np.complex128]
    averaged: bool = False

    def __post_init__(self) -> None:
        if self.array.dtype.kind != "c" or self.array.ndim < (1 if self.averaged else 2):
            raise ValueError(
                f"readout points are complex numbers by shot and bit, not {self.array.dtype} of the shape "
                f"{self.array.shape}"
            )

    @property
    def num_bits(self) -> int:
        """The size of the register."""
        return int(self.array.shape[-1])

    @property
    def shots(self) -> int | None:
        """Shots for each point of the sweep; None for averages."""
        return None if self.averaged else int(self.array.shape[-2])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the sweep; ``()`` without one."""
        return tuple(self.array.shape[: -1 if self.averaged else -2])

    @property
    def meas_type(self) -> str:
        """``kerneled`` or ``avg_kerneled``."""
        return AVERAGED if self.averaged else KERNELED

    def to_json(self) -> list[Any]:
        """Return nested lists in which a number is ``[real, imaginary]``."""
        import numpy as np

        nested: list[Any] = np.stack([self.array.real, self.array.imag], axis=-1).tolist()
        return nested

    def json_bytes(self) -> int:
        """Return an upper bound of the JSON of :meth:`to_json`, in bytes."""
        return numbers_json_bytes((*self.array.shape, 2))

    @classmethod
    def from_json(cls, points: Any, meas_type: str, budget: Budget) -> KerneledRegister:
        """Read what :meth:`to_json` returned.

        Raises:
            ValueError: It is something else.
            InvalidResultError: It is too large.
        """
        import numpy as np

        budget.take(2 * 8 * _count(points))
        pairs = np.array(points, dtype=np.float64)
        if pairs.ndim < 2 or pairs.shape[-1] != 2:
            raise ValueError("expected a pair of numbers for each readout point")
        return cls(pairs[..., 0] + 1j * pairs[..., 1], meas_type == AVERAGED)


def is_kerneled(entry: Mapping[str, Any]) -> bool:
    """Return whether a PUB's result as plain JSON holds readout points."""
    return entry.get(MEAS_TYPE) in (KERNELED, AVERAGED)


def merge_randomizations(array: NDArray[Any], axes: int) -> NDArray[Any]:
    """Move the first axis, which runs over randomizations, next to that of the shots, and join the two.

    Args:
        array: Of shape ``(randomizations, *shape, shots, ...)``.
        axes: The number of axes of the sweep's shape.
    """
    import numpy as np

    moved = np.moveaxis(array, 0, axes)
    shape = moved.shape
    return moved.reshape(*shape[:axes], prod(shape[axes : axes + 2]), *shape[axes + 2 :])


def _count(points: Any) -> int:
    return sum(map(_count, points)) if isinstance(points, list) else 1
