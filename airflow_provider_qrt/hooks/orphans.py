"""Orphans: how Airflow is asked which tasks live, through the supervisor of a task; and how orphans are cancelled."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.hooks.deployment import SECTION, airflow_name, own_name
from airflow_provider_qrt.jobs import orphans
from airflow_provider_qrt.jobs.cancelling import cancel_job
from airflow_provider_qrt.jobs.durations import EXPECTED, read_seconds
from airflow_provider_qrt.jobs.orphans import Orphan
from airflow_provider_qrt.jobs.ownership import RunState
from airflow_provider_qrt.primitives.errors import InvalidInput

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

RUN_STATES_THAT_GO_ON = ["queued", "running"]
NAMELESS = (
    "this Airflow has no name of its own, and jobs of another one without a name look like its own. Set "
    f"[{SECTION}] airflow_name, the same for all components of this Airflow, or install this provider where its "
    "scheduler runs too."
)


class AirflowUnavailable(AirflowException):
    """Airflow did not say how its runs and tasks stand, so nothing can be called an orphan."""


class AirflowNameMissing(AirflowFailException):
    """This Airflow has no name, so its jobs look like those of any other Airflow without one."""


class OrphansNotCancelled(AirflowException):
    """Some orphans could not be cancelled, and may still run and be charged."""


class AirflowOfThisTask:
    """Airflow as the task that is running sees it: through its supervisor, with the task's own rights.

    Raises:
        AirflowUnavailable: From each method, if there is no answer.
    """

    def __init__(self) -> None:
        from airflow.sdk.execution_time import task_runner

        if not hasattr(task_runner, "SUPERVISOR_COMMS"):
            raise AirflowUnavailable(
                "Orphans can be found from within a task only: there is no supervisor here to ask for the states of "
                "runs and tasks. Call find_orphans() in a task, as the example DAG find_orphans.py does."
            )

    def run_state(self, dag_id: str, run_id: str) -> RunState:
        """Count runs: unlike a look at the run itself that takes any character in a run id, and is never a 404."""
        if self._count_runs(dag_id, run_id, RUN_STATES_THAT_GO_ON):
            return RunState.GOES_ON
        return RunState.ENDED if self._count_runs(dag_id, run_id, None) else RunState.GONE

    def task_states(
        self, dag_id: str, run_id: str, task_id: str | None = None, map_index: int = -1
    ) -> Mapping[str, str | None]:
        """Ask for the states of a run's tasks."""
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
        raise AirflowUnavailable(
            f"Airflow did not say how its runs and tasks stand, so orphans cannot be told: {error}"
        ) from error


def find_orphans(
    client: QiskitRuntimeClient,
    *,
    older_than: timedelta | float | str = orphans.OLD_ENOUGH,
    include_unknown: bool = False,
    exclude_dags: Collection[str] = (),
    log: Callable[[str], object],
) -> list[Orphan]:
    """See :meth:`~airflow_provider_qrt.hooks.qiskit_runtime.QiskitRuntimeHook.find_orphans`."""
    age = read_seconds(older_than)
    if age is None or not 0 <= age < math.inf:
        raise InvalidInput(f"older_than: {EXPECTED}, not {older_than!r}.")
    airflow = AirflowOfThisTask()
    if not own_name():
        log(f"Jobs of another Airflow on this instance may be among what is found: {NAMELESS}")
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
    client: QiskitRuntimeClient, found: Iterable[Orphan], *, log: Callable[[str], object]
) -> dict[str, str]:
    """Cancel orphans: jobs are cancelled, sessions and batches closed at once with what is queued in them.

    What has ended in between is fine. One whose owner is unknown is left alone. When one cannot be cancelled the
    others are cancelled all the same.

    Args:
        client: The API.
        found: What :func:`find_orphans` returned, just now.
        log: Takes a line for each.

    Returns:
        What became of each, by id.

    Raises:
        AirflowNameMissing: If this Airflow has no name. Nothing was cancelled.
        OrphansNotCancelled: If the service refused or could not be asked; names those, after all were tried.
    """
    if not own_name():
        raise AirflowNameMissing(f"Nothing was cancelled, for it might be another Airflow's: {NAMELESS}")
    outcomes: dict[str, str] = {}
    failed: list[str] = []
    for orphan in found:
        try:
            outcomes[orphan.id] = _cancel(client, orphan)
        except errors.QiskitRuntimeError as error:
            outcomes[orphan.id] = f"{_name(orphan)} could not be cancelled and may still run and be charged: {error}"
            failed.append(orphan.id)
        log(outcomes[orphan.id])
    if failed:
        raise OrphansNotCancelled(
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
    except (errors.Conflict, errors.NotFound):
        return f"{_name(orphan)} has been closed already."
    return f"{_name(orphan)} was closed."


def _name(orphan: Orphan) -> str:
    return f"{orphan.kind.capitalize()} {orphan.id}"
