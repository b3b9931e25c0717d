"""A noise model is learned by one DAG, and the event of its asset starts another DAG, which uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_the_nights_model_is_used_by_the_dag_that_its_event_starts(airflow, tmp_path):
    run_id = airflow.trigger("qiskit_runtime_learn_noise", conf={"folder": str(tmp_path), "randomizations": 2})
    airflow.expect_end("qiskit_runtime_learn_noise", run_id)
    learned = airflow.xcom("qiskit_runtime_learn_noise", run_id, "learn")
    model = json.loads(Path(learned["result_path"]).read_text())["results"]
    assert model["backend"] == "ibm_fez"
    assert model["layers"]

    def started() -> str | None:
        runs = airflow.api("GET", "/dags/qiskit_runtime_use_noise_model/dagRuns")["dag_runs"]
        return runs[0]["dag_run_id"] if runs else None

    used = wait_until(started, seconds=300, what="a run that the event starts")
    airflow.expect_end("qiskit_runtime_use_noise_model", used)
    found = airflow.xcom("qiskit_runtime_use_noise_model", used, "energy")
    assert -3.5 < found["energy"] < 0
    value = airflow.xcom("qiskit_runtime_use_noise_model", used, "estimate")
    assert (value["backend"], value["program_id"]) == ("ibm_fez", "executor")
