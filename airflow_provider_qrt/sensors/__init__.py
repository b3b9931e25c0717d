"""Sensors: tasks that wait for something on IBM Quantum."""
