"""Links from a task in the Airflow UI to IBM Quantum Platform. ``links.qiskit_runtime`` is public."""
