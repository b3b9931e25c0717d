"""Constants of the service, with their sources.

IBM's REST API is described at https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest and its limits at
https://quantum.cloud.ibm.com/docs/guides/job-limits and https://quantum.cloud.ibm.com/docs/guides/max-execution-time.
"""

from __future__ import annotations

CHANNEL = "ibm_quantum_platform"
"""The current generation of the API, and the default of a connection."""

API_VERSION = "2026-04-15"
"""The only version of the REST API without a sunset date (``GET /versions``)."""

FIRST_VERSION_WITH_DEVICE_OBJECTS = "2025-01-01"
"""Before this version, and for an unknown version, ``GET /backends`` returns names only."""

IAM_URL = "https://iam.cloud.ibm.com"
PRIVATE_IAM_URL = "https://private.iam.cloud.ibm.com"
SERVICE_HOST = "quantum.cloud.ibm.com"
UNPREFIXED_REGION = "us-east"
"""The region whose public host has no prefix."""

SESSION_CLOSED = "4001"
"""Error code for a job submitted to a session that accepts no more jobs."""

MOCK_PREFIX = "mock_"
"""Beginning of the name of a mock twin, which stands for a backend in dry runs."""

PROGRAM_NOT_FOUND = "1222"
"""Error code for a job of a program that the service does not have."""

TAG_CODES = ("1204", "1205")
"""Error codes for too many tags, and for a tag that is too long."""

MAX_TAGS = 8
MAX_TAG_LENGTH = 86
"""Tags of a job: at most eight, each at most 86 characters (``POST /jobs``; codes 1204 and 1205)."""

MAX_EXECUTION_SECONDS = 10_800
"""QPU time of one job; ``cost`` above it is capped (three hours)."""

PRICE_PER_SECOND = 1.60
"""US dollars for a QPU second of the Pay-As-You-Go plan: https://quantum.cloud.ibm.com/docs/guides/plans-overview"""

LIST_LAG = 30.0
"""Seconds after which a new job is assumed to be in ``GET /jobs``. IBM does not document this delay."""

JOBS_PAGE_SIZE = 200
"""Largest ``limit`` of ``GET /jobs``; a larger one silently becomes the default."""

WORKLOADS_PAGE_SIZE = 50
"""Largest ``limit`` of ``GET /workloads``."""

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
SUBMIT_TIMEOUT = 900.0
"""Seconds. A submission may carry many megabytes of circuits; the official client allows 900 s for it too."""

LOGOUT_TIMEOUT = 3.0
"""Seconds. A logout happens after the work is done, and may delay the end of a task or process."""
