"""The command line: ``airflow qiskit-runtime ...`` or ``python -m airflow_provider_qrt ...``. Internal."""
