"""The pages can be used with the keyboard and a screen reader, in light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.answers import everything, serve
from tests.browser.steps import BELL_PAIR, PATIENCE, page_of, plotted_counts, result_page

BAD = ("serious", "critical")


def faults(page: Page, testid: str) -> list[str]:
    """Return the accessibility problems that axe-core finds in a page of ours."""
    found = Axe().run(page, context={"include": [[f"[data-testid={testid}]"]]}).response["violations"]
    return [
        f"{one['id']}: {node['html']} ({node['failureSummary']})"
        for one in found
        for node in one["nodes"]
        if one["impact"] in BAD
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280, 1920])
@pytest.mark.parametrize("name", ["quantum", "result", "trends"])
def test_axe_finds_no_serious_fault(visit, airflow, runs, scheme, width, name):
    page = visit("operator", scheme, width=width, height=1200)
    serve(page, everything)
    page.goto(page_of(name, airflow, runs))
    expect(page.locator("canvas[data-drawn=yes]").first).to_be_visible(timeout=PATIENCE)
    for details in page.locator("details").all():
        details.evaluate("node => { node.open = true; }")
    if name == "quantum":
        page.get_by_test_id("backend-details").first.click()
        expect(page.get_by_test_id("machine-map")).to_be_visible(timeout=PATIENCE)
    assert faults(page, name) == []


def test_a_real_result_with_its_circuits(visit, airflow, runs):
    page = visit("operator", "dark")
    page.goto(result_page(airflow, BELL_PAIR, runs[BELL_PAIR]))
    plotted_counts(page)
    for testid in ("circuit", "sent"):
        page.get_by_test_id(testid).first.locator("summary").first.click()
    expect(page.get_by_test_id("drawing").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("placed-map")).to_have_attribute("data-drawn", "yes", timeout=PATIENCE)
    assert faults(page, "result") == []


def test_the_counts_can_be_reached_and_opened_with_the_keyboard(visit, airflow, runs):
    page = visit("operator")
    page.goto(result_page(airflow, BELL_PAIR, runs[BELL_PAIR]))
    counts = plotted_counts(page)[0]
    table = page.get_by_test_id("pub").first.get_by_test_id("as-table").first
    for _ in range(200):
        page.keyboard.press("Tab")
        if table.locator("summary").evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    shown = table.get_by_test_id("count-row")
    expect(shown.first).to_be_visible(timeout=PATIENCE)
    assert {row.get_attribute("data-label"): int(row.get_attribute("data-count")) for row in shown.all()} == counts
