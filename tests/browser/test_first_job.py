"""The first steps of a new user in Airflow's UI, from the login to the plotted counts."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.steps import (
    BELL_PAIR,
    CONNECTION,
    PATIENCE,
    begin_connection,
    define_connection,
    forget_connection,
    log_in,
    plotted_counts,
    trigger,
    try_connection,
    unfold,
)


def test_from_the_login_to_the_plotted_counts(visit, airflow, service, picture):
    forget_connection(airflow)
    page = visit()
    log_in(page, airflow, "operator")
    save_the_connection(page, airflow, service, picture)
    try_the_saved_connection(page, picture)

    service.configure(queue_seconds=900)
    run_id = trigger(page, airflow, BELL_PAIR)
    run = f"{airflow.url}/dags/{BELL_PAIR}/runs/{run_id}"
    page.goto(f"{run}/tasks/measure/details")
    expect(page.get_by_text("Deferred", exact=True).first).to_be_visible(timeout=PATIENCE)
    job_id = airflow.xcom(BELL_PAIR, run_id, "measure", "job_id")
    follow_the_waiting_job(page, run, service, job_id, picture)

    service.advance(900)
    page.goto(run)
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=PATIENCE)
    page.goto(f"{run}/tasks/measure")
    expect(page.get_by_text("Completed: queued").last).to_be_visible(timeout=PATIENCE)
    picture(page, "log-completed")
    page.goto(run)
    read_the_result(page, airflow.xcom(BELL_PAIR, run_id, "measure"))
    find_the_job_in_the_list(page, job_id)


def save_the_connection(page, airflow, service, picture):
    form = begin_connection(page, airflow)
    picture(page, "connection-form")
    form.get_by_label("Base URL").fill(service.url)
    form.get_by_label("IBM Cloud API key").fill(service.api_key)
    form.get_by_label("Port").fill("443")
    unfold(form, "Extra Fields", "instance").fill(service.instance)
    picture(page, "connection-instance")
    unfold(form, "Network", "iam_url").fill(service.iam_url)
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden(timeout=PATIENCE)
    saved = airflow.api("GET", f"/connections/{CONNECTION}")
    assert service.api_key not in str(saved)


def try_the_saved_connection(page, picture):
    said = try_connection(page, "Successful")
    picture(page, "connection-test")
    assert "The API key is valid for instance" in said
    assert "It may list backends: ibm_fez" in said
    assert "shows only on submission" in said


def follow_the_waiting_job(page, run, service, job_id, picture):
    address = f"{service.url}/jobs/{job_id}"
    link = page.get_by_role("link", name="IBM Quantum job")
    expect(link).to_have_attribute("href", address, timeout=PATIENCE)
    picture(page, "task-deferred")
    page.goto(f"{run}/tasks/measure")
    expect(page.get_by_text(f"Job {job_id} is queued").last).to_be_visible(timeout=PATIENCE)
    picture(page, "log-waiting")
    page.goto(f"{run}/tasks/measure/details")
    link = page.get_by_role("link", name="IBM Quantum job")
    with page.expect_popup() as opened:
        link.click()
    assert opened.value.url == address
    opened.value.close()


def read_the_result(page, xcom):
    page.get_by_role("link", name="Quantum result").click()
    assert plotted_counts(page) == [pub["counts"] for pub in xcom["results"]]
    expect(page.get_by_test_id("freshness")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_test_id("summary-jobs")).to_contain_text("1", timeout=PATIENCE)


def find_the_job_in_the_list(page, job_id):
    page.get_by_role("link", name="Quantum", exact=True).click()
    row = page.locator(f"[data-testid=job-row][data-job-id={job_id}]")
    expect(row).to_have_attribute("data-state", "Completed", timeout=PATIENCE)
    assert "measure" in row.inner_text()
    expect(row.get_by_test_id("job-queue")).to_contain_text("15 min", timeout=PATIENCE)


def test_a_wrong_key_is_told_of_with_what_to_do(visit, airflow, service):
    define_connection(airflow, service, password="not-this-one")
    page = visit("operator")
    page.goto(f"{airflow.url}/connections")
    said = try_connection(page, "Failed")
    define_connection(airflow, service)
    assert "Provided API key could not be found" in said
    assert "https://cloud.ibm.com/iam/apikeys" in said
    assert "not-this-one" not in said
