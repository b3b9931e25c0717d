"""Retry policies: which failures Airflow retries, and when. ``retry_policies.qiskit_runtime`` is public."""
