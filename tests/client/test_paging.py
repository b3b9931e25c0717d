"""A list that goes on for ever is noticed; one that repeats itself for a while is not taken for such a list."""

from __future__ import annotations

from itertools import count

import pytest

from airflow_provider_qrt.client import paging
from airflow_provider_qrt.client.errors import InvalidAnswerError
from airflow_provider_qrt.client.paging import Pages

END = "GET /jobs: the list does not end: {} entries so far, and the last {} pages held nothing new."


@pytest.fixture
def pages():
    return Pages("GET /jobs")


def read_pages(pages, number):
    for _ in range(number):
        pages.end_page()


def test_an_entry_is_new_once(pages):
    assert [pages.is_new(entry) for entry in ("1", "2", "1", "2", "3")] == [True, True, False, False, True]


def test_ten_pages_without_anything_new_are_the_end(pages):
    read_pages(pages, 9)
    with pytest.raises(InvalidAnswerError) as caught:
        pages.end_page()
    assert str(caught.value) == END.format(0, 10)


def test_a_page_with_something_new_makes_the_count_begin_again(pages):
    read_pages(pages, 9)
    for entry in ("1", "2"):
        pages.is_new(entry)
        read_pages(pages, 10)
    with pytest.raises(InvalidAnswerError) as caught:
        pages.end_page()
    assert str(caught.value) == END.format(2, 10)


def test_a_list_with_too_many_entries_does_not_end(pages, monkeypatch):
    monkeypatch.setattr(paging, "MOST_ENTRIES", 1200)
    for entry in range(1200):
        pages.is_new(str(entry))
    pages.end_page()
    pages.is_new("one more")
    with pytest.raises(InvalidAnswerError) as caught:
        pages.end_page()
    assert str(caught.value) == END.format("1,201", 0)


@pytest.mark.parametrize(("path", "call"), [("jobs", lambda c: c.jobs()), ("workloads", lambda c: c.workloads())])
def test_an_endless_list_says_which_it_is(api, client, path, call):
    number = count()
    answer = {path: [{"id": "1"}]}
    api.get(
        f"https://quantum.cloud.ibm.com/api/v1/{path}",
        json=lambda request, context: {**answer, "next": {"href": f"?next={next(number)}"}},
    )
    with pytest.raises(InvalidAnswerError) as caught:
        list(call(client))
    assert str(caught.value) == (
        f"GET /{path}: the list does not end: 1 entries so far, and the last 10 pages held nothing new."
    )
