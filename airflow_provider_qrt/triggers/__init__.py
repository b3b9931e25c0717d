"""Triggers: waiting without a worker. ``triggers.qiskit_runtime`` is public, other modules are internal."""
