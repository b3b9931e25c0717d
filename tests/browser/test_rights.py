"""Users see nothing of DAGs that they may not read."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import BELL_PAIR, PATIENCE, quantum_page, result_page, trends_page


def rows(page, dag_id):
    return page.get_by_test_id("jobs-table").get_by_test_id("job-row").filter(has_text=dag_id)


@pytest.mark.parametrize("user", ["operator", "outsider"])
def test_jobs_are_listed_for_those_who_may_read_their_dag(visit, airflow, runs, user):
    page = visit(user)
    page.goto(quantum_page(airflow))
    expect(rows(page, BELL_PAIR).first).to_be_visible(timeout=PATIENCE)
    assert (rows(page, "secret_coin").count() > 0) == (user == "operator")
    assert ("secret_coin" in page.content()) == (user == "operator")


def test_a_result_is_not_shown_to_those_who_may_not_read_its_dag(visit, airflow, runs):
    page = visit("outsider")
    for place in (result_page(airflow, "secret_coin", runs["secret_coin"]), trends_page(airflow, "secret_coin")):
        page.goto(place)
        expect(page.get_by_test_id("error")).to_contain_text("You may not read", timeout=PATIENCE)
        assert page.get_by_test_id("pub").count() == page.get_by_test_id("trend-row").count() == 0


def test_somebody_without_rights_sees_no_jobs_and_no_result(visit, airflow, runs):
    page = visit("nobody")
    for place in (quantum_page(airflow), result_page(airflow, BELL_PAIR, runs[BELL_PAIR])):
        page.goto(place)
        # Airflow does not even tell them of plugins; the routes say the same to whoever asks (tests/plugins).
        expect(page.get_by_text(re.compile("Page Not Found|no DAG that you may read")).first).to_be_visible(
            timeout=PATIENCE
        )
        assert page.get_by_test_id("job-row").count() == page.get_by_test_id("pub").count() == 0


def test_somebody_who_has_not_logged_in_is_asked_to(visit, airflow, runs):
    page = visit()
    page.goto(quantum_page(airflow))
    expect(page.get_by_label("Username")).to_be_visible(timeout=PATIENCE)
