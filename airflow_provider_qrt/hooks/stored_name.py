"""This Airflow's generated name in its metadata database, for processes with access to the database."""

from __future__ import annotations

import secrets

NAME_VARIABLE = "qiskit_runtime_airflow_name"
"""Airflow variable that holds the name."""
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
    """Return the name; create one if there is none. If several processes create one at once, the first wins."""
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
