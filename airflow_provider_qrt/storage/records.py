"""The state of tasks in files, for an Airflow that keeps none itself (before 3.3).

Below the folder ``[qiskit_runtime] record_path`` each task has a folder, with one JSON file for each key of its state
and one that names the try which may use it. Airflow's own store gives state only to the present try of a task, so that
a process that was taken for dead and replaced can neither read nor change it; so does this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from airflow_provider_qrt.storage.files import read_text, write_text

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

TRY_FILE = "try"
SUFFIX = ".json"
WATERMARKS = "watermarks"
"""Folder for the state of event triggers, which belong to no task."""


class TaskReplacedError(Exception):
    """Another try of the task has begun, so this one has no state any more."""


@dataclass(frozen=True)
class Place:
    """A task instance, without its try number.

    Attributes:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task.
        map_index: Index of a mapped task, -1 otherwise.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    def folder(self) -> str:
        """Return the path of its folder, relative to the folder of all tasks."""
        names = {"dag_id": self.dag_id, "run_id": self.run_id, "task_id": self.task_id}
        if self.map_index >= 0:
            names["map_index"] = str(self.map_index)
        return "/".join(f"{name}={quote(value, safe='')}" for name, value in names.items())


class TaskFiles:
    """The state of one task in files; implements :class:`~airflow_provider_qrt.jobs.submit.record.StateStore`.

    Args:
        root: The folder of all tasks: a path or URL that ``ObjectStoragePath`` understands.
        place: The task instance.
        try_id: Airflow's id of its present try, which is another one for each try.
    """

    def __init__(self, root: str, place: Place, try_id: str) -> None:
        self._folder = f"{root.rstrip('/')}/{place.folder()}"
        self._try_id = try_id

    def is_there(self) -> bool:
        """Return whether the task has stored anything, in this or an earlier try."""
        return self._present_try() is not None

    def begin(self) -> None:
        """Take the state over from an earlier try."""
        if self._present_try() != self._try_id:
            write_text(self._file(TRY_FILE), json.dumps(self._try_id), private=True)

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was stored, or ``default``; also once another try has begun."""
        if self._present_try() != self._try_id:
            return default
        text = read_text(self._file(key))
        return default if text is None else json.loads(text)

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value.

        Raises:
            TaskReplacedError: Another try has begun.
        """
        if self._present_try() != self._try_id:
            raise TaskReplacedError("Another try of this task has begun, so this one cannot record anything.")
        write_text(self._file(key), json.dumps(value), private=True)

    def _present_try(self) -> str | None:
        text = read_text(self._file(TRY_FILE))
        return None if text is None else str(json.loads(text))

    def _file(self, key: str) -> str:
        return f"{self._folder}/{quote(key, safe='')}{SUFFIX}"


@dataclass(frozen=True)
class StoredValue:
    """A value that a task has stored.

    Attributes:
        place: The task.
        key: Its name.
        text: JSON.
        written: When it was written.
    """

    place: Place
    key: str
    text: str
    written: datetime


class RecordFolder:
    """The states of all tasks, for those who look after them.

    Args:
        root: The folder.
    """

    def __init__(self, root: str) -> None:
        from airflow.sdk import ObjectStoragePath

        self._root = ObjectStoragePath(root)

    def dag_ids(self) -> list[str]:
        """Return the DAGs whose tasks have stored something."""
        return [name for folder in self._folders(self._root) if (name := _value(folder, "dag_id")) is not None]

    def values_of_run(self, dag_id: str, run_id: str) -> Iterator[StoredValue]:
        """Read everything that the tasks of a DAG run have stored."""
        run = self._root / f"dag_id={quote(dag_id, safe='')}" / f"run_id={quote(run_id, safe='')}"
        for task in self._folders(run):
            task_id = _value(task, "task_id")
            if task_id is None:
                continue
            yield from self._values(task, Place(dag_id, run_id, task_id, -1))
            for mapped in self._folders(task):
                index = _value(mapped, "map_index")
                if index is not None and index.isdecimal():
                    yield from self._values(mapped, Place(dag_id, run_id, task_id, int(index)))

    def values_of_task(self, place: Place) -> Iterator[StoredValue]:
        """Read everything that a task has stored."""
        yield from self._values(self._root / place.folder(), place)

    @staticmethod
    def _folders(folder: ObjectStoragePath) -> list[ObjectStoragePath]:
        return [one for one in folder.iterdir() if one.is_dir()] if folder.exists() else []

    @staticmethod
    def _values(folder: ObjectStoragePath, place: Place) -> Iterator[StoredValue]:
        if not folder.exists():
            return
        for file in folder.iterdir():
            if not file.name.endswith(SUFFIX) or file.name.startswith(".") or file.name == f"{TRY_FILE}{SUFFIX}":
                continue
            try:
                text, written = file.read_text(), datetime.fromtimestamp(file.stat().st_mtime, UTC)
            except FileNotFoundError:
                continue
            yield StoredValue(place, unquote(file.name.removesuffix(SUFFIX)), text, written)


class FileWatermark:
    """The last state of an event trigger in a file.

    Args:
        root: The folder of all tasks.
        key: Tells this trigger from others.
    """

    def __init__(self, root: str, key: str) -> None:
        self._file = f"{root.rstrip('/')}/{WATERMARKS}/{quote(key, safe='')}{SUFFIX}"

    def load(self) -> Any:
        """Return the stored value; None if there is none."""
        text = read_text(self._file)
        return None if text is None else json.loads(text)

    def save(self, value: Any) -> None:
        """Store a JSON value."""
        write_text(self._file, json.dumps(value))


def _value(folder: ObjectStoragePath, name: str) -> str | None:
    found, _, value = folder.name.partition("=")
    return unquote(value) if found == name else None
