"""The emulator describes its API, and no request that the description allows makes it fail."""

from __future__ import annotations

import json

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_qrt.emulator import Emulator

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def root():
    # Of its own, for the operations change settings and move the clock.
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=1) as running:
        yield running


@pytest.fixture(scope="module")
def described(root):
    return requests.get(f"{root.root_url}/openapi.json", timeout=30).json()


def operations(described):
    return {
        f"{method.upper()} {path}": operation
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }


def test_the_page_of_all_operations_is_served(root):
    answer = requests.get(f"{root.root_url}/docs", timeout=30)
    assert answer.status_code == 200
    assert "/openapi.json" in answer.text


def test_every_operation_says_in_a_line_what_it_does(described):
    from airflow_provider_qrt.emulator.http.openapi import SUMMARIES

    found = operations(described)
    assert {"POST /api/v1/jobs", "GET /api/v1/backends", "POST /identity/token", "POST /_emulator/clock"} <= set(found)
    without = set(found) - set(SUMMARIES)
    assert not without, f"add them to emulator/openapi.py: {without}"
    for name, operation in found.items():
        assert operation["summary"] == SUMMARIES[name]
        assert "\n" not in operation["summary"]
        assert operation["tags"]


WORDS = st.sampled_from(
    [
        "",
        "ibm_fez",
        "x",
        "job",
        "true",
        "false",
        "10",
        "-1",
        "9" * 30,
        "2026-01-01T00:00:00Z",
        "ASC",
        "é\x00",
        "a" * 300,
    ]
)
QUERY = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "offset",
            "sort",
            "pending",
            "created_after",
            "created_before",
            "tags",
            "backend",
            "program",
            "type",
            "search",
            "fields",
            "exclude_params",
            "session_id",
            "next",
            "previous",
            "mode",
            "group_by",
            "interval_start",
        ]
    ),
    WORDS | st.text(max_size=8),
    max_size=4,
)
KEYS = st.sampled_from(
    [
        "program_id",
        "backend",
        "params",
        "tags",
        "cost",
        "pubs",
        "options",
        "mode",
        "max_ttl",
        "accepting_jobs",
        "status",
        "reason_code",
        "method",
        "path",
        "times",
        "delay",
        "backends",
        "queue_seconds",
        "advance_seconds",
        "instance_limit",
        "schema_version",
        "quantum_program",
        "circuits",
        "items",
        "shots",
        "programId",
        "hub",
        "group",
        "project",
        "start_session",
        "session_id",
        "run_options",
        "observables",
        "iterations",
        "apiToken",
        "version",
        "query",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.just(10**400) | st.floats(-2, 2) | WORDS
LEAVES |= st.sampled_from(
    ["sampler", "estimator", "executor", "ibm_algiers", "runtime-simple", "batch", "dedicated", "v2.0", "Completed"]
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)


def prepare(path, word):
    """Fill in the path's parameters. What would wait, or change the course of the test, is not asked for."""
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + requests.utils.quote(word or "x", safe="") + path[end + 1 :]
    return path


def test_nothing_that_is_sent_to_any_operation_makes_it_fail(root, described):
    every = sorted(name for name in operations(described) if name not in ("POST /_emulator/faults",))
    http = requests.Session()
    http.trust_env = False
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": root.api_key}

    def credentials(older):
        token = http.post(f"{root.root_url}/identity/token", data=form, timeout=30).json()["access_token"]
        yield {
            "Authorization": f"Bearer {token}",
            "Service-CRN": root.instance,
            "IBM-API-Version": "2026-04-15",
            "x-qx-client-application": "qiskit-version-2/0.39.2/tests",
        }
        if older:
            login = {"apiToken": root.api_key}
            yield {
                "x-access-token": http.post(f"{root.root_url}/api/users/loginWithToken", json=login, timeout=30).json()[
                    "id"
                ]
            }
            yield {"Authorization": f"Bearer {root.api_key}"}

    @settings(max_examples=12, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(word=WORDS, query=QUERY, body=BODIES, raw=st.none() | st.sampled_from(["", "{", "[" * 5000, "\x00"]))
    def drive(name, sent, word, query, body, raw):
        method, path = name.split(" ", 1)
        data = json.dumps(body) if raw is None else raw
        url = root.root_url + prepare(path, word)
        answer = http.request(
            method, url, params=query, data=data.encode(), headers=sent, timeout=60, allow_redirects=False
        )
        assert answer.status_code < 500, (name, url, data[:200], answer.text)

    for name in every:
        older = described["paths"][name.split(" ")[1]][name.split(" ")[0].lower()]["tags"] == ["Older generations"]
        for sent in credentials(older):
            drive(name, sent)
    assert requests.get(f"{root.url}/versions", timeout=30).status_code == 200
