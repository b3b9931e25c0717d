"""Retry policies: which failures Airflow tries again, and when."""
