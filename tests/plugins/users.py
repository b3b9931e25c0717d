"""The users of Airflow whose rights :class:`~tests.plugins.partial_rights.PartialRights` limits."""

SECRET = "secret_"
"""How the id of a DAG begins that ``OUTSIDER`` may not read."""
OUTSIDER = "outsider"
NO_XCOM = "no_xcom"
