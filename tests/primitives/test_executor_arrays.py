"""The arrays of a directed execution: read from the service's tensors, through XCom, and through files."""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

import numpy as np
import pytest

from airflow_provider_qrt.primitives import ExecutorResult, InvalidInputError, InvalidResultError, SamplerResult
from airflow_provider_qrt.primitives.arrays.tensors import TYPES
from airflow_provider_qrt.primitives.results.executor_arrays import decode_executor_arrays
from airflow_provider_qrt.primitives.results.result_file import ResultFormat

RANDOM = np.random.default_rng(5)
CHUNKS = {"chunk_timing": [{"start": "2026-11-30T10:00:00Z", "stop": "2026-11-30T10:00:01Z", "parts": []}]}


def example(dtype: str, shape: tuple[int, ...] = (2, 3, 5)) -> Any:
    kind = np.dtype(TYPES[dtype])
    if kind.kind == "c":
        return (RANDOM.normal(size=shape) + 1j * RANDOM.normal(size=shape)).astype(kind)
    if kind.kind == "f":
        return RANDOM.normal(size=shape).astype(kind)
    return RANDOM.integers(0, 2 if kind.kind == "b" else 100, size=shape).astype(kind)


def payload(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    from ibm_quantum_schemas.common import CompressedTensorModel

    data = [
        {
            "results": {name: CompressedTensorModel.from_numpy(array).model_dump() for name, array in item.items()},
            "metadata": {"scheduler_timing": None, "stretch_values": None},
        }
        for item in items
    ]
    return {"schema_version": "v2.0", "data": data, "metadata": CHUNKS, "passthrough_data": {"a": [1]}, **more}


EVERY_TYPE = {dtype: example(dtype) for dtype in TYPES}
ODD_SHAPES = {
    "scalar": example("f64", ()),
    "empty": example("bool", (3, 0)),
    "none": example("c64", (0, 4)),
    "bits": example("bool", (1, 7, 3)),
    "largest": np.array([2**64 - 1], dtype=np.uint64),
}


def same(one: ExecutorResult, other: ExecutorResult) -> None:
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert set(mine) == set(theirs)
        for name, array in mine.items():
            assert theirs[name].dtype == array.dtype, name
            assert theirs[name].shape == array.shape, name
            assert np.array_equal(theirs[name], array), name
        assert mine.metadata == theirs.metadata
    assert (one.metadata, one.passthrough_data) == (other.metadata, other.passthrough_data)


def written(result: ExecutorResult, result_format: ResultFormat, **job: Any) -> bytes:
    file = io.BytesIO()
    result.write(file, result_format, job)
    return file.getvalue()


def test_every_type_of_ibms_tensors_is_read():
    from ibm_quantum_schemas.common import CompressedTensorModel

    [item] = decode_executor_arrays(json.dumps(payload(EVERY_TYPE)))
    assert set(TYPES) == set(CompressedTensorModel._ELEM_SIZE_LOOKUP.default)
    for name, array in EVERY_TYPE.items():
        assert item[name].dtype == array.dtype
        assert np.array_equal(item[name], array)


@pytest.mark.parametrize("arrays", [EVERY_TYPE, ODD_SHAPES], ids=["types", "shapes"])
def test_arrays_survive_xcom_even_when_the_database_reorders_keys(arrays):
    result = decode_executor_arrays(payload(arrays, {"c": example("bool")}))
    value = {"job_id": "j1", **result.job_facts(), "results": result.to_xcom_results()}
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    back = ExecutorResult.from_xcom(json.loads(text))
    same(result, back)
    assert back.job == {"job_id": "j1"}
    assert len(json.dumps([result.to_xcom_results(), result.job_facts()])) <= result.estimated_xcom_bytes()
    same(ExecutorResult(result.items), ExecutorResult.from_xcom(json.loads(text)["results"]))


@pytest.mark.parametrize("result_format", [ResultFormat.JSON, ResultFormat.NPZ])
@pytest.mark.parametrize("arrays", [EVERY_TYPE, ODD_SHAPES], ids=["types", "shapes"])
def test_arrays_survive_a_file(tmp_path, arrays, result_format):
    result = decode_executor_arrays(payload(arrays, {"c": example("bool")}))
    path = tmp_path / "result"
    path.write_bytes(written(result, result_format, job_id="j1", provenance={"x": 1}))
    back = ExecutorResult.from_file(path)
    same(result, back)
    assert back.job == {"job_id": "j1", "provenance": {"x": 1}}


def test_numbers_that_json_does_not_have_are_null_in_xcom_and_kept_in_npz(tmp_path):
    result = decode_executor_arrays(payload({"f": np.array([1.0, np.nan, np.inf]), "c": np.array([1j, np.nan])}))
    values = result.to_xcom_results()[0]["arrays"]
    assert values["f"]["values"] == [1.0, None, None]
    assert values["c"]["values"][0] == [0.0, 1.0]
    json.dumps(values, allow_nan=False)
    assert np.isnan(ExecutorResult.from_xcom(result.to_xcom_results())[0]["f"][1:]).all()
    path = tmp_path / "result.npz"
    path.write_bytes(written(result, ResultFormat.NPZ))
    assert np.array_equal(ExecutorResult.from_file(path)[0]["f"], [1.0, np.nan, np.inf], equal_nan=True)


def test_parquet_is_refused():
    with pytest.raises(InvalidInputError, match="Write 'npz' or 'json'"):
        written(decode_executor_arrays(payload({})), ResultFormat.PARQUET)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ("Traceback: the reason", "the reason"),
        ([], "no result of the program executor"),
        ({"data": []}, "only v2.0 is read"),
        ({"schema_version": "v1.0", "data": []}, "the schema 'v1.0'"),
        ({"schema_version": "v2.0", "data": [3]}, r"data\[0\]: expected results by name"),
        ({"schema_version": "v2.0", "data": [{"results": {"c": 3}}]}, r"data\[0\]\.c: expected a tensor"),
    ],
)
def test_anything_else_is_no_result(payload, says):
    with pytest.raises(InvalidResultError, match=says):
        decode_executor_arrays(payload)


@pytest.mark.parametrize(
    "changed",
    [
        {"dtype": "f128"},
        {"dtype": None},
        {"shape": [2, 3, 6]},
        {"shape": [2, 3, 4]},
        {"shape": [-1]},
        {"shape": [True]},
        {"shape": [1] * 40},
        {"shape": [10**9, 10**9]},
        {"shape": "2"},
        {"data": "%"},
        {"data": None},
        {"data": base64.b64encode(b"no zlib").decode()},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["bool", "f64"])
def test_a_damaged_tensor_is_refused(changed, dtype):
    document = payload({"c": example(dtype, (2, 3, 64))})
    document["data"][0]["results"]["c"].update(changed)
    with pytest.raises(InvalidResultError, match=r"data\[0\]\.c"):
        decode_executor_arrays(document)


def test_a_tensor_that_would_take_more_than_the_limit_is_not_unpacked():
    bomb = base64.b64encode(zlib.compress(bytes(10**7))).decode()
    document = payload({})
    document["data"][0]["results"]["c"] = {"data": bomb, "shape": [8 * 10**7], "dtype": "bool"}
    with pytest.raises(InvalidResultError, match="max_decoded_bytes"):
        decode_executor_arrays(document, max_bytes=10**7)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"results": None}, "it has no list under 'results'"),
        ([3], r"results\[0\]: expected arrays"),
        ([{"arrays": {"c": 3}}], r"results\[0\]\.c: expected dtype"),
        ([{"arrays": {"c": {"dtype": "i4", "shape": [1], "values": [1]}}}], "expected dtype"),
        ([{"arrays": {"c": {"dtype": "i64", "shape": [2], "values": [1]}}}], "the number of values"),
        ([{"arrays": {"c": {"dtype": "i64", "shape": [1], "values": ["x"]}}}], "cannot be read"),
        ([{"arrays": {"c": {"dtype": "c64", "shape": [1], "values": [1]}}}], "the number of values"),
        ([{"arrays": {"c": {"dtype": "u8", "shape": [1], "values": [1000]}}}], "cannot be read"),
        ([{"arrays": {"c": {"dtype": "f64", "shape": [10**11], "values": []}}}], "max_decoded_bytes"),
    ],
)
def test_another_value_is_no_result(value, says):
    with pytest.raises(InvalidResultError, match=says):
        ExecutorResult.from_xcom(value)


def test_a_manifest_says_where_the_arrays_are():
    result = decode_executor_arrays(payload({"c": example("bool")}))
    value = {"results": result.manifest(), "result_path": "s3://bucket/j1.npz"}
    with pytest.raises(InvalidResultError, match=r"s3://bucket/j1\.npz.*ExecutorResult\.from_file"):
        ExecutorResult.from_xcom(value)


def test_files_of_other_results_name_their_class(tmp_path):
    path = tmp_path / "result.npz"
    path.write_bytes(written(decode_executor_arrays(payload({"c": example("bool")})), ResultFormat.NPZ))
    with pytest.raises(InvalidResultError, match=r"read it with ExecutorResult\.from_file"):
        SamplerResult.from_file(path)
    path.write_bytes(b"[]")
    with pytest.raises(InvalidResultError):
        ExecutorResult.from_file(path)
    path.write_bytes(b'{"results": 3}')
    with pytest.raises(InvalidResultError, match="no list under"):
        ExecutorResult.from_file(path)


def test_a_header_that_does_not_fit_its_arrays_is_refused(tmp_path):
    result = decode_executor_arrays(payload({"c": example("bool")}))
    from airflow_provider_qrt.primitives.results import result_file

    entries = result.manifest()
    entries[0]["arrays"]["c"]["shape"] = [30]
    path = tmp_path / "result.npz"
    for header, arrays in (
        ({"results": entries}, {"0/c": result[0]["c"]}),
        ({"results": result.manifest()}, {}),
        ({"results": [{}]}, {}),
    ):
        with path.open("wb") as file:
            result_file.write_npz(file, {**header, "kind": "executor"}, arrays)
        with pytest.raises(InvalidResultError):
            ExecutorResult.from_file(path)
