"""The table of commands, which both forms of the command line use. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NAME = "qiskit-runtime"
ABOUT = "Jobs, backends and results on IBM Quantum"
EXIT_CODES = (
    "Exit codes: 0 all is well; 1 it is not (a circuit does not fit, a job has failed, the service differs); "
    "2 the command or the connection is wrong; 3 the service refused, or could not be asked."
)


@dataclass(frozen=True)
class Option:
    """An argument of a command, as ``argparse`` takes it.

    Attributes:
        flags: Its names, or the name of a positional argument.
        settings: Keyword arguments of ``add_argument``.
    """

    flags: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def option(*flags: str, **settings: Any) -> Option:
    """Create an option."""
    return Option(flags, settings)


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        name: Its name on the command line.
        function: Path of its function, ``module:name`` within this package.
        help: One-line description.
        options: Its own arguments, in addition to :data:`COMMON`.
    """

    name: str
    function: str
    help: str
    options: tuple[Option, ...] = ()


COMMON = (
    option(
        "--conn-id",
        metavar="ID",
        default=None,
        help="Airflow connection (qiskit_runtime_default). Without Airflow: the environment variable "
        "AIRFLOW_CONN_<ID> as JSON, or QISKIT_IBM_TOKEN with QISKIT_IBM_INSTANCE and QISKIT_IBM_URL",
    ),
    option("--json", action="store_true", help="Print JSON instead of a table"),
)

_DOCTOR = (
    option("--backend", metavar="NAME", default=None, help="Backend to look at, and to run on. Default: least busy"),
    option(
        "--dry-run-job", action="store_true", help="Also check and estimate the smallest job, without submitting it"
    ),
    option("--job", action="store_true", help="Also run the smallest job, which may cost about 3 s of QPU time; asks"),
    option("--yes", action="store_true", help="With --job: do not ask"),
    option("--report", metavar="FILE", default=None, help="Write a report without secrets, as Markdown"),
)

COMMANDS = (
    Command("backends", "listing:backends", "List backends with their queues"),
    Command(
        "jobs",
        "listing:jobs",
        "List jobs: state, DAG, cost",
        (
            option("--limit", type=int, default=20, metavar="N", help="How many, newest first (20)"),
            option("--pending", action="store_true", help="Only those that have not ended"),
            option("--dag", metavar="DAG_ID", default=None, help="Only those of a DAG"),
            option(
                "--watch", action="store_true", help="Show the list again and again until all jobs in it have ended"
            ),
            option("--interval", type=float, default=10.0, metavar="SECONDS", help="With --watch: how often (10)"),
        ),
    ),
    Command("job", "listing:job", "Show a job", (option("job_id", metavar="ID", help="The job"),)),
    Command(
        "result",
        "listing:result",
        "Print a job's result",
        (
            option("job_id", metavar="ID", help="The job"),
            option("--output", metavar="FILE", default=None, help="Write it to a file, as the service returned it"),
            option("--yes", action="store_true", help="Read the result of a private job, which can be read only once"),
        ),
    ),
    Command(
        "cancel",
        "acting:cancel",
        "Cancel jobs",
        (option("job_ids", metavar="ID", nargs="+", help="The jobs; one that has ended is fine"),),
    ),
    Command(
        "orphans",
        "acting:orphans",
        "List jobs and sessions of this Airflow that no task waits for (needs Airflow's database)",
        (
            option("--older-than", metavar="TIME", default="10m", help="Leave out those that are newer (10m)"),
            option("--cancel", action="store_true", help="Cancel those whose owner is known for certain"),
        ),
    ),
    Command(
        "check",
        "checking:check",
        "Check whether a backend can run circuits unchanged, and what they may cost; submits nothing",
        (
            option("circuits", metavar="CIRCUIT", nargs="+", help="Files with OpenQASM 3 or QPY"),
            option("--backend", metavar="NAME", default=None, help="The backend"),
            option(
                "--configuration",
                metavar="FILE",
                default=None,
                help="Its configuration, saved before: no account is needed then",
            ),
            option("--save-configuration", metavar="FILE", default=None, help="Save it for the next time"),
            option("--shots", type=int, default=None, metavar="N", help="For the estimate; IBM's default is 4096"),
            option("--observables", metavar="PAULI", nargs="+", default=None, help="Check as for the estimator"),
        ),
    ),
    Command(
        "doctor", "diagnosis:doctor", "Check what this provider relies on against a real account, read-only", _DOCTOR
    ),
)
