"""The pages in Airflow's frame, with invented answers: what they show, and what they do with late and odd answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser import answers
from tests.browser.answers import counts, job, quantum, result, serve, task
from tests.browser.steps import PATIENCE, page_of

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


CUT_OFF = """(name) => {
  const root = document.querySelector(`[data-testid=${name}]`);
  const edge = root.getBoundingClientRect().right;
  const shown = [...root.querySelectorAll("canvas, p, h2, h3, button, select")];
  return shown.filter((one) => one.getBoundingClientRect().right > edge + 2).map((one) => one.outerHTML.slice(0, 120));
}"""
"""Finds what reaches beyond the edge of a page."""


@pytest.fixture
def at(visit, airflow, runs):
    """Opens a page with invented answers: ``quantum``, ``result`` or ``trends``."""

    def open_page(name: str, answer: answers.Answer, *, query: str = "", **more: Any) -> Any:
        page = visit("operator", **more)
        serve(page, answer)
        page.goto(page_of(name, airflow, runs) + query)
        expect(page.get_by_test_id(name)).to_be_visible(timeout=PATIENCE)
        return page

    return open_page


def only(path: str, answer: Any) -> answers.Answer:
    """Give this answer of one route, and nothing else."""
    return lambda asked_path, _: answer if asked_path == path else {"days": [], "series": [], "sessions": []}


def drawn(page: Any, testid: str) -> Any:
    """The plot, once it is drawn."""
    plot = page.get_by_test_id(testid).first
    expect(plot).to_have_attribute("data-drawn", "yes", timeout=PATIENCE)
    return plot


# Words


def test_a_duration_is_rounded_before_it_is_taken_apart(at, airflow):
    page = at("result", only("api/result", result()))
    address = f"{airflow.url}/qiskit-runtime/static/words.js"
    script = "async ([address, values]) => values.map((await import(address)).seconds)"
    assert page.evaluate(script, [address, list(DURATIONS)]) == list(DURATIONS.values())


# The page Quantum


def test_each_state_has_a_colour_and_a_sign_of_its_own(at):
    page = at("quantum", answers.everything)
    states = page.get_by_test_id("jobs-table").get_by_test_id("job-state")
    expect(states.first).to_be_visible(timeout=PATIENCE)
    looks = {
        one.get_attribute("data-state"): (
            one.evaluate("node => getComputedStyle(node).backgroundColor"),
            one.locator("path").get_attribute("d"),
        )
        for one in states.all()
    }
    assert set(looks) == {"Queued", "Running", "Completed", "Failed", "Cancelled"}
    assert len({colour for colour, _ in looks.values()}) == len({sign for _, sign in looks.values()}) == 5


def test_while_nothing_is_read_there_are_skeletons_and_no_claims(at):
    freshness = {"state": "reading", "message": "The service is being asked.", "read_at": None, "complete": False}
    empty = {**quantum()["jobs"], "rows": [], "total": 0, "all": 0}
    first = quantum(freshness=freshness, jobs=empty, backends=[], dags=[], instance=None)
    page = at("quantum", only("api/quantum", first))
    expect(page.get_by_test_id("loading").first).to_be_visible(timeout=PATIENCE)
    assert page.get_by_text("No job matches").count() == 0
    assert page.get_by_test_id("empty").count() <= 1


def test_no_jobs_and_no_matching_jobs_are_told_apart(at):
    empty = {**quantum()["jobs"], "rows": [], "total": 0}
    page = at("quantum", only("api/quantum", quantum(jobs=empty)))
    expect(page.get_by_text("This Airflow has submitted no job here so far.")).to_be_visible(timeout=PATIENCE)
    page = at("quantum", only("api/quantum", quantum(jobs={**empty, "state": "Failed"})))
    expect(page.get_by_text("No job matches.")).to_be_visible(timeout=PATIENCE)


def test_filters_and_order_are_asked_of_the_server_and_kept_in_the_address(at):
    asked: list[dict[str, str]] = []

    def answer(path: str, question: dict[str, str]) -> Any:
        if path == "api/quantum":
            asked.append(question)
            jobs = {**quantum()["jobs"], **{k: v for k, v in question.items() if k in ("state", "sort", "tag", "text")}}
            return quantum(jobs={**jobs, "reverse": question.get("reverse") == "true"})
        return answers.everything(path, question)

    page = at("quantum", answer)
    page.get_by_test_id("state-filter").select_option("Failed")
    expect(page).to_have_url(re.compile("state=Failed"), timeout=PATIENCE)
    page.get_by_test_id("tag-filter").select_option("nightly")
    page.get_by_test_id("search").fill("bell")
    page.get_by_test_id("search").press("Enter")
    page.get_by_test_id("sort-seconds").click()
    expect(page).to_have_url(re.compile("sort=seconds"), timeout=PATIENCE)
    page.get_by_test_id("sort-seconds").click()
    expect(page).to_have_url(re.compile("reverse=true"), timeout=PATIENCE)
    expect(page.get_by_role("columnheader", name="QPU time").first).to_have_attribute("aria-sort", "ascending")
    # The page asks after it has changed its address.
    for _ in range(int(PATIENCE / 100)):
        if "reverse" in asked[-1]:
            break
        page.wait_for_timeout(100)
    assert {name: asked[-1].get(name) for name in ("state", "tag", "text", "sort", "reverse")} == {
        "state": "Failed",
        "tag": "nightly",
        "text": "bell",
        "sort": "seconds",
        "reverse": "true",
    }
    link = page.get_by_test_id("export").get_attribute("href")
    assert "state=Failed" in link
    assert "text=bell" in link


def test_a_job_is_cancelled_after_a_question_that_says_what_follows(at):
    page = at("quantum", answers.everything)
    sent: list[Any] = []

    def take(route: Route) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(json={"job_id": "d4k20000", "fate": "It is being cancelled."}, status=202)

    page.route("**/api/cancel", take)
    first = page.get_by_test_id("job-row").first
    first.get_by_test_id("cancel").click()
    question = page.get_by_test_id("question")
    expect(question).to_contain_text("if it has retries left", timeout=PATIENCE)
    page.get_by_test_id("question-no").click()
    expect(question).to_have_count(0, timeout=PATIENCE)
    assert sent == []
    first.get_by_test_id("cancel").click()
    page.get_by_test_id("question-yes").click()
    expect(first.get_by_test_id("job-fate")).to_have_text("It is being cancelled.", timeout=PATIENCE)
    assert sent == [{"conn_id": "qiskit_runtime_default", "job_id": "d4k20000"}]
    # A job that has ended cannot be cancelled.
    assert page.get_by_test_id("job-row").nth(2).get_by_test_id("cancel").count() == 0


def test_usage_is_drawn_and_sessions_have_rows_with_their_idle_time(at):
    page = at("quantum", answers.everything)
    assert "28 days" in drawn(page, "usage-plot").get_attribute("aria-label")
    expect(page.get_by_test_id("session-row")).to_contain_text("11 min 20 s", timeout=PATIENCE)


def test_a_backend_is_opened_with_its_map(at):
    page = at("quantum", answers.everything)
    cards = page.get_by_test_id("backend-card")
    expect(cards).to_have_count(3, timeout=PATIENCE)
    expect(cards.nth(2)).to_contain_text("paused (maintenance)")
    expect(cards.first.get_by_test_id("calibrated")).to_have_text("Calibrated 2 h ago")
    expect(cards.first.get_by_test_id("backend-error")).to_contain_text("0.21 %")
    cards.first.get_by_test_id("backend-details").click()
    plot = drawn(page, "machine-map")
    assert "24 qubits" in plot.get_attribute("aria-label")
    colours = plot.evaluate(
        "canvas => globalThis.Chart.getChart(canvas).data.datasets[0].pointBackgroundColor.map("
        "colour => colour.match(/[0-9]+/g).map(Number))"
    )
    brightness = [sum(colour) for colour in colours]
    # The errors of the answer grow from qubit to qubit.
    assert len(brightness) == 24
    assert brightness[0] == max(brightness)
    assert brightness[-1] == min(brightness)


# The page Result


def test_a_summary_comes_first_with_all_tries(at):
    page = at("result", answers.everything)
    expect(page.get_by_test_id("summary-jobs")).to_contain_text("5", timeout=PATIENCE)
    assert "5 jobs" in drawn(page, "gantt").get_attribute("aria-label")
    rows = page.get_by_test_id("run-job")
    assert [row.get_attribute("data-state") for row in rows.all()].count("Failed") == 1
    assert "measure_0, submission 2" in rows.nth(3).text_content()


def test_a_sweep_is_curves_and_its_table_has_the_values(at):
    page = at("result", answers.everything)
    sweep = page.locator("[data-task-id=sweep]").get_by_test_id("sweep")
    drawn(page, "sweep-curves")
    found = [float(row.get_attribute("data-value")) for row in sweep.get_by_test_id("sweep-row").all()]
    expected = [value for series in answers.curve()["series"] for value in series["values"]]
    assert found == pytest.approx(expected)


def test_two_parameters_are_a_heat_map(at):
    page = at("result", answers.everything)
    label = drawn(page, "heat-map").get_attribute("aria-label")
    assert "over gamma and beta" in label


def test_counts_can_be_cut_scaled_and_compared(at):
    many = counts(0, {f"{number:05b}": 1 + number for number in range(32)})
    page = at("result", only("api/result", result(tasks=[task(pubs=[many, counts(1, {"00000": 5})])])))
    pub = page.get_by_test_id("pub").first
    expect(pub.get_by_test_id("count-row")).to_have_count(16, timeout=PATIENCE)
    pub.get_by_test_id("top-choice").select_option("32")
    expect(pub.get_by_test_id("count-row")).to_have_count(32)
    pub.get_by_test_id("logarithmic").check()
    drawn(page, "histogram")
    page.get_by_test_id("comparison").locator("summary").first.click()
    label = drawn(page, "comparison-plot").get_attribute("aria-label")
    assert label == "The shares of outcomes in PUB 0 and PUB 1"


def test_what_is_known_of_a_wait_is_told_and_the_rest_is_not_yet(at):
    page = at("result", lambda path, _: answers.waiting() if path == "api/result" else None)
    steps = page.get_by_test_id("timeline")
    expect(steps).to_contain_text("17 jobs in the queue, usual wait 90 min 0 s", timeout=PATIENCE)
    expect(steps.locator("[data-step=running]")).to_contain_text("not yet")
    expect(steps.locator("[data-step=running]")).to_contain_text("takes about 12 s of QPU time")
    assert "not known" not in page.get_by_test_id("result").text_content()


def test_the_course_of_a_loop_is_drawn_and_told_in_a_table(at):
    page = at("result", answers.everything)
    shown = page.get_by_test_id("loop")
    expect(shown).to_contain_text("A loop of 12 calls, 12 jobs, 12 s of QPU time, about $9.60.", timeout=PATIENCE)
    assert drawn(page, "course").get_attribute("aria-label").startswith("energy over 12 calls, the last one -1.07")
    rows = shown.get_by_test_id("call-row")
    assert [float(row.get_attribute("data-value")) for row in rows.all()] == pytest.approx(
        [row["value"] for row in answers.loop()["calls"]]
    )


def test_a_loop_in_a_dedicated_session_has_no_cost_of_its_own(at):
    bars = [{**answers.summary()["bars"][0], "id": "j3", "in_session": True}]
    answer = result(summary={**answers.summary(), "bars": bars}, tasks=[task(loop=answers.loop())])
    page = at("result", lambda *_: answer)
    loop = page.get_by_test_id("loop")
    expect(loop).to_contain_text("12 s of QPU time, charged with its session.", timeout=PATIENCE)


def test_a_page_of_tasks_that_is_turned_to_while_another_is_read_is_shown(at):
    late: list[Route] = []

    def answer(path: str, asked: dict[str, str]) -> Any:
        unread = job(state=None, to_be_read=True, timeline={"created": None, "running": None, "finished": None})
        return result(page=int(asked["page"]), pages=2, total=21, tasks=[task(goes_on=True, jobs=[unread])])

    page = at("result", answer)
    label = page.get_by_test_id("pager-label")
    expect(label).to_contain_text("Page 1 of 2", timeout=PATIENCE)
    with page.expect_request("**/api/result?*"):
        page.route("**/api/result?*", lambda route: late.append(route), times=1)
    page.get_by_test_id("pager-next").click()
    late[0].fallback()
    expect(label).to_contain_text("Page 2 of 2", timeout=PATIENCE)


def test_a_circuit_that_could_not_be_drawn_is_asked_for_again_when_it_is_opened_again(at):
    facts = {"depth": 1, "operations": 1, "gates": {"x": 1}, "qubits": [0], "is_physical": False}
    found = [
        {"state": "none", "text": "Try again in a minute.", "facts": {}},
        {"state": "drawn", "text": "q_0: ─X─", "facts": facts},
    ]

    def answer(path: str, _asked: dict[str, str]) -> Any:
        if path == "api/result/drawing":
            return found.pop(0)
        return result(tasks=[task(circuits=[{"text": "OPENQASM 3.0;", "cut": False}])])

    page = at("result", answer)
    summary = page.get_by_test_id("circuit").locator("summary")
    summary.click()
    expect(page.get_by_test_id("drawing-note")).to_have_text("Try again in a minute.", timeout=PATIENCE)
    summary.click()
    summary.click()
    expect(page.get_by_test_id("drawing")).to_have_text("q_0: ─X─", timeout=PATIENCE)
    expect(page.get_by_test_id("circuit-facts")).to_contain_text("Depth 1, 1 operations on 1 qubits: 1 x")


def test_an_estimate_is_shown_beside_the_charge(at):
    tasks = [task(estimate={"expected": 12.4, "charged": 9.0}), task(task="u", task_id="u")]
    page = at("result", only("api/result", result(tasks=tasks)))
    shown = page.get_by_test_id("estimate")
    expect(shown).to_have_text(
        "Estimated at 12 s of QPU time before it was submitted; IBM charged 9 s.", timeout=PATIENCE
    )


# The page Trends


def test_trends_have_gaps_and_tell_backends_apart(at):
    page = at("trends", answers.everything)
    assert drawn(page, "trend-value").get_attribute("aria-label") == "Expectation value: energy over 30 runs"
    rows = page.get_by_test_id("trend-row")
    values = [row.get_attribute("data-value") for row in rows.all()]
    assert len(values) == 30
    assert values.count(None) == 1
    for testid in ("trend-error", "trend-queue", "trend-seconds"):
        drawn(page, testid)
    assert page.get_by_test_id("trend-distance").count() == 0


def test_a_click_on_a_point_leads_to_its_run(at):
    page = at("trends", answers.everything)
    plot = drawn(page, "trend-value")
    place = plot.evaluate(
        "canvas => { const chart = globalThis.Chart.getChart(canvas); const { x, y } = chart.getDatasetMeta(1).data[3];"
        " return [x, y]; }"
    )
    plot.click(position={"x": place[0], "y": place[1]})
    expect(page).to_have_url(re.compile("scheduled__"), timeout=PATIENCE)


def test_another_figure_is_asked_for(at):
    page = at("trends", answers.everything)
    with page.expect_request(re.compile("measure=ev%3A0%3A%5B1%5D"), timeout=PATIENCE):
        page.get_by_test_id("measure-choice").select_option("ev:0:[1]")


# All


def test_times_are_in_the_time_zone_that_is_chosen_in_airflow(at):
    choose = "localStorage.setItem('timezone', JSON.stringify('Asia/Tokyo'))"
    page = at("result", answers.everything, script=f"if (location.protocol === 'http:') {choose}")
    queued = page.get_by_test_id("timeline").first.locator("[data-step=created] time")
    expect(queued).to_have_text("2026-11-21 20:50:00", timeout=PATIENCE)
    # What Airflow's own choice of a time zone does.
    page.evaluate(
        "localStorage.setItem('timezone', JSON.stringify('America/New_York'));"
        "dispatchEvent(new StorageEvent('local-storage', { key: 'timezone' }))"
    )
    expect(queued).to_have_text("2026-11-21 06:50:00", timeout=PATIENCE)


@pytest.mark.parametrize("name", ["quantum", "result", "trends"])
def test_where_the_server_does_not_answer_the_page_says_so_and_tries_again(at, name):
    page = at(name, answers.everything)
    page.unroute_all()
    page.route("**/qiskit-runtime/api/**", lambda route: route.fulfill(status=500, body="<html>"))
    page.reload()
    expect(page.get_by_test_id("error")).to_contain_text("HTTP 500", timeout=PATIENCE)
    page.unroute_all()
    serve(page, answers.everything)
    expect(page.get_by_test_id("error")).to_have_count(0, timeout=PATIENCE)


@pytest.mark.parametrize("name", ["quantum", "result"])
def test_where_there_is_little_room_tables_are_cards_and_nothing_is_cut_off(at, name):
    page = at(name, answers.everything, width=400 if name == "quantum" else 1280)
    if name == "result":
        # Airflow's own panel has a width that the user chooses.
        page.get_by_test_id(name).evaluate("node => { node.style.width = '400px'; }")
    testid = {"quantum": "jobs-table", "result": "run-jobs"}[name]
    for details in page.get_by_test_id("as-table").all():
        details.evaluate("node => { node.open = true; }")
    expect(page.get_by_test_id(testid)).to_have_attribute("data-as", "cards", timeout=PATIENCE)
    wide = page.evaluate(CUT_OFF, name)
    assert wide == []


def test_on_an_airflow_that_shares_no_components_the_pages_use_their_own(at):
    """Airflow 3.1 gives plugins React and its router, and none of its components."""
    page = at(
        "quantum",
        answers.everything,
        script="Object.defineProperty(globalThis, 'ChakraUI', { get: () => undefined, set: () => {} })",
    )
    expect(page.get_by_test_id("job-row").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("backend-card")).to_have_count(3)
    drawn(page, "usage-plot")
    page.get_by_test_id("state-filter").select_option("Failed")
    expect(page).to_have_url(re.compile("state=Failed"), timeout=PATIENCE)
