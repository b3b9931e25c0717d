"""The results of a sweep include its parameter values and the names of its observables in every format."""

from __future__ import annotations

import io

import pytest

from airflow_provider_qrt.decorators.primitives import qiskit_estimator_task
from airflow_provider_qrt.plugins.task_results import csv_text, pub_views
from airflow_provider_qrt.primitives import EstimatorResult, SamplerResult
from airflow_provider_qrt.primitives.results.asked import Asked, observable_name

SWEEP = """OPENQASM 3.0; include "stdgates.inc"; input angle theta; bit[1] c;
rz(pi/2) $0; sx $0; rz(theta) $0; sx $0; c[0] = measure $0;"""
TILT = """OPENQASM 3.0; include "stdgates.inc"; input angle theta; input angle phi;
rz(theta) $0; sx $0; rz(phi) $0;"""
VALUES = [0.1, 0.2, 0.3]


@pytest.fixture
def sampler(either_way):
    either_way.defaults = {"circuits": [(SWEEP, {"theta": VALUES})], "shots": 20}
    return either_way


@pytest.fixture
def estimator(either_way):
    either_way.operator_class = "QiskitRuntimeEstimatorOperator"
    pub = (TILT, [["Z"], [{"X": 0.5, "Y": -1.2}]], {"theta": VALUES, "phi": 0.5})
    either_way.defaults = {"circuits": [pub], "precision": 0.1}
    return either_way


def test_a_sweep_bears_its_values_in_xcom_table_and_csv(sampler):
    value = sampler.run()
    assert value["results"][0]["parameter_values"] == {"theta": VALUES}
    table = SamplerResult.from_xcom(value).to_dataframe()
    assert list(table.columns) == ["pub", "point", "axis_0", "theta", "bitstring", "count"]
    assert dict(zip(table["point"], table["theta"], strict=True)) == dict(enumerate(VALUES))
    assert csv_text(value).splitlines()[0] == "pub,point,theta,bitstring,count"
    assert csv_text(value).splitlines()[1].startswith("0,0,0.1,")


def test_estimates_bear_values_and_observables(estimator):
    value = estimator.run()
    entry = value["results"][0]
    assert entry["observables"] == [["Z"], ["0.5*X - 1.2*Y"]]
    assert entry["parameter_values"] == {"theta": VALUES, "phi": [0.5] * 3}
    table = EstimatorResult.from_xcom(value).to_dataframe()
    assert list(table.columns)[:7] == ["pub", "point", "axis_0", "axis_1", "theta", "phi", "observable"]
    assert list(table["observable"]) == ["Z"] * 3 + ["0.5*X - 1.2*Y"] * 3
    assert list(table["theta"]) == VALUES * 2
    assert csv_text(value).splitlines()[0] == "pub,point,theta,phi,observable,ev,std"


@pytest.mark.parametrize("result_format", ["json", "npz", "parquet"])
def test_files_bear_them_too(sampler, tmp_path, result_format):
    value = sampler.run(result_path=str(tmp_path), result_format=result_format)
    result = SamplerResult.from_file(value["result_path"])
    assert result[0].parameter_values == {"theta": VALUES}
    assert sorted(set(result.to_dataframe()["theta"])) == VALUES


@pytest.mark.parametrize("result_format", ["json", "npz", "parquet"])
def test_files_of_estimates_bear_them_too(estimator, tmp_path, result_format):
    value = estimator.run(result_path=str(tmp_path), result_format=result_format)
    result = EstimatorResult.from_file(value["result_path"])
    assert result[0].observables == [["Z"], ["0.5*X - 1.2*Y"]]
    assert list(result.to_dataframe()["theta"]) == VALUES * 2


def test_parquet_has_columns_that_any_program_reads(estimator, tmp_path):
    import pyarrow.parquet as pq

    value = estimator.run(result_path=str(tmp_path), result_format="parquet")
    table = pq.read_table(value["result_path"])
    assert table["theta"].to_pylist() == VALUES * 2
    assert table["observable"].to_pylist()[0] == "Z"


def test_a_transpiled_sweep_bears_the_values_that_were_asked_for(sampler):
    value = sampler.run(optimization_level=1)
    assert value["results"][0]["parameter_values"] == {"theta": VALUES}


def test_a_function_is_not_called_again_for_them(either_way, context, in_the_triggerer):
    from airflow.providers.common.compat.sdk import TaskDeferred
    from airflow.sdk import DAG

    calls = []

    @qiskit_estimator_task(backend="ibm_fez", precision=0.1, poll_interval=0.02, task_id="the_task")
    def estimate():
        calls.append(1)
        return (TILT, "Z", {"theta": VALUES, "phi": 0.5})

    def operator():
        with DAG("the_dag", schedule=None):
            return estimate.override(deferrable=either_way.arguments["deferrable"])().operator

    try:
        value = operator().execute(context)
    except TaskDeferred as deferred:
        event = in_the_triggerer(deferred.trigger)
        value = operator().resume_execution(deferred.method_name, {**deferred.kwargs, "event": event}, context)
    assert calls == [1]
    assert value["results"][0]["parameter_values"]["theta"] == VALUES
    assert value["results"][0]["observables"] == "Z"


def test_after_a_wait_circuits_are_not_parsed_again_for_them(sampler, monkeypatch):
    from airflow_provider_qrt.primitives.circuits import syntax

    parsed = []
    parse = syntax._parse
    monkeypatch.setattr(syntax, "_parse", lambda text, where: parsed.append(where) or parse(text, where))
    sampler.run()
    assert parsed == ["circuits[0]"]


def test_the_page_shows_them_at_each_point(sampler):
    views, _ = pub_views(sampler.run())
    assert [point["asked"] for point in views[0]["points"]] == [{"theta": value} for value in VALUES]


def test_circuits_without_parameters_have_nothing_of_it(task):
    assert "parameter_values" not in task.run()["results"][0]


def test_a_parameter_called_like_a_column_keeps_its_own(task):
    circuit = SWEEP.replace("theta", "point")
    value = task.run(circuits=[(circuit, {"point": VALUES})])
    table = SamplerResult.from_xcom(value).to_dataframe()
    assert sorted(set(table["point_"])) == VALUES
    assert sorted(set(table["point"])) == [0, 1, 2]


@pytest.mark.parametrize(
    ("terms", "name"),
    [({"ZZ": 1.0}, "ZZ"), ({"ZZ": -1.0}, "-ZZ"), ({"ZZ": 0.5, "XI": -1.2, "IX": 1.0}, "0.5*ZZ - 1.2*XI + IX")],
)
def test_observables_are_named_for_people(terms, name):
    assert observable_name(terms) == name


def test_a_long_observable_is_cut():
    assert len(observable_name({f"Z{number}": 1.0 for number in range(1000)})) <= 200


def test_values_of_another_shape_are_left_out():
    import numpy as np

    assert Asked({"theta": [1.0, 2.0]}).column_values("theta", (3,), np.arange(3)) == [None] * 3


def test_a_result_of_an_earlier_version_is_read():
    old = [{"shots": 2, "counts": {"1": 2}, "registers": {"c": {"num_bits": 1, "index": 0, "counts": {"1": 2}}}}]
    assert SamplerResult.from_xcom(old)[0].parameter_values == {}
    assert io.StringIO(csv_text({"results": old})).readline() == "pub,point,bitstring,count\n"
