"""Operators: tasks that run something on IBM Quantum. Public: what its modules name in ``__all__``."""
