"""The reading of the backends that all triggers of a connection share in a triggerer."""

from __future__ import annotations

from functools import partial

from airflow_provider_qrt.jobs.backend_reader import BackendReader
from airflow_provider_qrt.jobs.sharing import shared
from airflow_provider_qrt.triggers.connection import connect


def shared_reader(conn_id: str) -> BackendReader:
    """The reader of all who wait for backends with a connection."""
    return shared(BackendReader, conn_id, lambda: BackendReader(partial(connect, conn_id)))
