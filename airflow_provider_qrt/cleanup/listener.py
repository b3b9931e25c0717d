"""What happens when a component of Airflow starts: its database is given a name, and a triggerer begins to clean up.

Every process of Airflow loads this, tasks too, so it imports next to nothing.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: Any) -> None:
    """Airflow calls this in schedulers, triggerers and dag-processors, and in each task."""
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
