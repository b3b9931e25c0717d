"""Which task a job belongs to, written on the job itself as tags.

The service has no idempotency key, but it finds jobs by tag. The identity tag tells a task instance and its submission
from everything else, whatever Airflow it runs in, so a job whose answer was lost can be found again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_qrt.client.limits import MAX_TAG_LENGTH, MAX_TAGS
from airflow_provider_qrt.jobs.errors import InvalidTagsError

PREFIX = "qrt:"
"""How an identity tag begins."""
IDENTITY_PARTS = (5, 6)
"""Prefix, Airflow, task, submission, fingerprint and mark; jobs of earlier versions have no mark."""
FINGERPRINT_PART = 4
CANCEL, KEEP = "c", "k"
"""How a mark begins: whether the job is to be cancelled when its task has stopped, or may outlive it."""
RESERVED_TAGS = 3
"""Identity, DAG and run are always on the job; what is left of IBM's eight is the user's, and the task's if it fits."""


@dataclass(frozen=True)
class JobIdentity:
    """A task instance, without its try number.

    Attributes:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task.
        map_index: Index of a mapped task, -1 otherwise.
        airflow: Name of the Airflow it runs in: two of them may run the same DAG on the same instance.
        part: Which of the task's jobs, where it has several: from 1, or the name of a stage that comes before them. Two
            of them may be alike.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    airflow: str = ""
    part: int | str | None = None

    def stem(self) -> str:
        """Return the beginning of the identity tags of all jobs of this task."""
        task = _digest("\0".join((self.dag_id, self.run_id, self.task_id, str(self.map_index))), 32)
        return f"{airflow_prefix(self.airflow)}{task}:"

    def submission_stem(self, submission: int) -> str:
        """Return the beginning of the identity tag of this task's job number ``submission``, whatever its input."""
        return f"{self.stem()}{submission}" if self.part is None else f"{self.stem()}{submission}.{self.part}"

    def tag(self, submission: int, fingerprint: str, mark: str = "") -> str:
        """Return the identity tag of this task's job number ``submission``, for this input.

        Args:
            submission: Its number.
            fingerprint: Digest of the input.
            mark: What :func:`new_mark` made.
        """
        return f"{self.submission_stem(submission)}:{fingerprint[:16]}" + (f":{mark}" if mark else "")

    def readable_tags(self) -> tuple[str, str, str]:
        """DAG, run and task, for people, for filters and for finding orphans; cut to the service's length."""
        task = self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"
        dag, run, task = (
            f"{name}:{value}" for name, value in (("dag", self.dag_id), ("run", self.run_id), ("task", task))
        )
        return dag[:MAX_TAG_LENGTH], run[:MAX_TAG_LENGTH], task[:MAX_TAG_LENGTH]


def new_mark(*, cancel: bool) -> str:
    """Make the last part of an identity tag, different each time.

    A DAG run that was deleted and made again, and the same DAG in another Airflow, have the same identity; by the mark
    their jobs are told apart.

    Args:
        cancel: Whether the job is to be cancelled when its task has stopped.
    """
    return (CANCEL if cancel else KEEP) + secrets.token_hex(4)


def may_outlive_its_task(tag: str) -> bool:
    """Whether a job with this identity tag is left alone when its task has stopped; so are those without a mark."""
    parts = tag.split(":")
    return len(parts) != max(IDENTITY_PARTS) or not parts[-1].startswith(CANCEL)


def airflow_prefix(airflow: str) -> str:
    """Return the beginning of the identity tags of all jobs of one Airflow."""
    return f"{PREFIX}{_digest(airflow, 8)}:"


def fingerprint_of(tags: Sequence[str]) -> str | None:
    """Return the digest of the input from a job's identity tag; None for a job that was submitted elsewhere."""
    for tag in tags:
        parts = tag.split(":")
        if tag.startswith(PREFIX) and len(parts) in IDENTITY_PARTS:
            return parts[FINGERPRINT_PART]
    return None


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True)
class ProgramInput:
    """The input of a program.

    Attributes:
        params: As sent, JSON-ready.
        identity: What is the same whenever the same is asked for, JSON-ready; None: the params themselves are.
        executions: How often circuits are run in all; None if that cannot be said.
    """

    params: Mapping[str, Any] = field(repr=False)
    identity: Any = field(default=None, repr=False)
    executions: int | None = None


@dataclass(frozen=True)
class JobRequest:
    """Everything that is asked of the service in one submission.

    Attributes:
        program_id: ``sampler``, ``estimator``, ...
        backend: A backend's name, or ``least_busy`` as long as it is not resolved.
        input: The program's input.
        tags: The user's own tags.
        session_id: Session or batch to join.
        max_execution_seconds: QPU seconds after which the service stops the job.
        private: Results can be read once only.
        start_session: Begin a session with this job, where the channel has such sessions.
        dry_run: Whether it goes to a backend's mock twin, which runs nothing.
        estimated_seconds: QPU seconds that it is expected to take, if a budget was checked.
        same_as: Fingerprint of an earlier request that is taken for this one, although some of its numbers differ in
            the last bits.
        make_alternative: Returns the request that gets the same from another program, or None; called when it is
            needed, since it may take long.
    """

    program_id: str
    backend: str
    input: ProgramInput
    tags: tuple[str, ...] = ()
    session_id: str | None = None
    max_execution_seconds: int | None = None
    private: bool = False
    start_session: bool = False
    dry_run: bool = False
    estimated_seconds: float | None = field(default=None, compare=False)
    same_as: str | None = field(default=None, compare=False)
    make_alternative: Callable[[], JobRequest | None] | None = field(default=None, repr=False, compare=False)

    def alternative(self) -> JobRequest | None:
        """Return the request that gets the same from another program; None if there is none."""
        return None if self.make_alternative is None else self.make_alternative()

    def is_asked_by(self, digest: str) -> bool:
        """Return whether a digest is that of this request, or of one that gets the same from another program.

        Args:
            digest: What :meth:`fingerprint` returned, or the beginning of it.
        """
        if (self.same_as or self.fingerprint()).startswith(digest):
            return True
        other = self.alternative()
        return other is not None and other.fingerprint().startswith(digest)

    def fingerprint(self) -> str:
        """Digest of what is asked for; another one means another job, however alike the tasks are."""
        asked = {
            "program_id": self.program_id,
            "backend": self.backend,
            "params": self.input.params if self.input.identity is None else self.input.identity,
            "session_id": self.session_id,
            "max_execution_seconds": self.max_execution_seconds,
            "private": self.private,
        }
        for name in ("start_session", "dry_run"):
            if getattr(self, name):
                asked[name] = True
        text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
        return _digest(text, 24)


def check_tags(tags: Sequence[str] | None) -> tuple[str, ...]:
    """Check the user's own tags against the service's limits; None and an empty text are no tags.

    Raises:
        InvalidTagsError: Too many, too long, empty, or not text. Says how many are free.
    """
    if tags is not None and hasattr(tags, "tolist"):
        tags = tags.tolist()
    if not tags:
        return ()
    if isinstance(tags, str):
        raise InvalidTagsError(f"tags: expected a list of texts, not one text: write [{tags!r}].")
    if not isinstance(tags, list | tuple | set | frozenset):
        raise InvalidTagsError(f"tags: expected a list of texts, not {tags!r}.")
    free = MAX_TAGS - RESERVED_TAGS
    if len(tags) > free:
        raise InvalidTagsError(
            f"tags: {len(tags)} given, at most {free} are possible: IBM allows {MAX_TAGS} on a job, and "
            f"{RESERVED_TAGS} say which task it belongs to, so that it is not submitted twice. Drop {len(tags) - free}."
        )
    # Templates that render to Python's own types make a number of a tag that looks like one.
    texts = [str(tag) if isinstance(tag, int | float) and not isinstance(tag, bool) else tag for tag in tags]
    for tag in texts:
        if not isinstance(tag, str) or not tag.strip():
            raise InvalidTagsError(f"tags: {tag!r} is not a text; each tag is a non-empty text.")
        if len(tag) > MAX_TAG_LENGTH:
            raise InvalidTagsError(
                f"tags: {tag[:20] + '...'!r} has {len(tag)} characters, IBM allows {MAX_TAG_LENGTH}. Shorten it."
            )
    return tuple(texts)


def job_tags(
    identity: JobIdentity, submission: int, request: JobRequest, *, identity_tag: str | None = None
) -> tuple[str, ...]:
    """All tags of a job: identity, DAG, run, the user's, and the task if there is room.

    Args:
        identity: The task instance.
        submission: Number of the submission.
        request: What is asked for.
        identity_tag: The identity tag, if it is made already.

    Raises:
        InvalidTagsError: See :func:`check_tags`.
    """
    dag, run, task = identity.readable_tags()
    first = identity_tag or identity.tag(submission, request.fingerprint())
    tags = (first, dag, run, *check_tags(request.tags), task)
    return tuple(dict.fromkeys(tags))[:MAX_TAGS]
