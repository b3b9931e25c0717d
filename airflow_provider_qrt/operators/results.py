"""Handing a result on: through XCom while it is small, through a file when it is not."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowFailException

SECTION = "qiskit_runtime"
DEFAULT_MAX_XCOM_BYTES = 2_000_000


def max_xcom_bytes() -> int:
    """Largest result, in bytes of JSON, that goes through XCom."""
    return conf.getint(SECTION, "max_xcom_bytes", fallback=DEFAULT_MAX_XCOM_BYTES)


def result_file(result_path: str, job_id: str) -> str:
    """The file a result goes to: ``result_path`` itself if it ends in ``.json``, else a file of the job's in it."""
    return result_path if result_path.endswith(".json") else f"{result_path.rstrip('/')}/{job_id}.json"


def raw_file(result_path: str, job_id: str) -> str:
    """The file for the service's own answer, beside :func:`result_file`."""
    if result_path.endswith(".json"):
        return f"{result_path.removesuffix('.json')}.{job_id}.raw.json"
    return result_file(result_path, f"{job_id}.raw")


def write_json(path: str, value: Any) -> None:
    """Write JSON to any path that ``ObjectStoragePath`` understands, making folders as needed."""
    write_text(path, json.dumps(value, allow_nan=False))


def write_text(path: str, text: str) -> None:
    """Write a text to any path that ``ObjectStoragePath`` understands, making folders as needed."""
    from airflow.sdk import ObjectStoragePath

    target = ObjectStoragePath(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(text.encode())


def read_text(path: str) -> str | None:
    """Read a file that :func:`write_text` wrote; None if there is none."""
    from airflow.sdk import ObjectStoragePath

    source = ObjectStoragePath(path)
    if not source.exists():
        return None
    with source.open("rb") as file:
        return bytes(file.read()).decode()


def too_large(job_id: str, size: int, limit: int) -> AirflowFailException:
    """The error for a result that fits nowhere; the job stays with the task, so clearing it costs nothing."""
    return AirflowFailException(
        f"The result of job {job_id} would take about {size:,} bytes, more than the {limit:,} that go through XCom. "
        "Set result_path on the task (a folder, local or in an object store), or raise [qiskit_runtime] "
        "max_xcom_bytes; then clear the task."
    )
