"""Results in files of every format, and as tables."""

import importlib.util
import io
import json
import pathlib
import sys

import numpy as np
import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from qiskit.primitives import BitArray

from airflow_provider_qrt.primitives import EstimatorResult, InvalidInputError, InvalidResultError, SamplerResult
from airflow_provider_qrt.primitives import decode_sampler_result as decode
from airflow_provider_qrt.primitives.results.bits import BitRegister
from airflow_provider_qrt.primitives.results.estimator_result import EstimatorPubResult
from airflow_provider_qrt.primitives.results.result_file import ResultFormat, detect_format, read_bytes
from airflow_provider_qrt.primitives.results.sampler_result import SamplerPubResult

_spec = importlib.util.spec_from_file_location("primitives_payloads", pathlib.Path(__file__).with_name("payloads.py"))
payloads = sys.modules.setdefault(_spec.name, importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(payloads)

FORMATS = list(ResultFormat)
JOB = {"job_id": "j1", "backend": "ibm_fez", "provenance": {"calibrated": None}}
often = settings(deadline=None, derandomize=True, max_examples=40, suppress_health_check=list(HealthCheck))


def written(result, result_format, job=JOB) -> bytes:
    file = io.BytesIO()
    result.write(file, ResultFormat(result_format), job)
    return file.getvalue()


def through(result, result_format, folder, job=JOB):
    path = folder / "result"
    path.write_bytes(written(result, result_format, job))
    return type(result).from_file(path)


def bits(*shots, shape=None):
    array = BitArray.from_samples(list(shots), len(shots[0]))
    array = array if shape is None else array.reshape(shape)
    return BitRegister(array.array, array.num_bits)


def sweep() -> SamplerResult:
    """Two PUBs: a sweep over two registers, and a circuit without one."""
    swept = {"a": bits("01", "10", "11", "11", shape=(2, 2)), "b": bits("0", "1", "1", "1", shape=(2, 2))}
    return SamplerResult((SamplerPubResult(swept, {"x": 1}), SamplerPubResult({"c": bits("1", "0", "1")})), {"v": 2})


@st.composite
def estimates(draw):
    numbers = st.floats(allow_infinity=False, width=64)
    pubs = []
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.sampled_from([(), (1,), (4,), (2, 3), (0,)]))
        data = {name: draw(hnp.arrays(np.float64, shape, elements=numbers)) for name in ("evs", "stds")}
        if draw(st.booleans()):
            data["ensemble_standard_error"] = draw(hnp.arrays(np.float64, shape, elements=numbers))
        if draw(st.booleans()):
            data["evs_extrapolated"] = draw(hnp.arrays(np.float64, (*shape, 2, 3), elements=numbers))
        pubs.append(EstimatorPubResult(data, {"shots": draw(st.integers(1, 9))}))
    return EstimatorResult(tuple(pubs), {"version": 2})


# Every format holds the result


@pytest.mark.parametrize("result_format", FORMATS)
@often
@given(theirs=payloads.results(max_shots=300))
def test_a_samplers_result_survives_every_format(theirs, result_format, tmp_path_factory):
    result = decode(payloads.tagged(theirs))
    back = through(result, result_format, tmp_path_factory.mktemp("files"))
    assert back.to_xcom_results() == result.to_xcom_results()
    assert (back.metadata, back.job) == (result.metadata, JOB)
    for own, other in zip(back.to_qiskit(), theirs, strict=True):
        assert list(own.data) == list(other.data)
        assert own.data.shape == other.data.shape
        for name in own.data:
            assert own.data[name].num_bits == other.data[name].num_bits
            for loc in np.ndindex(*own.data.shape):
                assert own.data[name].get_counts(loc or None) == other.data[name].get_counts(loc or None)
        assert own.join_data().get_counts() == other.join_data().get_counts()


@often
@given(theirs=payloads.results(max_shots=100))
def test_npz_keeps_every_shot_in_the_order_of_time(theirs, tmp_path_factory):
    back = through(decode(payloads.tagged(theirs)), "npz", tmp_path_factory.mktemp("files"))
    assert back.get_bitstrings() == theirs[0].join_data().get_bitstrings()


@pytest.mark.parametrize("result_format", FORMATS)
@often
@given(result=estimates())
def test_an_estimators_result_survives_every_format(result, result_format, tmp_path_factory):
    back = through(result, result_format, tmp_path_factory.mktemp("files"))
    assert (back.metadata, back.job, len(back)) == (result.metadata, JOB, len(result))
    for own, other in zip(back, result, strict=True):
        assert own.metadata == other.metadata
        assert set(own.data) == set(other.data)
        for name in own.data:
            # JSON writes an array without elements as []: its further axes are gone.
            if own.data[name].size or result_format is not ResultFormat.JSON:
                np.testing.assert_array_equal(own.data[name], other.data[name])


@pytest.mark.parametrize("result_format", FORMATS)
def test_shots_that_are_none_survive(result_format, tmp_path):
    empty = SamplerResult((SamplerPubResult({"c": BitRegister(np.zeros((2, 0, 1), dtype=np.uint8), 3)}),))
    back = through(empty, result_format, tmp_path)
    assert (back[0].shape, back[0].shots) == ((2,), 0)


def test_infinite_estimates_survive_npz_and_parquet(tmp_path):
    result = EstimatorResult((EstimatorPubResult({"evs": np.array([np.inf]), "stds": np.array([np.nan])}),))
    for result_format in ("npz", "parquet"):
        assert through(result, result_format, tmp_path)[0].evs.tolist() == [float("inf")]


# What is in them, for those who read them with other tools


def test_an_npz_file_holds_packed_bits_by_pub_and_register_and_a_header():
    archive = np.load(io.BytesIO(written(sweep(), "npz")), allow_pickle=False)
    assert sorted(archive.files) == ["0/a", "0/b", "1/c", "header"]
    assert (archive["0/a"].dtype, archive["0/a"].shape) == (np.uint8, (2, 2, 1))
    assert archive["0/a"].ravel().tolist() == [1, 2, 3, 3]
    header = json.loads(archive["header"].item())
    assert header["job_id"] == "j1"
    assert header["provenance"] == {"calibrated": None}
    assert [(one["shape"], one["shots"]) for one in header["results"]] == [([2], 2), ([], 3)]
    assert header["results"][0]["registers"]["b"] == {"num_bits": 1, "index": 1, "counts": None}


def test_a_parquet_file_is_the_dataframe():
    import pandas as pd

    table = pd.read_parquet(io.BytesIO(written(sweep(), "parquet")))
    assert table.fillna(-1).to_dict("list") == {
        "pub": [0, 0, 0, 1, 1],
        "point": [0, 0, 1, 0, 0],
        "axis_0": [0, 0, 1, -1, -1],
        "bitstring": ["001", "110", "111", "0", "1"],
        "count": [1, 1, 2, 1, 2],
    }
    pd.testing.assert_frame_equal(table, sweep().to_dataframe(), check_dtype=False)


def test_the_estimators_parquet_file_is_the_dataframe():
    import pandas as pd

    zne = {"evs_extrapolated": np.arange(6.0).reshape(3, 2)}
    result = EstimatorResult(
        (
            EstimatorPubResult({"evs": np.array([0.5, np.nan, -1.0]), "stds": np.zeros(3), **zne}),
            EstimatorPubResult({"evs": np.array(1.0), "stds": np.array(0.1)}),
        )
    )
    table = pd.read_parquet(io.BytesIO(written(result, "parquet")))
    frame = result.to_dataframe()
    assert list(table.columns) == list(frame.columns) == ["pub", "point", "axis_0", "ev", "std", "evs_extrapolated"]
    for one in (table, frame):
        assert one["pub"].tolist() == [0, 0, 0, 1]
        assert one["axis_0"].fillna(-1).tolist() == [0, 1, 2, -1]
        assert one["ev"].fillna(9).tolist() == [0.5, 9, -1.0, 1.0]
        assert one["std"].tolist() == [0, 0, 0, 0.1]
        assert [None if part is None else list(part) for part in one["evs_extrapolated"]] == [
            [0, 1],
            [2, 3],
            [4, 5],
            None,
        ]


def test_the_axes_of_a_dataframe_are_those_of_the_sweep():
    shape = (2, 3)
    result = EstimatorResult((EstimatorPubResult({"evs": np.arange(6.0).reshape(shape), "stds": np.zeros(shape)}),))
    frame = result.to_dataframe()
    assert frame.pivot(index="axis_0", columns="axis_1", values="ev").to_numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert frame["point"].tolist() == list(range(6))


@often
@given(theirs=payloads.results(max_shots=200))
def test_a_dataframe_has_every_count_once(theirs):
    frame = decode(payloads.tagged(theirs)).to_dataframe()
    for index, pub in enumerate(theirs):
        rows = frame[frame["pub"] == index]
        assert rows.groupby("bitstring")["count"].sum().to_dict() == pub.join_data().get_counts()
        for point, loc in enumerate(np.ndindex(*pub.data.shape)):
            found = rows[rows["point"] == point].set_index("bitstring")["count"].to_dict()
            joined = pub.join_data()
            assert found == joined.get_counts(loc or None)


def test_a_table_of_many_outcomes_comes_in_several_row_groups(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr("airflow_provider_qrt.primitives.results.sampler_file.ROW_GROUP", 50)
    rng = np.random.default_rng(1)
    register = BitRegister(rng.integers(0, 256, (7, 40, 4), dtype=np.uint8), 32)
    result = SamplerResult((SamplerPubResult({"c": register}),))
    data = written(result, "parquet")
    assert pq.ParquetFile(io.BytesIO(data)).num_row_groups == 4
    (tmp_path / "f").write_bytes(data)
    assert SamplerResult.from_file(tmp_path / "f").to_xcom_results() == result.to_xcom_results()


# Where they lie


def test_a_file_may_lie_anywhere_that_fsspec_reaches(tmp_path):
    attach("memory", fs=MemoryFileSystem())  # Airflow's providers bring the file systems that it knows.
    data = written(sweep(), "npz")
    for path in (ObjectStoragePath("memory://bucket/folder/r.npz"), ObjectStoragePath(f"file://{tmp_path}/r.npz")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        assert SamplerResult.from_file(path).get_counts() == sweep().get_counts()
    for text in ("memory://bucket/folder/r.npz", f"file://{tmp_path}/r.npz", str(tmp_path / "r.npz")):
        assert read_bytes(text) == data


def test_a_url_with_a_connection_is_only_for_airflows_own_path():
    with pytest.raises(ValueError, match=r"pass ObjectStoragePath\('s3://aws_default@bucket/r.npz'\)"):
        SamplerResult.from_file("s3://aws_default@bucket/r.npz")


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        SamplerResult.from_file(tmp_path / "none.json")


# What is refused


@pytest.mark.parametrize("result_format", ["npz", "parquet"])
def test_the_file_of_the_other_primitive_is_refused_with_its_reader(result_format, tmp_path):
    (tmp_path / "f").write_bytes(written(sweep(), result_format))
    with pytest.raises(
        InvalidResultError, match=r"of 'sampler', not of 'estimator'; read it with SamplerResult\.from_file"
    ):
        EstimatorResult.from_file(tmp_path / "f")


@pytest.mark.parametrize("result_format", FORMATS)
def test_a_file_that_was_cut_off_is_damaged(result_format, tmp_path):
    data = written(sweep(), result_format)
    for end in (len(data) // 2, len(data) - 1):
        (tmp_path / "f").write_bytes(data[:end])
        with pytest.raises(InvalidResultError, match=r"damaged|cannot be read"):
            SamplerResult.from_file(tmp_path / "f")


def test_files_of_others_are_refused(tmp_path):
    import pandas as pd

    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.json").write_text("{}")
    for name, says in (("a.npz", "cannot be read"), ("a.parquet", "no header of this provider"), ("a.json", "results")):
        with pytest.raises(InvalidResultError, match=says):
            SamplerResult.from_file(tmp_path / name)


def test_a_table_whose_counts_do_not_add_up_is_refused(tmp_path):
    import pyarrow.parquet as pq

    (tmp_path / "f").write_bytes(written(sweep(), "parquet"))
    pq.write_table(pq.read_table(tmp_path / "f").slice(0, 4), tmp_path / "g")
    with pytest.raises(InvalidResultError, match=r"results\[1\]: the counts do not add up to 3 shots"):
        SamplerResult.from_file(tmp_path / "g")


@pytest.mark.parametrize(
    ("result", "array", "says"),
    [
        (sweep(), "0/b", r"results\[0\]: the registers are not of the sweep and shots \(2, 2\)"),
        (
            EstimatorResult((EstimatorPubResult({"evs": np.zeros(2), "stds": np.zeros(2)}),)),
            None,
            r"results\[0\]: the values are not of the shape \(2,\)",
        ),
    ],
    ids=["sampler", "estimator"],
)
def test_arrays_of_another_shape_than_the_header_says_are_refused(result, array, says, tmp_path):
    with np.load(io.BytesIO(written(result, "npz"))) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name in arrays:
        if name == array or (array is None and name != "header"):
            arrays[name] = arrays[name][:1]
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(InvalidResultError, match=says):
        type(result).from_file(tmp_path / "f.npz")


def test_a_table_in_another_order_is_read_all_the_same(tmp_path):
    import pyarrow.parquet as pq

    (tmp_path / "f").write_bytes(written(sweep(), "parquet"))
    table = pq.read_table(tmp_path / "f")
    pq.write_table(table.take(list(range(len(table)))[::-1]), tmp_path / "g")
    assert SamplerResult.from_file(tmp_path / "g").to_xcom_results() == sweep().to_xcom_results()


def test_nothing_in_an_npz_file_is_unpickled(tmp_path):
    np.savez(tmp_path / "f.npz", header=np.array([{"kind": "sampler"}], dtype=object))
    with pytest.raises(InvalidResultError, match="cannot be read"):
        SamplerResult.from_file(tmp_path / "f.npz")


@pytest.mark.parametrize("value", ["cvs", "", None, 3, "parqet"])
def test_a_format_that_does_not_exist_is_refused(value):
    with pytest.raises(InvalidInputError, match="is not one of json, npz, parquet"):
        ResultFormat.read(value)


def test_a_misspelt_format_gets_the_right_one():
    with pytest.raises(InvalidInputError, match="did you mean 'parquet'"):
        ResultFormat.read("parqet")


def test_the_format_is_told_by_the_first_bytes():
    assert [detect_format(written(sweep(), one)) for one in FORMATS] == FORMATS


# Packages that may be missing


@pytest.mark.parametrize(
    ("module", "call", "extra"),
    [
        ("pandas", lambda: sweep().to_dataframe(), "pandas"),
        ("pyarrow", lambda: written(sweep(), "parquet"), "parquet"),
    ],
)
def test_without_a_package_the_error_names_the_extra(monkeypatch, module, call, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'airflow-provider-qrt\[{extra}\]'"):
        call()
