"""The ``backend_filters`` of operators and sensors: conditions that a backend must meet to be chosen. Pure.

Stands on the fields of ``GET /backends`` in IBM's Qiskit Runtime REST API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidInputError, did_you_mean
from airflow_provider_qrt.templated import NOTHING, flag, is_nothing, whole_number

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend

PLACE = "backend_filters"
_FAMILY_AND_REVISION = re.compile(r"(?P<family>\S+)\s+(?P<revision>r?\d[\d.]*)", re.IGNORECASE)


class Lack(StrEnum):
    """In what a backend does not fit."""

    NAME = "name"
    SIMULATOR = "simulator"
    QUBITS = "qubits"
    PROCESSOR = "processor"
    STATUS = "status"
    QUEUE = "queue"

    @property
    def may_pass(self) -> bool:
        """Whether waiting can help: a queue grows shorter, a processor no larger."""
        return self in (Lack.STATUS, Lack.QUEUE)


@dataclass(frozen=True)
class Misfit:
    """One reason why a backend is left out.

    Attributes:
        lack: Which.
        text: In words that go after the backend's name: ``has 27 qubits < 100``.
    """

    lack: Lack
    text: str


@dataclass(frozen=True)
class BackendCriteria:
    """Which backends may be chosen, besides that they must be available.

    Attributes:
        min_qubits: Qubits at least.
        processor_family: Such as ``Heron``, in upper or lower case.
        processor_revision: Such as ``2``; only together with the family.
        max_queue: Jobs in the queue at most.
        names: Backends to choose from; empty for all.
        exclude: Backends to leave out.
        simulators: Whether simulators may be chosen too. One that ``names`` names may in any case.
    """

    min_qubits: int | None = None
    processor_family: str | None = None
    processor_revision: str | None = None
    max_queue: int | None = None
    names: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    simulators: bool = False

    @classmethod
    def from_filters(cls, filters: Any) -> BackendCriteria:
        """Read ``backend_filters``: a mapping with the attributes' names as keys, or nothing.

        Numbers and flags may be text, as templates make them. Names may be a list or text with commas. A value that is
        None or empty is as good as left out.

        Raises:
            InvalidInputError: An unknown key (the nearest known one is suggested), or a value of the wrong kind.
        """
        if filters in NOTHING:
            return cls()
        if not isinstance(filters, Mapping):
            raise InvalidInputError(
                f"{PLACE}: expected a mapping such as {{'min_qubits': 100}}, got {filters!r}. Its values may be "
                "templates; the mapping itself may not be text."
            )
        known = [field.name for field in fields(cls)]
        for key in filters:
            if key not in known:
                hint = did_you_mean(str(key), known) or f"; known are {', '.join(known)}."
                raise InvalidInputError(f"{PLACE}: unknown key {key!r}{hint}")
        given = {key: value for key, value in filters.items() if not is_nothing(value)}
        family = _family(given.get("processor_family"))
        if "processor_revision" in given and family is None:
            raise InvalidInputError(
                f"{PLACE}.processor_revision: add processor_family, such as 'Heron': each family counts its own."
            )
        return cls(
            min_qubits=whole_number(f"{PLACE}.min_qubits", given.get("min_qubits"), at_least=1),
            processor_family=family,
            processor_revision=_revision(given.get("processor_revision")),
            max_queue=whole_number(f"{PLACE}.max_queue", given.get("max_queue"), at_least=0),
            names=_names("names", given["names"]) if "names" in given else (),
            exclude=_names("exclude", given["exclude"], may_be_empty=True) if "exclude" in given else (),
            simulators=flag(f"{PLACE}.simulators", given.get("simulators", False)),
        )

    def to_filters(self) -> dict[str, Any]:
        """Return plain JSON that :meth:`from_filters` reads, without what is not set."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        # Not by truth: max_queue may be 0.
        return {
            name: value for name, value in values.items() if value is not None and value is not False and value != []
        }

    def misfits(self, backend: Backend) -> list[Misfit]:
        """Return what keeps a backend from being chosen: first what lasts; empty if it may be."""
        found = [*self._lasting(backend), *self._passing(backend)]
        return [misfit for misfit in found if misfit is not None]

    def _lasting(self, backend: Backend) -> Iterable[Misfit | None]:
        if self.names and backend.name not in self.names:
            yield Misfit(Lack.NAME, "is not among names")
        if backend.name in self.exclude:
            yield Misfit(Lack.NAME, "is excluded")
        if backend.is_simulator and not self.simulators and backend.name not in self.names:
            yield Misfit(Lack.SIMULATOR, "is a simulator")
        if self.min_qubits is not None and (backend.num_qubits is None or backend.num_qubits < self.min_qubits):
            has = "an unknown number of qubits" if backend.num_qubits is None else f"{backend.num_qubits} qubits"
            yield Misfit(Lack.QUBITS, f"has {has} < {self.min_qubits}")
        if self.processor_family is not None and not self._has_processor(backend):
            wanted = processor_name(self.processor_family, self.processor_revision)
            yield Misfit(Lack.PROCESSOR, f"has processor {processor(backend) or 'unknown'}, not {wanted}")

    def _passing(self, backend: Backend) -> Iterable[Misfit | None]:
        if not backend.is_available:
            yield Misfit(Lack.STATUS, f"is {describe_status(backend)}")
        if self.max_queue is not None and backend.queue_length > self.max_queue:
            yield Misfit(Lack.QUEUE, f"has queue {backend.queue_length} > {self.max_queue}")

    def _has_processor(self, backend: Backend) -> bool:
        assert self.processor_family is not None
        family, revision = _processor_parts(backend)
        return family.lower() == self.processor_family.lower() and self.processor_revision in (None, revision)


def describe_status(backend: Backend) -> str:
    """Say how a backend stands: ``online``, ``paused (calibrating)``."""
    status, reason = backend.status, backend.status_reason
    if reason is None or reason in (status, "available"):
        return status
    return f"{status} but not available ({reason})" if status == "online" else f"{status} ({reason})"


def processor(backend: Backend) -> str | None:
    """Name a backend's processor as IBM does, ``Heron r2``; None if the service does not say."""
    family, revision = _processor_parts(backend)
    return processor_name(family, revision) if family else None


def processor_name(family: str, revision: str | None) -> str:
    """Return ``Heron r2``, or only the family."""
    return f"{family} r{revision}" if revision else family


def _processor_parts(backend: Backend) -> tuple[str, str]:
    kind = backend.processor_type if isinstance(backend.processor_type, Mapping) else {}
    revision = kind.get("revision")
    return str(kind.get("family") or ""), "" if revision is None else str(revision).removesuffix(".0")


def _family(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInputError(f"{PLACE}.processor_family: expected text such as 'Heron', got {value!r}.")
    family = value.strip()
    if both := _FAMILY_AND_REVISION.fullmatch(family):
        raise InvalidInputError(
            f"{PLACE}.processor_family: {family!r} is two things: write 'processor_family': {both['family']!r}, "
            f"'processor_revision': {_revision(both['revision'])!r}."
        )
    return family


def _revision(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value).strip().lower().removeprefix("r").removesuffix(".0")
    if isinstance(value, bool) or not re.fullmatch(r"\d+(\.\d+)?", text):
        raise InvalidInputError(f"{PLACE}.processor_revision: expected a number such as 2, got {value!r}.")
    return text


def _names(key: str, value: Any, *, may_be_empty: bool = False) -> tuple[str, ...]:
    given = value.split(",") if isinstance(value, str) else value
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise InvalidInputError(f"{PLACE}.{key}: expected a list of backend names, got {value!r}.")
    names = []
    for name in given:
        if not isinstance(name, str) or not name.strip():
            raise InvalidInputError(f"{PLACE}.{key}: expected a list of backend names, got {value!r}.")
        names.append(name.strip())
    if not names and not may_be_empty:
        raise InvalidInputError(f"{PLACE}.{key}: the list is empty; leave it out to choose among all backends.")
    return tuple(dict.fromkeys(names))
