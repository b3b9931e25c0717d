"""Values in the service's answers are what they should be, or the error says what they are instead."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_qrt.client import reading
from airflow_provider_qrt.client.errors import InvalidAnswerError
from airflow_provider_qrt.client.models import SubmittedJob
from airflow_provider_qrt.client.reading import (
    LONGEST_NAME,
    LONGEST_REASON,
    is_id,
    parse_json,
    read,
    read_figures,
    read_id,
    read_list,
    read_mapping,
    read_name,
    read_number,
    read_object,
    read_optional_id,
    read_reason,
    read_tags,
    read_text,
    read_whole,
)
from airflow_provider_qrt.untrusted import json_text

NO_ID = "The service's answer holds an invalid id: ids are letters, digits, - _ . and =."
NO_NUMBER = "A number in the service's answer is malformed or too large."
NO_AMOUNT = "A number in the service's answer is negative, too large, or not finite."
NO_TAGS = "The tags in the service's answer are no list of texts."
LONE_SURROGATE = "Gr\u00f6\u00dfe \ud800"


@pytest.mark.parametrize(
    ("reader", "value", "read"),
    [
        (read_id, "abc-1_2.3=", "abc-1_2.3="),
        (read_id, 17, "17"),
        (read_id, "a" * 128, "a" * 128),
        (read_optional_id, "abc", "abc"),
        (read_optional_id, "", None),
        (read_optional_id, None, None),
        (read_number, None, None),
        (read_number, "", None),
        (read_number, 0, 0.0),
        (read_number, 1.5, 1.5),
        (read_number, "1200.5", 1200.5),
        (read_number, 1e18, 1e18),
        (read_whole, None, None),
        (read_whole, "", None),
        (read_whole, 0, 0),
        (read_whole, 2.9, 2),
        (read_whole, "7.5", 7),
        (read_whole, 10**17 + 1, 10**17 + 1),
        (read_text, None, None),
        (read_text, "", None),
        (read_text, "ibm_fez", "ibm_fez"),
        (read_text, 1.5, "1.5"),
        (read_text, LONE_SURROGATE, "Gr\u00f6\u00dfe ?"),
        (read_text, "x" * LONGEST_NAME, "x" * LONGEST_NAME),
        (read_reason, None, None),
        (read_reason, "", None),
        (read_reason, [], None),
        (read_reason, {}, None),
        (read_reason, "\u200b", None),
        (read_reason, "Too busy", "Too busy"),
        (read_reason, {"why": ["busy", 1]}, '{"why": ["busy", 1]}'),
        (read_reason, {"until": datetime(2026, 11, 21, tzinfo=UTC)}, '{"until": "2026-11-21 00:00:00+00:00"}'),
        (read_reason, "x" * LONGEST_REASON, "x" * LONGEST_REASON),
        (read_reason, "x" * (LONGEST_REASON + 1), "x" * (LONGEST_REASON - 3) + "..."),
        (read_tags, None, ()),
        (read_tags, [], ()),
        (read_tags, ["a", LONE_SURROGATE], ("a", "Gr\u00f6\u00dfe ?")),
        (read_tags, ("x" * LONGEST_NAME,), ("x" * LONGEST_NAME,)),
        (read_mapping, None, {}),
        (read_mapping, {"a": 1}, {"a": 1}),
        (read_name, "ibm_fez", "ibm_fez"),
        (read_name, 7, "7"),
        (read_figures, None, None),
        (read_figures, [1], None),
        (read_figures, {"a": 1, "b": None, "c": "1", "d": -1, "e": True, "f": 0, 2: 2.5}, {
            "a": 1, "b": None, "f": 0, "2": 2.5,
        }),
    ],
)  # fmt: skip
def test_a_value_is_read(reader, value, read):
    found = reader(value)
    assert (found, type(found)) == (read, type(read))


def test_no_tags_may_be_longer_than_a_name():
    with pytest.raises(InvalidAnswerError) as caught:
        read_tags(["a", "x" * (LONGEST_NAME + 1)])
    assert str(caught.value) == NO_TAGS


@pytest.mark.parametrize(
    ("reader", "value", "says"),
    [
        (read_id, None, NO_ID),
        (read_id, True, NO_ID),
        (read_id, "a/b", NO_ID),
        (read_optional_id, 0.5, NO_ID),
        (read_number, True, "A number in the service's answer is true or false."),
        (read_number, {}, "A number in the service's answer is an object."),
        (read_number, [1], "A number in the service's answer is a list."),
        (read_number, b"1", "A number in the service's answer is something else."),
        (read_number, "much", NO_NUMBER),
        (read_number, 10**400, NO_NUMBER),
        (read_number, -1, NO_AMOUNT),
        (read_number, "-0.5", NO_AMOUNT),
        (read_number, 1.1e18, NO_AMOUNT),
        (read_number, float("inf"), NO_AMOUNT),
        (read_number, "nan", NO_AMOUNT),
        (read_whole, [1], "A number in the service's answer is a list."),
        (read_whole, -1, NO_AMOUNT),
        (read_text, False, "A text in the service's answer is true or false."),
        (read_text, {"a": 1}, "A text in the service's answer is an object."),
        (read_text, ["a"], "A text in the service's answer is a list."),
        (read_text, "x" * 1001, "A text in the service's answer has 1,001 characters; at most 1,000 are read."),
        (read_tags, "abc", NO_TAGS),
        (read_tags, ["a", 1], NO_TAGS),
        (read_tags, {"a": 1}, NO_TAGS),
        (read_mapping, "text", "An object in the service's answer is a text."),
        (read_mapping, [], "An object in the service's answer is a list."),
        (read_mapping, 0, "An object in the service's answer is something else."),
        (read_name, None, "A name in the service's answer is empty."),
        (read_name, "", "A name in the service's answer is empty."),
        (read_name, [], "A text in the service's answer is a list."),
        (read_object, None, "The service answered with NoneType instead of an object."),
        (read_object, ["a"], "The service answered with list instead of an object."),
    ],
)
def test_a_value_of_another_kind_is_an_invalid_answer(reader, value, says):
    with pytest.raises(InvalidAnswerError) as caught:
        reader(value)
    assert str(caught.value) == says


@pytest.mark.parametrize("value", ["a", "0", "A_b-c.d=", "a=", "a-", "a" * 128, "a.b"])
def test_an_id_is_plausible(value):
    assert is_id(value)


@pytest.mark.parametrize(
    "value", ["", ".", ".a", "-a", "_a", "a.", "a..b", "a/b", "a b", "a%2F", "\u00e4", "a" * 129, "a\n", 1, None]
)
def test_an_id_is_not_plausible(value):
    assert not is_id(value)


def test_a_text_may_have_another_limit():
    assert read_text("four", 4) == "four"
    with pytest.raises(InvalidAnswerError, match="has 4 characters; at most 3 are read"):
        read_text("four", 3)


def test_a_list_is_found_by_its_name():
    assert read_list({"jobs": [1], "tags": []}, "jobs", "GET /jobs") == [1]


@pytest.mark.parametrize("answer", [{}, {"jobs": None}, {"jobs": {"a": 1}}, [], "jobs", None])
def test_an_answer_without_the_list_says_which(answer):
    with pytest.raises(InvalidAnswerError) as caught:
        read_list(answer, "jobs", "GET /jobs")
    assert str(caught.value) == "GET /jobs: the answer holds no list of jobs."


def test_a_field_that_is_missing_is_named():
    with pytest.raises(InvalidAnswerError) as caught:
        read(SubmittedJob.from_json, {"backend": "b"})
    assert str(caught.value) == "The service's answer lacks the field 'id'."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 70 + "]" * 70, "it is nested more than 64 deep"),
        (b'{"a": NaN}', "it holds NaN, which is no number in JSON"),
        ("1" * 41, "it holds a whole number of 41 digits"),
    ],
)
def test_json_that_no_service_sends_is_an_invalid_answer(text, says):
    with pytest.raises(InvalidAnswerError) as caught:
        parse_json(text)
    assert str(caught.value) == f"The answer cannot be read: {says}."


@pytest.mark.parametrize("before", [0, 1, 65_494, 65_495, 65_496, 65_535, 65_536, 131_030])
@pytest.mark.parametrize("kind", [str, str.encode, lambda text: bytearray(text.encode())])
def test_a_number_that_is_too_long_is_found_wherever_it_is(before, kind):
    text = " " * before + "[" + "7" * 41 + "]"
    with pytest.raises(InvalidAnswerError, match="a whole number of 41 digits"):
        parse_json(kind(text))
    assert parse_json(kind(text.replace("7" * 41, "7" * 40))) == [int("7" * 40)]


def test_long_texts_of_digits_and_of_other_alphabets_are_no_numbers():
    assert parse_json(json.dumps(["01" * 50_000, "\u0661" * 50], ensure_ascii=False)) == ["01" * 50_000, "\u0661" * 50]


@pytest.mark.parametrize(("part", "says"), [("[],", "lists and objects"), ("0,", "values")])
def test_values_are_counted_over_the_whole_text(part, says, monkeypatch):
    monkeypatch.setattr(json_text, "MOST_CONTAINERS", 50_001)
    monkeypatch.setattr(json_text, "MOST_PARTS", 50_000)
    assert len(parse_json("[" + part * 50_000 + "0]")) == 50_001
    with pytest.raises(InvalidAnswerError, match=f"holds 50,00[12] {says}"):
        parse_json("[" + part * 50_001 + "0]")


def test_an_error_may_hold_numbers_that_are_none():
    assert parse_json('{"a": Infinity}', strict=False) == {"a": float("inf")}


def test_what_is_no_json_is_said_as_such():
    with pytest.raises(ValueError) as caught:
        reading.parse_json("<html>")
    assert not isinstance(caught.value, InvalidAnswerError)
