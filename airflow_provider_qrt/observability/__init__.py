"""What those who run Airflow see of the jobs: metrics and traces, sent where Airflow sends its own."""
