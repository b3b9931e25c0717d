"""Programs: what a task runs on the service, one small class for each kind.

Public for those who write an operator of their own: what ``__all__`` names. The modules are internal.
"""

from airflow_provider_qrt.programs.base import FinishedJobs, TaskProgram

__all__ = ["FinishedJobs", "TaskProgram"]

for _name in __all__:
    globals()[_name].__module__ = __name__
