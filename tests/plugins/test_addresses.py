"""Addresses of Airflow's pages."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.plugins.addresses import dag_page, run_page, task_page

RUN_ID = "manual__2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize("airflow", ["", "/base"])
def test_a_run_has_the_address_that_airflow_gives_it(airflow):
    """Airflow marks the tab of a page only if its address is the one of its own link."""
    assert run_page(airflow, "a_dag", RUN_ID) == f"{airflow}/dags/a_dag/runs/{RUN_ID}"


def test_names_cannot_leave_their_part_of_the_address():
    assert dag_page("", "a/../b?c#d") == "/dags/a%2F..%2Fb%3Fc%23d"
    assert task_page("", "d", "r/s", "t%", 3) == "/dags/d/runs/r%2Fs/tasks/t%25/mapped/3"
