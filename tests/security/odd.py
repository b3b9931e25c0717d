"""Answers that no sensible service gives, for hypothesis to choose from."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

WORDS = st.sampled_from(
    [
        "id",
        "state",
        "status",
        "reason",
        "reason_code",
        "backend",
        "program",
        "created",
        "tags",
        "session_id",
        "usage",
        "cost",
        "params",
        "jobs",
        "devices",
        "name",
        "queue_length",
        "qubits",
        "count",
        "usage_consumed_seconds",
        "workloads",
        "next",
        "href",
        "versions",
        "timestamps",
    ]
)
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**399)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=5)
    | st.sampled_from(
        [
            "Completed",
            "nan",
            "1e999",
            "\ud800",
            "../x",
            "d1",
            "2026-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=12,
)


def nearly(**fields: Any) -> Any:
    """A mapping in which each field has its right value, any other, or is missing."""
    return st.fixed_dictionaries(
        {}, optional={name: st.one_of(st.just(right), ANY_JSON) for name, right in fields.items()}
    )


def as_sent(answer: Any) -> bytes:
    """The body of an answer."""
    return json.dumps(answer).encode("utf-8", "surrogatepass")
