"""A DAG that runs after the example that is triggered when a backend is back online."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, AssetAlias, AssetWatcher, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeBackendTrigger

COUNTS = Asset("bell_counts")
# It looks each second, and with it the patient watcher of the example: they share the reading.
HASTY = QiskitRuntimeBackendTrigger(backend="ibm_marrakesh", max_queue=100, poll_interval=1)
QUEUE = Asset("marrakesh_queue", watchers=[AssetWatcher(name="short", trigger=HASTY)])

with DAG("after_the_counts", schedule=[COUNTS]):

    @task
    def told(triggering_asset_events: Any = None) -> dict[str, Any]:
        return triggering_asset_events[COUNTS][-1].extra

    told() >> QiskitRuntimeSamplerOperator(
        task_id="again",
        circuits="circuits/bell_phi.qasm",
        backend="{{ ti.xcom_pull('told')['backend'] }}",
        shots=20,
        outlets=[AssetAlias("whatever_ran")],
    )

with DAG("on_a_short_queue", schedule=[QUEUE]):

    @task
    def noted(triggering_asset_events: Any = None) -> dict[str, Any]:
        return triggering_asset_events[QUEUE][-1].extra["payload"]

    noted()
