"""The pages without Airflow, with invented answers that come late or refuse the request for now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from airflow_provider_qrt.plugins.app import MEDIA, STATIC
from tests.browser.steps import PATIENCE

PLACE = "http://127.0.0.1:9/qiskit-runtime"
UNREAD = {
    "id": "j",
    "url": None,
    "state": None,
    "backend": None,
    "seconds": None,
    "cost": None,
    "in_session": False,
    "note": "",
    "to_be_read": True,
    "timeline": {},
    "failure": None,
}
Answer = Callable[[str, dict[str, str]], Any]


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def serve(page: Page, answer: Answer) -> None:
    """Serve the pages' files, and to each question of theirs what a test answers."""

    def handle(route: Route) -> None:
        parts = urlsplit(route.request.url)
        path = parts.path.removeprefix("/qiskit-runtime/")
        if path.startswith("api/"):
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            route.fulfill(body=json.dumps(answer(path, asked)), content_type="application/json")
            return
        file = STATIC / path.removeprefix("static/")
        route.fulfill(path=file, content_type=MEDIA.get(file.suffix, "text/html"))

    page.route(f"{PLACE}/**", handle)


def result(**parts: Any) -> dict[str, Any]:
    about = {"dag_id": "d", "run_id": "r", "run_url": "/dags/d/runs/r", "message": "", "pages": 1, "page": 1}
    return {**about, "total": 0, "tasks": [], "price": {"per_second": 1.6, "currency": "USD"}, **parts}


def task(**parts: Any) -> dict[str, Any]:
    lists: dict[str, Any] = {"jobs": [], "plan": [], "pubs": [], "circuits": [], "downloads": []}
    about = {"task": "t", "task_id": "t", "map_index": -1, "url": "/t", "state": "success", "operator": "O", "note": ""}
    return {**about, **lists, "program": "sampler", "goes_on": False, "more_jobs": 0, "more_pubs": 0, **parts}


DURATIONS = {
    0.004: "0 s",
    9.999: "10 s",
    119.4: "119 s",
    119.6: "2 min 0 s",
    179.6: "3 min 0 s",
    7199.7: "2 h 0 min",
    10_790.0: "3 h 0 min",
    172_790.0: "2.0 days",
    200_000.0: "2.3 days",
}


def test_a_duration_is_rounded_before_it_is_taken_apart(page):
    serve(page, lambda _path, _asked: result())
    page.goto(f"{PLACE}/result.html")
    said = page.evaluate("async (values) => values.map((await import('./static/common.js')).seconds)", list(DURATIONS))
    assert said == list(DURATIONS.values())


def test_a_page_of_tasks_that_is_turned_to_while_another_is_read_is_shown(page):
    late: list[Route] = []

    def answer(_path: str, asked: dict[str, str]) -> Any:
        return result(page=int(asked["page"]), pages=2, total=21, tasks=[task(goes_on=True, jobs=[UNREAD])])

    def keep_back(route: Route) -> None:
        late.append(route)

    serve(page, answer)
    page.goto(f"{PLACE}/result.html?dag_id=d&run_id=r")
    label = page.get_by_test_id("pager-label")
    expect(label).to_contain_text("Page 1 of 2", timeout=PATIENCE)
    with page.expect_request("**/api/result?*"):
        page.route("**/api/result?*", keep_back, times=1)
    page.get_by_test_id("pager-next").click()
    late[0].fallback()
    expect(label).to_contain_text("Page 2 of 2", timeout=PATIENCE)


def test_a_circuit_that_could_not_be_drawn_is_asked_for_again_when_it_is_opened_again(page):
    drawn = [{"state": "none", "text": "Try again in a minute."}, {"state": "drawn", "text": "q_0: ─X─"}]

    def answer(path: str, _asked: dict[str, str]) -> Any:
        if path == "api/result/drawing":
            return drawn.pop(0)
        return result(total=1, tasks=[task(circuits=[{"text": "OPENQASM 3.0;", "cut": False}])])

    serve(page, answer)
    page.goto(f"{PLACE}/result.html?dag_id=d&run_id=r")
    summary = page.get_by_test_id("circuit").locator("summary")
    summary.click()
    expect(page.get_by_test_id("drawing-note")).to_have_text("Try again in a minute.", timeout=PATIENCE)
    summary.click()
    summary.click()
    expect(page.get_by_test_id("drawing")).to_have_text("q_0: ─X─", timeout=PATIENCE)


def test_an_estimate_is_shown_beside_the_charge(page):
    tasks = [task(estimate={"expected": 12.4, "charged": 9.0}), task(task="u", task_id="u", estimate=None)]
    serve(page, lambda _path, _asked: result(total=2, tasks=tasks))
    page.goto(f"{PLACE}/result.html?dag_id=d&run_id=r")
    shown = page.get_by_test_id("estimate")
    expect(shown).to_have_text(
        "Estimated at 12 s of QPU time before it was submitted; IBM charged 9 s.", timeout=PATIENCE
    )
    expect(shown).to_have_count(1)


def test_the_course_of_a_loop_is_drawn_and_told_in_a_table(page):
    energies = [(1, -0.5), (2, -0.9), (4, -1.1)]
    calls = [
        {
            "call": call,
            "name": "energy",
            "value": value,
            "error": 0.02,
            "shown": "",
            "jobs": [f"j{call}"],
            "spent": call,
        }
        for call, value in energies
    ]
    calls.insert(2, {"call": 3, "name": "fit", "value": None, "error": None, "shown": "", "jobs": [], "spent": 2})
    points = [{"call": call, "value": value, "error": 0.02} for call, value in energies]
    series = [{"name": "energy", "points": points}]
    loop = {"calls": calls, "series": series, "jobs": 3, "seconds": 4.0, "cost": 6.4}
    serve(page, lambda *_: result(total=1, tasks=[task(loop=loop)]))
    page.goto(f"{PLACE}/result.html?dag_id=d&run_id=r")
    shown = page.get_by_test_id("loop")
    expect(shown).to_contain_text("A loop of 4 calls, 3 jobs, 4 s of QPU time, about $6.40.")
    drawn = shown.get_by_test_id("course-point")
    expect(drawn).to_have_count(3)
    assert [one.get_attribute("data-value") for one in drawn.all()] == ["-0.5", "-0.9", "-1.1"]
    expect(shown.get_by_role("img", name="energy: 3 calls, the last one -1.1 ± 0.02.")).to_be_visible()
    shown.get_by_text("As a table").click()
    rows = shown.get_by_test_id("call-row")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("-0.9 ± 0.02")
    expect(rows.nth(2)).to_contain_text("fit")
