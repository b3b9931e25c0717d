"""Assets: what backends are called where Airflow schedules by data."""
