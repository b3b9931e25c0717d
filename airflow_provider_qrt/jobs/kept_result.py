"""The result of a private job, kept by the task: the service gives it out once."""

from __future__ import annotations

import base64
import zlib
from typing import Any

from airflow_provider_qrt.jobs.record import StateStore
from airflow_provider_qrt.untrusted.inflate import inflate

HEAD_KEY = "qiskit_runtime_result"
PART_LENGTH = 48_000
"""Characters per stored value: Airflow's state store holds 64 kB in one (``[state_store] max_value_storage_bytes``)."""

MOST_BYTES = 1 << 30
"""Of a result text, unpacked; what the service gives out has a bound of its own."""


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
