"""The lines in a task's log: lines at growing intervals while it waits, and one at the end."""

from __future__ import annotations

import logging
import re

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

BELL = """OPENQASM 3.0; include "stdgates.inc"; bit[2] c; qubit[2] q;
h q[0]; cx q[0], q[1]; c = measure q;"""


def test_the_last_line_says_how_long_it_took_what_it_cost_and_where_the_result_is(either_way, emulator, caplog):
    emulator.configure(queue_seconds=0.3, run_seconds=0.3)
    caplog.set_level(logging.INFO)
    value = either_way.run()
    lines = [record.getMessage() for record in caplog.records if "completed:" in record.getMessage()]
    assert len(lines) == 1
    assert re.fullmatch(
        rf"Job {value['job_id']} completed: queued \d+ s, ran [\d.]+ s, charged [\d.]+ s \(about \$[\d.]+\), "
        r"result in XCom\.",
        lines[0],
    )
    assert f"charged {value['usage_seconds']:.1f} s (about ${value['usage_seconds'] * 1.6:.2f})" in lines[0]


def test_the_last_line_names_the_file_of_the_result(task, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    value = task.run(result_path=str(tmp_path))
    assert f"result in {value['result_path']}." in caplog.text


def test_another_price_and_currency_are_taken(task, emulator, caplog, monkeypatch):
    emulator.configure(run_seconds=0.3)
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__PRICE_PER_SECOND", "0.5")
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__PRICE_CURRENCY", "EUR")
    caplog.set_level(logging.INFO)
    value = task.run()
    assert f"(about {value['usage_seconds'] / 2:.2f} EUR)" in caplog.text


def test_a_task_that_waits_says_so_at_growing_intervals(either_way, emulator, capsys, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("airflow_provider_qrt.jobs.wait.progress.FIRST_PAUSE", 1.0)
    monkeypatch.setattr("airflow_provider_qrt.jobs.wait.progress.Progress._pause", 1.0)
    emulator.configure(queue_seconds=4)
    either_way.run()
    # Triggers write through Airflow's own logger.
    said = capsys.readouterr().out if either_way.arguments["deferrable"] else caplog.text
    still = re.findall(r"Job \w+ is still queued after .*? QPU time\.", said)
    assert 1 <= len(still) <= 6
    assert len(set(still)) == len(still)
    assert re.search(r"after \d+ s: \d+ jobs? in the queue of ibm_fez, the service expects [\d.]+ s", still[0])


def test_qiskit_logs_no_line_for_each_pass(task, caplog, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CIRCUIT_CACHE", "none")
    caplog.set_level(logging.INFO)
    task.run(circuits=BELL, optimization_level=1)
    assert "transpiled for ibm_fez" in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("qiskit.")]


def test_whoever_wants_qiskits_lines_gets_them(task, caplog, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CIRCUIT_CACHE", "none")
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, logger="qiskit")
    task.run(circuits=BELL.replace("cx", "cz"), optimization_level=1)
    assert [record for record in caplog.records if record.name.startswith("qiskit.")]


@pytest.mark.parametrize("wrong", [{"circuits": "nonsense"}, {"backend": "ibm_fezz"}, {"shots": "{{ 0 }}"}])
def test_a_users_mistake_is_one_message(task, wrong):
    with pytest.raises((AirflowFailException, AirflowException)) as failed:
        task.execute(**wrong)
    # What Airflow writes to the log: no second traceback before it.
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__


def test_a_missing_circuit_file_leaves_the_log_of_the_dags_other_tasks_alone(connection, tmp_path, caplog, capsys):
    from airflow.sdk import DAG

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    with DAG("d", schedule=None, template_searchpath=[str(tmp_path)]) as dag:
        missing = QiskitRuntimeSamplerOperator(task_id="missing", circuits="there_is_none.qasm")
        listed = QiskitRuntimeSamplerOperator(task_id="listed", circuits=["there_is_none_either.qasm"])
        nested = QiskitRuntimeSamplerOperator(task_id="nested", circuits=[("bel.qasm", {"theta": 1.0})])
        (tmp_path / "bell.qasm").write_text(BELL)
        there = QiskitRuntimeSamplerOperator(task_id="there", circuits="bell.qasm")
    # What Airflow does on every worker that runs one of the tasks.
    dag.resolve_template_files()
    assert there.circuits == BELL
    names = (
        (missing, r"the file 'there_is_none\.qasm' was not found\. Put"),
        (listed, "the file 'there_is_none_either.qasm'"),
        (nested, r"the file 'bel\.qasm' was not found\. Did you mean 'bell\.qasm'\?"),
    )
    for task, said in names:
        with pytest.raises(AirflowFailException, match=said):
            task.render_template_fields({})
    assert "Traceback" not in caplog.text + capsys.readouterr().out
    assert "Exception rendering" not in caplog.text


def test_a_missing_circuit_file_is_named_before_airflow_looks_for_it_in_a_dag_test(connection, tmp_path, caplog):
    """Airflow reads no files beforehand there, and logs a traceback of its own when it renders."""
    from airflow.sdk import DAG

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    with DAG("d", schedule=None, template_searchpath=[str(tmp_path)]):
        task = QiskitRuntimeSamplerOperator(task_id="missing", circuits="there_is_none.qasm")
    with pytest.raises(AirflowFailException, match=r"the file 'there_is_none\.qasm' was not found") as failed:
        task.render_template_fields({})
    assert failed.value.__cause__ is None
    assert "Exception rendering" not in caplog.text
