"""A DAG file for the type checkers; a comment after a line says that a type checker must find an error there."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget
from airflow_provider_qrt.operators.calibration import QiskitRuntimeCalibrateOperator
from airflow_provider_qrt.operators.executor import QiskitRuntimeExecutorOperator
from airflow_provider_qrt.operators.jobs import (
    QiskitRuntimeCancelJobOperator,
    QiskitRuntimeGetResultOperator,
    QiskitRuntimeSubmitJobOperator,
)
from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator, QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import QiskitRuntimeCreateSessionOperator, qiskit_runtime_session
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor, QiskitRuntimeJobSensor

sampler = QiskitRuntimeSamplerOperator(
    task_id="right",
    circuits="bell.qasm",
    shots="{{ params.shots }}",
    max_execution_time="60s",
    timeout=timedelta(hours=2),
    poll_interval="30s",
    deferrable=True,
    optimization_level=1,
    use_fractional_gates=True,
    retries=3,
    pool="quantum",
    budget={"max_seconds": 60},
)
QiskitRuntimeEstimatorOperator(task_id="right", circuits=[("bell.qasm", "ZZ")], precision=0.1, check_isa=False)
QiskitRuntimeSamplerOperator(task_id="right", circuits="bell.qasm", budget="10m")
QiskitRuntimeSamplerOperator(task_id="right", circuits="", budget=QiskitRuntimeBudget("10m", "dag", timedelta(days=7)))
QiskitRuntimeExecutorOperator(task_id="right", program={"shots": 1, "items": []}, result_format="npz", retries=2)
QiskitRuntimeSubmitJobOperator(task_id="right", program_id="noise-learner", program_params={}, tags=["mine"])
QiskitRuntimeGetResultOperator(task_id="right", job_id=sampler.output, timeout="2h")
QiskitRuntimeJobSensor(task_id="right", job_id=sampler.output, poke_interval="30s", soft_fail=True)
with qiskit_runtime_session(mode="batch", max_ttl="2h", retries=2) as session:
    QiskitRuntimeSamplerOperator(task_id="inside", circuits="bell.qasm", session_id=session.id)
    QiskitRuntimeCalibrateOperator(task_id="calibrate", session_id=session.id, options={"experimental": {}})

QiskitRuntimeSamplerOperator(task_id="t", circuits="", deferable=True)  # error
QiskitRuntimeSamplerOperator(task_id="t", circuits="", buget=60)  # error
QiskitRuntimeSamplerOperator(task_id="t", circuits="", max_exec_time="1h")  # error
QiskitRuntimeSamplerOperator(task_id="t", circuits="", conn_id="mine")  # error
QiskitRuntimeSamplerOperator(task_id="t", circuits="", observables="ZZ")  # error
QiskitRuntimeSamplerOperator(task_id="t", circuits="", shots=1.5)  # error
QiskitRuntimeSamplerOperator(task_id="t", circuits="", deferrable="yes")  # error
QiskitRuntimeSamplerOperator(task_id="t", circuits="", retrys=1)  # error
QiskitRuntimeEstimatorOperator(task_id="t", circuits="", shots=100)  # error
QiskitRuntimeEstimatorOperator(task_id="t", circuits="", resilience="much")  # error
QiskitRuntimeSubmitJobOperator(task_id="t", program_id="sampler", program_params={}, circuits="")  # error
QiskitRuntimeCalibrateOperator(task_id="t", session_id="s", shots=100)  # error
QiskitRuntimeExecutorOperator(task_id="t", program={}, circuits="")  # error
QiskitRuntimeExecutorOperator(task_id="t", program={}, check_isa="yes")  # error
QiskitRuntimeGetResultOperator(task_id="t", job_id="j", poke_interval=3)  # error
QiskitRuntimeCancelJobOperator(task_id="t", job_id="j", deferrable=True)  # error
QiskitRuntimeCreateSessionOperator(task_id="t", mode="session")  # error
QiskitRuntimeJobSensor(task_id="t", job_id="j", poll_interval=3)  # error
QiskitRuntimeBackendSensor(task_id="t", max_queue_length=3)  # error
with qiskit_runtime_session(max_tll=60):  # error
    pass
