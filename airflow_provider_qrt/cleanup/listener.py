"""Run when an Airflow component starts: store a name in the database, and start the cleanup in a triggerer.

Every process of Airflow loads this, including tasks, so it imports as little as possible.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: Any) -> None:
    """Store the name and start the cleanup. Airflow calls this in all components and in each task."""
    if type(component).__name__ != "Job":
        return
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_provider_qrt.cleanup.runner import start
    from airflow_provider_qrt.hooks.stored_name import give_name

    try:
        give_name()
    except SQLAlchemyError as error:
        log.warning("The name of this Airflow could not be stored; the next component to start tries again: %s", error)
    start(component)
