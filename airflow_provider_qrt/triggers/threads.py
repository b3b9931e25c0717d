"""The triggerer's threads for what blocks, apart from each other and from those that Airflow and other providers use.

Polls have a thread for each connection (``airflow_provider_qrt.jobs.sharing``). Cancellations and questions to Airflow
have the pools here, so that forty cancellations of a service that hangs hold up no poll.
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
    """Call something that blocks in a pool; it sees the caller's context, as with ``asyncio.to_thread``."""
    call = partial(contextvars.copy_context().run, function, *arguments)
    return await asyncio.get_running_loop().run_in_executor(pool, call)
