"""Airflow as its own command line sees it: through its database, as ``airflow dags list-runs`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_qrt.client.errors import MISTAKES, InvalidSettings

if TYPE_CHECKING:
    from airflow_provider_qrt.cleanup.records import AirflowDatabase


def open_airflow() -> AirflowDatabase:
    """Return Airflow's database, once it has answered.

    Raises:
        InvalidSettings: There is no Airflow here, or no database behind it.
    """
    try:
        from airflow_provider_qrt.cleanup.records import AirflowDatabase

        database = AirflowDatabase()
        # Whether there is such a run is not the question.
        database.run_state("", "")
    except ImportError as error:
        raise InvalidSettings(f"Orphans can be told only where Airflow is installed: {error}.") from None
    except MISTAKES:
        raise
    except Exception as error:
        # SQLAlchemy's many errors; their text may name the database's user.
        raise InvalidSettings(
            "Orphans can be told only by Airflow's database, which could not be read here "
            f"({type(error).__name__}). Run this where `airflow dags list` works, or call find_orphans() in a task."
        ) from None
    return database
