"""The commands as users type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
HADAMARD = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; h $0; c[0] = measure $0;'


def test_backends_are_a_table(run):
    done = run("backends")
    heads, *rows = done.text.splitlines()
    assert done.code == 0
    assert heads.split() == ["name", "status", "queue", "wait", "seconds", "qubits", "processor"]
    assert any(row.startswith("ibm_fez ") and "156" in row and "Heron" in row for row in rows)


def test_backends_are_json(run):
    found = {one["name"]: one for one in run("backends", "--json").json}
    assert found["ibm_fez"]["qubits"] == 156


def test_jobs_show_state_dag_and_cost(run, finished, emulator):
    emulator.configure(run_seconds=0.4)
    job_id = finished(tags=["dag:nightly", "run:r1", "task:measure"])
    done = run("jobs")
    heads, row = done.text.splitlines()
    assert heads.split() == [
        "id",
        "state",
        "backend",
        "program",
        "dag",
        "task",
        "created",
        "charged",
        "seconds",
        "cost",
    ]
    assert job_id in row
    assert "Completed" in row
    assert "nightly" in row
    assert "$" in row


def test_jobs_of_one_dag_and_those_that_wait(run, finished, submit, emulator):
    finished(tags=["dag:one"])
    emulator.configure(queue_seconds=600)
    waiting = submit(tags=["dag:two"])
    assert [one["id"] for one in run("jobs", "--dag", "two", "--json").json] == [waiting]
    assert [one["id"] for one in run("jobs", "--pending", "--json").json] == [waiting]
    assert len(run("jobs", "--limit", "1", "--json").json) == 1


def test_no_jobs_are_said_to_be_none(run):
    assert run("jobs").text == "There are none.\n"


def test_watching_ends_when_all_jobs_have(run, submit, emulator, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.cli.listing.SHORTEST_INTERVAL", 0.05)
    emulator.configure(queue_seconds=600)
    job_id = submit()
    threading.Timer(0.5, lambda: emulator.finish(job_id)).start()
    begun = time.monotonic()
    done = run("jobs", "--watch", "--interval", "0.05")
    assert time.monotonic() - begun >= 0.4
    assert done.text.count(job_id) > 1
    assert "Completed" in done.text.splitlines()[-1]


def test_a_job_is_shown_with_its_times(run, finished):
    job_id = finished(tags=["dag:nightly"])
    done = run("job", job_id)
    assert done.code == 0
    for said in (job_id, "Completed", "ibm_fez", "nightly", "finished"):
        assert said in done.text


def test_a_failed_job_says_why_and_so_does_the_exit_code(run, submit, emulator):
    emulator.configure(queue_seconds=600)
    job_id = submit()
    emulator.finish(job_id, status="Failed", reason="The device caught fire", reason_code=1234)
    done = run("job", job_id)
    assert done.code == 1
    assert "The device caught fire" in done.text
    assert "1234" in done.text


def test_an_unknown_job_is_an_error_without_a_traceback(run, capsys):
    done = run("job", "there_is_none")
    said = capsys.readouterr().err
    assert done.code == 3
    assert said.startswith("error: ")
    assert "Traceback" not in said


def test_a_result_is_counts(run, finished):
    done = run("result", finished())
    assert done.code == 0
    assert done.text.splitlines()[0] == "circuit 0: 20 shots, 1 outcomes"
    assert done.text.splitlines()[-1].split() == ["1", "20"]


def test_a_result_is_json_or_a_file(run, finished, tmp_path):
    job_id = finished()
    assert run("result", job_id, "--json").json[0]["counts"] == {"1": 20}
    file = tmp_path / "result.json"
    assert run("result", job_id, "--output", str(file)).code == 0
    assert "results" in json.loads(file.read_text())


def test_a_failed_job_has_no_result_and_says_why(run, submit, emulator, capsys):
    emulator.configure(queue_seconds=600)
    job_id = submit()
    emulator.finish(job_id, "Failed", reason="Not ISA.", reason_code=6050)
    assert run("result", job_id).code == 1
    said = capsys.readouterr().err
    assert f"Job {job_id} is failed and has no result: Not ISA." in said
    assert f"`job {job_id}` shows more." in said


def test_a_job_that_has_not_ended_has_no_result(run, submit, emulator, capsys):
    emulator.configure(queue_seconds=600)
    assert run("result", submit()).code == 3
    assert "is queued and has no result" in capsys.readouterr().err


def test_a_private_result_is_read_only_when_asked_for_twice(run, finished, capsys, tmp_path):
    job_id = finished(private=True)
    assert run("result", job_id).code == 2
    assert "--yes" in capsys.readouterr().err
    assert run("result", job_id, "--yes", "--json").json[0]["counts"] == {"1": 20}


def test_jobs_are_cancelled_and_those_that_have_ended_are_fine(run, submit, finished, client, emulator):
    ended = finished()
    emulator.configure(queue_seconds=600)
    waiting = submit()
    done = run("cancel", waiting, ended)
    assert done.code == 0
    assert f"Job {waiting} was cancelled." in done.text
    assert f"Job {ended} has ended" in done.text
    assert client.job(waiting).status == "Cancelled"


def test_an_id_that_nobody_knows_was_not_cancelled(run, finished):
    done = run("cancel", "there_is_none", finished())
    assert done.code == 3
    assert "Job there_is_none is not known to" in done.text


@pytest.fixture
def circuit(tmp_path) -> Path:
    file = tmp_path / "flip.qasm"
    file.write_text(FLIP)
    return file


def test_a_circuit_that_fits_is_estimated(run, circuit, emulator):
    done = run("check", str(circuit), "--backend", "ibm_fez", "--shots", "1000")
    assert done.code == 0
    assert "runs               yes" in done.text
    assert "$3.7" in done.text
    assert emulator.jobs() == []
    told = run("check", str(circuit), "--backend", "ibm_fez", "--shots", "1000", "--json").json
    assert told["runs"] is True
    assert told["estimated_cost"] == pytest.approx(3.76, abs=0.1)


def test_a_circuit_that_does_not_fit_is_refused_with_the_reason(run, circuit):
    circuit.write_text(HADAMARD)
    done = run("check", str(circuit), "--backend", "ibm_fez", "--json")
    assert done.code == 1
    assert done.json["runs"] is False
    assert "'h'" in done.json["problem"]
    assert "set optimization_level=1 (0 to 3) to transpile for ibm_fez first" in done.json["problem"]
    # What will run is another circuit.
    assert done.json["estimated_cost"] is None


def test_a_saved_configuration_needs_no_account(run, circuit, tmp_path, monkeypatch):
    saved = tmp_path / "fez.json"
    assert run("check", str(circuit), "--backend", "ibm_fez", "--save-configuration", str(saved)).code == 0
    monkeypatch.delenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT")
    done = run("check", str(circuit), "--configuration", str(saved), "--json")
    assert done.code == 0
    assert done.json["backend"] == "ibm_fez"


def test_a_circuit_is_checked_as_for_the_estimator(run, circuit):
    circuit.write_text('OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; x $0;'.replace("qubit[1] q; ", ""))
    assert run("check", str(circuit), "--backend", "ibm_fez", "--observables", "Z").code == 0


def test_a_circuit_too_wide_for_the_backend_is_not_sent_to_the_transpiler(run, circuit):
    circuit.write_text("OPENQASM 3.0; qubit[200] q; bit[1] c; c[0] = measure q[199];")
    answer = run("check", str(circuit), "--backend", "ibm_fez")
    assert answer.code == 1
    assert "Take a larger backend" in answer.text
    assert "optimization_level" not in answer.text


def test_a_similar_file_is_suggested_for_a_missing_circuit(run, circuit, capsys):
    answer = run("check", str(circuit)[: -len(".qasm") - 1] + ".qasm", "--backend", "ibm_fez")
    assert answer.code == 2
    assert f"did you mean '{circuit.name}'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["unlike_any.qasm", "no_such_folder/flip.qasm"])
def test_no_file_is_suggested_where_none_is_similar(run, circuit, capsys, name):
    assert run("check", str(circuit.parent / name), "--backend", "ibm_fez").code == 2
    assert capsys.readouterr().err.endswith("No such file or directory.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "there_is_none.qasm", "--backend", "ibm_fez"], "the file cannot be read"),
        (["check", "FLIP"], "Name the backend"),
        (["check", "FLIP", "--backend", "ibm_fes"], "Did you mean 'ibm_fez'?"),
        (["check", "FLIP", "--configuration", "FLIP"], "no configuration of a backend"),
        (["jobs", "--limit", "0"], "--limit: must be at least 1"),
        (["backends", "--conn-id", "there_is_none"], "There is no connection 'there_is_none'"),
    ],
)
def test_wrong_use_says_what_to_do(run, circuit, arguments, said, capsys):
    assert run(*(str(circuit) if one == "FLIP" else one for one in arguments)).code == 2
    assert said in capsys.readouterr().err


def test_the_official_clients_variables_are_taken(run, emulator, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT")
    monkeypatch.setenv("QISKIT_IBM_TOKEN", emulator.api_key)
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", emulator.instance)
    monkeypatch.setenv("QISKIT_IBM_URL", emulator.url)
    monkeypatch.setenv("QISKIT_IBM_IAM_URL", emulator.iam_url)
    assert run("backends").code == 0


def test_a_wrong_key_is_refused_without_showing_it(run, connect, capsys):
    connect(password="the-wrong-key")
    assert run("backends").code == 3
    assert "the-wrong-key" not in capsys.readouterr().err


def test_a_connection_that_is_no_json_is_not_quoted(run, monkeypatch, capsys):
    monkeypatch.setenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT", '{"password": "the-key"')
    assert run("backends").code == 2
    assert "the-key" not in capsys.readouterr().err


def test_without_airflow_it_does_not_import_it(connection, emulator):
    code = (
        "import sys\n"
        "from airflow_provider_qrt.cli.main import main\n"
        "assert main(['backends', '--json']) == 0\n"
        "assert not [name for name in sys.modules if name == 'airflow' or name.startswith('airflow.')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "ibm_fez" in done.stdout


def test_it_runs_as_a_module(connection, emulator):
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_qrt", "backends"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ibm_fez" in done.stdout
    assert done.stderr == ""


def test_airflow_has_the_same_commands(connection, emulator):
    airflow = Path(sys.executable).with_name("airflow")
    done = subprocess.run(
        [airflow, "qiskit-runtime", "backends", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"ibm_fez"' in done.stdout
