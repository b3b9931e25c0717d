"""``IBM-API-Version``: the date that selects the format of an answer.

IBM's REST API reference: without the header, or with an unknown date, the service answers in its oldest format and
does not refuse the request.
"""

from __future__ import annotations

HEADER = "IBM-API-Version"

KNOWN = (
    "2024-01-01",
    "2025-01-01",
    "2025-05-01",
    "2026-02-01",
    "2026-02-15",
    "2026-03-15",
    "2026-04-15",
)
OLDEST = KNOWN[0]

NO_TRANSPILED_CIRCUITS = "2026-02-01"
DEVICES_ARE_OBJECTS = "2025-01-01"
QPU_CHARGE_TIME = "2026-03-15"
EXECUTION_TIME_AT_TOP = "2026-04-15"


def effective(header: str | None) -> str:
    """Return the API version for a value of the header."""
    return header if header in KNOWN else OLDEST
