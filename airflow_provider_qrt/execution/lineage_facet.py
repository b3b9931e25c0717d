"""The run facet. It is a class of OpenLineage's, so only what sends events imports this."""

from __future__ import annotations

import attrs
from openlineage.client.facet_v2 import RunFacet


@attrs.define(kw_only=True)
class QiskitRuntimeJobRunFacet(RunFacet):
    """The jobs of a task's run. What is not known, or not yet, is null.

    Attributes:
        job_id: The job, or the first of several.
        job_ids: All of them.
        program_id: What ran.
        backend: Where.
        calibrated: When the backend had last been calibrated when the job ran, ISO 8601.
        session_id: Session or batch.
        status: How the job stood when it was last seen.
        usage_seconds: QPU seconds charged for all jobs.
        usage_complete: Whether that is final.
        input_fingerprint: Digest of the input.
        connection_id: The Airflow connection.
    """

    job_id: str | None = None
    job_ids: list[str] = attrs.field(factory=list)
    program_id: str | None = None
    backend: str | None = None
    calibrated: str | None = None
    session_id: str | None = None
    status: str | None = None
    usage_seconds: float | None = None
    usage_complete: bool | None = None
    input_fingerprint: str | None = None
    connection_id: str | None = None
