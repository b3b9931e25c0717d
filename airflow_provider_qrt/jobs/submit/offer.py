"""Whether a channel has what a request asks for."""

from __future__ import annotations

from airflow_provider_qrt.client.channels.base import Channel, Submission
from airflow_provider_qrt.jobs.submit.identity import JobRequest


def check_offered(channel: Channel, request: JobRequest) -> None:
    """See that the channel has what a request asks for, before anything is sent or written down.

    Raises:
        NotOfferedError: If it has not; says what to do instead.
    """
    channel.check(
        Submission(
            request.program_id,
            request.backend,
            request.input.params,
            tags=request.tags,
            session_id=request.session_id,
            start_session=request.start_session,
            max_execution_seconds=request.max_execution_seconds,
            private=request.private,
        )
    )
