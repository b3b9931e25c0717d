"""The command line: ``airflow qiskit-runtime ...``, and the same as ``python -m airflow_provider_qrt ...``."""
