"""The systems a user would run instead. Each is a program of its own: ``python -m benchmarks.systems.NAME``.

A program takes a JSON object as its only argument (``api``, ``root``, ``iam``, ``key``, ``instance``, ``backend``,
``shots``) and prints one as a line of its own: ``counts``, and ``result_at``, epoch seconds when they were in hand.
They import nothing of the provider, so any environment that has the system can run them.
"""
