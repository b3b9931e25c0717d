"""Jobs and sessions that no task waits for any more. Public: what ``__all__`` names; the modules are internal."""

from airflow_provider_qrt.jobs.orphans.finding import Orphan

__all__ = ["Orphan"]

for _name in __all__:
    globals()[_name].__module__ = __name__
