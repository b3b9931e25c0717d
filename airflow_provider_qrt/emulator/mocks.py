"""The mock twins of the backends, on which the official client's dry runs are done.

IBM's guide to dry runs: a real backend has a twin whose name is the backend's with everything before the first
underscore replaced by ``mock``. A job there is checked as on the real machine and runs on none; its result is random
data, and its usage the estimate for the real machine. Listings leave twins out unless ``include_mocks`` is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from airflow_provider_qrt.emulator.devices import Device

MOCK_CLASS = "mock"
"""The value of ``class`` in a listing by which the official client recognizes a twin."""

_PREFIX = "mock_"


def mock_name(backend: str) -> str:
    """Return the name of a backend's twin: ``mock_fez`` for ``ibm_fez``."""
    return _PREFIX + backend.partition("_")[2]


def is_mock(backend: str | None) -> bool:
    """Return whether a name is that of a twin."""
    return backend is not None and backend.startswith(_PREFIX)


class Mock(Device):
    """The twin of a backend: it has its configuration and calibration, and a status and times of its own.

    Args:
        real: The backend.

    Attributes:
        real: The backend.
    """

    def __init__(self, real: Device) -> None:
        super().__init__(real.directory, mock_name(real.name))
        self.real = real

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """The configuration of the real backend, under the twin's name."""
        return {**self.real.configuration, "backend_name": self.name}

    @property
    def calibration(self) -> dict[str, Any]:
        """The calibration of the real backend, under the twin's name."""
        return {**self.real.properties, "backend_name": self.name}

    def properties_before(self, moment: float) -> dict[str, Any]:
        """Return the newest calibration of the real backend that is not newer than a time."""
        found = self.real.properties_before(moment)
        return {**found, "backend_name": self.name} if found else found

    @property
    def properties_text(self) -> bytes:
        """The properties as JSON."""
        return self.text_of(self.properties)

    @cached_property
    def listing(self) -> dict[str, Any]:
        """The part of the answer of ``GET /backends`` that does not change, with the mark of a twin."""
        return {**self.real.listing, "name": self.name, "class": MOCK_CLASS}


def mocks_of(devices: Mapping[str, Device]) -> dict[str, Mock]:
    """Return the twins of some backends, by name."""
    twins = [Mock(device) for device in devices.values()]
    return {twin.name: twin for twin in twins}
