"""Apache Airflow provider for IBM Quantum: the Qiskit Runtime REST API as hooks, operators and sensors."""

__version__ = "0.1.0"
