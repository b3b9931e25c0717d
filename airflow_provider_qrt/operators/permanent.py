"""Errors that no retry mends fail the task at once, with a message that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.permanent import INPUT, REFUSALS


@contextmanager
def no_retry_for_permanent_errors(where: Callable[[], str]) -> Iterator[None]:
    """Turn what a retry cannot mend into ``AirflowFailException``; everything else passes, for Airflow's retries.

    Args:
        where: Names connection, instance and region, for a refusal of the service.

    Raises:
        AirflowFailException: In place of a permanent error.
    """
    try:
        yield
    except INPUT as error:
        # The user's mistake: one message, not two tracebacks of which the first says the same.
        raise AirflowFailException(str(error)) from None
    except errors.ResultsNotReady:
        # Asked for only once the job has completed: the result is still on its way.
        raise
    except REFUSALS as error:
        # Nor here: the message has all that the service said.
        raise AirflowFailException(f"{error} Asked with {where()}.") from None
