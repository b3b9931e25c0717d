"""The rows of the fault benchmark, each with one kind of fault, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

POLL = "^/jobs/[^/]+$"
RETRIES = 2
PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Row:
    """One kind of fault.

    Attributes:
        name: Its name on the command line.
        title: Its title in the table.
        rule: The emulator's fault rule, if one is needed.
        queue_seconds: Seconds that a job stays Queued.
        visibility_seconds: Seconds that a new job is missing from the list of jobs.
        timeout: The task's timeout for its job in seconds, or None.
        retries: Number of retries by Airflow or Prefect after a failure.
        kill: Whether to SIGKILL the waiting process once while the job is Queued.
        our_jobs: Maximum number of jobs that our provider may create.
        our_result: Whether our provider must obtain the result.
        dag: The DAG that our provider runs.
    """

    name: str
    title: str
    rule: Mapping[str, Any] | None = None
    queue_seconds: float = 4.0
    visibility_seconds: float = 0.0
    timeout: int | None = None
    retries: int = RETRIES
    kill: bool = False
    our_jobs: int = 1
    our_result: bool = True
    dag: str = "deferred"


def _submission(name: str, title: str, **rule: Any) -> Row:
    return Row(name, title, {"method": "POST", "path": "/jobs", **rule})


def _poll(name: str, title: str, **rule: Any) -> Row:
    return Row(name, title, {"method": "GET", "path": POLL, **rule})


ROWS = (
    Row("none", "no fault"),
    _submission("lost-answer", "answer to `POST /jobs` lost, job created", drop="after"),
    Row(
        "lost-answer-lag",
        "answer to `POST /jobs` lost, job listed 15 s later",
        {"method": "POST", "path": "/jobs", "drop": "after"},
        visibility_seconds=15.0,
    ),
    _submission("503-submit", "503 on `POST /jobs`, job created", status=503, phase="after"),
    _submission("429-submit", "429 on `POST /jobs`, no `Retry-After`", status=429),
    _submission("429-submit-told", "429 on `POST /jobs`, `Retry-After: 5`", status=429, retry_after=5),
    _poll("503-polls", "503 on 5 polls", status=503, times=5),
    _poll("429-poll", "429 on a poll, no `Retry-After`", status=429),
    _poll("429-poll-told", "429 on a poll, `Retry-After: 2`", status=429, retry_after=2),
    _poll("401-polls", "401 on 6 polls, with good tokens", status=401, times=6),
    _poll("403-poll", "403 on a poll", status=403),
    _poll("404-poll", "404 on a poll", status=404),
    _poll("dropped-poll", "connection dropped on a poll", drop="before"),
    _poll("html-poll", "502 with an HTML page on a poll", status=502, html=PAGE),
    _poll("tokens-revoked", "all tokens revoked while waiting", effect="revoke_tokens"),
    Row(
        "truncated-result",
        "result cut off on the first read",
        {"method": "GET", "path": "/jobs/*/results", "truncate": 100},
    ),
    Row(
        "timeout",
        f"timeout of {TIMEOUT_SECONDS} s, queue of 10 minutes",
        queue_seconds=600,
        timeout=TIMEOUT_SECONDS,
        our_jobs=1 + RETRIES,
        our_result=False,
        dag="late",
    ),
    Row(
        "timeout-once",
        f"timeout of {TIMEOUT_SECONDS} s, queue of 10 minutes, no retries",
        queue_seconds=600,
        timeout=TIMEOUT_SECONDS,
        retries=0,
        our_result=False,
        dag="late_once",
    ),
    Row("killed", "SIGKILL of the waiting process, job in the queue", queue_seconds=12.0, kill=True, dag="blocking"),
)
