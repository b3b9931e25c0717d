"""The pages can be used with the keyboard and a screen reader, in light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.steps import BELL_PAIR, PATIENCE, plotted_counts, result_page

BAD = ("serious", "critical")


def faults(page: Page) -> list[str]:
    """Return the accessibility problems that axe-core finds."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html']} ({node['failureSummary']})"
        for one in found
        for node in one["nodes"]
        if one["impact"] in BAD
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_jobs(visit, airflow, runs, scheme):
    page = visit("operator", scheme)
    page.goto(f"{airflow.url}/qiskit-runtime/")
    expect(page.get_by_test_id("job-row").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("backend-row").first).to_be_visible(timeout=PATIENCE)
    assert faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_result(visit, airflow, runs, picture, scheme):
    page = visit("operator", scheme)
    page.goto(result_page(airflow, BELL_PAIR, runs[BELL_PAIR]))
    plotted_counts(page)
    for details in page.locator("details").all():
        details.locator("summary").first.click()
    expect(page.get_by_test_id("drawing").first).to_be_visible(timeout=PATIENCE)
    if scheme == "dark":
        page.get_by_test_id("pub").first.scroll_into_view_if_needed()
        picture(page, "result-dark")
    assert faults(page) == []


def test_the_counts_can_be_reached_and_opened_with_the_keyboard(visit, airflow, runs):
    page = visit("operator")
    page.goto(result_page(airflow, BELL_PAIR, runs[BELL_PAIR]))
    counts = plotted_counts(page)[0]
    table = page.get_by_test_id("as-table").first
    for _ in range(40):
        page.keyboard.press("Tab")
        if table.locator("summary").evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    shown = table.get_by_test_id("count-row")
    expect(shown.first).to_be_visible(timeout=PATIENCE)
    assert {row.get_attribute("data-label"): int(row.get_attribute("data-count")) for row in shown.all()} == counts
