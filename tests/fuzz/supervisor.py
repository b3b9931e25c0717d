"""Airflow's side of the messages with a process: XCom, state store, connections, states of tasks.

It replaces ``SUPERVISOR_COMMS``, so that all of Airflow's code above that is real.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import comms

from tests.fuzz.world import job_ids

if TYPE_CHECKING:
    from tests.fuzz.points import Process
    from tests.fuzz.world import World

ABOUT = {
    "GetTaskStateStore": "store",
    "SetTaskStateStore": "store",
    "DeleteTaskStateStore": "store",
    "ClearTaskStateStore": "store",
    "GetXCom": "xcom",
    "SetXCom": "xcom",
    "DeleteXCom": "xcom",
    "GetConnection": "connection",
    "GetTaskStates": "states",
    "GetDRCount": "states",
    "GetDagRunState": "states",
    "GetTICount": "states",
    "SucceedTask": "task",
    "RetryTask": "task",
    "DeferTask": "task",
    "TaskState": "task",
}
UNHEEDED = ("MaskSecret", "SetRenderedFields", "SetRenderedMapIndex", "GetVariable", "GetPreviousTI")
AT_WORK = ("queued", "running")


class Supervisor:
    """Answers a process of Airflow's."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def asend(self, msg: Any) -> Any:
        """The same from an event loop."""
        await asyncio.sleep(0)
        return self.send(msg)

    def send(self, msg: Any) -> Any:
        """Take a word, and answer."""
        kind = type(msg).__name__
        process = self._world.process
        if kind in UNHEEDED:
            return comms.ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND) if kind == "GetVariable" else None
        about = ABOUT[kind]
        what = " ".join([kind, *(str(one) for one in (getattr(msg, "key", None), getattr(msg, "state", None)) if one)])
        process.before(what)
        failure = self._world.weather.of_word(process.chance, about, self._world.clock.time())
        answer = None
        if failure != "before":
            answer = getattr(self, f"_on_{kind}")(msg, process)
            self._world.keep()
        process.after(what)
        if failure is not None:
            self._world.trace(f"Airflow's API fails {failure} {what}")
            self._world.airflow.disturbed |= about == "store"
            raise _failure(500)
        return answer

    def _on_GetTaskStateStore(self, msg: Any, process: Process) -> Any:  # noqa: N802
        self._may_use_store(process)
        airflow = self._world.airflow
        if msg.ti_id != airflow.ti_id or msg.key not in airflow.store:
            return comms.ErrorResponse(error=ErrorType.TASK_STORE_NOT_FOUND, detail={"key": msg.key})
        return comms.TaskStateStoreResult(value=json.loads(airflow.store[msg.key]))

    def _on_SetTaskStateStore(self, msg: Any, process: Process) -> Any:  # noqa: N802
        self._may_use_store(process)
        if msg.ti_id != self._world.airflow.ti_id:
            raise _failure(404)
        self._world.airflow.store[msg.key] = json.dumps(msg.value)
        self._world.trace(f"store {msg.key} := {_short(msg.value)}")
        return comms.OKResponse(ok=True)

    def _on_DeleteTaskStateStore(self, msg: Any, process: Process) -> Any:  # noqa: N802
        self._may_use_store(process)
        self._world.airflow.store.pop(msg.key, None)
        return comms.OKResponse(ok=True)

    def _on_ClearTaskStateStore(self, msg: Any, process: Process) -> Any:  # noqa: N802
        self._may_use_store(process)
        self._world.airflow.store.clear()
        return comms.OKResponse(ok=True)

    def _on_GetXCom(self, msg: Any, process: Process) -> Any:  # noqa: N802
        airflow = self._world.airflow
        mine = (msg.dag_id, msg.run_id, msg.task_id) == airflow.names
        value = airflow.xcoms.get(msg.key) if mine else None
        return comms.XComResult(key=msg.key, value=None if value is None else json.loads(value))

    def _on_SetXCom(self, msg: Any, process: Process) -> Any:  # noqa: N802
        self._world.airflow.xcoms[msg.key] = json.dumps(msg.value)
        if msg.key == "return_value":
            self._world.airflow.handed_over.update(job_ids(msg.value))
        self._world.trace(f"XCom {msg.key} := {_short(msg.value)}")
        return comms.OKResponse(ok=True)

    def _on_DeleteXCom(self, msg: Any, process: Process) -> Any:  # noqa: N802
        self._world.airflow.xcoms.pop(msg.key, None)
        return comms.OKResponse(ok=True)

    def _on_GetConnection(self, msg: Any, process: Process) -> Any:  # noqa: N802
        return comms.ConnectionResult(conn_id=msg.conn_id, **self._world.connection)

    def _on_GetTaskStates(self, msg: Any, process: Process) -> Any:  # noqa: N802
        airflow = self._world.airflow
        dag_id, run_id, task_id = airflow.names
        states: dict[str, Any] = {}
        if msg.dag_id == dag_id and run_id in (msg.run_ids or [run_id]) and task_id in (msg.task_ids or [task_id]):
            states = {run_id: {task_id: airflow.state}}
        return comms.TaskStatesResult(task_states=states)

    def _on_GetDRCount(self, msg: Any, process: Process) -> Any:  # noqa: N802
        airflow = self._world.airflow
        dag_id, run_id, _ = airflow.names
        mine = msg.dag_id == dag_id and run_id in (msg.run_ids or [run_id])
        return comms.DRCount(count=int(mine and airflow.run_state in (msg.states or [airflow.run_state])))

    def _on_GetDagRunState(self, msg: Any, process: Process) -> Any:  # noqa: N802
        return comms.DagRunStateResult(state=self._world.airflow.run_state)

    def _on_GetTICount(self, msg: Any, process: Process) -> Any:  # noqa: N802
        wanted = [str(one) for one in msg.states] if msg.states else [self._world.airflow.state]
        return comms.TICount(count=int(self._world.airflow.state in wanted))

    def _on_SucceedTask(self, msg: Any, process: Process) -> Any:  # noqa: N802
        self._update(process, "success")

    def _on_RetryTask(self, msg: Any, process: Process) -> Any:  # noqa: N802
        self._update(process, "up_for_retry")
        self._world.airflow.ti_id = uuid.UUID(int=self._world.airflow.ti_id.int + 1)

    def _on_TaskState(self, msg: Any, process: Process) -> Any:  # noqa: N802
        # Sent on when the process has ended.
        self._world.airflow.final_word = str(msg.state)

    def _on_DeferTask(self, msg: Any, process: Process) -> Any:  # noqa: N802
        self._update(process, "deferred")
        airflow = self._world.airflow
        airflow.next_method, airflow.next_kwargs = msg.next_method, json.loads(json.dumps(msg.next_kwargs))
        airflow.trigger = (msg.classpath, json.loads(json.dumps(msg.trigger_kwargs)))
        timeout = msg.trigger_timeout
        airflow.trigger_due = None if timeout is None else self._world.clock.time() + timeout.total_seconds()

    def _update(self, process: Process, state: str) -> None:
        airflow = self._world.airflow
        if airflow.state != "running" or process.ti_id != airflow.ti_id:
            raise _failure(409)
        airflow.enter(state)

    def _may_use_store(self, process: Process) -> None:
        """Only a task's own process may."""
        if not process.name.startswith("worker"):
            raise _failure(422)


def _failure(status: int) -> AirflowRuntimeError:
    return AirflowRuntimeError(
        comms.ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": status, "message": "injected"})
    )


def _short(value: Any) -> str:
    if isinstance(value, dict) and "fingerprint" in value and "number" in value:
        # A record: what is not as it always is.
        value = {name: one for name, one in value.items() if one not in (None, False, "") and name != "fingerprint"}
    text = json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}..."
