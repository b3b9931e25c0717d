"""The life of one job: identity, submitting once, deciding about polls, explaining failures. Knows no Airflow."""
