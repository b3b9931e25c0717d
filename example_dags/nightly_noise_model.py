"""Learn the noise of a circuit's layers every night, and cancel it in a measurement that follows.

The first DAG learns the noise of the two-qubit layers of a circuit and writes the model, with the transpiled circuit,
to a file. The event of its asset starts the second DAG, which estimates the energy of a chain of spins by probabilistic
error cancellation (PEC) with this model. A model of another calibration, or one that is too old, is refused before
anything is submitted. Needs the extra ``noise-learning``: ``pip install 'airflow-provider-qrt[noise-learning]'``.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir
from typing import Any

from airflow.sdk import Asset, Param, dag, task

from airflow_provider_qrt.operators.noise_learner import QiskitRuntimeNoiseLearnerOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator

MODEL = Asset("ising_noise_model")
SPINS = 3
ENERGY = {**{f"Z{spin} Z{spin + 1}": -1.0 for spin in range(SPINS - 1)}, **{f"X{spin}": -0.5 for spin in range(SPINS)}}
CHAIN = """OPENQASM 3.0; include "stdgates.inc"; qubit[3] q;
gate coupling a, b { cx a, b; rz(0.6) b; cx a, b; }
rx(0.8) q; coupling q[0], q[1]; coupling q[1], q[2]; rx(0.8) q;
"""
PLACE = {"optimization_level": 1}


@dag(
    dag_id="qiskit_runtime_learn_noise",
    schedule=None,  # "0 3 * * *" for every night
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={
        "backend": "ibm_fez",
        "folder": str(Path(gettempdir()) / "qiskit_runtime_noise_models"),  # better one that all workers reach
        "randomizations": Param(16, type="integer", minimum=1),
    },
    render_template_as_native_obj=True,
    doc_md=__doc__,
)
def learn_noise():
    QiskitRuntimeNoiseLearnerOperator(
        task_id="learn",
        circuits=CHAIN,
        **PLACE,
        options={
            "num_randomizations": "{{ params.randomizations }}",
            "shots_per_randomization": 64,
            "layer_pair_depths": [0, 2, 8],
        },
        backend="{{ params.backend }}",
        result_path="{{ params.folder }}",
        max_execution_time="10m",
        deferrable=True,
        outlets=[MODEL],
    )


@dag(
    dag_id="qiskit_runtime_use_noise_model",
    schedule=[MODEL],
    catchup=False,
    max_active_runs=1,
    tags=["qiskit-runtime", "example"],
    doc_md=__doc__,
)
def use_noise_model():
    @task
    def newest_model(triggering_asset_events: Any = None) -> dict[str, str]:
        """Return where the model of the event is."""
        return {"result_path": triggering_asset_events[MODEL][-1].extra["result_path"]}

    estimate = QiskitRuntimeEstimatorOperator(
        task_id="estimate",
        circuits=[(CHAIN, ENERGY)],
        **PLACE,
        noise_model=newest_model(),
        noise_model_max_age="6h",
        options={"resilience": {"pec_mitigation": True}},
        precision=0.05,
        backend="least_busy",  # the backend of the model
        max_execution_time="5m",
        deferrable=True,
    )

    @task
    def energy(result: dict) -> dict[str, float]:
        found = {"energy": result["results"][0]["evs"], "error": result["results"][0]["stds"]}
        print(f"Job {result['job_id']} on {result['backend']}: {found}")
        return found

    energy(estimate.output)


learn_noise()
use_noise_model()
