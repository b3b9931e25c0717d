"""Budgets of QPU seconds. Public: what ``__all__`` names; the modules are internal."""

from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget, Spending
from airflow_provider_qrt.jobs.errors import OverBudgetError

__all__ = ["OverBudgetError", "QiskitRuntimeBudget", "Spending"]

for _name in __all__:
    globals()[_name].__module__ = __name__

OverBudget = OverBudgetError
"""The former name, for one release."""
