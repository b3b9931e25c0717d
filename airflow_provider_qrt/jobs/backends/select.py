"""Which backend a job goes to. Pure."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.backends.criteria import PLACE, BackendCriteria
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY
from airflow_provider_qrt.jobs.errors import NoBackendAvailableError, NoBackendFitsError

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend

WAIT_TIME = ("wait_time_seconds",)
"""The field that :meth:`~airflow_provider_qrt.client.client.QiskitRuntimeClient.backends` must be asked for."""
SLIP_OF_THE_PEN = 0.85
"""From this likeness on (``difflib``) a name is taken for a misspelt one, not for that of another backend."""


def choose_backend(
    backends: Sequence[Backend], asked: str, *, where: str, criteria: BackendCriteria | None = None
) -> Backend:
    """Return the backend that was asked for.

    Args:
        backends: What the service lists, best with their :data:`WAIT_TIME`.
        asked: A name, which is taken as it is, available or not; or ``least_busy``: the first of :func:`rank` among
            those that are available and fit.
        where: Names connection, instance and region, for the message.
        criteria: What ``least_busy`` may choose. None: any backend that is not a simulator.

    Raises:
        InvalidSettingsError: There is none of that name; says which there are.
        NoBackendFitsError: ``least_busy``, and no backend is what the criteria ask for.
        NoBackendAvailableError: ``least_busy``, and none can be chosen now; this may pass.
    """
    if asked != LEAST_BUSY:
        return named(backends, asked, where=where)
    criteria = criteria or BackendCriteria()
    check_names(backends, criteria, where=where)
    fitting = [backend for backend in backends if not criteria.misfits(backend)]
    if fitting:
        return rank(fitting)[0]
    why = describe_misfits(backends, criteria)
    if is_hopeless(backends, criteria):
        raise NoBackendFitsError(f"{describe_hopeless(why, where)} Nothing was submitted.")
    raise NoBackendAvailableError(
        f"No backend is available now with {where}: {why}. Nothing was submitted. Let the task be retried, put a "
        f"QiskitRuntimeBackendSensor before it, or ask for less in {PLACE}."
    )


def named(backends: Sequence[Backend], name: str, *, where: str, place: str = "backend") -> Backend:
    """Return the backend of that name.

    Args:
        backends: What the service lists.
        name: As the service writes it.
        where: Names connection, instance and region, for the message.
        place: The argument that holds the name, for the message.

    Raises:
        InvalidSettingsError: There is none; says which there are.
    """
    found = next((backend for backend in backends if backend.name == name), None)
    if found is None:
        names = [backend.name for backend in backends]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise errors.InvalidSettingsError(
            f"{place}: {name!r} is not among the backends of {where}: {', '.join(names) or 'there are none'}.{hint}"
        )
    return found


def check_names(backends: Sequence[Backend], criteria: BackendCriteria, *, where: str) -> None:
    """See that the names in the criteria are right.

    All of ``names`` must exist. One of ``exclude`` need not (it may be retired), unless it looks like a misspelt one:
    the job would go to the very backend it was to spare.

    Raises:
        InvalidSettingsError: If one is wrong; says which there are.
    """
    for name in criteria.names:
        named(backends, name, where=where, place=f"{PLACE}.names")
    known = [backend.name for backend in backends]
    for name in criteria.exclude:
        if name not in known and difflib.get_close_matches(name, known, cutoff=SLIP_OF_THE_PEN):
            named(backends, name, where=where, place=f"{PLACE}.exclude")


def rank(backends: Sequence[Backend]) -> list[Backend]:
    """Sort backends, the least busy first: by waiting time, then by queue, then by name.

    The waiting time counts only when all of them have one: seconds cannot be compared with jobs in a queue.
    """
    waits = {backend.name: wait_seconds(backend) for backend in backends}
    known = None not in waits.values()

    def busy(backend: Backend) -> tuple[float, int, str]:
        wait = waits[backend.name] if known else None
        return (wait or 0.0, backend.queue_length, backend.name)

    return sorted(backends, key=busy)


def wait_seconds(backend: Backend) -> float | None:
    """How long a job waits in a backend's queue, seconds; None if the service does not say.

    The median (``p50``): what the next job is likely to meet. The average is drawn up by the few jobs that met a
    calibration or an outage; it stands in where there is no median.
    """
    told = backend.wait_time_seconds
    if not isinstance(told, Mapping):
        return None
    for key in ("p50", "average"):
        value = told.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
            return float(value)
    return None


def describe_misfits(backends: Sequence[Backend], criteria: BackendCriteria) -> str:
    """Say, backend by backend, why it is left out: if something lasting is against it, only that."""
    told = []
    for backend in backends:
        misfits = criteria.misfits(backend)
        lasting = [misfit for misfit in misfits if not misfit.lack.may_pass]
        told.append(f"{backend.name} {', '.join(misfit.text for misfit in lasting or misfits) or 'fits'}")
    return "; ".join(told) or "the instance has none"


def is_hopeless(backends: Sequence[Backend], criteria: BackendCriteria) -> bool:
    """Whether something lasting is against every backend. An instance that lists none may list some later."""
    against = [[misfit for misfit in criteria.misfits(backend) if not misfit.lack.may_pass] for backend in backends]
    return bool(against) and all(against)


def describe_hopeless(why: str, where: str) -> str:
    """Say that waiting does not help, and what does."""
    return (
        f"No backend is what {PLACE} asks for with {where}: {why}. Ask for less, or use a connection to an instance "
        "that has such a backend."
    )
