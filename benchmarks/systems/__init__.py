"""The systems measured: ours as DAGs in ``dags``, what a user would run instead as programs.

A program is started as ``python -m benchmarks.systems.NAME``. It takes a JSON object as its only argument (``api``,
``root``, ``iam``, ``key``, ``instance``, ``backend``, ``shots``, and what its module names) and prints one as a line of
its own: ``counts``, and ``result_at``, epoch seconds when they were in hand. The programs import nothing of the
provider, so any environment that has the system can run them.
"""
