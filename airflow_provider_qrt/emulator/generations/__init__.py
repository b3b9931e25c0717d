"""The generations of the API: the present one under ``/api/v1``, and the three before it at the root.

One emulator serves them side by side. The older ones are told apart by the credentials that a request carries, as
their hosts did. They share the job store, the clock, the faults and the journal with the present one; a job is seen
in its own generation only.
"""

from __future__ import annotations

from enum import StrEnum


class Generation(StrEnum):
    """A generation of the API, by the name that a connection's ``channel`` has for it."""

    PRESENT = "ibm_quantum_platform"
    IBM_CLOUD = "ibm_cloud"
    IBM_QUANTUM = "ibm_quantum"
    API_TOKEN = "api_token"  # noqa: S105 - a name
