"""Thread pools for blocking calls in the triggerer, separate from those of Airflow and other providers.

Polling uses one thread per connection (``jobs.wait.shared_poller``). Cancellations and requests to Airflow use the
pools here, so that many cancellations at a service that hangs do not delay polling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Answer = TypeVar("Answer")

cancelling = ThreadPoolExecutor(8, thread_name_prefix="qiskit-runtime-cancel")
asking_airflow = ThreadPoolExecutor(4, thread_name_prefix="qiskit-runtime-airflow")

_in_progress: set[asyncio.Task[Any]] = set()
"""Keeps calls in progress alive; the event loop only keeps weak references to its tasks."""


async def in_thread(pool: ThreadPoolExecutor, function: Callable[..., Answer], *arguments: Any) -> Answer:
    """Run a blocking function in a pool, with the caller's context, like ``asyncio.to_thread``.

    The function may use Airflow's blocking calls. Before Airflow 3.2 these find the way back to the event loop only
    from a thread that asgiref has started; called from any other, they end the triggerer. Before Airflow 3.3 the
    triggerer also ends if such a call is cancelled while it waits for the answer, so a cancellation of the caller
    leaves it alone.
    """
    from asgiref.sync import sync_to_async

    call = sync_to_async(function, thread_sensitive=False, executor=pool)
    work: asyncio.Task[Answer] = asyncio.create_task(_awaited(call(*arguments)))
    _in_progress.add(work)
    work.add_done_callback(_done)
    return await asyncio.shield(work)


async def _awaited(call: Awaitable[Answer]) -> Answer:
    return await call


def _done(work: asyncio.Task[Any]) -> None:
    _in_progress.discard(work)
    if not work.cancelled():
        # If the caller was cancelled, nobody reads the exception, and asyncio would log that.
        work.exception()
