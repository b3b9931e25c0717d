"""result_path and result_format of the operators: written files and refused values. Against the emulator."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from urllib.parse import parse_qs

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

import airflow_provider_qrt
from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator, QiskitRuntimeSamplerOperator
from airflow_provider_qrt.primitives import EstimatorResult, SamplerResult

SWEEP = """OPENQASM 3.0; include "stdgates.inc"; input float[64] theta; bit[2] c; bit[1] d;
rz(theta) $0; sx $0; rz(theta) $0; c[0] = measure $0; x $1; c[1] = measure $1; d[0] = measure $0;"""
ANSATZ = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] theta; sx $0; rz(theta) $0; sx $0;'
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; x $0;'
FORMATS = ("json", "npz", "parquet")
MAX_BYTES = "AIRFLOW__QISKIT_RUNTIME__MAX_XCOM_BYTES"


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path) -> str:
    """A folder to write to: on disk, and in an object store."""
    if request.param == "local":
        return str(tmp_path / "new" / "folder")
    # Airflow's providers bring the file systems of s3:// and gs://; this one is fsspec's own.
    attach("memory", fs=MemoryFileSystem())
    return f"memory://bucket/{tmp_path.name}"


@pytest.fixture
def sampled(task, folder):
    def run(**more):
        circuits = [(SWEEP, {"theta": [0.1, 0.9, 2.0]}), (SWEEP, {"theta": 0.4}, 7)]
        return task.run(circuits=circuits, shots=50, result_path=folder, **more)

    return run


@pytest.fixture
def estimated(task, folder):
    task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", {}

    def run(**more):
        circuits = [(ANSATZ, [["Z"], ["X"]], {"theta": [0.0, 0.4, 1.0]}), (ANSATZ, "Z", [0.3])]
        return task.run(circuits=circuits, precision=0.1, result_path=folder, **more)

    return run


@pytest.mark.parametrize("result_format", FORMATS)
def test_a_samplers_file_holds_what_xcom_holds(sampled, folder, result_format):
    value = sampled(result_format=result_format)
    assert value["result_path"] == f"{folder}/{value['job_id']}.{result_format}"
    whole = SamplerResult.from_file(ObjectStoragePath(value["result_path"]))
    assert whole.to_xcom_results() == SamplerResult.from_xcom(value).to_xcom_results() == value["results"]
    told = {key: part for key, part in whole.job.items() if key != "provenance"}
    assert told == {key: part for key, part in value.items() if key != "results"}


@pytest.mark.parametrize("result_format", FORMATS)
def test_an_estimators_file_holds_what_xcom_holds(estimated, result_format):
    value = estimated(result_format=result_format)
    whole = EstimatorResult.from_file(ObjectStoragePath(value["result_path"]))
    assert whole.to_xcom_results() == value["results"]
    assert [pub.shape for pub in whole] == [(2, 3), ()]
    assert len(whole.to_dataframe()) == 7


@pytest.mark.parametrize("result_format", FORMATS)
def test_of_a_large_result_the_file_holds_all_and_xcom_says_how_to_read_it(sampled, monkeypatch, result_format):
    monkeypatch.setenv(MAX_BYTES, "10")
    value = sampled(result_format=result_format)
    assert value["results"][0]["counts"] is None
    with pytest.raises(ValueError, match=r"SamplerResult\.from_file\(ObjectStoragePath\(value\[") as caught:
        SamplerResult.from_xcom(value)
    remedy = str(caught.value).partition("Read it with: ")[2]
    names = {"SamplerResult": SamplerResult, "ObjectStoragePath": ObjectStoragePath, "value": value}
    whole = eval(remedy, names)
    assert [sum(whole[0].get_counts(point).values()) for point in range(3)] == [50] * 3


@pytest.mark.parametrize("result_format", FORMATS)
def test_result_path_may_name_the_file(task, tmp_path, result_format):
    path = str(tmp_path / f"whole.{result_format}")
    assert task.run(result_path=path, result_format=result_format)["result_path"] == path
    assert SamplerResult.from_file(path).get_counts() == {"1": 20}


def test_the_format_is_a_template(task, tmp_path):
    task.context["params"] = {"format": "npz"}
    value = task.run(result_path=str(tmp_path), result_format="{{ params.format }}")
    assert value["result_path"].endswith(".npz")


def test_a_private_result_goes_to_any_format_with_its_raw_text_beside_it(task, tmp_path):
    value = task.run(private=True, result_path=str(tmp_path / "r.parquet"), result_format="parquet")
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"r.{value['job_id']}.raw.json", "r.parquet"]
    assert SamplerResult.from_file(tmp_path / "r.parquet").get_counts() == {"1": 20}


def test_a_file_that_cannot_be_encoded_leaves_nothing_behind(task, tmp_path, monkeypatch):
    def breaks(*_):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(SamplerResult, "write", breaks)
    with pytest.raises(RuntimeError):
        task.run(result_path=str(tmp_path / "new"))
    assert list(tmp_path.iterdir()) == []


# Where it comes from


@pytest.mark.parametrize("result_format", FORMATS)
def test_the_file_says_where_its_data_come_from(sampled, emulator, result_format):
    emulator.configure(run_seconds=0.1)
    value = sampled(result_format=result_format)
    provenance = SamplerResult.from_file(ObjectStoragePath(value["result_path"])).job["provenance"]
    [job] = emulator.jobs()
    [identity] = [tag for tag in job["tags"] if tag.startswith("qrt:")]
    software = provenance.pop("software")
    calibrated = provenance.pop("calibrated")
    assert provenance == {
        "job_id": job["id"],
        "backend": "ibm_fez",
        "program_id": "sampler",
        "session_id": None,
        "created": value["created"],
        "finished": value["finished"],
        "usage_seconds": pytest.approx(0.1),
        "usage_complete": True,
        "input_fingerprint": identity.split(":")[4],
    }
    assert datetime.fromisoformat(calibrated).tzinfo is not None
    assert software["airflow-provider-qrt"] == airflow_provider_qrt.__version__
    assert software["python"] == sys.version.split()[0]
    assert set(software) >= {"apache-airflow", "numpy"}
    assert "qiskit" not in software


def test_the_calibration_is_that_of_the_time_at_which_the_job_ran(task, emulator, tmp_path):
    emulator.configure(queue_seconds=1.2, run_seconds=1.2)
    value = task.run(result_path=str(tmp_path), check_isa=False)
    [asked] = [one for one in emulator.requests() if one["path"].endswith("/properties")]
    [before] = parse_qs(asked["query"])["updated_before"]
    moments = [datetime.fromisoformat(moment) for moment in (value["created"], before, value["finished"])]
    assert moments[0] < moments[1] < moments[2]


def test_the_calibration_is_not_asked_for_without_a_file(task, sent):
    task.run(check_isa=False)
    assert [line for line in sent("GET") if "properties" in line] == []


def test_a_calibration_that_cannot_be_read_costs_nothing(task, emulator, tmp_path):
    emulator.add_fault(path="/backends/*/properties", status=403, times=None)
    value = task.run(result_path=str(tmp_path))
    provenance = SamplerResult.from_file(value["result_path"]).job["provenance"]
    assert (provenance["calibrated"], provenance["backend"]) == (None, "ibm_fez")


@pytest.mark.parametrize("way", ["transpiled", "a QuantumCircuit", "prepared for the executor"])
def test_qiskits_version_belongs_to_what_is_its_work(task, tmp_path, way):
    from qiskit import QuantumCircuit, __version__

    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    if way == "prepared for the executor":
        task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", {}
        more = {"program_id": "executor", "circuits": FLIP, "observables": "Z0", "precision": 0.2}
    else:
        circuit.measure(0, 0)
        more = {"optimization_level": 0} if way == "transpiled" else {"circuits": [(circuit,)]}
    value = task.run(result_path=str(tmp_path), **more)
    document = json.loads((tmp_path / f"{value['job_id']}.json").read_text())
    assert document["provenance"]["software"]["qiskit"] == __version__


# What is refused before it costs anything


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"result_format": "parqet"}, "'parqet' is not one of json, npz, parquet; did you mean 'parquet'"),
        ({"result_format": "None"}, "not one of json, npz, parquet"),
        ({"result_format": "npz", "result_path": None}, "result_path is empty. Set result_path"),
        ({"result_path": "/tmp/r.npz"}, r"ends in \.npz, and result_format is json. Write result_format='npz'"),
        ({"result_path": "nowhere://bucket/r"}, "cannot be opened: .*nowhere.*Install the Airflow provider"),
    ],
    ids=str,
)
def test_bad_arguments_fail_at_once_and_submit_nothing(task, sent, tmp_path, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        task.run(**{"result_path": str(tmp_path), **arguments})
    assert sent("POST") == []


def test_parquet_without_pyarrow_is_refused_with_the_extra(task, sent, tmp_path, monkeypatch):
    find = "airflow_provider_qrt.execution.result.importlib.util.find_spec"
    monkeypatch.setattr(find, lambda name: None)
    with pytest.raises(AirflowFailException, match=r"pip install 'airflow-provider-qrt\[parquet\]'"):
        task.run(result_path=str(tmp_path), result_format="parquet")
    assert sent("POST") == []


@pytest.fixture
def run_any(context, connection):
    """Runs an operator of any program."""
    from airflow.sdk import DAG

    from airflow_provider_qrt.operators import jobs

    def run(operator_class, **arguments):
        with DAG("the_dag", schedule=None):
            operator = getattr(jobs, operator_class)(
                task_id="the_task", deferrable=False, **{"poll_interval": 0.02, **arguments}
            )
        operator.render_template_fields(context)
        return operator.execute(context)

    return run


@pytest.mark.parametrize("more", [{"program_id": "noise-learner"}, {"program_id": "sampler", "decode": False}], ids=str)
def test_what_is_not_decoded_can_be_written_as_json_only(run_any, sent, tmp_path, more):
    with pytest.raises(AirflowFailException, match="is for the decoded results of sampler, estimator, executor"):
        run_any(
            "QiskitRuntimeSubmitJobOperator",
            program_params={"pubs": []},
            result_path=str(tmp_path),
            result_format="npz",
            **more,
        )
    assert sent("POST") == []


@pytest.mark.parametrize("result_format", FORMATS)
def test_any_programs_operators_write_what_they_decode(run_any, task, tmp_path, result_format):
    job_id = task.run()["job_id"]
    value = run_any(
        "QiskitRuntimeGetResultOperator", job_id=job_id, result_path=str(tmp_path), result_format=result_format
    )
    whole = SamplerResult.from_file(tmp_path / f"{job_id}.{result_format}")
    assert whole.to_xcom_results() == value["results"]
    assert whole.job["provenance"]["input_fingerprint"]


def test_a_private_result_is_not_read_when_it_cannot_be_written(run_any, task, tmp_path, emulator):
    job_id = task.run(private=True, wait_for_completion=False)["job_id"]
    with pytest.raises(AirflowFailException, match="json only"):
        run_any(
            "QiskitRuntimeGetResultOperator",
            job_id=job_id,
            decode=False,
            result_path=str(tmp_path),
            result_format="npz",
        )
    assert not [one for one in emulator.requests() if one["path"].endswith("/results")]


def test_the_format_is_a_template_everywhere():
    for operator in (QiskitRuntimeSamplerOperator, QiskitRuntimeEstimatorOperator, QiskitRuntimeGetResultOperator):
        assert "result_format" in operator.template_fields
