"""A loop of forty calls, each of which depends on the one before."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_qrt.decorators.hybrid import qiskit_hybrid_task

CALLS = 40
TURN = """OPENQASM 3.0;
include "stdgates.inc";
input float[64] theta;
bit[1] c;
sx $0; rz(theta + pi) $0; sx $0; rz(pi) $0;
c[0] = measure $0;
"""
OFTEN = {"retries": 40, "retry_delay": timedelta(seconds=0)}

for name, deferrable in (("blocking", False), ("deferred", True)):
    with DAG(f"chaos_{name}_loop", schedule=None, default_args=OFTEN):

        @qiskit_hybrid_task(
            backend="ibm_fez",
            mode="dedicated",
            deferrable=deferrable,
            defer_after=1,
            poll_interval=1,
            qiskit_runtime_conn_id="{{ dag_run.conf['service'] }}",
        )
        def measure(qpu):
            """Turn a qubit by an angle that depends on all outcomes so far."""
            theta, ones = 1.0, []
            for _ in range(CALLS):
                counts = qpu.sample(TURN, {"theta": theta}, shots=200).get_counts()
                ones.append(counts.get("1", 0))
                theta = 0.5 + (7 * theta + ones[-1] / 40) % 2
            return {"ones": ones, "theta": theta, "session_id": qpu.session_id}

        measure()
