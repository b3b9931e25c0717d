"""Runs a decorated function as Airflow does, with a new operator for every try and every leg."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class DecoratedTask:
    context: dict[str, Any]
    in_the_triggerer: Callable[[Any], Any]
    folder: Path
    decorator: str = "qiskit_sampler_task"
    arguments: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def operator(self, returned: Any, *args: Any, **more: Any) -> Any:
        """The operator after its templates were rendered; of a function, or of one that returns this."""
        from airflow.sdk import DAG

        from airflow_provider_qrt.decorators import primitives

        def measure(*arguments: Any) -> Any:
            self.calls.append(arguments)
            return returned

        function = returned if callable(returned) else measure
        arguments = {
            "backend": "ibm_fez",
            "poll_interval": 0.02,
            "deferrable": False,
            "defer_after": 0,
            "task_id": "the_task",
        }
        decorate = getattr(primitives, self.decorator)
        with DAG("the_dag", schedule=None, template_searchpath=[str(self.folder)]) as dag:
            made = decorate(**{**arguments, **self.arguments, **more})(function)(*args)
        # What Airflow does when it has parsed a DAG file, and before it executes a task.
        dag.resolve_template_files()
        operator = made.operator
        operator.render_template_fields({"params": {"shots": 33, "qubit": 2}, **self.context})
        return operator

    def execute(self, returned: Any, *args: Any, **more: Any) -> Any:
        """The first leg of a try."""
        return self.operator(returned, *args, **more).execute({"params": {"qubit": 2}, **self.context})

    def defer(self, returned: Any, **more: Any) -> Any:
        """The first leg of a try that must end in a deferral; returns that."""
        from airflow.providers.common.compat.sdk import TaskDeferred

        with pytest.raises(TaskDeferred) as deferred:
            self.execute(returned, **{**more, "deferrable": True})
        return deferred.value

    def resume(self, deferred: Any, returned: Any, **more: Any) -> Any:
        """The trigger, and the second leg on another worker."""
        arguments = {**(deferred.kwargs or {}), "event": self.in_the_triggerer(deferred.trigger)}
        operator = self.operator(returned, **{**more, "deferrable": True})
        return operator.resume_execution(deferred.method_name, arguments, self.context)

    def run(self, returned: Any, **more: Any) -> Any:
        """A whole try, whichever way it waits."""
        if not self.arguments.get("deferrable"):
            return self.execute(returned, **more)
        return self.resume(self.defer(returned, **more), returned, **more)


@pytest.fixture
def task(context, in_the_triggerer, tmp_path, connection) -> DecoratedTask:
    return DecoratedTask(context, in_the_triggerer, tmp_path)


@pytest.fixture
def estimator_task(task) -> DecoratedTask:
    task.decorator = "qiskit_estimator_task"
    return task


@pytest.fixture(params=[False, True], ids=["blocking", "deferred"])
def either_way(request, task) -> DecoratedTask:
    """The task, waiting on a worker and waiting in the triggerer."""
    task.arguments["deferrable"] = request.param
    return task


@pytest.fixture(autouse=True)
def quick_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_qrt.jobs.submit.look_up.LOOK_UP_PAUSES", (0.0, 0.0))
