"""What a connection says about the tasks that use it, beyond where to and with which credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_qrt.client.errors import InvalidSettings
from airflow_provider_qrt.hooks.connection import as_bool, as_mapping
from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget
from airflow_provider_qrt.jobs.durations import read_seconds


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
        budget = _budget(conn_id, extra)
        if budget is None:
            raise InvalidSettings(
                f'Connection {conn_id!r}: Budget (budget) must be JSON such as {{"max_seconds": 600, "per": "dag"}}, '
                "or a number of seconds for each DAG run."
            )
        try:
            return cls(QiskitRuntimeBudget.read(budget or None), as_bool(extra.get("dry_run"), "dry_run"))
        except InvalidSettings as error:
            raise InvalidSettings(f"Connection {conn_id!r}: {error}") from None


def _budget(conn_id: str, extra: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Put the form's two fields together, or read the one that JSON may hold; None if that is malformed.

    Raises:
        InvalidSettings: Both are there, or one of the two fields makes no sense.
    """
    seconds, per = extra.get("budget_seconds"), str(extra.get("budget_per") or "").strip()
    if seconds in (None, ""):
        if per and extra.get("budget"):
            raise InvalidSettings(f"Connection {conn_id!r}: budget_per and budget are both there; leave one out.")
        number = read_seconds(extra.get("budget"))
        return as_mapping(extra.get("budget")) if number is None else {"max_seconds": number}
    if extra.get("budget"):
        raise InvalidSettings(f"Connection {conn_id!r}: budget_seconds and budget are both there; leave one out.")
    number = read_seconds(seconds)
    if number is None:
        raise InvalidSettings(
            f"Connection {conn_id!r}: Budget in QPU seconds (budget_seconds) must be a number above 0, not {seconds!r}."
        )
    return {"max_seconds": number, **({"per": per} if per else {})}
