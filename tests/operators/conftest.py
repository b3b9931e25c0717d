"""Runs a task as Airflow does, with a new operator for every try and every leg; a sampler by default."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@dataclass
class OperatorTask:
    context: dict[str, Any]
    in_the_triggerer: Callable[[Any], Any]
    folder: Path
    arguments: dict[str, Any] = field(default_factory=dict)
    operator_class: str = "QiskitRuntimeSamplerOperator"
    operator_module: str = "primitives"
    defaults: dict[str, Any] = field(default_factory=lambda: {"circuits": FLIP, "shots": 20})
    last: Any = None

    def operator(self, **more: Any) -> Any:
        """The operator after its templates were rendered."""
        from airflow.sdk import DAG

        module = importlib.import_module(f"airflow_provider_qrt.operators.{self.operator_module}")
        operator_class = getattr(module, self.operator_class)
        arguments = {
            "backend": "ibm_fez",
            "poll_interval": 0.02,
            "deferrable": False,
            "defer_after": 0,
            **self.defaults,
        }
        with DAG("the_dag", schedule=None, template_searchpath=[str(self.folder)]) as dag:
            operator = operator_class(task_id="the_task", **{**arguments, **self.arguments, **more})
        # What Airflow does when it has parsed a DAG file, and before it executes a task.
        dag.resolve_template_files()
        operator.render_template_fields({"params": {"shots": 33, "backend": "ibm_boston"}, **self.context})
        self.last = operator
        return operator

    def execute(self, **more: Any) -> Any:
        """The first leg of a try."""
        return self.operator(**more).execute(self.context)

    def defer(self, **more: Any) -> Any:
        """The first leg of a try that must end in a deferral; returns that."""
        from airflow.providers.common.compat.sdk import TaskDeferred

        with pytest.raises(TaskDeferred) as deferred:
            self.execute(deferrable=True, **more)
        return deferred.value

    def resume(self, deferred: Any, **more: Any) -> Any:
        """The trigger, and the second leg on another worker."""
        event = self.in_the_triggerer(deferred.trigger)
        arguments = {**(deferred.kwargs or {}), "event": event}
        return self.operator(**{**more, "deferrable": True}).resume_execution(
            deferred.method_name, arguments, self.context
        )

    def resume_until_deferred(self, deferred: Any, **more: Any) -> Any:
        """A leg after a deferral that must end in another one; returns that."""
        from airflow.providers.common.compat.sdk import TaskDeferred

        with pytest.raises(TaskDeferred) as again:
            self.resume(deferred, **more)
        return again.value

    def run(self, **more: Any) -> Any:
        """A whole try, whichever way it waits; when it has succeeded, Airflow takes the value and says so."""
        from airflow.providers.common.compat.sdk import TaskDeferred

        try:
            value = self.execute(**more)
        except TaskDeferred as deferred:
            value = self._resume_to_the_end(deferred, **more)
        self.succeed()
        return value

    def _resume_to_the_end(self, deferred: Any, **more: Any) -> Any:
        """The legs after the first; a task may defer several times."""
        from airflow.providers.common.compat.sdk import TaskDeferred

        while True:
            try:
                return self.resume(deferred, **{**more, "deferrable": True})
            except TaskDeferred as again:
                deferred = again

    def succeed(self) -> None:
        """Do what Airflow does with the value of the last leg."""
        for callback in self.last.on_success_callback:
            callback({**self.context, "task": self.last})

    def fail(self) -> None:
        """Do what Airflow does when the last leg has failed without a retry."""
        for callback in self.last.on_failure_callback:
            callback({**self.context, "task": self.last})

    def clear(self) -> None:
        """Clear the task in the UI."""
        self.context["ti"].max_tries += 1


@pytest.fixture
def task(context, in_the_triggerer, tmp_path, connection) -> OperatorTask:
    return OperatorTask(context, in_the_triggerer, tmp_path)


@pytest.fixture(params=[False, True], ids=["blocking", "deferred"])
def either_way(request, task) -> OperatorTask:
    """The task, waiting on a worker and waiting in the triggerer."""
    task.arguments["deferrable"] = request.param
    return task


@pytest.fixture
def failing(store, monkeypatch) -> Callable[[Callable[[Any], Any]], None]:
    """Let the state store keep nothing any more, from the first value on that is like this."""

    def let_fail(is_like: Callable[[Any], Any]) -> None:
        keep, away = store.set, []

        def refuse(key: str, value: Any, **more: Any) -> None:
            if away or (isinstance(value, dict) and is_like(value)):
                away.append(key)
                raise RuntimeError("The API server is away.")
            keep(key, value, **more)

        monkeypatch.setattr(store, "set", refuse)

    return let_fail


@pytest.fixture(autouse=True)
def quick_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_qrt.jobs.submit.look_up.LOOK_UP_PAUSES", (0.0, 0.0))


@pytest.fixture
def loop(task, emulator):
    """A task with a hybrid loop; each test gives it a function."""
    task.operator_module, task.operator_class = "hybrid", "QiskitRuntimeHybridOperator"
    task.defaults = {"defer_after": 0}
    emulator.configure(run_seconds=0.0)
    return task


@pytest.fixture
def retry(loop, ti):
    """Runs a loop up to its return, or to an error; the next run is a retry of it."""

    def run(function: Any, error: type[BaseException] | None = None, **more: Any) -> Any:
        if error is None:
            value = loop.run(python_callable=function, **more)
        else:
            with pytest.raises(error) as raised:
                loop.run(python_callable=function, **more)
            value = str(raised.value)
        ti.try_number += 1
        return value

    return run


@pytest.fixture
def client(connection):
    """The API."""
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    return QiskitRuntimeHook().client
