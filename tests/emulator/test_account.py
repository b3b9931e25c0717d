"""Accounts, analytics, and what changed from one version of the API to the next."""

from __future__ import annotations

import pytest

FIRST = {"IBM-API-Version": "2024-01-01"}


@pytest.fixture
def used(api):
    """A job of 10 seconds on ibm_fez after 5 in the queue, and a batch with one of 20 on ibm_boston."""
    api.emulator.add_rule(backend="ibm_fez", queue_seconds=5, run_seconds=10)
    api.emulator.add_rule(backend="ibm_boston", run_seconds=20)
    alone = api.submit((api.bell(), None, 1))
    batch = api.send("POST", "/sessions", json={"mode": "batch", "backend": "ibm_boston"}).json()["id"]
    together = api.submit((api.bell(), None, 1), session_id=batch, backend="ibm_boston")
    api.emulator.advance(30)
    api.wait(alone), api.wait(together)
    return api


def test_the_totals_are_in_milliseconds(used):
    totals = used.get("/analytics/usage").json()
    assert (totals["usage"], totals["jobs"], totals["sessions"]) == (30_000, 2, 1)
    assert (totals["individual_jobs"], totals["individual_jobs_usage"]) == (1, 10_000)
    assert (totals["batch_sessions"], totals["batch_sessions_usage"], totals["dedicated_sessions"]) == (1, 20_000, 0)
    assert totals["max_queue_time"] == 5000
    assert totals["avg_queue_time"] == totals["queue_time"] / 2 == 2500


def test_the_totals_are_grouped_by_backend(used):
    data = used.get("/analytics/usage_grouped?group_by=backend").json()["data"]
    assert {one["key"]: one["usage"] for one in data} == {"ibm_fez": 10_000, "ibm_boston": 20_000}
    assert used.refusal(used.get("/analytics/usage_grouped?group_by=colour"))[0] == 400
    assert used.refusal(used.get("/analytics/usage_grouped"))[0] == 400


def test_the_totals_are_grouped_by_date(used):
    data = used.get("/analytics/usage_grouped_by_date").json()["data"]
    assert sum(one["usage"] for one in data) == 30_000
    assert all(len(one["date"]) == 10 for one in data)
    by_backend = used.get("/analytics/usage_grouped_by_date?group_by=backend").json()["data"]
    assert {one["key"] for one in by_backend} == {"ibm_fez", "ibm_boston"}


def test_the_totals_are_filtered(used):
    def usage(**query):
        return used.get("/analytics/usage", params=query).json()["usage"]

    assert usage(backend="ibm_fez") == 10_000
    assert usage(backend=["ibm_fez", "ibm_boston"]) == 30_000
    assert usage(interval_start="2100-01-01T00:00:00Z") == 0
    assert usage(interval_end="2100-01-01T00:00:00Z") == 30_000
    assert usage(user_id="another") == 0
    assert used.refusal(used.get("/analytics/usage?interval_start=soon"))[0] == 400


def test_the_filters_list_what_there_is(api):
    filters = api.get("/analytics/filters").json()
    assert filters["instance"] == [api.emulator.instance]
    assert "ibm_fez" in filters["backend"]


def test_an_account_shows_its_plan_and_the_longest_session(api):
    account = api.emulator.instance.split(":")[6].removeprefix("a/")
    (plan,) = api.get(f"/accounts/{account}").json()["plans"]
    assert (plan["max_ttl"], plan["interactive_ttl"]) == (28_800, 60)
    assert "ibm_fez" in plan["backends"]
    assert api.get(f"/accounts/{account}?plan_id=another").json() == {"plans": []}
    assert api.refusal(api.get("/accounts/nothing"))[0] == 404


def test_transpiled_circuits_were_withdrawn_in_february_2026(api):
    job_id = api.submit((api.bell(), None, 1))
    before = api.get(f"/jobs/{job_id}/transpiled_circuits", headers={"IBM-API-Version": "2025-05-01"})
    assert api.bell() in api.http.get(before.json()["url"], timeout=10).json()["pubs"][0]
    assert api.refusal(api.get(f"/jobs/{job_id}/transpiled_circuits"))[0] == 404
    february = {"IBM-API-Version": "2026-02-01"}
    assert api.refusal(api.get(f"/jobs/{job_id}/transpiled_circuits", headers=february))[0] == 404
    private = api.submit((api.bell(), None, 1), private=True)
    assert api.refusal(api.get(f"/jobs/{private}/transpiled_circuits", headers=FIRST))[0] == 404


def test_the_oldest_metrics_have_fields_that_are_gone(api):
    job_id = api.submit((api.bell(), None, 100))
    api.wait(job_id)
    oldest = api.get(f"/jobs/{job_id}/metrics", headers=FIRST).json()
    assert (oldest["executions"], oldest["num_circuits"]) == (100, 1)
    assert oldest["bss"] == {"seconds": oldest["usage"]["seconds"]}
    newest = api.get(f"/jobs/{job_id}/metrics").json()
    assert not {"bss", "executions", "num_circuits"} & set(newest)


@pytest.mark.parametrize("query", ["", "type=job", "type=job&search=ab", "search=abc", "type=backend&search=abc"])
def test_a_search_for_tags_needs_a_type_and_three_characters(api, query):
    assert api.refusal(api.get(f"/tags?{query}"))[0] == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/versions"), ("DELETE", "/jobs"), ("PUT", "/sessions"), ("POST", "/analytics/usage")],
)
def test_a_wrong_method_is_refused_with_the_error_body(api, method, path):
    assert api.refusal(api.send(method, path))[0] == 405


@pytest.mark.parametrize("path", ["/programs", "/jobs/x/interim_results", "/usage", "/jobs/"])
def test_routes_that_went_are_not_found(api, path):
    assert api.refusal(api.get(path))[0] == 404
