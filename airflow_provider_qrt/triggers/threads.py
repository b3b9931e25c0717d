"""Thread pools for blocking calls in the triggerer, separate from those of Airflow and other providers.

Polling uses one thread per connection (``jobs.wait.shared_poller``). Cancellations and requests to Airflow use the
pools here, so that many cancellations at a service that hangs do not delay polling.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asgiref.sync import sync_to_async

Answer = TypeVar("Answer")

cancelling = ThreadPoolExecutor(8, thread_name_prefix="qiskit-runtime-cancel")
asking_airflow = ThreadPoolExecutor(4, thread_name_prefix="qiskit-runtime-airflow")


async def in_thread(pool: ThreadPoolExecutor, function: Callable[..., Answer], *arguments: Any) -> Answer:
    """Run a blocking function in a pool, with the caller's context, like ``asyncio.to_thread``.

    The function may use Airflow's blocking calls. Before Airflow 3.2 these find the way back to the event loop only
    from a thread that asgiref has started; from any other they end the triggerer.
    """
    answer: Answer = await sync_to_async(function, thread_sensitive=False, executor=pool)(*arguments)
    return answer
