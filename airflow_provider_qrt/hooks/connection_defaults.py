"""What a connection says about the tasks that use it, beyond where to and with which credentials."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_qrt.client.errors import InvalidSettings
from airflow_provider_qrt.hooks.connection import as_bool, as_mapping
from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget


def as_seconds(value: Any) -> float | None:
    """Read a field that holds a number above 0, or the text of one; None if it is something else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf and not isinstance(value, bool) else None


@dataclass(frozen=True)
class ConnectionDefaults:
    """Defaults for tasks.

    Attributes:
        budget: QPU seconds they may use; a task's own budget comes first.
        dry_run: Whether they check and estimate only.
    """

    budget: QiskitRuntimeBudget | None = None
    dry_run: bool = False

    @classmethod
    def read(cls, conn_id: str, extra: Mapping[str, Any]) -> Self:
        """Read them from a connection's extra fields.

        Raises:
            InvalidSettings: If one of them is malformed; names the connection.
            InvalidInput: If the budget makes no sense; says why.
        """
        extra = extra if isinstance(extra, Mapping) else {}
        budget = as_seconds(extra.get("budget")) or as_mapping(extra.get("budget"))
        if budget is None:
            raise InvalidSettings(
                f'Connection {conn_id!r}: Budget (budget) must be JSON such as {{"max_seconds": 600, "per": "dag"}}, '
                "or a number of seconds for each DAG run."
            )
        try:
            return cls(QiskitRuntimeBudget.read(budget or None), as_bool(extra.get("dry_run"), "dry_run"))
        except InvalidSettings as error:
            raise InvalidSettings(f"Connection {conn_id!r}: {error}") from None
