"""Checks of arguments that several operators have."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.arguments.checks import check_backend
from airflow_provider_qrt.primitives.errors import InvalidInputError


@pytest.mark.parametrize("name", ["ibm_fez", "least_busy", " x "])
def test_a_name_may_be_any_text(name):
    check_backend("backend", name)


NAME_ONE = "backend: name one, such as 'ibm_fez', or write 'least_busy'."


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", NAME_ONE),
        ("  ", NAME_ONE),
        (None, NAME_ONE),
        (5, NAME_ONE),
        *(
            (
                kind(["ibm_fez"] if kind in (set, frozenset) else ["ibm_fez", "ibm_boston"]),
                "backend: expected one name, or 'least_busy'. To let the least busy of several be chosen, leave "
                "backend out and write backend_filters={'names': ['ibm_fez'"
                + ("" if kind in (set, frozenset) else ", 'ibm_boston'")
                + "]}.",
            )
            for kind in (list, tuple, set, frozenset)
        ),
    ],
    ids=repr,
)
def test_what_can_be_no_name_of_a_backend_is_refused(given, says):
    with pytest.raises(InvalidInputError) as refused:
        check_backend("backend", given)
    assert str(refused.value) == says
