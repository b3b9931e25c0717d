"""Defaults of arguments. DAG files import this module, so it imports nothing."""

from __future__ import annotations

LEAST_BUSY = "least_busy"
"""Stands for the backend that is chosen when a job is submitted."""
DEFAULT_POLL_INTERVAL = 30.0
"""Longest time between two looks, seconds."""
DEFAULT_PATIENCE = 600.0
"""Seconds for which a refusal must be repeated."""
