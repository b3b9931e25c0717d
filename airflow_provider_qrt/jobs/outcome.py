"""How a wait for a job ends. Public: what ``__all__`` names."""

from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome

__all__ = ["Ending", "WaitOutcome"]

for _name in __all__:
    globals()[_name].__module__ = __name__
