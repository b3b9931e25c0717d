"""Run a circuit each time a backend comes back online, and publish the result as an asset.

There is no schedule and no task that waits: a watcher in the triggerer polls the backend once a minute, together with
all other watchers and deferred sensors of the connection. The counts are a separate asset, for DAGs that need them.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task

from airflow_provider_qrt.assets.qiskit_runtime import create_asset
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeBackendTrigger

BACKEND = create_asset(
    instance="my-instance",
    backend="ibm_marrakesh",
    watchers=[
        AssetWatcher(name="ibm_marrakesh_is_back", trigger=QiskitRuntimeBackendTrigger(backend="ibm_marrakesh")),
    ],
)
COUNTS = Asset("bell_counts")


@dag(
    dag_id="qiskit_runtime_run_when_backend_is_back",
    schedule=[BACKEND],
    catchup=False,
    max_active_runs=1,
    tags=["qiskit-runtime", "example"],
    doc_md=__doc__,
)
def run_when_backend_is_back():
    @task
    def what_happened(triggering_asset_events: Any = None) -> dict[str, Any]:
        events = (triggering_asset_events or {}).get(BACKEND) or []
        # Nothing has happened when somebody runs the DAG by hand.
        return events[-1].extra["payload"] if events else {"backend": "ibm_marrakesh"}

    happened = what_happened()

    QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits="circuits/bell_phi.qasm",
        backend=happened["backend"],
        shots=512,
        deferrable=True,
        outlets=[COUNTS],
    )


run_when_backend_is_back()
