"""Expectation values are decoded as by Qiskit, and survive the way through XCom."""

import importlib.util
import json
import math
import pathlib
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult

from airflow_provider_qrt.primitives import EstimatorResult, InvalidResultError, decode_estimator_result

_spec = importlib.util.spec_from_file_location("primitives_payloads", pathlib.Path(__file__).with_name("payloads.py"))
payloads = sys.modules.setdefault(_spec.name, importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(payloads)

steady = settings(deadline=None, derandomize=True, max_examples=80, suppress_health_check=list(HealthCheck))
NAN = math.nan


@st.composite
def pub_results(draw):
    shape = draw(st.sampled_from([(), (1,), (3,), (2, 1), (2, 3)]))
    numbers = st.floats(allow_nan=True, allow_infinity=True)
    fields = {name: draw(arrays(np.float64, shape, elements=numbers)) for name in ("evs", "stds")}
    if draw(st.booleans()):
        fields["ensemble_standard_error"] = draw(arrays(np.float64, shape, elements=numbers))
    if draw(st.booleans()):
        fields["evs_extrapolated"] = draw(arrays(np.float64, (*shape, 2, 4), elements=numbers))
    metadata = {"shots": 4096, "target_precision": 0.015625, "resilience": {"zne": {"spread": NAN}}}
    return PubResult(DataBin(**fields, shape=shape), metadata)


results = st.lists(pub_results(), min_size=1, max_size=2).map(lambda pubs: PrimitiveResult(pubs, {"version": 2}))


def plain(result):
    """The same result in the encoding for clients without Qiskit, with NaN as Python writes it."""
    pubs = [{"data": {k: v.tolist() for k, v in pub.data.items()}, "metadata": pub.metadata} for pub in result]
    return json.dumps({"results": pubs, "metadata": result.metadata})


def agree(ours, theirs):
    assert len(ours) == len(theirs)
    for own, other in zip(ours, theirs, strict=True):
        assert own.shape == other.data.shape
        assert set(own.data) == set(other.data)
        for name, array in other.data.items():
            assert own.data[name].dtype == np.float64
            np.testing.assert_array_equal(own.data[name], array)


@steady
@given(results)
def test_the_tagged_encoding_is_read_as_qiskit_reads_it(theirs):
    from qiskit_ibm_runtime import RuntimeDecoder

    text = payloads.tagged(theirs)
    agree(decode_estimator_result(text), json.loads(text, cls=RuntimeDecoder))


@steady
@given(results)
def test_the_plain_encoding_is_read_too(theirs):
    agree(decode_estimator_result(plain(theirs)), theirs)


@steady
@given(results)
def test_what_goes_to_qiskit_objects_comes_back_the_same(theirs):
    back = decode_estimator_result(payloads.tagged(theirs)).to_qiskit()
    assert isinstance(back, PrimitiveResult)
    assert all(isinstance(pub, PubResult) for pub in back)
    for own, other in zip(back, theirs, strict=True):
        assert own.data.shape == other.data.shape
        for name, array in other.data.items():
            np.testing.assert_array_equal(own.data[name], array)


@steady
@given(results)
def test_a_result_survives_xcom_though_the_database_takes_strict_json_and_reorders_keys(theirs):
    result = decode_estimator_result(payloads.tagged(theirs))
    stored = json.dumps({"job_id": "j1", "results": result.to_xcom_results()}, sort_keys=True, allow_nan=False)
    back = EstimatorResult.from_xcom(json.loads(stored))
    assert back.job == {"job_id": "j1"}
    assert back.to_xcom_results() == result.to_xcom_results()
    for own, other in zip(back, theirs, strict=True):
        assert own.shape == other.data.shape
        for name, array in other.data.items():
            np.testing.assert_array_equal(own.data[name], np.where(np.isfinite(array), array, NAN))


@steady
@given(results)
def test_the_estimated_size_bounds_the_json_text(theirs):
    result = decode_estimator_result(payloads.tagged(theirs))
    assert len(json.dumps(result.to_xcom_results())) <= result.estimated_xcom_bytes()


def test_the_estimated_size_is_not_far_off():
    values = np.random.default_rng(1).normal(size=(40, 50))
    theirs = PrimitiveResult([PubResult(DataBin(evs=values, stds=values, shape=values.shape), {})], {})
    result = decode_estimator_result(payloads.tagged(theirs))
    real = len(json.dumps(result.to_xcom_results()))
    assert real <= result.estimated_xcom_bytes() <= 1.4 * real


def one(**data):
    return {"results": [{"data": data, "metadata": {}}], "metadata": {}}


def tagged_one(kind="PubResult", **fields):
    data = {"__type__": "DataBin", "__value__": {"field_names": list(fields), "shape": [], "fields": fields}}
    pub = {"__type__": kind, "__value__": {"data": data, "metadata": {}}}
    return {"__type__": "PrimitiveResult", "__value__": {"pub_results": [pub], "metadata": {}}}


def test_nan_and_infinity_are_null_in_xcom():
    text = (
        '{"results": [{"data": {"evs": [0.5, NaN, -Infinity], "stds": [0.1, Infinity, null]}, "metadata": {"x": NaN}}]}'
    )
    [entry] = decode_estimator_result(text).to_xcom_results()
    assert entry == {"evs": [0.5, None, None], "stds": [0.1, None, None], "metadata": {"x": None}}


def test_one_value_that_is_nan_is_not_taken_for_a_manifest():
    result = decode_estimator_result(one(evs=NAN, stds=0.5))
    value = json.loads(json.dumps(result.to_xcom_results(), allow_nan=False))
    back = EstimatorResult.from_xcom(value)[0]
    assert math.isnan(back.evs)
    assert back.stds == 0.5


def test_one_value_is_a_number_and_not_a_list():
    [entry] = decode_estimator_result(one(evs=1, stds=0)).to_xcom_results()
    assert entry == {"evs": 1.0, "stds": 0.0, "metadata": {}}


@pytest.mark.parametrize("kind", ["PubResult", "EstimatorPubResult"])
def test_tagged_values_may_be_numbers_and_lists_too(kind):
    literal = {"__type__": "ndarray", "__value__": [0.5, None]}
    [pub] = decode_estimator_result(tagged_one(kind, evs=literal, stds=[0, 1]))
    np.testing.assert_array_equal(pub.evs, [0.5, NAN])
    np.testing.assert_array_equal(pub.stds, [0, 1])


def test_the_ensemble_standard_error_is_there_if_it_was_given():
    given = decode_estimator_result(one(evs=1, stds=0, ensemble_standard_error=0.25))[0]
    assert given.ensemble_standard_error == 0.25
    for none in (one(evs=1, stds=0), one(evs=1, stds=0, ensemble_standard_error=None)):
        assert decode_estimator_result(none)[0].ensemble_standard_error is None


def test_errors_that_are_not_given_are_nan():
    [pub] = decode_estimator_result(one(evs=[1, 2]))
    assert np.isnan(pub.stds).tolist() == [True, True]


def test_fields_that_nobody_knows_do_not_cost_the_values():
    [pub] = decode_estimator_result(one(evs=[1, 2], stds=[0, 0], other={"x": 1}, short=[1], word="x", more=[[1], [2]]))
    assert set(pub.data) == {"evs", "stds", "more"}


def test_a_manifest_has_everything_but_the_values_and_says_where_they_are():
    result = decode_estimator_result(
        {"results": [{"data": {"evs": [[1, 2]], "stds": [[0, 0]], "more": [[3, 4]]}, "metadata": {"shots": 5}}]}
    )
    [entry] = result.manifest()
    assert entry == {"evs": None, "stds": None, "shape": [1, 2], "metadata": {"shots": 5}}
    value = {"job_id": "j1", "results": [entry], "result_path": "s3://bucket/j1.json"}
    remedy = r"s3://bucket/j1.json.*EstimatorResult.from_file\(ObjectStoragePath"
    with pytest.raises(ValueError, match=remedy):
        EstimatorResult.from_xcom(value)


def test_a_result_is_a_sequence_of_its_pubs():
    result = decode_estimator_result({"results": [one(evs=1, stds=0)["results"][0], one(evs=2, stds=0)["results"][0]]})
    assert (len(result), [float(pub.evs) for pub in result], float(result[1].evs)) == (2, [1.0, 2.0], 2.0)


def misnamed():
    damaged = tagged_one(evs=1, stds=0)
    damaged["__value__"]["pub_results"][0]["__value__"]["data"]["__value__"]["field_names"] = ["evs", "std"]
    return damaged


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (misnamed(), "the names of the fields and their data do not agree"),
        ("", "the result is empty"),
        ("Traceback\nValueError: too hot", "is no JSON.*too hot$"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "no result of an estimator .*it is a list"),
        ({"values": 1}, "no result of an estimator .*'values'"),
        ({"results": [3]}, r"results\[0\]: expected evs and stds under 'data'"),
        (one(), "no expectation values .*its fields: none"),
        (one(stds=0), r"no expectation values \(evs\); its fields: 'stds'"),
        (one(evs=None, stds=0), "no expectation values"),
        (one(c={"samples": ["0x1"], "num_bits": 1}), "result of a sampler, with bits"),
        (one(evs="1", stds=0), "evs are not an array of real numbers"),
        (one(evs=True, stds=0), "evs are not an array"),
        (one(evs=[1, [2]], stds=0), "evs are not an array"),
        (one(evs=[1, "x"], stds=0), "evs are not an array"),
        (one(evs=1, stds="x"), "stds are not an array"),
        (one(evs=[1, 2], stds=[1]), r"evs have the shape \(2,\), stds \(1,\)"),
        (tagged_one("SamplerPubResult", c=1), "result of a sampler"),
        (tagged_one("Mystery", evs=1), "expected the result of a PUB, but it has the type 'Mystery'"),
        (tagged_one(evs={"__type__": "ndarray", "__value__": "AAAA"}, stds=0), "cannot be decompressed"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_read_says_why(payload, message):
    with pytest.raises(InvalidResultError, match="(?s)" + message):
        decode_estimator_result(payload)


def test_bits_and_complex_numbers_are_no_expectation_values():
    bits = PrimitiveResult([PubResult(DataBin(c=BitArray.from_samples(["0"], 1)), {})], {})
    sampled = PrimitiveResult([SamplerPubResult(DataBin(c=BitArray.from_samples(["0"], 1)), {})], {})
    for theirs in (bits, sampled):
        with pytest.raises(InvalidResultError, match="result of a sampler"):
            decode_estimator_result(payloads.tagged(theirs))
    points = PrimitiveResult([PubResult(DataBin(evs=np.array([1j]), stds=np.array([0.0]), shape=(1,)), {})], {})
    with pytest.raises(InvalidResultError, match="not an array of real numbers"):
        decode_estimator_result(payloads.tagged(points))


def test_the_limit_on_decoded_bytes_holds_for_all_arrays_together():
    values = np.zeros(100)
    text = payloads.tagged(PrimitiveResult([PubResult(DataBin(evs=values, stds=values, shape=(100,)), {})], {}))
    assert decode_estimator_result(text, max_bytes=1600)[0].shape == (100,)
    with pytest.raises(InvalidResultError, match="limit"):
        decode_estimator_result(text, max_bytes=1599)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"job_id": "j1"}, "no list under 'results'"),
        ([3], r"results\[0\]: expected evs and stds"),
        ([{"counts": {"0": 1}}], r"results\[0\]: expected evs and stds"),
        ([{"evs": [1], "stds": 1}], "evs have the shape"),
        ([{"evs": "1", "stds": 1}], "not an array of real numbers"),
    ],
)
def test_what_is_no_value_of_an_estimator_operator_is_refused(value, message):
    with pytest.raises(ValueError, match=message):
        EstimatorResult.from_xcom(value)


def test_without_qiskit_the_error_names_the_extra(monkeypatch):
    result = decode_estimator_result(one(evs=1, stds=0))
    monkeypatch.setitem(sys.modules, "qiskit.primitives", None)
    with pytest.raises(ImportError, match=r"pip install 'airflow-provider-qrt\[qiskit\]'"):
        result.to_qiskit()
