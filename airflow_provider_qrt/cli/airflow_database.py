"""Access to Airflow's database, as Airflow's own command line has it (``airflow dags list-runs``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_qrt.client.errors import MISTAKES, InvalidSettingsError

if TYPE_CHECKING:
    from airflow_provider_qrt.cleanup.records import AirflowDatabase


def open_airflow() -> AirflowDatabase:
    """Return Airflow's database after checking that it answers.

    Raises:
        InvalidSettingsError: Airflow is not installed here, or its database cannot be read.
    """
    try:
        from airflow_provider_qrt.cleanup.records import AirflowDatabase

        database = AirflowDatabase()
        # Only checks that the database answers.
        database.run_state("", "")
    except ImportError as error:
        raise InvalidSettingsError(f"Orphans can be told only where Airflow is installed: {error}.") from None
    except MISTAKES:
        raise
    except Exception as error:
        # SQLAlchemy has many errors; their text may name the database's user.
        raise InvalidSettingsError(
            "Orphans can be told only by Airflow's database, which could not be read here "
            f"({type(error).__name__}). Run this where `airflow dags list` works, or call find_orphans() in a task."
        ) from None
    return database
