"""Private jobs: the service gives their result out once, so it is kept before anything else can fail."""

from __future__ import annotations

import base64
import json
import logging
import zlib
from collections.abc import Callable
from typing import Any

from airflow_provider_qrt.execution import result as results
from airflow_provider_qrt.jobs.submit.record import StateStore
from airflow_provider_qrt.storage.files import read_text, write_text
from airflow_provider_qrt.untrusted.inflate import inflate

log = logging.getLogger(__name__)

HEAD_KEY = "qiskit_runtime_result"
PART_LENGTH = 48_000
"""Characters per stored value: Airflow's state store holds 64 kB in one (``[state_store] max_value_storage_bytes``)."""

MOST_BYTES = 1 << 30
"""Of a result text, unpacked; what the service gives out has a bound of its own."""


def read_once(
    job_id: str, read: Callable[[str], str], *, store: StateStore | None, destination: results.Destination | None
) -> str:
    """Return the text of a private job's result: the kept one, or what the service gives out, kept at once.

    It is kept in a file beside the one of the result, else in the task's state store, so that a retry or a clear
    finds it.

    Args:
        job_id: The job, which has completed.
        read: Reads the result from the service.
        store: The task's state store, if it has one.
        destination: The file of the result, if the task has one.

    Raises:
        QiskitRuntimeError: The service did not give it out.
    """
    kept = KeptResult(store)
    file = destination.raw_file(job_id) if destination is not None else None
    text = read_text(file) if file is not None else None
    if text is not None and _is_cut_off(text):
        log.warning("%s is cut off, as by a kill while it was written; the service is asked again.", file)
        text = None
    if text is None:
        text = kept.load(job_id)
    if text is not None:
        log.info("The result of private job %s was read by an earlier try and is kept.", job_id)
        return text
    text = read(job_id)
    if file is not None:
        try:
            write_text(file, text, private=True)
            return text
        except Exception:
            log.exception("The result of private job %s could not be written to %s.", job_id, file)
    try:
        if not kept.save(job_id, text):
            log.warning("The result of private job %s is kept nowhere until this task has returned it.", job_id)
    except Exception:
        log.exception("The result of private job %s could not be kept in the task's state store.", job_id)
    return text


def _is_cut_off(text: str) -> bool:
    """Whether a text begins as JSON and does not end so. Results of some programs are other texts."""
    if text.lstrip()[:1] not in ("{", "["):
        return not text
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


class KeptResult:
    """Keeps one result text in a task's state store, in parts, compressed.

    Args:
        store: The task's; None keeps nothing.
    """

    def __init__(self, store: StateStore | None) -> None:
        self._store = store

    def load(self, job_id: str) -> str | None:
        """Return the result text of this job; None if it is not kept here, or not whole."""
        head: Any = self._store.get(HEAD_KEY) if self._store is not None else None
        if self._store is None or not isinstance(head, dict) or head.get("job_id") != job_id:
            return None
        parts = [self._store.get(_part_key(number)) for number in range(int(head["parts"]))]
        if not all(isinstance(part, str) for part in parts):
            return None
        return inflate(base64.b64decode("".join(parts)), MOST_BYTES).decode()

    def save(self, job_id: str, text: str) -> bool:
        """Keep a result text; say whether there was where to."""
        if self._store is None:
            return False
        packed = base64.b64encode(zlib.compress(text.encode())).decode()
        parts = [packed[start : start + PART_LENGTH] for start in range(0, len(packed), PART_LENGTH)]
        for number, part in enumerate(parts):
            self._store.set(_part_key(number), part)
        # The head last: whoever finds it finds all parts.
        self._store.set(HEAD_KEY, {"job_id": job_id, "parts": len(parts)})
        return True


def _part_key(number: int) -> str:
    return f"{HEAD_KEY}_{number}"
