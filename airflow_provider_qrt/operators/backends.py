"""Which backend a job goes to. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend

LEAST_BUSY = "least_busy"


def choose_backend(backends: Sequence[Backend], asked: str, *, where: str) -> Backend:
    """Return the backend that was asked for.

    Args:
        backends: What the service lists.
        asked: A name, or ``least_busy``: the shortest queue among those that are available.
        where: Names connection, instance and region, for the message.

    Raises:
        InvalidSettings: There is none of that name; says which there are.
        NoBackendAvailable: ``least_busy``, and none is available now; this may pass.
    """
    if asked == LEAST_BUSY:
        available = [backend for backend in backends if backend.is_available and not backend.is_simulator]
        if not available:
            states = ", ".join(f"{b.name} is {b.status}" for b in backends) or "the instance has none"
            raise NoBackendAvailable(f"No backend is available now with {where}: {states}. Nothing was submitted.")
        return min(available, key=lambda backend: (backend.queue_length, backend.name))
    found = next((backend for backend in backends if backend.name == asked), None)
    if found is None:
        names = [backend.name for backend in backends]
        near = difflib.get_close_matches(asked, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise errors.InvalidSettings(
            f"backend: {asked!r} is not among the backends of {where}: {', '.join(names) or 'there are none'}.{hint}"
        )
    return found


class NoBackendAvailable(errors.QiskitRuntimeError):
    """Every backend is paused or offline; worth another try later."""
