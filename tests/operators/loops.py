"""Parts of the functions of hybrid loops."""

from __future__ import annotations

from typing import Any

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
TURN = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] theta; rz(theta) $0; x $0;'


class CrashError(Exception):
    """An error of user code."""


def sample(qpu: Any, name: str | None = None) -> dict[str, int]:
    return dict(qpu.sample(FLIP, shots=20, name=name).get_counts())
