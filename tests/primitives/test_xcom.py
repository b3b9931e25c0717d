"""Results survive the way through XCom."""

import importlib.util
import json
import pathlib
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult

from airflow_provider_qrt.primitives import SamplerResult, decode_sampler_result

_spec = importlib.util.spec_from_file_location("primitives_payloads", pathlib.Path(__file__).with_name("payloads.py"))
payloads = sys.modules.setdefault(_spec.name, importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(payloads)


def decoded(metadata=None, **fields):
    shape = next(iter(fields.values())).shape
    pub = SamplerPubResult(DataBin(**fields, shape=shape), metadata or {})
    return decode_sampler_result(payloads.tagged(PrimitiveResult([pub], {"version": 2})))


def test_registers_are_joined_with_the_last_declared_leftmost_and_stand_apart():
    result = decoded(
        a=BitArray.from_samples(["01", "01", "10"], 2), b=BitArray.from_samples(["0", "1", "1"], 1), metadata={"x": 1}
    )
    assert result.to_xcom_results() == [
        {
            "shots": 3,
            "counts": {"001": 1, "101": 1, "110": 1},
            "registers": {
                "a": {"num_bits": 2, "index": 0, "counts": {"01": 2, "10": 1}},
                "b": {"num_bits": 1, "index": 1, "counts": {"0": 1, "1": 2}},
            },
            "metadata": {"x": 1},
        }
    ]


def test_a_sweep_gives_nested_lists_of_counts_in_its_shape():
    bits = BitArray.from_samples(["0", "1", "0", "0", "1", "1"], 1).reshape(3, 1, 2)
    (entry,) = decoded(c=bits).to_xcom_results()
    assert entry["shots"] == 2
    assert entry["counts"] == [[{"0": 1, "1": 1}], [{"0": 2}], [{"1": 2}]]
    assert entry["registers"]["c"]["counts"] == entry["counts"]


@settings(deadline=None, derandomize=True, max_examples=40, suppress_health_check=list(HealthCheck))
@given(payloads.results(max_shots=300))
def test_a_result_survives_xcom_even_when_the_database_reorders_keys(theirs):
    result = decode_sampler_result(payloads.tagged(theirs))
    stored = json.dumps({"job_id": "j1", "results": result.to_xcom_results()}, sort_keys=True, allow_nan=False)
    back = SamplerResult.from_xcom(json.loads(stored))
    assert back.job == {"job_id": "j1"}
    assert back.to_xcom_results() == result.to_xcom_results()
    for own, other, qiskit in zip(back, theirs, back.to_qiskit(), strict=True):
        assert own.shape == other.data.shape
        assert list(own.registers) == list(other.data)
        assert own.get_counts() == other.join_data().get_counts()
        assert sorted(own.get_bitstrings()) == sorted(other.join_data().get_bitstrings())
        assert qiskit.join_data().get_counts() == other.join_data().get_counts()


@settings(deadline=None, derandomize=True, max_examples=60, suppress_health_check=list(HealthCheck))
@given(payloads.results(max_shots=400, max_bits=40))
def test_the_estimated_size_bounds_the_json_text(theirs):
    result = decode_sampler_result(payloads.tagged(theirs))
    real = len(json.dumps(result.to_xcom_results()))
    assert real <= result.estimated_xcom_bytes() <= 1.6 * real + 200


def test_the_list_of_results_alone_can_be_read_back():
    result = decoded(c=BitArray.from_samples(["01", "11", "01"], 2))
    back = SamplerResult.from_xcom(result.to_xcom_results())
    assert back.get_counts() == {"01": 2, "11": 1}
    assert back.get_bitstrings() == ["01", "01", "11"]
    assert (len(back), back[0].shots, [pub.shots for pub in back]) == (1, 3, [3])


def test_a_manifest_has_everything_but_the_counts_and_says_where_they_are():
    result = decoded(c=BitArray(np.zeros((2, 5, 1), dtype=np.uint8), 3))
    (entry,) = result.manifest()
    assert entry == {
        "shots": 5,
        "counts": None,
        "registers": {"c": {"num_bits": 3, "index": 0, "counts": None}},
        "metadata": {},
        "top_counts": [{"000": 5}, {"000": 5}],
        "num_outcomes": [1, 1],
    }
    value = {"job_id": "j1", "results": [entry], "result_path": "s3://bucket/j1.json"}
    with pytest.raises(
        ValueError, match=r's3://bucket/j1.json.*SamplerResult.from_file\(ObjectStoragePath\(value\["result_path"\]\)\)'
    ):
        SamplerResult.from_xcom(value)


def test_a_manifest_has_the_most_frequent_outcomes_only():
    samples = [format(value % 50, "06b") for value in range(120)] + ["111111"] * 3
    (entry,) = decoded(c=BitArray.from_samples(samples, 6)).manifest()
    assert (len(entry["top_counts"]), entry["num_outcomes"]) == (32, 51)
    assert next(iter(entry["top_counts"].values())) == 3
    assert entry["top_counts"]["111111"] == 3


def test_a_manifest_of_many_points_has_no_outcomes():
    (entry,) = decoded(c=BitArray(np.zeros((17, 5, 1), dtype=np.uint8), 3)).manifest()
    assert "top_counts" not in entry


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"job_id": "j1"}, "no list under 'results'"),
        ({"results": None}, "no list under 'results'"),
        ([3], r"results\[0\]: expected shots, counts and registers"),
        ([{"counts": {}}], r"results\[0\]: expected shots"),
        ([{"counts": {"0": 1}, "registers": {"c": {}}}], "cannot be read"),
        ([{"counts": {"0": 1}, "registers": {"c": {"num_bits": 2}}}], "strings of 2 bits"),
        ([{"counts": {"02": 1}, "registers": {"c": {"num_bits": 2}}}], "characters 0 and 1"),
        ([{"counts": 3, "registers": {"c": {"num_bits": 2}}}], "expected counts by bitstring"),
        ([{"counts": {"00": -1}, "registers": {"c": {"num_bits": 2}}}], "cannot be read"),
    ],
)
def test_what_is_no_value_of_a_sampler_operator_is_refused(value, message):
    with pytest.raises(ValueError, match=message):
        SamplerResult.from_xcom(value)


def test_without_qiskit_the_error_names_the_extra(monkeypatch):
    result = decoded(c=BitArray.from_samples(["0"], 1))
    monkeypatch.setitem(sys.modules, "qiskit.primitives", None)
    with pytest.raises(ImportError, match=r"pip install 'airflow-provider-qrt\[qiskit\]'"):
        result.to_qiskit()
