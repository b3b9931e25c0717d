"""What an emulator can be told, and the facts about IBM's service that it keeps to."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_API_KEY = "emulator"
"""The only API key that a default emulator's IAM accepts."""

DEFAULT_INSTANCE = (
    "crn:v1:bluemix:public:quantum-computing:us-east:"
    "a/00000000000000000000000000000000:00000000-0000-0000-0000-000000000000::"
)
"""The CRN of the only instance that a default emulator serves."""

DEFAULT_BACKENDS = ("ibm_fez", "ibm_marrakesh", "ibm_boston", "ibm_miami")
"""Device snapshots served unless told otherwise: what IBM runs today, three Heron machines and a Nighthawk."""

USER_ID = "IBMid-EMULATOR0001"
"""The one user, owner of every job."""

PLAN_ID = "00000000-0000-0000-0000-0000000000e0"
"""The plan of the one instance. It is nobody's real plan."""

# Facts from IBM's REST API reference.
MAX_TAGS = 8
MAX_TAG_LENGTH = 86
SUBMISSIONS_PER_MINUTE = 5
MAX_COST_SECONDS = 10_800
DEFAULT_COST_SECONDS = 600
DEFAULT_SHOTS = 4096
DEFAULT_PRECISION = 0.015625
MAX_EXECUTIONS_PER_JOB = 10_000_000
DEFAULT_SESSION_TTL_SECONDS = 28_800
SESSION_IDLE_SECONDS = 60
SESSION_UNUSED_SECONDS = 1_800


@dataclass
class Settings:
    """How one emulator behaves. Times are in seconds.

    Attributes:
        api_key: The key that IAM accepts.
        instance: The CRN that the API serves.
        backends: Names of the device snapshots.
        queue_seconds: How long a new job stays Queued.
        run_seconds: How long a job then stays Running at least; also its QPU usage.
        usage_pending_seconds: How long after the end of a job its usage stays ``pending``.
        visibility_seconds: How long a new job is missing from ``GET /jobs`` and ``GET /workloads``.
        token_lifetime: Life of an IAM access token.
        seed: Makes samples repeatable: the n-th job of an emulator gets the same samples each time.
        rate_limit: Whether more than five submissions a minute are refused.
        max_active_qubits: Widest circuit simulated when it is not Clifford.
        noise: Whether the devices make the errors of their calibration.
        usage_limit_seconds: Usage at which submissions are refused with 409; none by default.
    """

    api_key: str = DEFAULT_API_KEY
    instance: str = DEFAULT_INSTANCE
    backends: tuple[str, ...] = DEFAULT_BACKENDS
    queue_seconds: float = 2.0
    run_seconds: float = 1.0
    usage_pending_seconds: float = 0.0
    visibility_seconds: float = 0.0
    token_lifetime: float = 3600.0
    seed: int | None = None
    rate_limit: bool = True
    max_active_qubits: int = 24
    noise: bool = False
    usage_limit_seconds: float | None = None
