"""Parse-time checks of arguments that several operators have. Each loads what it needs, and only for a value."""

from __future__ import annotations

from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError


def check_backend(_name: str, value: Any) -> None:
    """Accept the name of a backend, or ``least_busy``.

    Raises:
        InvalidInputError: It cannot be a name; says what to write instead.
    """
    if isinstance(value, list | tuple | set | frozenset):
        names = ", ".join(repr(name) for name in value)
        raise InvalidInputError(
            "backend: expected one name, or 'least_busy'. To let the least busy of several be chosen, leave backend "
            f"out and write backend_filters={{'names': [{names}]}}."
        )
    if not isinstance(value, str) or not value.strip():
        raise InvalidInputError("backend: name one, such as 'ibm_fez', or write 'least_busy'.")


def check_backend_filters(_name: str, value: Any) -> None:
    """Accept what ``least_busy`` may choose.

    Raises:
        InvalidInputError: A filter is unknown or wrong.
    """
    if value is None:
        return
    from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria

    BackendCriteria.from_filters(value)


def check_tags(_name: str, value: Any) -> None:
    """Accept the user's own tags.

    Raises:
        InvalidTagsError: The service would refuse them.
    """
    if isinstance(value, tuple) and not value:
        return
    from airflow_provider_qrt.jobs.submit import identity

    identity.check_tags(value)


def check_budget(_name: str, value: Any) -> None:
    """Accept a budget.

    Raises:
        InvalidInputError: It is wrong.
    """
    if value is None:
        return
    from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget

    QiskitRuntimeBudget.read(value)


def check_result_format(_name: str, value: Any) -> None:
    """Accept the format of a result file.

    Raises:
        InvalidInputError: There is no such format.
    """
    if isinstance(value, str) and value == "json":
        return
    from airflow_provider_qrt.primitives.results.result_file import ResultFormat

    ResultFormat.read(value)
