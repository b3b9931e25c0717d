"""Where a loop keeps what it knows of the jobs that are under way.

A job that is under way has a record, as the job of any other task. There are as many slots for them as jobs were under
way at the same time: a call that is done leaves its slot to another. So whoever looks after jobs that no task waits for
any more finds a few records, and not those of hundreds of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.hybrid.journal import Call
from airflow_provider_qrt.jobs.submit import record, split

if TYPE_CHECKING:
    from airflow_provider_qrt.jobs.submit.record import StateStore

OF_CALL = "call"
"""The key of the call in each value of a slot."""


@dataclass(frozen=True)
class CallStore:
    """The part of a task's state that is about one call; it has no value of another call.

    Attributes:
        store: The task's.
        slot: Number of the slot.
        run: Number of the run of the loop.
        course: How often the rest of the journal had been dropped before; another call may have had the same number.
        call: The call.
    """

    store: StateStore
    slot: int
    run: int
    course: int
    call: Call

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was stored about the call, or ``default``."""
        value = self.store.get(self._key(key), default)
        if isinstance(value, Mapping):
            of = value.get(OF_CALL) or {}
            return value if _place(of) == (self.run, self.course, self.call.number) else default
        return value

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        if isinstance(value, Mapping):
            value = {**value, OF_CALL: {"run": self.run, "course": self.course, **asdict(self.call)}}
        self.store.set(self._key(key), value)

    def _key(self, key: str) -> str:
        return f"{key}.q{self.slot}"


def jobs_of(store: CallStore) -> Iterator[tuple[str, StateStore]]:
    """Return the jobs of a call by their names in tags, with where each has its record.

    Args:
        store: Of the call.
    """
    name = f"{store.run}c{store.call.number}"
    several = split.Split.read(store)
    if several is None:
        yield name, store
        return
    for part in range(1, len(several.jobs) + 1):
        own = split.part_store(store, part)
        assert own is not None
        yield f"{name}p{part}", own


class Slots:
    """The slots of a loop.

    Args:
        store: The task's state.
        run: Number of the run of the loop.
        drops: The numbers from which on calls were dropped; see :class:`~airflow_provider_qrt.hybrid.journal.Head`.
        is_done: Tells whether the call with a number is done.
    """

    def __init__(self, store: StateStore, run: int, drops: Sequence[int], is_done: Callable[[int], bool]) -> None:
        self._store = store
        self._run = run
        self._drops = list(drops)
        self._is_done = is_done
        self._slots: dict[int, CallStore | None] = {}
        """The call that each slot belongs to; None for a free slot."""
        self._last: dict[int, CallStore] = {}
        """The call that has written to each slot last."""
        self._under_way: set[int] = set()
        """The numbers of calls that an earlier leg or try has begun with."""
        self.left_behind: list[CallStore] = []
        """Calls of before a clear, and calls that were dropped, whose jobs may be under way."""
        while calls := self._stored(len(self._slots) + 1):
            self._read(len(self._slots) + 1, max(calls, key=_place))

    def find(self, number: int) -> Call | None:
        """Return the call with this number if an earlier leg or try has begun with it and it is not done."""
        return next((store.call for store in self.calls_from(number) if store.call.number == number), None)

    def take(self, call: Call) -> CallStore:
        """Return the slot of a call: the one that it has already, or a free one."""
        slot = next((slot for slot, of in self._slots.items() if of and of.call.number == call.number), None)
        if slot is not None and (known := self._slots[slot]) is not None:
            store = replace(known, call=call)
        else:
            slot = next((slot for slot, of in self._slots.items() if of is None), len(self._slots) + 1)
            store = CallStore(self._store, slot, self._run, len(self._drops), call)
        self._slots[slot] = self._last[slot] = store
        return store

    def free(self, number: int) -> None:
        """Leave the slot of a call that is done to others."""
        for slot, of in self._slots.items():
            if of is not None and of.call.number == number:
                self._slots[slot] = None
        self._under_way.discard(number)

    def calls_from(self, number: int) -> list[CallStore]:
        """Return the calls from this number on that an earlier leg or try has begun with, in their order."""
        begun = [of for of in self._slots.values() if of is not None and of.call.number in self._under_way]
        return sorted((of for of in begun if of.call.number >= number), key=lambda of: of.call.number)

    def done_from(self, number: int) -> list[CallStore]:
        """Return the calls from this number on that are done and have a record in their slots."""
        return [of for of in self._last.values() if of.call.number >= number and self._is_done(of.call.number)]

    def drop_from(self, number: int) -> list[CallStore]:
        """Forget the calls from this number on that an earlier leg or try has begun with; return them."""
        dropped = self.calls_from(number)
        for store in dropped:
            self.free(store.call.number)
        self._drops.append(number)
        return dropped

    def _stored(self, slot: int) -> list[Mapping[str, Any]]:
        """Return the calls that have written to a slot: with one job, and with several."""
        values = [self._store.get(f"{key}.q{slot}") for key in (record.STORE_KEY, split.STORE_KEY)]
        return [value[OF_CALL] for value in values if isinstance(value, Mapping) and OF_CALL in value]

    def _read(self, slot: int, of: Mapping[str, Any]) -> None:
        run, course, number = _place(of)
        call = Call(number, str(of["kind"]), of.get("name"), of.get("given") or {}, int(of.get("try_number") or 0))
        store = CallStore(self._store, slot, run, course, call)
        self._slots[slot] = None
        self._last[slot] = store
        if run != self._run or any(number >= dropped for dropped in self._drops[course:]):
            self.left_behind.append(store)
        elif not self._is_done(number):
            self._slots[slot] = store
            self._under_way.add(number)


def _place(of: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return run, course and number of the call that a value belongs to; no call has a number below 1."""
    return int(of.get("run") or 0), int(of.get("course") or 0), int(of.get("number") or 0)
