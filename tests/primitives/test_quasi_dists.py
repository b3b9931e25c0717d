"""Results of version 1 of the primitives: quasi-distributions, and values with their variance."""

import importlib.util
import io
import itertools
import json
import math
import pathlib
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from qiskit.result import QuasiDistribution as Theirs

from airflow_provider_qrt.primitives import (
    EstimatorResult,
    InvalidResultError,
    NoCountsError,
    QuasiDistribution,
    SamplerResult,
    decode_estimator_result,
    decode_sampler_result,
    nearest_probability_distribution,
)
from airflow_provider_qrt.primitives.results.any_result import read_any_result
from airflow_provider_qrt.primitives.results.result_file import ResultFormat
from airflow_provider_qrt.primitives.results.sampler_file import read_sampler

_spec = importlib.util.spec_from_file_location("primitives_payloads", pathlib.Path(__file__).with_name("payloads.py"))
payloads = sys.modules.setdefault(_spec.name, importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(payloads)

ARCHIVES = pathlib.Path(__file__).with_name("archives")
FIVE, ONE = ARCHIVES / "sampler_five_circuits.json", ARCHIVES / "sampler_one_circuit.json"
often = settings(deadline=None, derandomize=True, max_examples=200, suppress_health_check=list(HealthCheck))

quasi_probabilities = st.floats(-0.5, 1.5, allow_nan=False)
outcomes = st.integers(0, 2**127 - 1).map(str)


@st.composite
def quasi_dists(draw, max_size=6):
    """Generate quasi-probabilities with negative values and the sum 1."""
    some = draw(st.dictionaries(outcomes, quasi_probabilities, min_size=1, max_size=max_size))
    last = next(iter(some))
    some[last] += 1 - math.fsum(some.values())
    return some


def bodies():
    """Answers of the service, as text."""
    metadata = st.fixed_dictionaries(
        {"shots": st.integers(1, 100_000)}, optional={"readout_mitigation_overhead": st.floats(1, 50)}
    )
    circuits = st.lists(st.tuples(quasi_dists(), metadata), min_size=1, max_size=3)
    return circuits.map(
        lambda found: json.dumps({"quasi_dists": [d for d, _ in found], "metadata": [m for _, m in found]})
    )


def nearest_by_trying(values):
    """The nearest point of the simplex: tries each set of outcomes that may stay, with the rest spread evenly."""
    best, distance = None, math.inf
    for number in range(1, len(values) + 1):
        for kept in itertools.combinations(range(len(values)), number):
            shift = (1 - math.fsum(values[place] for place in kept)) / number
            tried = [values[place] + shift if place in kept else 0.0 for place in range(len(values))]
            if min(tried) < -1e-15:
                continue
            far = math.fsum((one - other) ** 2 for one, other in zip(tried, values, strict=True))
            if far < distance:
                best, distance = tried, far
    return best


# The nearest probability distribution


@often
@given(quasi_dists(max_size=40))
def test_probabilities_are_not_negative_and_sum_to_one(quasi):
    nearest = nearest_probability_distribution(quasi)
    assert min(nearest.values()) > 0
    assert math.fsum(nearest.values()) == pytest.approx(1, abs=1e-12)
    assert set(nearest) <= set(quasi)
    assert list(nearest) == [outcome for outcome in quasi if outcome in nearest]


@often
@given(st.dictionaries(outcomes, st.floats(0, 1), min_size=1, max_size=20))
def test_a_probability_distribution_stays_as_it_is(weights):
    total = math.fsum(weights.values())
    assume(total > 1e-6)
    distribution = {outcome: weight / total for outcome, weight in weights.items()}
    nearest = nearest_probability_distribution(distribution)
    for outcome, probability in distribution.items():
        assert nearest.get(outcome, 0.0) == pytest.approx(probability, abs=1e-12)


@often
@given(st.lists(st.floats(-2, 2, allow_nan=False), min_size=1, max_size=7))
def test_it_is_the_projection_on_the_simplex_even_of_what_does_not_sum_to_one(values):
    nearest = nearest_probability_distribution(dict(enumerate(values)))
    expected = nearest_by_trying(values)
    assert [nearest.get(place, 0.0) for place in range(len(values))] == pytest.approx(expected, abs=1e-12)


@often
@given(quasi_dists(max_size=30))
def test_it_is_what_qiskit_computes(quasi):
    theirs = Theirs({int(outcome): value for outcome, value in quasi.items()}).nearest_probability_distribution()
    ours = nearest_probability_distribution(quasi)
    for outcome in quasi:
        assert ours.get(outcome, 0.0) == pytest.approx(theirs.get(int(outcome), 0.0), abs=1e-9)


def test_what_is_negative_is_taken_evenly_from_the_others():
    nearest = nearest_probability_distribution({"0": -0.2, "1": 0.7, "2": 0.5})
    assert nearest == pytest.approx({"1": 0.6, "2": 0.4})


def test_there_is_none_of_nothing():
    assert nearest_probability_distribution({}) == {}


# Bitstrings


def test_bitstrings_have_element_0_rightmost_and_as_many_digits_as_asked_for():
    quasi = QuasiDistribution({"0": -0.1, "5": 1.1})
    assert quasi.binary_probabilities() == {"000": -0.1, "101": 1.1}
    assert quasi.binary_probabilities(4) == {"0000": -0.1, "0101": 1.1}
    assert QuasiDistribution({"0": 1.0}).binary_probabilities() == {"0": 1.0}
    with pytest.raises(ValueError, match="the outcome 5 takes 3 bits, not 2"):
        quasi.binary_probabilities(2)


@often
@given(quasi_dists())
def test_bitstrings_are_those_of_qiskit(quasi):
    theirs = Theirs({int(outcome): value for outcome, value in quasi.items()})
    assert QuasiDistribution(quasi).binary_probabilities(130) == theirs.binary_probabilities(130)


# Reading


def test_the_answers_that_people_have_saved_are_read():
    five, one = SamplerResult.from_file(FIVE), SamplerResult.from_file(str(ONE))
    assert (len(five), len(one)) == (5, 1)
    assert five[1].quasi_dists == {"0": -0.002191647388286806, "1": 1.0021916473882868}
    assert [pub.shots for pub in five] == [4000] * 5
    assert five[3].metadata["readout_mitigation_time"] == 0.001236913725733757
    assert one.quasi_dists == [{"0": 0.0010648129545545889, "1": 0.9989351870454455}]
    assert one[0].quasi_dists.stddev_upper_bound == pytest.approx(math.sqrt(1.009828346656723 / 4000))
    assert decode_sampler_result(FIVE.read_bytes()).to_xcom_results() == five.to_xcom_results()
    assert read_any_result("sampler", FIVE.read_text()).to_xcom_results() == five.to_xcom_results()


def test_xcom_holds_the_service_s_own_numbers_and_says_that_there_are_no_counts():
    saved = json.loads(FIVE.read_text())
    for entry, values, metadata in zip(
        decode_sampler_result(saved).to_xcom_results(), saved["quasi_dists"], saved["metadata"], strict=True
    ):
        assert entry == {
            "shots": 4000,
            "counts": None,
            "quasi_dists": values,
            "registers": {},
            "metadata": metadata,
        }


@pytest.mark.parametrize("ask", ["get_counts", "get_bitstrings", "join"])
def test_whoever_asks_for_counts_is_told_what_there_is(ask):
    result = SamplerResult.from_file(ONE)
    with pytest.raises(NoCountsError, match=r"quasi_dists\.binary_probabilities\(num_bits\)"):
        getattr(result[0], ask)()
    if ask != "join":
        with pytest.raises(NoCountsError):
            getattr(result, ask)()


def test_whoever_asks_counts_for_quasi_distributions_is_told_what_there_is():
    bits = payloads.BitArray.from_samples(["0", "1"], 1)
    pub = payloads.SamplerPubResult(payloads.DataBin(c=bits), {})
    result = decode_sampler_result(payloads.tagged(payloads.PrimitiveResult([pub])))
    assert result[0].quasi_dists is None
    assert "quasi_dists" not in result.to_xcom_results()[0]
    with pytest.raises(ValueError, match=r"use get_counts\(\)"):
        _ = result.quasi_dists


def test_metadata_that_is_missing_costs_no_value():
    result = decode_sampler_result({"quasi_dists": [{"0": 1}, {"3": 1.0}], "metadata": [{"shots": "many"}]})
    assert [pub.shots for pub in result] == [None, None]
    assert result.quasi_dists == [{"0": 1.0}, {"3": 1.0}]
    assert result[1].quasi_dists.stddev_upper_bound is None
    assert decode_sampler_result('{"quasi_dists": [{"1": 1.0}]}')[0].metadata == {}
    assert decode_sampler_result({"quasi_dists": [{"7": 1.0, "__int_keys__": True}]}).quasi_dists == [{"7": 1.0}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"0x1": 1.0}, r"quasi_dists\[0\]: the outcome '0x1' is no whole number in decimal digits"),
        ({"-1": 1.0}, "the outcome '-1'"),
        ({"²": 1.0}, "the outcome '²'"),
        ({"1": "1.0"}, "the outcome 1 is '1.0', not a finite number"),
        ({"1": True}, "the outcome 1 is True"),
        ({"1": math.nan}, "the outcome 1 is nan"),
        ([1.0], "expected quasi-probabilities by outcome, not a list"),
    ],
)
def test_what_is_damaged_is_refused_with_its_place(values, said):
    with pytest.raises(InvalidResultError, match=said):
        decode_sampler_result({"quasi_dists": [values]})


def test_the_estimator_is_told_that_it_is_a_samplers_result():
    with pytest.raises(InvalidResultError, match="quasi-probabilities"):
        decode_estimator_result(ONE.read_text())


# XCom and files


@often
@given(bodies())
def test_a_result_survives_xcom_even_when_the_database_reorders_keys(text):
    result = decode_sampler_result(text)
    stored = json.dumps({"job_id": "j1", "results": result.to_xcom_results()}, sort_keys=True, allow_nan=False)
    assert len(stored) <= result.estimated_xcom_bytes() + 40
    back = SamplerResult.from_xcom(json.loads(stored))
    assert back.to_xcom_results() == result.to_xcom_results()
    assert (back.quasi_dists, back.job) == (result.quasi_dists, {"job_id": "j1"})


@pytest.mark.parametrize("result_format", list(ResultFormat))
@settings(often, max_examples=30)
@given(text=bodies())
def test_a_result_survives_every_format(text, result_format, tmp_path_factory):
    result = decode_sampler_result(text)
    file = io.BytesIO()
    result.write(file, result_format, {"job_id": "j1"})
    path = tmp_path_factory.mktemp("files") / "result"
    path.write_bytes(file.getvalue())
    back = SamplerResult.from_file(path)
    assert back.to_xcom_results() == result.to_xcom_results()
    assert [list(quasi) for quasi in back.quasi_dists] == [list(quasi) for quasi in result.quasi_dists]
    assert [quasi.stddev_upper_bound for quasi in back.quasi_dists] == [
        quasi.stddev_upper_bound for quasi in result.quasi_dists
    ]
    assert back.job == {"job_id": "j1"}


@pytest.mark.parametrize("result_format", ["npz", "parquet"])
def test_a_file_whose_header_is_anothers_is_damaged(result_format, monkeypatch):
    result = decode_sampler_result({"quasi_dists": [{"0": 0.5, "1": 0.5}], "metadata": [{"shots": 9}]})
    (entry,) = result.manifest()
    header_entry = "airflow_provider_qrt.primitives.results.sampler_file.manifest_entry"
    monkeypatch.setattr(header_entry, lambda _pub: {**entry, "shots": 8})
    file = io.BytesIO()
    result.write(file, ResultFormat(result_format), {})
    with pytest.raises(InvalidResultError, match="not those of the header"):
        read_sampler(file.getvalue())


def test_a_manifest_of_quasi_distributions_names_the_file():
    manifest = SamplerResult.from_file(ONE).manifest()
    assert manifest[0]["quasi_dists"] is None
    with pytest.raises(InvalidResultError, match=r"manifest.*'/data/j1\.json'"):
        SamplerResult.from_xcom({"result_path": "/data/j1.json", "results": manifest})


def test_the_table_has_a_row_for_each_outcome():
    frame = SamplerResult.from_file(FIVE).to_dataframe()
    assert list(frame.columns) == ["pub", "outcome", "quasi_probability"]
    assert len(frame) == 10
    assert (
        frame.loc[(frame["pub"] == 2) & (frame["outcome"] == "0"), "quasi_probability"].item() == -0.002445310280449637
    )


# Qiskit


def test_qiskit_gets_its_own_class_with_shots_and_error():
    result = SamplerResult.from_file(ONE)
    (theirs,) = result.to_qiskit()
    assert isinstance(theirs, Theirs)
    assert theirs == {0: 0.0010648129545545889, 1: 0.9989351870454455}
    assert theirs.shots == 4000
    assert theirs.stddev_upper_bound == result[0].quasi_dists.stddev_upper_bound
    ours = result[0].quasi_dists.nearest_probability_distribution()
    assert ours.binary_probabilities(1) == pytest.approx(
        theirs.nearest_probability_distribution().binary_probabilities(1)
    )
    assert ours.shots == 4000


def test_a_qiskit_without_the_class_is_said(monkeypatch):
    import qiskit.result

    monkeypatch.delattr(qiskit.result, "QuasiDistribution")
    with pytest.raises(ImportError, match=r"qiskit\.result\.QuasiDistribution.*nearest_probability_distribution"):
        SamplerResult.from_file(ONE).to_qiskit()


# The estimator


def test_an_estimators_values_get_the_standard_error_of_their_variance_and_shots():
    text = json.dumps(
        {
            "values": [0.98, -1, 0.5, 0.25],
            "metadata": [{"variance": 0.04, "shots": 400}, {"variance": 0.0, "shots": 10}, {"shots": 10}],
        }
    )
    result = decode_estimator_result(text)
    assert [pub.evs.tolist() for pub in result] == [0.98, -1.0, 0.5, 0.25]
    np.testing.assert_allclose([pub.stds for pub in result], [0.01, 0.0, np.nan, np.nan])
    assert result[0].metadata == {"variance": 0.04, "shots": 400}
    assert result.to_xcom_results()[3] == {"evs": 0.25, "stds": None, "metadata": {}}
    back = EstimatorResult.from_xcom(result.to_xcom_results())
    np.testing.assert_array_equal([pub.stds for pub in back], [pub.stds for pub in result])


@pytest.mark.parametrize("variance", [-0.1, None, True, "0.1", math.nan])
def test_a_variance_that_is_none_gives_no_error(variance):
    result = decode_estimator_result({"values": [0.5], "metadata": [{"variance": variance, "shots": 100}]})
    assert math.isnan(result[0].stds)


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(InvalidResultError, match=r"values\[1\]"):
        decode_estimator_result({"values": [0.5, "high"]})
