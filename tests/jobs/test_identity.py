"""The identification of the task that owns a job."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest

from airflow_provider_qrt.jobs.errors import InvalidTagsError
from airflow_provider_qrt.jobs.submit.identity import (
    JobIdentity,
    JobRequest,
    ProgramInput,
    airflow_prefix,
    check_tags,
    fingerprint_of,
    job_tags,
)

IDENTITY = JobIdentity("dag", "run", "task")
REQUEST = JobRequest("sampler", "ibm_fez", ProgramInput({"pubs": [["OPENQASM 3.0;"]]}))


INPUT = REQUEST.fingerprint()


def test_the_tag_is_the_same_for_every_try():
    assert JobIdentity("dag", "run", "task").tag(1, INPUT) == IDENTITY.tag(1, INPUT)


@pytest.mark.parametrize(
    "other",
    [
        JobIdentity("other", "run", "task"),
        JobIdentity("dag", "other", "task"),
        JobIdentity("dag", "run", "other"),
        JobIdentity("dag", "run", "task", 0),
        JobIdentity("dagr", "un", "task"),
        JobIdentity("dag", "run", "task", airflow="staging"),
    ],
    ids=["dag", "run", "task", "map index", "the same letters, parted elsewhere", "another Airflow"],
)
def test_the_tag_is_another_for_another_task_instance(other):
    assert other.tag(1, INPUT) != IDENTITY.tag(1, INPUT)
    assert other.stem() != IDENTITY.stem()


def test_the_tag_is_another_for_another_submission_and_for_another_input():
    assert len({IDENTITY.tag(1, INPUT), IDENTITY.tag(2, INPUT), IDENTITY.tag(1, "0" * 24)}) == 3


def test_all_tags_of_a_task_begin_alike_and_so_do_all_of_one_airflow():
    one, other = JobIdentity("dag", "run", "task", airflow="prod"), JobIdentity("dag", "run", "other", airflow="prod")
    assert one.tag(7, INPUT).startswith(one.stem())
    assert one.tag(1, INPUT).startswith(airflow_prefix("prod"))
    assert other.tag(1, INPUT).startswith(airflow_prefix("prod"))
    assert not IDENTITY.tag(1, INPUT).startswith(airflow_prefix("prod"))


def test_names_of_any_length_and_alphabet_fit_the_services_limits():
    long = JobIdentity("d" * 250, "r" * 250, "für_ü" * 50, 1023)
    tags = job_tags(long, 999_999, dataclasses.replace(REQUEST, tags=("mine",)))
    assert len(tags) <= 8
    assert max(map(len, tags)) <= 86


def test_people_can_read_off_dag_task_and_run():
    assert set(job_tags(IDENTITY, 1, REQUEST)) >= {"dag:dag", "task:task", "run:run"}


def test_people_can_tell_mapped_tasks_apart():
    assert "task:task[3]" in job_tags(JobIdentity("dag", "run", "task", 3), 1, REQUEST)


@pytest.mark.parametrize("count", range(6))
def test_the_users_tags_identity_dag_and_run_are_on_the_job_whatever_else_fits(count):
    own = tuple(f"own-{number}" for number in range(count))
    tags = job_tags(IDENTITY, 1, dataclasses.replace(REQUEST, tags=own))
    assert len(tags) <= 8
    assert {*own, IDENTITY.tag(1, INPUT), "dag:dag", "run:run"} <= set(tags)


def test_no_tag_is_on_the_job_twice():
    tags = job_tags(IDENTITY, 1, dataclasses.replace(REQUEST, tags=("dag:dag",)))
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (
            tuple("abcdefg"),
            "7 given, at most 5 are possible: IBM allows 8 on a job, and 3 say which task it belongs to, so that it is "
            "not submitted twice. Drop 2.",
        ),
        (("x" * 87,), "'xxxxxxxxxxxxxxxxxxxx...' has 87 characters, IBM allows 86. Shorten it."),
        (("good", None), "None is not a text; each tag is a non-empty text."),
        (("",), "'' is not a text; each tag is a non-empty text."),
        (("  ",), "'  ' is not a text; each tag is a non-empty text."),
        ("single", "expected a list of texts, not one text: write ['single']."),
        (5, "expected a list of texts, not 5."),
        ({"a": "b"}, "expected a list of texts, not {'a': 'b'}."),
    ],
    ids=["seven", "too long", "not text", "empty", "blank", "one text", "a number", "a mapping"],
)
def test_tags_that_the_service_would_refuse_are_refused_with_the_remedy(tags, says):
    with pytest.raises(InvalidTagsError) as refused:
        check_tags(tags)
    assert str(refused.value) == f"tags: {says}"


@pytest.mark.parametrize("tags", [None, (), [], ""], ids=repr)
def test_no_tags_can_be_said_in_several_ways(tags):
    assert check_tags(tags) == ()


def test_five_tags_of_full_length_are_fine():
    five = tuple(letter * 86 for letter in "abcde")
    assert check_tags(list(five)) == five


@pytest.mark.parametrize(
    "change",
    [
        {"program_id": "estimator"},
        {"backend": "ibm_boston"},
        {"input": ProgramInput({"pubs": [["OPENQASM 3.1;"]]})},
        {"session_id": "s"},
        {"max_execution_seconds": 10},
        {"private": True},
        {"start_session": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_fingerprint_changes_with_each_part_of_the_input(change):
    assert dataclasses.replace(REQUEST, **change).fingerprint() != REQUEST.fingerprint()


def test_the_fingerprint_does_not_depend_on_the_order_of_keys():
    one, other = ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1})
    assert (
        JobRequest("sampler", "b", ProgramInput(one)).fingerprint()
        == JobRequest("sampler", "b", ProgramInput(other)).fingerprint()
    )


def test_the_fingerprint_of_a_job_without_a_session_of_its_own_is_that_of_earlier_versions():
    assert REQUEST.start_session is False
    asked = ("program_id", "backend", "session_id", "max_execution_seconds", "private")
    plain = {name: getattr(REQUEST, name) for name in asked} | {"params": REQUEST.input.params}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    assert REQUEST.fingerprint() == hashlib.sha256(text.encode()).hexdigest()[:24]


def test_tags_are_not_part_of_the_input():
    assert dataclasses.replace(REQUEST, tags=("mine",)).fingerprint() == REQUEST.fingerprint()


def test_the_input_is_not_in_the_repr():
    assert "OPENQASM" not in repr(REQUEST)


def test_the_fingerprint_of_the_input_is_read_back_from_the_tags():
    request = JobRequest("sampler", "ibm_fez", ProgramInput({"pubs": []}), tags=("qrt:mine", "a:b:c:d:e"))
    tags = job_tags(JobIdentity("d", "r", "t"), 1, request)
    assert fingerprint_of(tags[::-1]) == request.fingerprint()[:16]


def test_a_job_that_was_submitted_elsewhere_has_no_fingerprint():
    assert fingerprint_of(["qrt:mine", "a:b:c:d:e"]) is None


def test_tags_that_a_template_made_numbers_of_are_texts():
    assert check_tags([2026, 1.5, "a"]) == ("2026", "1.5", "a")
    with pytest.raises(InvalidTagsError, match="is not a text"):
        check_tags([True])


class Array:
    """As NumPy's, of which nobody can say whether it is empty."""

    def __init__(self, *values: object) -> None:
        self.values = values

    def __bool__(self) -> bool:
        raise ValueError("The truth value of an array is ambiguous")

    def tolist(self) -> list[object]:
        return list(self.values)


def test_tags_may_be_an_array():
    assert check_tags(Array("a", "b")) == ("a", "b")
    assert check_tags(Array()) == ()


def test_tags_and_digests_are_the_same_in_every_version():
    task = JobIdentity("dag", "run", "task", airflow="prod")
    plain = JobRequest("sampler", "ibm_fez", ProgramInput({"pubs": []}))
    digest = plain.fingerprint()
    stem = "qrt:6754af96:a92950c53f6d7174145dc79a52612b61:"
    assert (airflow_prefix("prod"), task.stem(), digest) == ("qrt:6754af96:", stem, "15bb2c1c33c49663a19a84c7")
    assert task.tag(1, digest) == f"{stem}1:15bb2c1c33c49663"
    assert task.tag(1, digest, "c1") == f"{stem}1:15bb2c1c33c49663:c1"
    assert dataclasses.replace(plain, start_session=True).fingerprint() == "da80b3465fbd516b9cd0291a"


def test_each_part_of_a_task_has_tags_of_its_own_that_begin_as_the_tasks():
    task = JobIdentity("dag", "run", "task")
    parts = [dataclasses.replace(task, part=part) for part in (1, 12)]
    assert task.submission_stem(3) == f"{task.stem()}3"
    assert [part.submission_stem(3) for part in parts] == [f"{task.stem()}3.1", f"{task.stem()}3.12"]


def test_an_input_may_say_itself_by_what_it_is_recognised():
    known, same = ProgramInput({"pubs": [1]}, identity="circuits"), ProgramInput({"pubs": [2]}, identity="circuits")
    one, other = (dataclasses.replace(REQUEST, input=given).fingerprint() for given in (known, same))
    assert one == other != REQUEST.fingerprint()


def test_all_tags_of_a_job_stand_in_a_certain_order_and_the_last_falls_off():
    request = dataclasses.replace(REQUEST, tags=("a", "b", "c", "d"))
    first = IDENTITY.tag(2, request.fingerprint())
    assert job_tags(IDENTITY, 2, request) == (first, "dag:dag", "run:run", "a", "b", "c", "d", "task:task")
    more = dataclasses.replace(REQUEST, tags=tuple("abcde"))
    assert job_tags(IDENTITY, 2, more, identity_tag="made") == ("made", "dag:dag", "run:run", *"abcde")


@pytest.mark.parametrize(
    ("tags", "digest"),
    [
        (["qrt:a:b:1:digest"], "digest"),
        (["mine", "qrt:a:b:1:digest:c1"], "digest"),
        (["a:b:c:d:e"], None),
        (["qrt:a:b:1"], None),
        (["qrt:a:b:1:digest:c1:more"], None),
    ],
    ids=str,
)
def test_the_digest_of_the_input_stands_at_one_place_of_the_identity(tags, digest):
    assert fingerprint_of(tags) == digest


def test_names_are_cut_to_the_services_length():
    long = JobIdentity("d" * 90, "r" * 90, "t" * 90, 7)
    assert long.readable_tags() == ("dag:" + "d" * 82, "run:" + "r" * 82, "task:" + "t" * 81)
