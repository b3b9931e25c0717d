"""Assets for backends, for data-aware scheduling in Airflow. ``assets.qiskit_runtime`` is public."""
