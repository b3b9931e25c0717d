"""Find and cancel orphans from within a task, which asks Airflow for task states through its supervisor."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.durations import EXPECTED, read_seconds
from airflow_provider_qrt.hooks.airflow_name import airflow_name, own_name
from airflow_provider_qrt.jobs.cancel import cancel_job
from airflow_provider_qrt.jobs.orphans import finding as orphans
from airflow_provider_qrt.jobs.orphans.finding import Orphan
from airflow_provider_qrt.jobs.orphans.ownership import RunState
from airflow_provider_qrt.primitives.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

__all__ = [
    "AirflowNameMissingError",
    "AirflowUnavailableError",
    "OrphansNotCancelledError",
    "cancel_orphans",
    "find_orphans",
]

logger = logging.getLogger(__name__)

RUN_STATES_THAT_GO_ON = ["queued", "running"]
NAMELESS = (
    "this Airflow has no name of its own, and jobs of another one without a name look like its own. Set "
    "[qiskit_runtime] airflow_name, the same for all components of this Airflow, or install this provider where its "
    "scheduler runs too."
)


class AirflowUnavailableError(AirflowException):
    """Airflow did not return the states of runs and tasks, so orphans cannot be determined."""


class AirflowNameMissingError(AirflowFailException):
    """This Airflow has no name, so its jobs cannot be told from those of another Airflow without a name."""


class OrphansNotCancelledError(AirflowException):
    """Some orphans could not be cancelled, and may still run and be charged."""


class AirflowOfThisTask:
    """Airflow as seen by the running task: through its supervisor, with the task's own rights.

    Raises:
        AirflowUnavailableError: From each method, if Airflow does not answer.
    """

    def __init__(self) -> None:
        from airflow.sdk.execution_time import task_runner

        if not hasattr(task_runner, "SUPERVISOR_COMMS"):
            raise AirflowUnavailableError(
                "Orphans can be found from within a task only: there is no supervisor here to ask for the states of "
                "runs and tasks. Call find_orphans() in a task, as the example DAG find_orphans.py does."
            )

    def run_state(self, dag_id: str, run_id: str) -> RunState:
        """Return the run's state by counting runs: unlike reading the run, this accepts any run id, without a 404."""
        if self._count_runs(dag_id, run_id, RUN_STATES_THAT_GO_ON):
            return RunState.GOES_ON
        return RunState.ENDED if self._count_runs(dag_id, run_id, None) else RunState.GONE

    def task_states(
        self, dag_id: str, run_id: str, task_id: str | None = None, map_index: int = -1
    ) -> Mapping[str, str | None]:
        """Return the states of a run's tasks."""
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        states = _asked(
            RuntimeTaskInstance.get_task_states,
            dag_id=dag_id,
            run_ids=[run_id],
            task_ids=None if task_id is None else [task_id],
            map_index=None if map_index < 0 else map_index,
        )
        return dict(_asked(states.get, run_id, {}))

    def published_job_id(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
        """Read the task's XCom ``job_id``."""
        value = _xcom("job_id", dag_id, run_id, task_id, map_index)
        return None if value is None else str(value)

    def published_job_ids(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> list[str]:
        """Read the task's XCom ``job_ids``, which only a task with several jobs has."""
        value = _xcom("job_ids", dag_id, run_id, task_id, map_index)
        return [str(one) for one in value] if isinstance(value, list) else []

    def _count_runs(self, dag_id: str, run_id: str, states: list[str] | None) -> int:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        return int(_asked(RuntimeTaskInstance.get_dr_count, dag_id=dag_id, run_ids=[run_id], states=states))


def _xcom(key: str, dag_id: str, run_id: str, task_id: str, map_index: int) -> Any:
    from airflow.sdk.execution_time.xcom import XCom

    return _asked(XCom.get_one, key=key, dag_id=dag_id, task_id=task_id, run_id=run_id, map_index=map_index)


def _asked(question: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return question(*args, **kwargs)
    except Exception as error:
        raise AirflowUnavailableError(
            f"Airflow did not say how its runs and tasks stand, so orphans cannot be told: {error}"
        ) from error


def find_orphans(
    client: QiskitRuntimeClient,
    *,
    older_than: timedelta | float | str = orphans.OLD_ENOUGH,
    include_unknown: bool = False,
    exclude_dags: Collection[str] = (),
) -> list[Orphan]:
    """Find orphans; see :meth:`~airflow_provider_qrt.hooks.qiskit_runtime.QiskitRuntimeHook.find_orphans`."""
    age = read_seconds(older_than)
    if age is None or not 0 <= age < math.inf:
        raise InvalidInputError(f"older_than: {EXPECTED}, not {older_than!r}.")
    airflow = AirflowOfThisTask()
    if not own_name():
        logger.warning("Jobs of another Airflow on this instance may be among what is found: %s", NAMELESS)
    return orphans.find_orphans(
        client,
        airflow,
        airflow_name(),
        older_than=timedelta(seconds=age),
        include_unknown=include_unknown,
        exclude_dags=[exclude_dags] if isinstance(exclude_dags, str) else exclude_dags,
        now=datetime.now(UTC),
    )


def cancel_orphans(
    client: QiskitRuntimeClient, found: Iterable[Orphan], *, log: Callable[[str], object] | None = None
) -> dict[str, str]:
    """Cancel orphaned jobs, and close orphaned sessions and batches at once, which cancels their queued jobs.

    Orphans that have ended in the meantime, or whose owner is unknown, are skipped. If one cannot be cancelled, the
    others are still cancelled.

    Args:
        client: The API.
        found: The recent result of :func:`find_orphans`.
        log: Called with a line for each orphan, instead of the logger.

    Returns:
        The outcome of each, by id.

    Raises:
        AirflowNameMissingError: If this Airflow has no name. Nothing was cancelled.
        OrphansNotCancelledError: If some could not be cancelled; raised after all were tried, and names them.
    """
    if not own_name():
        raise AirflowNameMissingError(f"Nothing was cancelled, for it might be another Airflow's: {NAMELESS}")
    outcomes: dict[str, str] = {}
    failed: list[str] = []
    for orphan in found:
        try:
            outcomes[orphan.id] = _cancel(client, orphan)
            (log or logger.info)(outcomes[orphan.id])
        except errors.QiskitRuntimeError as error:
            outcomes[orphan.id] = f"{_name(orphan)} could not be cancelled and may still run and be charged: {error}"
            (log or logger.warning)(outcomes[orphan.id])
            failed.append(orphan.id)
    if failed:
        raise OrphansNotCancelledError(
            f"{len(failed)} of {len(outcomes)} orphans could not be cancelled and may still run and be charged: "
            f"{', '.join(failed)}. A retry tries again."
        )
    return outcomes


def _cancel(client: QiskitRuntimeClient, orphan: Orphan) -> str:
    if not orphan.certain:
        return f"{_name(orphan)} was left alone: {orphan.reason}."
    if orphan.kind == "job":
        return cancel_job(client, orphan.id)
    try:
        client.cancel_session(orphan.id)
    except (errors.ConflictError, errors.NotFoundError):
        return f"{_name(orphan)} has been closed already."
    return f"{_name(orphan)} was closed."


def _name(orphan: Orphan) -> str:
    return f"{orphan.kind.capitalize()} {orphan.id}"


# Former names, for one release.
AirflowNameMissing = AirflowNameMissingError
AirflowUnavailable = AirflowUnavailableError
OrphansNotCancelled = OrphansNotCancelledError
