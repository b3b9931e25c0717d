"""The page Result: the results of a run's tasks, and IBM's message for failed ones."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import unquote

import pytest

from airflow_provider_qrt.plugins import drawing, task_results
from airflow_provider_qrt.plugins.drawing import Drawings
from tests.plugins.conftest import FLIP, LINK, RUN

RESULT = "/api/result"
OF_RUN = {"dag_id": "a_dag", "run_id": RUN}
OF_TASK = {**OF_RUN, "task_id": "measure"}


def sampler(job_id, *results, **more):
    return {"job_id": job_id, "program_id": "sampler", "status": "Completed", "results": list(results), **more}


def is_read(page):
    return page["tasks"] and not any(job["to_be_read"] for task in page["tasks"] for job in task["jobs"])


def is_over(page):
    return is_read(page) and all(job["timeline"]["finished"] for task in page["tasks"] for job in task["jobs"])


def is_billed(page):
    return is_over(page) and all(job["seconds"] is not None for task in page["tasks"] for job in task["jobs"])


@pytest.fixture(autouse=True)
def patient_drawing(monkeypatch):
    """A busy machine may need longer than a reader would wait."""
    monkeypatch.setattr("airflow_provider_qrt.plugins.drawing.SECONDS", 300.0)


@pytest.fixture
def run(database, connection):
    database.add_dag("a_dag")
    return database


def test_counts_and_times_of_a_run(browser, run, submit):
    job_id = submit("a_dag")
    run.add_task(
        "a_dag",
        rendered={"circuits": FLIP, "qiskit_runtime_conn_id": "qiskit_runtime_default"},
        job_id=job_id,
        return_value=sampler(job_id, {"shots": 20, "counts": {"0": 5, "1": 15}, "registers": {}}),
        **{LINK: "https://x"},
    )

    page = browser().until(is_over, RESULT, **OF_RUN)

    [task] = page["tasks"]
    [pub] = task["pubs"]
    assert pub["kind"] == "counts"
    assert pub["points"][0]["bars"] == [{"label": "0", "count": 5}, {"label": "1", "count": 15}]
    [job] = task["jobs"]
    moments = [job["timeline"][name] for name in ("created", "running", "finished")]
    assert None not in moments
    assert moments == sorted(moments)
    assert job["backend"] == "ibm_fez"
    assert job["failure"] is None
    assert task["circuits"] == [{"text": FLIP, "cut": False}]
    assert task["url"] == f"/dags/a_dag/runs/{RUN}/tasks/measure"


@pytest.mark.parametrize("mode", ["dedicated", "batch"])
def test_a_job_in_a_dedicated_session_has_no_price_of_its_own(browser, run, submit, mode):
    job_id = submit("a_dag", session_mode=mode)
    run.add_task("a_dag", job_id=job_id, return_value=sampler(job_id, {"counts": {"0": 20}}), **{LINK: "https://x"})

    page = browser().until(is_billed, RESULT, **OF_RUN)

    [job] = page["tasks"][0]["jobs"]
    assert job["in_session"] == (mode == "dedicated")
    assert (job["cost"] is None) == (mode == "dedicated")


def test_a_failed_job_is_shown_with_ibms_reason_and_solution(browser, run, submit, emulator):
    emulator.configure(queue_seconds=1000.0)
    job_id = submit("a_dag")
    emulator.finish(job_id, "Failed", reason="Not ISA.", reason_code=6050, reason_solution="Transpile it.")
    run.add_task("a_dag", state="failed", job_id=job_id, **{LINK: "https://x"})

    page = browser().until(is_read, RESULT, **OF_RUN)

    [job] = page["tasks"][0]["jobs"]
    assert job["state"] == "Failed"
    assert job["failure"]["reason"].startswith("Not ISA")
    assert (job["failure"]["code"], job["failure"]["solution"]) == (6050, "Transpile it.")
    assert page["tasks"][0]["downloads"] == []


def test_a_waiting_task_is_followed(browser, run, submit, emulator):
    emulator.configure(queue_seconds=1000.0)
    run.add_task("a_dag", state="deferred", job_id=submit("a_dag"), **{LINK: "https://x"})

    [task] = browser().until(is_read, RESULT, **OF_RUN)["tasks"]

    assert task["goes_on"]
    assert task["jobs"][0]["state"] == "Queued"
    assert task["jobs"][0]["timeline"]["running"] is None


def test_one_task_instance_alone(browser, run, submit):
    for index in range(3):
        run.add_task("a_dag", map_index=index, job_id=submit("a_dag", map_index=index), **{LINK: "https://x"})

    assert [task["task"] for task in browser().read(RESULT, **OF_RUN)["tasks"]] == [f"measure[{n}]" for n in range(3)]
    [one] = browser().read(RESULT, **OF_TASK, map_index=2)["tasks"]
    assert one["task"] == "measure[2]"


def test_a_run_with_many_tasks_is_paged(browser, run):
    for index in range(25):
        run.add_task("a_dag", map_index=index, **{LINK: ""})

    first, second = (browser().read(RESULT, **OF_RUN, page=page) for page in (1, 2))

    assert (len(first["tasks"]), len(second["tasks"]), first["total"], first["pages"]) == (20, 5, 25, 2)
    assert "submitted no job" in first["tasks"][0]["note"]


def test_what_is_missing_is_said_in_a_sentence(browser, run):
    assert "no such DAG run" in browser().read(RESULT, dag_id="a_dag", run_id="another")["message"]
    assert "No task of this run" in browser().read(RESULT, **OF_RUN)["message"]
    assert "XCom holds no result" in browser().get("/api/result/download", **OF_TASK).json()["detail"]
    assert browser().read("/api/result/drawing", **OF_TASK)["state"] == "none"


def test_tasks_that_are_not_ours_are_left_out(browser, run):
    run.add_task("a_dag", "bash", job_id="17", return_value="done")

    assert browser().read(RESULT, **OF_RUN)["tasks"] == []


def test_a_service_that_is_down_leaves_what_xcom_holds(browser, run, submit, emulator):
    job_id = submit("a_dag")
    value = sampler(job_id, {"shots": 1, "counts": {"1": 1}}, backend="ibm_fez", created="2026-01-01T00:00:00+00:00")
    run.add_task("a_dag", job_id=job_id, return_value=value, **{LINK: "https://x"})
    emulator.add_fault(path="/*", status=503, times=500)

    [task] = browser().until(is_read, RESULT, **OF_RUN)["tasks"]

    assert task["pubs"][0]["points"][0]["total"] == 1
    assert "503" in task["jobs"][0]["note"]
    assert task["jobs"][0]["backend"] == "ibm_fez"


@pytest.mark.parametrize("as_format", ["json", "csv"])
def test_the_download_is_what_xcom_holds(browser, run, as_format):
    counts = {"0": 5, "1": 15}
    run.add_task("a_dag", return_value=sampler("j", {"counts": counts}), **{LINK: ""})

    answer = browser().get("/api/result/download", **OF_TASK, format=as_format)

    assert answer.headers["content-disposition"] == f'attachment; filename="measure.{as_format}"'
    if as_format == "json":
        assert answer.json()["results"][0]["counts"] == counts
    else:
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert {row["bitstring"]: int(row["count"]) for row in rows} == counts


@pytest.mark.parametrize("task_id", ["größe", "測定"])
def test_the_download_has_the_name_of_its_task_in_any_language(browser, run, task_id):
    run.add_task("a_dag", task_id, return_value=sampler("j", {"counts": {"0": 5}}))

    answer = browser().get("/api/result/download", **{**OF_TASK, "task_id": task_id})

    assert answer.status_code == 200
    name = answer.headers["content-disposition"].partition("filename*=UTF-8''")[2]
    assert unquote(name) == f"{task_id}.json"


def test_the_most_frequent_outcomes_have_bars_and_the_rest_is_summed_up():
    counts = {format(number, "06b"): number + 1 for number in range(64)}

    found = task_results.histogram(counts)

    assert [bar["label"] for bar in found["bars"]] == [format(number, "06b") for number in range(32, 64)]
    assert found["rest"] == {"outcomes": 32, "count": sum(range(1, 33))}
    assert found["total"] == sum(counts.values())


def test_a_sweep_has_a_histogram_for_each_of_its_points():
    [pub], _ = task_results.pub_views(sampler("j", {"shots": 2, "counts": [[{"0": 2}, {"1": 2}]]}))

    assert [point["at"] for point in pub["points"]] == ["[0, 0]", "[0, 1]"]


def test_a_sweep_of_many_points_is_cut_and_says_so():
    [pub], _ = task_results.pub_views(sampler("j", {"shots": 2, "counts": [{"0": 2}] * 100}))

    assert (len(pub["points"]), pub["more"]) == (task_results.MOST_POINTS, 100 - task_results.MOST_POINTS)


def test_many_pubs_are_cut_and_counted():
    views, more = task_results.pub_views(sampler("j", *[{"shots": 2, "counts": {"0": 2}}] * 100))

    assert (len(views), more) == (task_results.MOST_POINTS, 100 - task_results.MOST_POINTS)


def test_the_result_of_another_program_is_left_to_the_download(browser, run):
    run.add_task("a_dag", job_id="j", return_value=sampler("j", {"anything": 1}), **{LINK: ""})

    [task] = browser().read(RESULT, **OF_RUN)["tasks"]

    assert task["pubs"] == []
    assert "Download it as JSON" in task["note"]
    assert task["downloads"] == ["json"]


def test_a_result_that_a_custom_backend_keeps_elsewhere_is_told_of(browser, run):
    run.add_task("a_dag", job_id="j", return_value="s3://bucket/key", **{LINK: ""})

    assert "custom XCom backend" in browser().read(RESULT, **OF_RUN)["tasks"][0]["note"]


def test_what_is_no_number_is_no_value():
    [pub], _ = task_results.pub_views({"results": [{"evs": [float("nan"), 1.0], "stds": [1.0, float("inf")]}]})

    assert [(point["value"], point["error"]) for point in pub["points"]] == [(None, 1.0), (1.0, None)]


def test_expectation_values_with_their_errors():
    value = {"job_id": "j", "program_id": "estimator", "results": [{"evs": [0.5, None], "stds": [0.1, None]}]}

    [pub], _ = task_results.pub_views(value)

    assert pub["points"] == [
        {"label": "[0]", "value": 0.5, "error": 0.1},
        {"label": "[1]", "value": None, "error": None},
    ]
    assert task_results.csv_text(value).splitlines() == ["pub,point,ev,std", "0,[0],0.5,0.1", "0,[1],,"]


def test_a_single_expectation_value():
    value = {"job_id": "j", "program_id": "estimator", "results": [{"evs": 0.5, "stds": 0.1}]}

    assert task_results.pub_views(value)[0][0]["points"] == [{"label": "", "value": 0.5, "error": 0.1}]


def test_quasi_probabilities_may_be_negative():
    [pub], _ = task_results.pub_views(sampler("j", {"counts": None, "quasi_dists": {"0": 1.1, "1": -0.1}}))

    assert pub["kind"] == "quasi"
    assert {bar["label"]: bar["count"] for bar in pub["points"][0]["bars"]} == {"0": 1.1, "1": -0.1}


def test_a_result_that_was_too_large_says_where_it_is():
    value = sampler("j", {"shots": 2, "counts": None, "registers": {}}, result_path="/results/j.json")

    [pub], _ = task_results.pub_views(value)

    assert "/results/j.json" in pub["note"]
    assert not task_results.has_values(value)


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        ({"circuits": [FLIP, [FLIP, [1], 20]]}, [{"text": FLIP, "cut": False}] * 2),
        ({"circuits": "<qiskit.QuantumCircuit object at 0x7f>"}, [{"text": None, "cut": False}]),
        ({"circuits": "Truncated. You can change this behaviour in [core] ..."}, [{"text": None, "cut": True}]),
        ({}, []),
        (None, []),
    ],
)
def test_the_source_of_circuits(rendered, expected):
    assert task_results.circuit_sources(rendered) == expected


BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0]; cx q[0], q[1];'


def drawn(source):
    return settled(Drawings(), source)


def settled(drawings, source):
    first = drawings.get(source)
    assert first.state == "drawing"
    for thread in drawing.threading.enumerate():
        if thread.name == "qiskit-runtime-drawings":
            thread.join(300)
    return drawings.get(source)


@pytest.mark.parametrize("source", [BELL, 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0], q[1];'])
def test_a_circuit_is_drawn_in_a_process_of_its_own(source):
    found = drawn(source)

    assert found.state == "drawn"
    assert "┤ H ├" in found.text
    assert "┤ X ├" in found.text


def test_a_circuit_that_cannot_be_drawn_says_so():
    assert drawn("OPENQASM 3.0; this is none").state == "none"


def test_half_a_surrogate_pair_is_no_text_that_can_be_drawn():
    assert drawn(BELL + "// \ud800").state in ("drawn", "none")


def test_a_mistake_while_drawing_does_not_end_all_drawing(monkeypatch):
    drawings = Drawings()
    monkeypatch.setattr(drawing, "_draw", lambda source: 1 / 0)
    assert settled(drawings, "first").state == "none"
    monkeypatch.setattr(drawing, "_draw", lambda source: drawing.Drawing("drawn", source))
    assert settled(drawings, "second").text == "second"


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_a_circuit_reads_no_file_of_the_server(tmp_path, version):
    secret = tmp_path / "secret.txt"
    secret.write_text("the password is swordfish;")

    found = drawn(f'OPENQASM {version}; include "{secret}";')

    assert found.state == "none"
    assert "swordfish" not in found.text


def test_without_qiskit_the_page_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(drawing, "can_draw", lambda: False)

    assert "pip install" in Drawings().get(BELL).text


def test_the_drawing_of_a_task(browser, run):
    run.add_task("a_dag", rendered={"circuits": BELL}, return_value=sampler("j"), **{LINK: ""})

    page = browser().until(lambda page: page["state"] != "drawing", "/api/result/drawing", **OF_TASK)

    assert "┤ H ├" in page["text"]
    assert browser().read("/api/result/drawing", **OF_TASK, index=1)["state"] == "none"


def test_the_result_of_an_operator_is_drawn(browser, run, context, submit):
    """The page draws the real return value of an operator, not one that this test assumes."""
    from airflow.sdk import DAG

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    with DAG("a_dag", schedule=None):
        operator = QiskitRuntimeSamplerOperator(task_id="measure", circuits=FLIP, backend="ibm_fez", shots=20)
    context["ti"].dag_id, context["ti"].run_id, context["ti"].task_id = "a_dag", RUN, "measure"
    value = json.loads(json.dumps(operator.execute(context)))
    run.add_task("a_dag", job_id=value["job_id"], return_value=value, **{LINK: context["ti"].pushed[LINK]})

    [task] = browser().until(is_read, RESULT, **OF_RUN)["tasks"]

    assert task["pubs"][0]["points"][0]["bars"] == [{"label": "1", "count": 20}]
    assert task["jobs"][0]["state"] == "Completed"
    assert task["jobs"][0]["seconds"] == value["usage_seconds"]
    assert task["jobs"][0]["note"] == ""


def test_odd_values_in_xcom_do_not_reach_the_page(browser, run):
    odd = {"created": "soon", "finished": 7, "status": {"a": 1}, "backend": ["x"], "program_id": "sampler"}
    run.add_task("a_dag", job_id="j", return_value={**sampler("j"), **odd}, **{LINK: ""})

    [task] = browser().read(RESULT, **OF_RUN)["tasks"]

    [job] = task["jobs"]
    assert (job["state"], job["backend"]) == (None, None)
    assert set(job["timeline"].values()) == {None}


def test_the_plan_of_a_dry_run_is_shown(browser, run):
    plan = {
        "dry_run": True,
        "backend": "ibm_fez",
        "program_id": "sampler",
        "session_id": None,
        "executions": 20_000,
        "jobs": 1,
        "estimated_seconds": 9.0,
        "budget_seconds": 60,
        "fingerprint": "f",
    }
    run.add_task("a_dag", state="success", return_value=plan, **{LINK: ""})

    [task] = browser().get(RESULT, **OF_RUN).json()["tasks"]

    assert task["program"] == "sampler"
    assert task["note"] == ""
    assert {one["label"]: one["value"] for one in task["plan"]} == {
        "Backend": "ibm_fez",
        "Program": "sampler",
        "Jobs": "1",
        "Executions": "20,000",
        "Estimated QPU time": "9.0 s, about 14.40 USD",
        "Budget": "60 s",
    }


@pytest.mark.parametrize(
    ("estimate", "says"),
    [("service", "by IBM's dry run"), ("formula", "by the formula: this instance has no dry runs")],
)
def test_the_plan_says_where_its_estimate_comes_from(browser, run, estimate, says):
    plan = {"dry_run": True, "backend": "ibm_fez", "program_id": "executor", "estimated_seconds": 9.0}
    run.add_task("a_dag", state="success", return_value={**plan, "estimate": estimate}, **{LINK: ""})

    [task] = browser().get(RESULT, **OF_RUN).json()["tasks"]

    shown = {one["label"]: one["value"] for one in task["plan"]}
    assert shown["Estimated QPU time"] == f"9.0 s, about 14.40 USD, {says}"


@pytest.mark.parametrize("known", [{"estimated_seconds": 3.5}, {"usage_seconds": 3}, {}])
def test_the_estimate_is_shown_beside_the_charge(browser, run, submit, known):
    job_id = submit("a_dag")
    result = sampler(job_id, {"shots": 20, "counts": {"1": 20}, "registers": {}})
    both = {"estimated_seconds": 3.5, "usage_seconds": 3}
    run.add_task("a_dag", "both", job_id=job_id, return_value={**result, **both}, **{LINK: "https://x"})
    run.add_task("a_dag", "one", job_id=job_id, return_value={**result, **known}, **{LINK: "https://x"})

    tasks = {task["task_id"]: task for task in browser().until(is_read, RESULT, **OF_RUN)["tasks"]}

    assert tasks["both"]["estimate"] == {"expected": 3.5, "charged": 3}
    assert tasks["one"]["estimate"] is None


def test_readout_points_are_not_taken_for_a_result_that_was_too_large(browser, run, submit):
    job_id = submit("a_dag")
    register = {"num_bits": 1, "index": 0, "points": [[[0.5, 1.0]]]}
    pub = {"shots": 1, "counts": None, "meas_type": "kerneled", "registers": {"c": register}}
    large = {**pub, "registers": {"c": {**register, "points": None}}}
    run.add_task("a_dag", job_id=job_id, return_value=sampler(job_id, pub, large), **{LINK: "https://x"})

    [task] = browser().until(is_read, RESULT, **OF_RUN)["tasks"]

    first, second = (view["note"] for view in task["pubs"])
    assert first == "Readout points (kerneled) are not drawn. Download them as JSON."
    assert "too large" in second
    assert task["downloads"] == ["json"]


def test_of_a_result_that_was_too_large_the_most_frequent_outcomes_are_drawn(browser, run, submit):
    job_id = submit("a_dag")
    register = {"num_bits": 2, "index": 0, "counts": None}
    pub = {
        "shots": 100,
        "counts": None,
        "registers": {"c": register},
        "top_counts": {"01": 40, "10": 30},
        "num_outcomes": 4,
    }
    run.add_task(
        "a_dag",
        job_id=job_id,
        return_value={**sampler(job_id, pub), "result_path": "s3://b/j.json"},
        **{LINK: "https://x"},
    )

    [task] = browser().until(is_read, RESULT, **OF_RUN)["tasks"]

    [view] = task["pubs"]
    assert view["points"] == [
        {
            "at": "",
            "bars": [{"label": "01", "count": 40.0}, {"label": "10", "count": 30.0}],
            "rest": {"outcomes": 2, "count": 30.0},
            "total": 100,
            "outcomes": 4,
        }
    ]
    assert "s3://b/j.json" in view["note"]
    assert task["downloads"] == ["json"]


def test_a_task_with_a_result_has_no_plan(browser, run, submit):
    job_id = submit("a_dag")
    result = sampler(job_id, {"shots": 20, "counts": {"1": 20}, "registers": {}})
    run.add_task("a_dag", job_id=job_id, return_value=result, **{LINK: "https://x"})

    assert browser().until(is_read, RESULT, **OF_RUN)["tasks"][0]["plan"] == []


def test_counts_are_shown_by_register_where_there_are_several():
    registers = {
        "a": {"num_bits": 1, "index": 0, "counts": {"0": 3, "1": 1}},
        "b": {"num_bits": 1, "index": 1, "counts": {"1": 4}},
        "odd": None,
    }
    entry = {"shots": 4, "counts": {"10": 3, "11": 1}, "registers": registers}

    [view], _ = task_results.pub_views({"results": [entry]})
    assert [(one["at"], one["total"], len(one["bars"])) for one in view["registers"]] == [("a", 4, 2), ("b", 4, 1)]

    [view], _ = task_results.pub_views({"results": [{**entry, "registers": {"a": registers["a"]}}]})
    assert view["registers"] == []
