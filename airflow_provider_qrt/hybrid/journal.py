"""The journal of a loop: the calls that it has made, and their answers.

A retry runs the function from its start. Calls that the journal has return what it has; the first that is missing is
made. The journal lies in the task's state, some calls to a value, since each value is a request to Airflow to read. A
large answer lies in a file, or in several values.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.hybrid.errors import AnswerTooLargeError, DivergenceError
from airflow_provider_qrt.hybrid.outline import difference

if TYPE_CHECKING:
    from airflow_provider_qrt.hybrid.files import JournalFiles
    from airflow_provider_qrt.jobs.submit.record import StateStore

log = logging.getLogger(__name__)

HEAD_KEY = "qiskit_runtime_loop"
PAGE_LENGTH = 40_000
"""Characters of one page; Airflow's store holds 64 kB in one value (``[state_store] max_value_storage_bytes``)."""
MOST_ON_PAGE = 12_000
"""Characters of one answer on a page."""
MOST_STORED = 1_400_000
"""Characters of one answer in the state of a task, in values of their own: a megabyte."""


@dataclass(frozen=True)
class JobOfCall:
    """A job that a call has run.

    Attributes:
        id: Its id.
        backend: Where it ran, if known.
        seconds: QPU seconds that it used, as far as IBM has said.
    """

    id: str
    backend: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Call:
    """The identity of a call.

    Attributes:
        number: Its number, from 1.
        kind: ``sample``, ``estimate``, ``run``, ``step`` or ``now``.
        name: The user's name of it, or None.
        given: The outline of what it was given.
        try_number: The try in which it was made.
    """

    number: int
    kind: str
    name: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    try_number: int = 0

    def __str__(self) -> str:
        return f"call {self.number} ({self.kind}{f' {self.name!r}' if self.name else ''})"

    def check(self, before: Call) -> None:
        """See that it is the call that was made in its place before.

        Args:
            before: That call.

        Raises:
            DivergenceError: It is another one; says what differs first, and what to do.
        """
        if (self.kind, self.name) != (before.kind, before.name):
            why = f"it was {before} when it ran before"
        elif (differs := difference(before.given, self.given)) is not None:
            why = f"{differs} (the first value is that of the earlier try)"
        else:
            return
        raise DivergenceError(
            f"{str(self).capitalize()} differs from the call that an earlier try of this loop made in its place: "
            f"{why}. Nothing was submitted. The function must make the same calls each time it runs: draw random "
            "numbers from qpu.rng, take the time from qpu.now(), and run everything else that may differ in "
            "qpu.step(). Change the function and clear the task: the loop begins anew. A loop with "
            "on_divergence='continue' goes on from this call instead, and buys the rest again."
        )


@dataclass(frozen=True)
class Entry:
    """A call that is done.

    Attributes:
        call: What identifies it.
        answer: Where the answer is: ``{"here": text}``, ``{"file": name}`` or ``{"parts": count}``; or
            ``{"given_up": true}``, if the function never asked for it.
        jobs: The jobs that it ran.
        shown: A few of its values, for people: ``{"evs", "stds"}`` or ``{"counts"}``.
        ended_at: Epoch seconds.
        program_id: What ran; None for what is no job.
    """

    call: Call
    answer: Mapping[str, Any]
    jobs: tuple[JobOfCall, ...] = ()
    shown: Mapping[str, Any] | None = None
    ended_at: float | None = None
    program_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON: Airflow's store takes lists, and no tuples."""
        return {**asdict(self), "jobs": [asdict(job) for job in self.jobs]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Entry:
        """Read what :meth:`to_json` wrote. What a later version added is left aside."""
        values = _known(cls, stored)
        return cls(
            **{
                **values,
                "call": Call(**_known(Call, values["call"])),
                "jobs": tuple(JobOfCall(**_known(JobOfCall, one)) for one in values.get("jobs", ())),
            }
        )

    @property
    def seconds(self) -> float:
        """QPU seconds of its jobs, as far as they are known."""
        return sum(job.seconds or 0.0 for job in self.jobs)


@dataclass(frozen=True)
class Head:
    """The part of a journal that is about the whole loop.

    Attributes:
        run: Counts the runs of the loop, from 1; a clear begins another.
        max_tries: Airflow's ``ti.max_tries`` at the time: a clear raises it, a retry does not.
        clear_number: Airflow's count of how often something in the DAG run was cleared; None if it did not say.
        finished: Whether Airflow has what the function returned.
        backend: Name of the backend that was chosen; None until then.
        key: Stands for the loop where there is no task; None in a task.
        salt: Makes digests those of this loop.
        tries: Counts the starts of the loop where Airflow does not.
        dropped_jobs: Jobs whose calls are not in the journal any more.
        dropped_seconds: QPU seconds that they used.
        drops: The numbers from which on the calls of the journal were dropped, one after the other.
        dropped_in_try: The try in which that happened last; None if it never has.
    """

    run: int
    max_tries: int
    clear_number: int | None = None
    finished: bool = False
    backend: str | None = None
    key: str | None = None
    salt: str = ""
    tries: int = 0
    dropped_jobs: int = 0
    dropped_seconds: float = 0.0
    drops: list[int] = field(default_factory=list)
    dropped_in_try: int | None = None


class Journal:
    """The journal of one loop.

    Args:
        store: The task's state.
        files: Where large answers go; None: into the state too.
        max_tries: Airflow's ``ti.max_tries``.
        clear_number: Airflow's ``dag_run.clear_number``; None if that is not known.
        key: Stands for a loop without a task, if it is new.
        try_number: Airflow's ``ti.try_number``; None counts the starts here.
    """

    def __init__(
        self,
        store: StateStore,
        files: JournalFiles | None,
        *,
        max_tries: int,
        clear_number: int | None = None,
        key: str | None = None,
        try_number: int | None = None,
    ) -> None:
        self._store = store
        self._files = files
        former = self._read_head()
        self.was_cleared = former is not None and _was_cleared(former, max_tries, clear_number)
        if former is None or self.was_cleared:
            number = 1 if former is None else former.run + 1
            known = key if former is None else former.key
            self.head = Head(number, max_tries, clear_number, key=known, salt=secrets.token_hex(8), tries=1)
            self._write_head()
        else:
            self.head = former
            if try_number is None:
                self.head = replace(former, tries=former.tries + 1)
                self._write_head()
        self.try_number = self.head.tries if try_number is None else try_number
        self.former_run = former.run if former is not None and self.was_cleared else None
        self._pages: list[dict[int, Entry]] = list(self._read_pages(self.head.run))
        self._page_of = {number: page for page, calls in enumerate(self._pages) for number in calls}

    @property
    def entries(self) -> list[Entry]:
        """The calls that are done, in the order of their numbers."""
        return [self._pages[page][number] for number, page in sorted(self._page_of.items())]

    @property
    def seconds(self) -> float:
        """QPU seconds of all jobs, as far as they are known, with those of calls that were dropped."""
        return self.head.dropped_seconds + sum(entry.seconds for page in self._pages for entry in page.values())

    @property
    def submitted(self) -> int:
        """Number of jobs, with those of calls that were dropped."""
        return self.head.dropped_jobs + sum(len(entry.jobs) for page in self._pages for entry in page.values())

    @property
    def has_files(self) -> bool:
        """Whether large answers go to files."""
        return self._files is not None

    def find(self, number: int) -> Entry | None:
        """Return a call that is done; None if it is not."""
        page = self._page_of.get(number)
        return None if page is None else self._pages[page][number]

    def keep(self, entry: Entry, answer: bytes | None = None) -> Entry:
        """Keep a call that is done; return it as it is kept.

        Args:
            entry: The call.
            answer: What it returned; None if ``entry.answer`` says it already.

        Raises:
            AnswerTooLargeError: It has no room in the task's state, and there are no files.
            OSError: A large answer could not be written to its file.
        """
        if answer is not None:
            entry = replace(entry, answer=self._write_answer(entry.call.number, answer))
        number = entry.call.number
        text = json.dumps(entry.to_json())
        if not self._pages or len(self._page_json(len(self._pages) - 1)) + len(text) > PAGE_LENGTH:
            self._pages.append({})
        page = len(self._pages) - 1
        self._pages[page][number] = entry
        self._page_of[number] = page
        self._write_page(page)
        return entry

    def answer_of(self, entry: Entry) -> bytes:
        """Return what a call returned, as it was given to :meth:`keep`.

        Raises:
            FileNotFoundError: Its file is gone.
        """
        answer, number = entry.answer, entry.call.number
        if "here" in answer:
            return base64.b64decode(answer["here"])
        if "parts" in answer:
            parts = [self._store.get(self._part_key(number, part)) for part in range(answer["parts"])]
            return base64.b64decode("".join(map(str, parts)))
        name = answer["file"]
        if self._files is None:
            raise FileNotFoundError(
                f"The answer of {entry.call} is in the file {name}. Give the loop the journal_path that it had."
            )
        return self._files.read(name)

    def jobs_of_run(self, run: int) -> set[str]:
        """Return the ids of the jobs whose answers were kept in a run of the loop, such as that before a clear."""
        return {job.id for page in self._read_pages(run) for entry in page.values() for job in entry.jobs}

    def drop_from(self, number: int) -> list[Entry]:
        """Forget the calls from this number on; return them."""
        dropped = [entry for entry in self.entries if entry.call.number >= number]
        # The calls among them that are under way have the same numbers as those that will be made instead.
        self.head = replace(self.head, drops=[*self.head.drops, number], dropped_in_try=self.try_number)
        self._count_dropped(sum(len(entry.jobs) for entry in dropped), sum(entry.seconds for entry in dropped))
        # The last first: whoever comes after a crash in between finds the beginning of the old course, and no gap.
        for page in sorted({self._page_of[entry.call.number] for entry in dropped}, reverse=True):
            for one in [one for one in self._pages[page] if one >= number]:
                del self._pages[page][one], self._page_of[one]
            self._write_page(page)
        return dropped

    def count_dropped(self, jobs: int, seconds: float = 0.0) -> None:
        """Count jobs that the journal does not have any more, or never had, among what the loop has bought."""
        if jobs or seconds:
            self._count_dropped(jobs, seconds)

    def choose(self, backend: str) -> None:
        """Note the backend that was chosen for the loop."""
        self.head = replace(self.head, backend=backend)
        self._write_head()

    def finish(self) -> None:
        """Note that Airflow has what the function returned: clearing the task from now on begins anew."""
        self.head = replace(self.head, finished=True)
        self._write_head()

    def _count_dropped(self, jobs: int, seconds: float) -> None:
        head = self.head
        self.head = replace(head, dropped_jobs=head.dropped_jobs + jobs, dropped_seconds=head.dropped_seconds + seconds)
        self._write_head()

    def _write_answer(self, number: int, answer: bytes) -> dict[str, Any]:
        text = base64.b64encode(answer).decode()
        if len(text) <= MOST_ON_PAGE:
            return {"here": text}
        if self._files is not None:
            # A process that was replaced may still write: its file is another one.
            name = f"{self.head.run}-{number:05}-{secrets.token_hex(4)}.npz"
            return {"file": self._files.write(name, answer)}
        if len(text) > MOST_STORED:
            raise AnswerTooLargeError(
                f"The answer of call {number} takes {len(answer):,} bytes, more than the state of a task holds. Set "
                "journal_path (a folder that all workers reach) in the DAG file; the next try reads the answer of the "
                "same job again."
            )
        parts = [text[start : start + PAGE_LENGTH] for start in range(0, len(text), PAGE_LENGTH)]
        for part, piece in enumerate(parts):
            self._store.set(self._part_key(number, part), piece)
        return {"parts": len(parts)}

    def _read_head(self) -> Head | None:
        stored = self._store.get(HEAD_KEY)
        return Head(**_known(Head, stored)) if isinstance(stored, dict) else None

    def _write_head(self) -> None:
        self._store.set(HEAD_KEY, asdict(self.head))

    def _read_pages(self, run: int) -> Iterator[dict[int, Entry]]:
        page = 0
        while isinstance(stored := self._store.get(_page_key(run, page)), list):
            calls = [Entry.from_json(one) for one in stored]
            yield {entry.call.number: entry for entry in calls}
            page += 1

    def _page_json(self, page: int) -> str:
        return json.dumps([entry.to_json() for entry in self._pages[page].values()])

    def _write_page(self, page: int) -> None:
        self._store.set(_page_key(self.head.run, page), [entry.to_json() for entry in self._pages[page].values()])

    def _part_key(self, number: int, part: int) -> str:
        return f"{HEAD_KEY}.{self.head.run}.call{number}.{part}"


def _was_cleared(head: Head, max_tries: int, clear_number: int | None) -> bool:
    """Whether somebody has cleared the task since, so that this is no retry; see ``JobSubmitter``."""
    if head.max_tries != max_tries:
        return True
    known = head.clear_number is not None and clear_number is not None
    return head.finished and not (known and head.clear_number == clear_number)


def _page_key(run: int, page: int) -> str:
    return f"{HEAD_KEY}.{run}.{page}"


def _known(kind: Any, stored: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in stored.items() if name in names}
