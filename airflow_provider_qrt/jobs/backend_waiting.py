"""How a wait for a backend ends. Public: what ``__all__`` names."""

from airflow_provider_qrt.jobs.backends.waiting import BackendEnding, BackendOutcome, ReadyBackend

__all__ = ["BackendEnding", "BackendOutcome", "ReadyBackend"]

for _name in __all__:
    globals()[_name].__module__ = __name__
