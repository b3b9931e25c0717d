"""The result of one estimator PUB: expectation values and their standard errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.results.asked import Asked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VALUES, ERRORS, ENSEMBLE = "evs", "stds", "ensemble_standard_error"
"""The service's names of fields: expectation values, their standard errors, and their standard errors from shot noise
alone."""


@dataclass(frozen=True, eq=False)
class EstimatorPubResult:
    """The result of one PUB.

    Attributes:
        data: Arrays of ``float64`` by the service's names: always ``evs`` and ``stds`` in the PUB's shape, often
            ``ensemble_standard_error``, and with ZNE arrays with more axes such as ``evs_extrapolated``.
        metadata: The service's metadata of the run, as plain JSON.
        asked: The parameter values and the names of the observables, as far as the task that fetched the result knew
            them.
    """

    data: Mapping[str, NDArray[np.float64]]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)

    @property
    def parameter_values(self) -> Mapping[str, Any]:
        """For each parameter, a number or nested lists in the shape of the sweep; empty if not known."""
        return self.asked.parameter_values

    @property
    def observables(self) -> Any:
        """The observable's name, or nested lists of names that broadcast to the PUB's shape; None if not known."""
        return self.asked.observables

    @property
    def evs(self) -> NDArray[np.float64]:
        """The expectation values; NaN where the service returned none."""
        return self.data[VALUES]

    @property
    def stds(self) -> NDArray[np.float64]:
        """Their standard errors, in the same shape."""
        return self.data[ERRORS]

    @property
    def ensemble_standard_error(self) -> NDArray[np.float64] | None:
        """Their standard errors if all shots were one ensemble, without drift or twirling; None if not available."""
        return self.data.get(ENSEMBLE)

    @property
    def shape(self) -> tuple[int, ...]:
        """The broadcast shape of observables and parameter values; ``()`` for one number."""
        return self.evs.shape
