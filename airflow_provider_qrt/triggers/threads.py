"""Thread pools for blocking calls in the triggerer, separate from those of Airflow and other providers.

Polling uses one thread per connection (``jobs.wait.shared_poller``). Cancellations and requests to Airflow use the
pools here, so that many cancellations at a service that hangs do not delay polling.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

Answer = TypeVar("Answer")

cancelling = ThreadPoolExecutor(8, thread_name_prefix="qiskit-runtime-cancel")
asking_airflow = ThreadPoolExecutor(4, thread_name_prefix="qiskit-runtime-airflow")


async def in_thread(pool: ThreadPoolExecutor, function: Callable[..., Answer], *arguments: Any) -> Answer:
    """Run a blocking function in a pool, with the caller's context, like ``asyncio.to_thread``."""
    call = partial(contextvars.copy_context().run, function, *arguments)
    return await asyncio.get_running_loop().run_in_executor(pool, call)
