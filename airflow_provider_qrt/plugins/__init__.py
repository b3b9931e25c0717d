"""Pages in Airflow's UI: the jobs, backends and QPU time of a connection, and the results of a DAG run."""
