"""Any malformed request gets an error answer in the API's shape, and never a server error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PARAMS = ("pubs", "version", "shots", "options", "precision", "support_qiskit")
anything = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@anything
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "program_id": st.sampled_from(["sampler", "estimator"]) | json_values,
            "backend": st.just("ibm_fez") | json_values,
            "params": st.fixed_dictionaries(
                {},
                optional=dict.fromkeys(PARAMS, json_values),
            )
            | json_values,
            **dict.fromkeys(("tags", "cost", "session_id", "private", "log_level"), json_values),
        },
    )
)
def test_a_submission_is_accepted_or_refused_and_nothing_else(api, body):
    answer = api.send("POST", "/jobs", json=body)
    assert answer.status_code == 200 or api.refusal(answer)[0] in (400, 404)


@anything
@given(json_values)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/jobs"),
        ("POST", "/sessions"),
        ("PUT", "/instances/configuration"),
    ],
)
def test_any_json_is_answered_without_a_server_error(api, method, path, body):
    assert api.send(method, path, json=body).status_code < 500


@anything
@given(st.dictionaries(st.sampled_from(["limit", "offset", "sort", "pending", "created_after", "tags"]), st.text()))
def test_any_query_is_answered_without_a_server_error(api, query):
    for path in ("/jobs", "/workloads"):
        assert api.get(path, params=query).status_code < 500


RULE = ("tag", "times", "skip", "queue_seconds", "run_seconds", "status", "reason_code")
FAULT = ("path", "times", "status", "probability", "seed", "truncate", "effect", "delay", "retry_after")


@anything
@given(st.dictionaries(st.sampled_from(sorted({*RULE, *FAULT})), json_values), st.sampled_from(["/faults", "/rules"]))
def test_any_fault_or_rule_is_accepted_or_refused(api, body, path):
    answer = api.http.post(f"{api.emulator.root_url}/_emulator{path}", json=body, timeout=10)
    api.emulator.clear_faults()
    api.emulator.clear_rules()
    assert answer.status_code < 500


@anything
@given(st.dictionaries(st.sampled_from(["group_by", "interval_start", "backend", "plan_id"]), st.text()))
def test_any_question_about_the_account_is_answered_without_a_server_error(api, query):
    for path in (
        "/accounts/x",
        *(f"/analytics/{name}" for name in ("usage", "usage_grouped", "usage_grouped_by_date")),
    ):
        assert api.get(path, params=query).status_code < 500


@anything
@given(json_values, st.sampled_from(["/faults", "/rules", "/settings", "/clock", "/jobs/x"]))
def test_the_controls_refuse_what_they_do_not_understand(api, body, path):
    answer = api.http.post(f"{api.emulator.root_url}/_emulator{path}", json=body, timeout=10)
    assert answer.status_code < 500
