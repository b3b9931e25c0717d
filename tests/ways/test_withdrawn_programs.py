"""IBM withdraws its server-side programs overnight, or its executor: the example DAGs still pass."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.emulator import Emulator
from tests.ways.examples import CONF, copy_dags
from tools.demo import connection
from tools.local_airflow import LocalAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

FOR_THE_EXECUTOR = {"directed_execution", "learn_noise"}
"""Their jobs are programs for the executor itself, so nothing else can run them."""


@pytest.mark.parametrize("withdrawn", [("sampler", "estimator"), ("executor",)], ids=["server", "executor"])
def test_every_example_passes(withdrawn, tmp_path):
    with Emulator(rate_limit=False, queue_seconds=1, run_seconds=0.2, withdrawn_programs=withdrawn) as service:
        connections = {"qiskit_runtime_default": connection(service)}
        with LocalAirflow(tmp_path, copy_dags(tmp_path / "dags"), connections=connections) as airflow:
            can_run = {name: CONF[name] for name in CONF if name not in FOR_THE_EXECUTOR or "executor" not in withdrawn}
            runs = {name: airflow.trigger(f"qiskit_runtime_{name}", conf=conf) for name, conf in can_run.items()}
            for name, run_id in runs.items():
                airflow.expect_end(f"qiskit_runtime_{name}", run_id, seconds=900)
        programs = {job["program_id"] for job in service.jobs()}
    assert programs
    assert not programs & set(withdrawn)
