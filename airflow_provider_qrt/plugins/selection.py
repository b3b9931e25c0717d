"""The jobs that the page *Quantum* shows: filters, order and pages. Pure functions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.budget.spending import cost_of
from airflow_provider_qrt.jobs.submit.identity import PREFIX

if TYPE_CHECKING:
    from airflow_provider_qrt.plugins.job_list import ListedJob

STATES = tuple(status.value for status in JobStatus)
PAGE_SIZES = (25, 50, 100)
MOST_CHOICES = 200
"""Backends, DAGs or tags that a filter offers."""
OUR_TAGS = (PREFIX, "dag:", "run:", "task:")
"""How the tags begin that are not the user's."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_STATE_ORDER = {state: place for place, state in enumerate(("Running", "Queued", "Completed", "Failed", "Cancelled"))}

Key = Callable[["ListedJob", Container[str | None]], Any]

SORTS: Mapping[str, Key] = {
    "created": lambda one, _: one.job.created or _LONG_AGO,
    "id": lambda one, _: one.job.id,
    "state": lambda one, _: _STATE_ORDER.get(one.job.status.value, len(_STATE_ORDER)),
    "backend": lambda one, _: one.job.backend or "",
    "dag": lambda one, _: one.claim.dag_id or "",
    "task": lambda one, _: (one.claim.task_id or "", one.claim.map_index),
    "seconds": lambda one, _: cost_of(one.job)[0],
    "cost": lambda one, sessions: 0.0 if one.job.session_id in sessions else cost_of(one.job)[0],
}
"""The orders of jobs, by the names of columns, of a job and the dedicated sessions.

How long a job queued and ran is not among them: the service tells that job by job, so it is only read for the jobs of
the page that is shown.
"""
DESCENDING = ("created", "seconds", "cost")
"""The columns whose largest values come first unless it is said otherwise."""


@dataclass(frozen=True)
class Question:
    """A user's selection on the page.

    Attributes:
        state: Only jobs in this state; empty means all, here and below.
        dag_id: Only jobs of this DAG.
        backend: Only jobs on this backend.
        tag: Only jobs with this tag of the user's.
        text: Only jobs in whose id, DAG, run, task, backend or tags this text occurs, in upper or lower case.
        since: Only jobs submitted on this day or later, UTC; None means all.
        until: Only jobs submitted on this day or earlier, UTC; None means all.
        sort: Column of the order, one of :data:`SORTS`.
        reverse: Whether the order is the opposite one.
        page: Page of the jobs, from 1.
        page_size: Jobs per page.
    """

    state: str = ""
    dag_id: str = ""
    backend: str = ""
    tag: str = ""
    text: str = ""
    since: date | None = None
    until: date | None = None
    sort: str = "created"
    reverse: bool = False
    page: int = 1
    page_size: int = PAGE_SIZES[0]


@dataclass(frozen=True)
class Choices:
    """The values that filters offer.

    Attributes:
        backends: Names of backends, sorted.
        tags: Tags of users, sorted.
    """

    backends: Sequence[str] = field(default_factory=tuple)
    tags: Sequence[str] = field(default_factory=tuple)

    @classmethod
    def of(cls, jobs: Sequence[ListedJob]) -> Choices:
        """Return what occurs among jobs."""
        backends = {one.job.backend for one in jobs if one.job.backend}
        tags = {tag for one in jobs for tag in user_tags(one)}
        return cls(tuple(sorted(backends)[:MOST_CHOICES]), tuple(sorted(tags)[:MOST_CHOICES]))


def user_tags(one: ListedJob) -> list[str]:
    """Return the tags of a job that the user has given it."""
    return [tag for tag in one.job.tags if not tag.startswith(OUR_TAGS)]


def select(jobs: Sequence[ListedJob], question: Question, sessions: Container[str | None] = ()) -> list[ListedJob]:
    """Return the jobs that a question asks for, in its order, on all pages.

    Args:
        jobs: All jobs, the newest first.
        question: The selection.
        sessions: Ids of the dedicated sessions; their jobs cost nothing besides.
    """
    chosen = [one for one in _matching(jobs, question) if _is_in_state(one, question)]
    return _sorted(chosen, question, sessions)


def choose_page(
    jobs: Sequence[ListedJob], question: Question, sessions: Container[str | None] = ()
) -> tuple[list[ListedJob], dict[str, Any]]:
    """Return the jobs of the requested page, and facts about the selection; the arguments are those of select."""
    matching = _matching(jobs, question)
    counts = Counter(one.job.status.value for one in matching)
    chosen = _sorted([one for one in matching if _is_in_state(one, question)], question, sessions)
    size = max(1, question.page_size)
    pages = max(1, math.ceil(len(chosen) / size))
    page = min(max(1, question.page), pages)
    return chosen[(page - 1) * size : page * size], {
        "total": len(chosen),
        "all": len(matching),
        "page": page,
        "pages": pages,
        "page_size": size,
        "state": question.state,
        "dag_id": question.dag_id,
        "backend": question.backend,
        "tag": question.tag,
        "text": question.text,
        "since": question.since.isoformat() if question.since else "",
        "until": question.until.isoformat() if question.until else "",
        "sort": question.sort,
        "reverse": question.reverse,
        "counts": {state: counts.get(state, 0) for state in STATES if state != JobStatus.UNKNOWN or counts.get(state)},
    }


def _is_in_state(one: ListedJob, question: Question) -> bool:
    return not question.state or one.job.status.value == question.state


def _matching(jobs: Sequence[ListedJob], question: Question) -> Sequence[ListedJob]:
    """Return the jobs that pass all filters but that of the state."""
    tests: list[Callable[[ListedJob], bool]] = []
    if question.dag_id:
        tests.append(lambda one: one.claim.dag_id == question.dag_id)
    if question.backend:
        tests.append(lambda one: one.job.backend == question.backend)
    if question.tag:
        tests.append(lambda one: question.tag in user_tags(one))
    if question.since is not None or question.until is not None:
        tests.append(lambda one: _is_in_time(one, question))
    if text := question.text.strip().casefold():
        tests.append(lambda one: _mentions(one, text))
    return [one for one in jobs if all(test(one) for test in tests)] if tests else jobs


def _is_in_time(one: ListedJob, question: Question) -> bool:
    if one.job.created is None:
        return False
    day = one.job.created.astimezone(UTC).date()
    return (question.since is None or day >= question.since) and (question.until is None or day <= question.until)


def _mentions(one: ListedJob, text: str) -> bool:
    job, claim = one.job, one.claim
    said = (job.id, job.backend, *claim.dag_ids, claim.run_id, claim.task, *user_tags(one))
    return any(text in word.casefold() for word in said if word)


def _sorted(jobs: Sequence[ListedJob], question: Question, sessions: Container[str | None]) -> list[ListedJob]:
    sort = question.sort if question.sort in SORTS else "created"
    descending = (sort in DESCENDING) is not question.reverse
    if sort == "created" and descending:
        # The order in which they are kept.
        return list(jobs)
    key = SORTS[sort]
    return sorted(jobs, key=lambda one: key(one, sessions), reverse=descending)
