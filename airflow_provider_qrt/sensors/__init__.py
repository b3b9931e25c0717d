"""Sensors: tasks that wait for jobs or backends. ``sensors.qiskit_runtime`` is public, other modules are internal."""
