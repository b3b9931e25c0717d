"""The choice of the backend for a job."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria
from airflow_provider_qrt.jobs.backends.select import choose_backend, rank, wait_seconds
from airflow_provider_qrt.jobs.errors import NoBackendAvailableError, NoBackendFitsError
from airflow_provider_qrt.primitives.errors import InvalidInputError

HERON = {"family": "Heron", "revision": "2"}
WHERE = "connection 'c' (x in us-east)"


def backend(name: str, **changes: Any) -> Backend:
    return Backend(name, **{"status": "online", "status_reason": "available", "num_qubits": 156, **changes})


def waiting(name: str, seconds: float, queue: int = 0) -> Backend:
    return backend(name, queue_length=queue, wait_time_seconds={"average": 1.0, "p50": seconds, "p95": 1.0})


def criteria(**filters: Any) -> BackendCriteria:
    return BackendCriteria.from_filters(filters)


def choose(backends: list[Backend], asked: str = "least_busy", **filters: Any) -> str:
    return choose_backend(backends, asked, where=WHERE, criteria=criteria(**filters)).name


# Reading the filters


@pytest.mark.parametrize("nothing", [None, {}, "", "None"], ids=repr)
def test_nothing_asks_for_nothing(nothing):
    assert BackendCriteria.from_filters(nothing) == BackendCriteria()


@pytest.mark.parametrize("empty", [None, "", " ", "None"], ids=repr)
def test_a_value_that_a_template_made_of_nothing_counts_as_left_out(empty):
    keys = ("min_qubits", "processor_family", "processor_revision", "max_queue", "names", "exclude", "simulators")
    assert BackendCriteria.from_filters(dict.fromkeys(keys, empty)) == BackendCriteria()


def test_what_templates_make_text_of_is_read_as_what_it_was():
    as_text = criteria(
        min_qubits="100",
        processor_family=" Heron ",
        processor_revision="r2",
        max_queue="20",
        names="ibm_fez, ibm_kingston",
        exclude="ibm_boston",
        simulators="True",
    )
    assert as_text == criteria(
        min_qubits=100,
        processor_family="Heron",
        processor_revision=2,
        max_queue=20,
        names=["ibm_fez", "ibm_kingston"],
        exclude=["ibm_boston"],
        simulators=True,
    )


KNOWN = "known are min_qubits, processor_family, processor_revision, max_queue, names, exclude, simulators."
NO_MAPPING = (
    ": expected a mapping such as {{'min_qubits': 100}}, got {}. Its values may be templates; the mapping itself may "
    "not be text."
)
NO_LIST = ": expected a list of backend names, got {}."
NO_NUMBER = ".min_qubits: expected a whole number, got {}."


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ("min_qubits=100", NO_MAPPING.format("'min_qubits=100'")),
        ([("min_qubits", 100)], NO_MAPPING.format("[('min_qubits', 100)]")),
        ({"min_qubit": 100}, ": unknown key 'min_qubit'; did you mean 'min_qubits'?"),
        ({"zzz": 1}, f": unknown key 'zzz'; {KNOWN}"),
        ({7: 1}, f": unknown key 7; {KNOWN}"),
        ({"min_qubits": "many"}, NO_NUMBER.format("'many'")),
        ({"min_qubits": 99.5}, NO_NUMBER.format("99.5")),
        ({"min_qubits": float("inf")}, NO_NUMBER.format("inf")),
        ({"min_qubits": Decimal("99.5")}, NO_NUMBER.format("Decimal('99.5')")),
        ({"min_qubits": "99.5"}, NO_NUMBER.format("'99.5'")),
        ({"min_qubits": True}, NO_NUMBER.format("True")),
        ({"min_qubits": 0}, ".min_qubits: must be at least 1, got 0."),
        ({"max_queue": -1}, ".max_queue: must be at least 0, got -1."),
        ({"max_queue": [1]}, ".max_queue: expected a whole number, got [1]."),
        ({"processor_family": 2}, ".processor_family: expected text such as 'Heron', got 2."),
        (
            {"processor_family": " Heron  r2.0 "},
            ".processor_family: 'Heron  r2.0' is two things: write 'processor_family': 'Heron', "
            "'processor_revision': '2'.",
        ),
        (
            {"processor_revision": 2},
            ".processor_revision: add processor_family, such as 'Heron': each family counts its own.",
        ),
        (
            {"processor_family": "Heron", "processor_revision": "new"},
            ".processor_revision: expected a number such as 2, got 'new'.",
        ),
        (
            {"processor_family": "Heron", "processor_revision": True},
            ".processor_revision: expected a number such as 2, got True.",
        ),
        ({"names": []}, ".names: the list is empty; leave it out to choose among all backends."),
        ({"names": [3]}, ".names" + NO_LIST.format("[3]")),
        ({"names": ["ibm_fez", " "]}, ".names" + NO_LIST.format("['ibm_fez', ' ']")),
        ({"exclude": {"ibm_fez": 1}}, ".exclude" + NO_LIST.format("{'ibm_fez': 1}")),
        ({"exclude": 3}, ".exclude" + NO_LIST.format("3")),
        ({"simulators": "yes"}, ".simulators: expected True or False, got 'yes'."),
        ({"simulators": 1}, ".simulators: expected True or False, got 1."),
    ],
    ids=str,
)
def test_what_is_not_understood_is_refused(filters, says):
    with pytest.raises(InvalidInputError) as refused:
        BackendCriteria.from_filters(filters)
    assert str(refused.value) == f"backend_filters{says}"


def test_names_are_taken_once_and_an_empty_list_excludes_nothing():
    asked = criteria(names="b, a,b", exclude=[], processor_family="Heron", processor_revision="r1.0")
    assert asked == BackendCriteria(processor_family="Heron", processor_revision="1", names=("b", "a"))


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"max_queue": 0},
        {
            "min_qubits": 5, "processor_family": "Heron", "processor_revision": "2", "max_queue": 3,
            "names": ["a", "b"], "exclude": ["c"], "simulators": True,
        },
    ],
    ids=len,
)  # fmt: skip
def test_criteria_survive_the_way_through_json(filters):
    written = json.loads(json.dumps(criteria(**filters).to_filters()))
    assert written == filters
    assert BackendCriteria.from_filters(written) == criteria(**filters)


# Filtering


@pytest.mark.parametrize(
    ("filters", "other", "why"),
    [
        ({}, {"status": "paused", "status_reason": "calibrating"}, "other is paused (calibrating)"),
        ({}, {"status": "paused", "status_reason": None}, "other is paused"),
        ({}, {"status": "paused", "status_reason": "available"}, "other is paused"),
        ({}, {"status": "offline", "status_reason": "offline"}, "other is offline"),
        ({}, {"status_reason": "maintenance"}, "other is online but not available (maintenance)"),
        ({}, {"is_simulator": True}, "other is a simulator"),
        ({"min_qubits": 100}, {"num_qubits": 27}, "other has 27 qubits < 100"),
        ({"min_qubits": 100}, {"num_qubits": None}, "other has an unknown number of qubits < 100"),
        ({"max_queue": 20}, {"queue_length": 31}, "other has queue 31 > 20"),
        ({"exclude": ["other"]}, {}, "other is excluded"),
        ({"names": ["good"]}, {}, "other is not among names"),
        (
            {"processor_family": "heron"},
            {"processor_type": {"family": "Eagle", "revision": 3}},
            "other has processor Eagle r3, not heron",
        ),
        ({"processor_family": "Heron"}, {"processor_type": None}, "other has processor unknown, not Heron"),
        (
            {"processor_family": "Heron", "processor_revision": 2},
            {"processor_type": {"family": "Heron", "revision": "3"}},
            "other has processor Heron r3, not Heron r2",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_is_left_out_though_it_is_less_busy(filters, other, why):
    good = backend("good", queue_length=10, processor_type=HERON)
    left_out = backend("other", **{"processor_type": HERON, **other})
    assert choose([left_out, good], **filters) == "good"
    assert [f"other {misfit.text}" for misfit in criteria(**filters).misfits(left_out)] == [why]


@pytest.mark.parametrize(
    "filters",
    [{"min_qubits": 156}, {"max_queue": 5}, {"processor_family": "HERON", "processor_revision": "2"}],
    ids=str,
)
def test_a_limit_itself_is_within_it(filters):
    assert choose([backend("one", queue_length=5, processor_type=HERON)], **filters) == "one"


@pytest.mark.parametrize("revision", ["2", 2, 2.0], ids=repr)
def test_a_revision_is_the_same_as_number_and_as_text(revision):
    one = backend("one", processor_type={"family": "Heron", "revision": revision})
    assert choose([one], processor_family="Heron", processor_revision=2) == "one"


@pytest.mark.parametrize("filters", [{"simulators": True}, {"names": ["sim"]}], ids=str)
def test_a_simulator_is_chosen_when_asked_for(filters):
    assert choose([backend("sim", is_simulator=True)], **filters) == "sim"


def test_a_backend_that_gives_no_reason_for_being_online_is_available():
    assert choose([backend("one", status_reason=None)]) == "one"


# Ranking


def test_the_shortest_wait_goes_before_the_shortest_queue():
    assert choose([waiting("short_queue", 900, queue=1), waiting("short_wait", 60, queue=50)]) == "short_wait"


def test_the_same_wait_is_decided_by_the_queue_and_the_same_queue_by_the_name():
    ranked = [waiting("a", 60, 2), waiting("b", 60, 2), waiting("c", 60, 3), waiting("d", 61, 0)]
    shuffled = list(ranked)
    random.Random(5).shuffle(shuffled)
    assert shuffled != ranked
    assert [one.name for one in rank(shuffled)] == ["a", "b", "c", "d"]


def test_without_a_waiting_time_of_each_the_queue_decides():
    assert choose([waiting("short_wait", 0, queue=9), backend("short_queue", queue_length=3)]) == "short_queue"
    assert choose([waiting("short_queue", 5, queue=3), backend("no_wait_known", queue_length=9)]) == "short_queue"


def test_the_waiting_time_of_a_backend_that_is_left_out_does_not_matter():
    paused = backend("paused", status="paused")
    assert choose([waiting("slow", 900), waiting("fast", 60, queue=9), paused]) == "fast"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"average": 50, "p50": 20, "p95": 300}, 20.0),
        ({"average": 50, "p95": 300}, 50.0),
        ({"average": 50, "p50": None}, 50.0),
        ({"p50": 0}, 0.0),
        ({"p95": 300}, None),
        ({"p50": "20"}, None),
        ({"p50": float("nan")}, None),
        ({"p50": -1}, None),
        ({"p50": True}, None),
        ({}, None),
        (None, None),
        (20, None),
    ],
    ids=str,
)
def test_the_median_wait_counts_and_the_average_where_there_is_none(told, seconds):
    assert wait_seconds(backend("one", wait_time_seconds=told)) == seconds


# By name


def test_a_name_is_taken_as_it_is():
    assert choose([backend("a"), backend("b", status="offline")], "b", min_qubits=1000) == "b"


@pytest.mark.parametrize(
    ("names", "asked", "says"),
    [
        (["ibm_fez", "ibm_boston"], "ibm_fezz", "ibm_fez, ibm_boston. Did you mean 'ibm_fez'?"),
        (["ibm_fez", "ibm_boston"], "zzz", "ibm_fez, ibm_boston."),
        ([], "ibm_fez", "there are none."),
    ],
    ids=["a near one", "nothing near", "none at all"],
)
def test_an_unknown_name_is_refused_with_the_nearest(names, asked, says):
    with pytest.raises(InvalidSettingsError) as refused:
        choose([backend(name) for name in names], asked)
    assert str(refused.value) == f"backend: {asked!r} is not among the backends of {WHERE}: {says}"


@pytest.mark.parametrize("key", ["names", "exclude"])
def test_a_misspelt_name_in_the_filters_is_refused(key):
    with pytest.raises(InvalidSettingsError) as refused:
        choose([backend("ibm_fez"), backend("ibm_boston")], **{key: ["ibm_boston", "ibm_fezz"]})
    assert str(refused.value) == (
        f"backend_filters.{key}: 'ibm_fezz' is not among the backends of {WHERE}: ibm_fez, ibm_boston. Did you mean "
        "'ibm_fez'?"
    )


def test_a_retired_backend_may_stay_excluded_but_cannot_be_chosen_from():
    assert choose([backend("ibm_kyiv")], exclude=["ibm_kyoto", "ibm_sherbrooke"]) == "ibm_kyiv"
    with pytest.raises(InvalidSettingsError, match="'ibm_sherbrooke' is not among"):
        choose([backend("ibm_fez")], names=["ibm_fez", "ibm_sherbrooke"])


# None


def test_when_none_can_be_chosen_now_each_is_told_with_its_reason():
    some = [
        backend("ibm_a", status="paused", status_reason="calibrating"),
        backend("ibm_b", num_qubits=27, queue_length=99),
        backend("ibm_c", queue_length=31),
    ]
    with pytest.raises(NoBackendAvailableError) as none:
        choose(some, min_qubits=100, max_queue=20)
    assert str(none.value) == (
        f"No backend is available now with {WHERE}: ibm_a is paused (calibrating); ibm_b has 27 qubits < 100; ibm_c "
        "has queue 31 > 20. Nothing was submitted. Let the task be retried, put a QiskitRuntimeBackendSensor before "
        "it, or ask for less in backend_filters."
    )
    assert not isinstance(none.value, InvalidSettingsError)


def test_when_none_will_ever_fit_no_retry_is_proposed():
    with pytest.raises(NoBackendFitsError) as none:
        choose([backend("ibm_a", num_qubits=27, status="paused")], min_qubits=100)
    # What fails a task without retries.
    assert isinstance(none.value, InvalidSettingsError)
    assert str(none.value) == (
        f"No backend is what backend_filters asks for with {WHERE}: ibm_a has 27 qubits < 100. Ask for less, or use a "
        "connection to an instance that has such a backend. Nothing was submitted."
    )


def test_every_lasting_reason_against_a_backend_is_told_and_nothing_that_passes():
    small = backend("sim", num_qubits=5, is_simulator=True, status="paused", queue_length=9)
    with pytest.raises(
        NoBackendFitsError, match=r": sim is not among names, is a simulator, has 5 qubits < 100; other has "
    ):
        choose([small, backend("other", num_qubits=7)], min_qubits=100, max_queue=1, names=["other"])
    found = criteria(min_qubits=100, max_queue=1, exclude=["sim"]).misfits(small)
    kinds = ["name", "simulator", "qubits", "status", "queue"]
    assert [(misfit.lack.value, misfit.lack.may_pass) for misfit in found] == [
        (kind, kind in ("status", "queue")) for kind in kinds
    ]


def test_without_criteria_any_backend_but_a_simulator_may_be_chosen():
    some = [backend("sim", is_simulator=True), backend("ibm_a", queue_length=3)]
    assert choose_backend(some, "least_busy", where=WHERE).name == "ibm_a"


def test_an_instance_without_backends_may_get_one():
    with pytest.raises(NoBackendAvailableError, match="the instance has none") as none:
        choose([], min_qubits=100)
    assert not isinstance(none.value, NoBackendFitsError)
