"""The name of this Airflow in its own metadata database, for processes that have one: given once, by the provider."""

from __future__ import annotations

import secrets

from airflow_provider_qrt.hooks.deployment import NAME_VARIABLE

DESCRIPTION = (
    "Tells the IBM Quantum jobs of this Airflow from those of others. Made by airflow-provider-qrt; do not change it "
    "while jobs are under way."
)


def read_name() -> str:
    """Return the name; empty if the database has none yet."""
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        stored = session.scalar(select(Variable).where(Variable.key == NAME_VARIABLE))
        return (stored.val or "") if stored is not None else ""


def give_name() -> str:
    """Return the name; give one if the database has none. Of several who do so at once, one succeeds."""
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy.exc import IntegrityError

    name = read_name()
    if name:
        return name
    try:
        with create_session() as session:
            session.add(Variable(key=NAME_VARIABLE, val=secrets.token_hex(8), description=DESCRIPTION))
    except IntegrityError:
        # Another component was faster.
        pass
    return read_name()
