"""Hybrid loops: a plain Python function that calls the QPU again and again, and remembers each answer.

Internal, except :mod:`~airflow_provider_qrt.hybrid.running`, :mod:`~airflow_provider_qrt.hybrid.qpu` and
:mod:`~airflow_provider_qrt.hybrid.errors`. Only ``task`` needs a running Airflow.
"""
