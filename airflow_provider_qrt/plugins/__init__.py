"""Pages in Airflow's UI: a connection's jobs, backends and QPU time, and the results of a DAG run. Internal."""
