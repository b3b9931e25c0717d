"""The backend reader that all triggers of a connection in a triggerer share."""

from __future__ import annotations

from functools import partial

from airflow_provider_qrt.jobs.backends.reader import BackendReader
from airflow_provider_qrt.jobs.wait.shared_poller import shared
from airflow_provider_qrt.triggers.connection import connect


def shared_reader(conn_id: str) -> BackendReader:
    """Return the reader that all triggers of a connection share."""
    return shared(BackendReader, conn_id, lambda: BackendReader(partial(connect, conn_id)))
