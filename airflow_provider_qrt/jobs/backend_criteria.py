"""Filters for the choice of a backend. Public: what ``__all__`` names."""

from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria

__all__ = ["BackendCriteria"]

for _name in __all__:
    globals()[_name].__module__ = __name__
