"""Internal. The generations of the API: the current one under ``/api/v1``, and the three older ones at the root.

One emulator serves all of them. The credentials of a request tell the older ones apart, which had different hosts.
They share the job store, the clock, the faults and the journal with the current one; a job is visible only in the
generation that it was submitted to.
"""

from __future__ import annotations

from enum import StrEnum


class Generation(StrEnum):
    """A generation of the API, named as in the ``channel`` of a connection."""

    PRESENT = "ibm_quantum_platform"
    IBM_CLOUD = "ibm_cloud"
    IBM_QUANTUM = "ibm_quantum"
    API_TOKEN = "api_token"  # noqa: S105 - a name
