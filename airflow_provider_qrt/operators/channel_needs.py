"""What a task asks of its connection's channel, seen to before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_qrt.client.channels.base import Channel, Feature
from airflow_provider_qrt.jobs.backends import LEAST_BUSY
from airflow_provider_qrt.jobs.submission import check_offered
from airflow_provider_qrt.primitives.errors import InvalidInput

if TYPE_CHECKING:
    from airflow_provider_qrt.jobs.identity import JobRequest


def check_needs(channel: Channel, request: JobRequest, *, limited: bool) -> None:
    """See that the channel has all that a task asks for.

    Args:
        channel: The connection's.
        request: What is asked for.
        limited: Whether there is a budget.

    Raises:
        NotOffered: The channel lacks something; names the argument and says what to do.
        InvalidInput: Arguments exclude each other.
    """
    if request.start_session and request.session_id is not None:
        raise InvalidInput(
            "start_session: the job cannot begin a session and join one. Leave out start_session or session_id."
        )
    if request.backend == LEAST_BUSY:
        channel.require(Feature.BACKEND_DETAILS, f"backend={LEAST_BUSY!r}")
    if limited:
        channel.require(Feature.USAGE, "budget")
    check_offered(channel, request)
