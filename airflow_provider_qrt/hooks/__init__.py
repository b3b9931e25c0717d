"""Hooks: from an Airflow connection to a client. Modules with ``__all__`` are public, the others are internal."""
