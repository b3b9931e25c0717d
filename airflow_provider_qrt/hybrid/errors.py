"""The errors of hybrid loops.

::

    HybridError
    ├── DivergenceError        the function does not make the same calls again: nothing is bought
    ├── LoopLimitError         max_jobs or max_seconds is reached: nothing more is bought
    ├── CallFailedError        the job of a call failed, was cancelled, or took too long
    ├── CallUnreadError        nobody can say how the job of a call stands: it is left running
    ├── NestedCallError        a step calls the QPU, or draws from its generator
    ├── AnswerTooLargeError    an answer has no room in the journal: its job is kept
    └── NotKeepableError       a value cannot be kept in the journal
"""

from __future__ import annotations

__all__ = [
    "AnswerTooLargeError",
    "CallFailedError",
    "CallUnreadError",
    "DivergenceError",
    "HybridError",
    "LoopLimitError",
    "NestedCallError",
    "NotKeepableError",
]


class HybridError(Exception):
    """Base of the errors of hybrid loops."""


class DivergenceError(HybridError):
    """A call differs from the one that the journal has in its place, so the function is not deterministic."""


class LoopLimitError(HybridError):
    """The loop has submitted as much as it may. What it has measured so far is in its journal."""


class CallFailedError(HybridError):
    """The job of a call did not complete. The loop has failed, and its later calls fail too.

    Attributes:
        retry_can_help: Whether the same job, submitted again, may do better.
    """

    def __init__(self, message: str, *, retry_can_help: bool = True) -> None:
        self.retry_can_help = retry_can_help
        super().__init__(message)


class CallUnreadError(HybridError):
    """The job of a call, or its result, could not be read, which says nothing about the job. It is not cancelled.

    Attributes:
        is_for_good: Whether no retry will find the job.
    """

    def __init__(self, message: str, *, is_for_good: bool = False) -> None:
        self.is_for_good = is_for_good
        super().__init__(message)


class NestedCallError(HybridError):
    """A step calls the QPU, or draws from its generator: in a retry the step is not run, and neither would these be."""


class AnswerTooLargeError(HybridError):
    """An answer has no room in the task's state, and the loop has no ``journal_path``. Its job is kept for a retry."""


class NotKeepableError(HybridError):
    """A value is of a kind that the journal cannot keep."""
