"""Defaults that a connection sets for the tasks that use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.durations import read_seconds
from airflow_provider_qrt.hooks.connection import as_bool, as_mapping
from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget


@dataclass(frozen=True)
class ConnectionDefaults:
    """Defaults for tasks.

    Attributes:
        budget: QPU seconds that they may use; a task's own budget takes precedence.
        dry_run: Whether they only check and estimate.
    """

    budget: QiskitRuntimeBudget | None = None
    dry_run: bool = False

    @classmethod
    def read(cls, conn_id: str, extra: Mapping[str, Any]) -> Self:
        """Read them from a connection's extra fields.

        Raises:
            InvalidSettingsError: If one of them is malformed; names the connection.
            InvalidInputError: If the budget is invalid; says why.
        """
        extra = extra if isinstance(extra, Mapping) else {}
        budget = _budget(conn_id, extra)
        if budget is None:
            raise InvalidSettingsError(
                f'Connection {conn_id!r}: Budget (budget) must be JSON such as {{"max_seconds": 600, "per": "dag"}}, '
                "or a number of seconds for each DAG run."
            )
        try:
            return cls(QiskitRuntimeBudget.read(budget or None), as_bool(extra.get("dry_run"), "dry_run"))
        except InvalidSettingsError as error:
            raise InvalidSettingsError(f"Connection {conn_id!r}: {error}") from None


def _budget(conn_id: str, extra: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Combine the form's two budget fields, or read ``budget`` from JSON; None if that is malformed.

    Raises:
        InvalidSettingsError: Both forms are set, or one of the two fields is invalid.
    """
    seconds, per = extra.get("budget_seconds"), str(extra.get("budget_per") or "").strip()
    if seconds in (None, ""):
        if per and extra.get("budget"):
            raise InvalidSettingsError(f"Connection {conn_id!r}: budget_per and budget are both there; leave one out.")
        number = read_seconds(extra.get("budget"))
        return as_mapping(extra.get("budget")) if number is None else {"max_seconds": number}
    if extra.get("budget"):
        raise InvalidSettingsError(f"Connection {conn_id!r}: budget_seconds and budget are both there; leave one out.")
    number = read_seconds(seconds)
    if number is None:
        raise InvalidSettingsError(
            f"Connection {conn_id!r}: Budget in QPU seconds (budget_seconds) must be a number above 0, not {seconds!r}."
        )
    return {"max_seconds": number, **({"per": per} if per else {})}
