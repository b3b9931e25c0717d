"""Internal. The measured systems: ours as DAGs in ``dags``, and its alternatives as programs.

A program is started as ``python -m benchmarks.systems.NAME``. Its only argument is a JSON object (``api``, ``root``,
``iam``, ``key``, ``instance``, ``backend``, ``shots``, and the values in its module's docstring). It prints a JSON
object on one line: ``counts``, and ``result_at``, the time at which they were available, in epoch seconds. The programs
do not import the provider, so any environment with the system can run them.
"""
