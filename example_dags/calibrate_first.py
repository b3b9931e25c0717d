"""Calibrate a machine on demand, then measure on it, in one dedicated session.

The setup task opens the session, the first task calibrates its backend, the second measures right after it, and the
teardown task closes the session whatever happens. The events of the backend's asset say when it was calibrated. A
dedicated session needs a paid plan, and is charged from the start of its first job to its end.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import AssetAlias, Param, dag, task

from airflow_provider_qrt.operators.calibration import QiskitRuntimeCalibrateOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import qiskit_runtime_session

BELL = """OPENQASM 3.0; include "stdgates.inc"; bit[2] c;
rz(pi/2) $0; sx $0; rz(pi/2) $0; rz(pi/2) $1; sx $1; rz(pi/2) $1; cz $0, $1; rz(pi/2) $1; sx $1; rz(pi/2) $1;
c[0] = measure $0; c[1] = measure $1;"""


@dag(
    dag_id="qiskit_runtime_calibrate_first",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={"backend": "ibm_fez", "shots": Param(1000, type="integer", minimum=1)},
    doc_md=__doc__,
)
def calibrate_first():
    with qiskit_runtime_session(mode="dedicated", backend="{{ params.backend }}", max_ttl="20m") as session:
        calibrate = QiskitRuntimeCalibrateOperator(
            task_id="calibrate",
            session_id=session.id,
            max_execution_time="10m",
            deferrable=True,
            outlets=[AssetAlias("calibrated_backend")],  # stands for the backend
        )
        measure = QiskitRuntimeSamplerOperator(
            task_id="measure",
            session_id=session.id,
            circuits=BELL,
            shots="{{ params.shots }}",
            max_execution_time="1m",
            deferrable=True,
        )
        calibrate >> measure

    @task
    def compare(calibration: dict, measurement: dict) -> dict:
        """Return the share of equal bits, and how old the calibration was when the circuit was submitted."""
        counts = measurement["results"][0]["counts"]
        equal = (counts.get("00", 0) + counts.get("11", 0)) / sum(counts.values())
        calibrated = datetime.fromisoformat(calibration["results"]["stop"])
        age = datetime.fromisoformat(measurement["created"]) - calibrated
        print(f"{equal:.1%} equal bits, {age} after the calibration")
        return {"equal": equal, "age_seconds": age.total_seconds()}

    compare(calibrate.output, measure.output)


calibrate_first()
