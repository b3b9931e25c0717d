"""A task whose input needs several jobs: which PUBs are in which job, and the record of each."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.jobs.submit.record import StateStore
from airflow_provider_qrt.untrusted.inflate import inflate

STORE_KEY = "qiskit_runtime_parts"

MOST_BYTES = 16 * 1024 * 1024
"""Of the list that says in which job each circuit is, unpacked."""


@dataclass(frozen=True)
class Split:
    """How the PUBs of a task are split over its jobs.

    It is made once and kept: the same circuits do not make the same number of bytes every time, and a retry has to find
    its jobs again.

    Attributes:
        fingerprint: Digest of the task's whole input.
        jobs: Indices of the PUBs in each job.
    """

    fingerprint: str
    jobs: tuple[tuple[int, ...], ...]

    @classmethod
    def read(cls, store: StateStore | None) -> Split | None:
        """Read what was stored; None if there is none, or no store."""
        return cls.from_json(store.get(STORE_KEY) if store is not None else None)

    def write(self, store: StateStore | None) -> None:
        """Store it, if there is where to."""
        if store is not None:
            store.set(STORE_KEY, self.to_json())

    @staticmethod
    def forget(store: StateStore | None) -> None:
        """Let there be none any more."""
        if store is not None:
            store.set(STORE_KEY, {})

    def to_json(self) -> dict[str, str]:
        """Return a small JSON object: for each PUB the number of its job, compressed; Airflow's store holds 64 kB."""
        job_of = {pub: number for number, job in enumerate(self.jobs) for pub in job}
        text = json.dumps([job_of[pub] for pub in range(len(job_of))], separators=(",", ":"))
        return {"fingerprint": self.fingerprint, "jobs": base64.b64encode(zlib.compress(text.encode(), 9)).decode()}

    @classmethod
    def from_json(cls, stored: Any) -> Split | None:
        """Read what :meth:`to_json` wrote; None if it is something else."""
        if not isinstance(stored, dict) or not stored.get("jobs"):
            return None
        job_of: list[int] = json.loads(inflate(base64.b64decode(stored["jobs"]), MOST_BYTES))
        jobs: list[list[int]] = [[] for _ in range(max(job_of) + 1)]
        for pub, number in enumerate(job_of):
            jobs[number].append(pub)
        return cls(str(stored["fingerprint"]), tuple(tuple(job) for job in jobs))


@dataclass(frozen=True)
class PartStore:
    """The part of a task's state store that is about one of its jobs.

    Attributes:
        store: The task's.
        part: Which job, from 1, or the name of a stage that comes before them.
    """

    store: StateStore
    part: int | str

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was stored, or ``default``."""
        return self.store.get(self._key(key), default)

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        self.store.set(self._key(key), value)

    def _key(self, key: str) -> str:
        return f"{key}.{self.part}"


def part_store(store: StateStore | None, part: int | str) -> PartStore | None:
    """Return the store of one of the task's jobs, if the task has a store."""
    return None if store is None else PartStore(store, part)
