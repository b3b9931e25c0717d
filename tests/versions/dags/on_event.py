"""A DAG that an event of a backend starts."""

from __future__ import annotations

from airflow.sdk import DAG, AssetWatcher, task

from airflow_provider_qrt.assets.qiskit_runtime import create_asset
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeBackendTrigger

IS_BACK = QiskitRuntimeBackendTrigger(backend="ibm_boston", poll_interval=5)
BACKEND = create_asset(
    instance="my-instance", backend="ibm_boston", watchers=[AssetWatcher(name="is_back", trigger=IS_BACK)]
)

with DAG("on_event", schedule=[BACKEND], catchup=False):

    @task
    def what_happened(triggering_asset_events=None):
        return triggering_asset_events[BACKEND][-1].extra["payload"]["happened"]

    what_happened()
