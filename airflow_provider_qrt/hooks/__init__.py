"""Hooks: the Airflow connection and the client behind it."""
