"""The settings of an emulator, and the facts about IBM's service that it follows."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]

DEFAULT_API_KEY = "emulator-api-key"
"""The only API key that a default emulator's IAM accepts."""

DEFAULT_INSTANCE = (
    "crn:v1:bluemix:public:quantum-computing:us-east:"
    "a/00000000000000000000000000000000:00000000-0000-0000-0000-000000000000::"
)
"""The CRN of the only instance that a default emulator serves."""

DEFAULT_BACKENDS = ("ibm_fez", "ibm_marrakesh", "ibm_boston", "ibm_miami")
"""Device snapshots served by default. IBM runs these machines today: three Herons and a Nighthawk."""

USER_ID = "IBMid-EMULATOR0001"
"""The only user, who owns every job."""

PLAN_ID = "00000000-0000-0000-0000-0000000000e0"
"""The plan of the only instance. It is not a real plan."""

DISCOVERY_PREFIX = "/_discovery"
"""The path under which an emulator replaces IBM's Global Search and Global Catalog."""

OPEN_PLAN = "open"
PLANS = ("paid", OPEN_PLAN, "pay-as-you-go", "flex", "premium", "on-prem")
"""IBM's plans; ``paid`` stands for any paid plan but pay-as-you-go."""
MOCK_PLANS = frozenset({"paid", "flex", "premium", "on-prem"})
"""The plans with dry runs."""
USAGE_LIMIT_MODES = ("refuse", "accept")

# Facts from IBM's REST API reference.
MAX_TAGS = 8
MAX_TAG_LENGTH = 86
SUBMISSIONS_PER_MINUTE = 5
MAX_COST_SECONDS = 10_800
DEFAULT_COST_SECONDS = 600
DEFAULT_SHOTS = 4096
DEFAULT_PRECISION = 0.015625
MAX_EXECUTIONS_PER_JOB = 10_000_000
PLAN_COST_SECONDS = {**dict.fromkeys(PLANS, MAX_COST_SECONDS), OPEN_PLAN: 600}
SESSION_TTL_SECONDS = {**dict.fromkeys(PLANS, 28_800), OPEN_PLAN: 600}
ALLOCATION_SECONDS = {**dict.fromkeys(PLANS, 36_000), OPEN_PLAN: 600}
USAGE_PERIOD_SECONDS = 28 * 86_400
SESSION_IDLE_SECONDS = 60
SESSION_UNUSED_SECONDS = 1_800

MOST_SPEED = 1e6
MOST_BEHIND_SECONDS = 1e9


@dataclass
class Settings:
    """The settings of one emulator. Times are in seconds.

    Attributes:
        api_key: The key that IAM accepts.
        instance: The CRN that the API serves.
        backends: Names of the device snapshots.
        queue_seconds: Time that a new job stays Queued.
        run_seconds: Minimum time that a job then stays Running; also its QPU usage.
        calibration_seconds: Time that a calibration runs; by default like any other job.
        lanes: Number of jobs that a machine works on at a time; by default any number.
        usage_pending_seconds: Time after the end of a job during which its usage stays ``pending``.
        visibility_seconds: Time during which a new job is missing from ``GET /jobs`` and ``GET /workloads``.
        token_lifetime: Lifetime of an IAM access token.
        seed: Seed of the samples; the n-th job of an emulator gets the same samples each time.
        rate_limit: Whether more than five submissions a minute are refused.
        max_active_qubits: Largest number of qubits of a simulated circuit that is not Clifford.
        noise: Whether the devices have the noise in their calibration.
        usage_limit_seconds: The instance's usage limit; by default there is none.
        usage_limit_mode: The treatment of a job submitted at that limit: ``refuse`` answers 409, ``accept`` accepts
            the job but does not run it until there is usage left. IBM's service has been seen to do both.
        plan: ``paid``, ``open``, ``pay-as-you-go``, ``flex``, ``premium`` or ``on-prem``. The Open plan has no
            dedicated sessions, and 600 seconds for a job and a batch. It and pay-as-you-go have no dry runs.
        retry_after: Whether a refusal for too many submissions carries ``Retry-After``.
        speed: Speed of time for jobs and sessions; tokens and the submission limit use normal time.
        behind_seconds: How far the clock starts behind the machine's, to make a history of jobs. Tokens use normal
            time. Not together with ``state``.
        state: SQLite file that stores jobs, sessions and usage, or None.
        max_result_bytes: Size of a result above which its job fails with 5302; by default there is no limit.
        withdrawn_programs: Programs of the present API that a submission no longer finds: 404 with code 1222, as for a
            program that never existed. Jobs that were accepted before go on.
        allowed_hosts: Host names that requests may use, besides IP addresses and ``localhost``.
    """

    api_key: str = DEFAULT_API_KEY
    instance: str = DEFAULT_INSTANCE
    backends: tuple[str, ...] = DEFAULT_BACKENDS
    queue_seconds: float = 2.0
    run_seconds: float = 1.0
    calibration_seconds: float | None = None
    lanes: int | None = None
    usage_pending_seconds: float = 0.0
    visibility_seconds: float = 0.0
    token_lifetime: float = 3600.0
    seed: int | None = None
    rate_limit: bool = True
    max_active_qubits: int = 24
    noise: bool = False
    usage_limit_seconds: float | None = None
    usage_limit_mode: str = "refuse"
    plan: str = "paid"
    retry_after: bool = True
    speed: float = 1.0
    behind_seconds: float = 0.0
    state: str | None = None
    max_result_bytes: int | None = None
    withdrawn_programs: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.plan not in PLANS:
            raise ValueError(f"plan must be one of {', '.join(PLANS)}")
        if self.usage_limit_mode not in USAGE_LIMIT_MODES:
            raise ValueError(f"usage_limit_mode must be one of {', '.join(USAGE_LIMIT_MODES)}")
        if self.lanes is not None and self.lanes < 1:
            raise ValueError("lanes must be at least 1")
        if not 0 < self.speed <= MOST_SPEED:
            raise ValueError(f"speed must be above 0 and at most {MOST_SPEED:g}")
        if not 0 <= self.behind_seconds <= MOST_BEHIND_SECONDS:
            raise ValueError(f"behind_seconds must be from 0 to {MOST_BEHIND_SECONDS:g}")
        if self.behind_seconds and self.state is not None:
            raise ValueError("behind_seconds cannot be set with a state, which has its own time")

    @property
    def limit_seconds(self) -> float:
        """The instance's usage limit; the allocation of its plan when no limit is set."""
        return float(ALLOCATION_SECONDS[self.plan]) if self.usage_limit_seconds is None else self.usage_limit_seconds
