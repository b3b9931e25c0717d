"""Operators: tasks that run something on IBM Quantum."""
