"""Metrics and traces of the jobs, sent to the same place as Airflow's own. Internal."""
