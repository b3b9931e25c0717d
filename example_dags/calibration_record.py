"""Record the calibration of every backend each night, as one Parquet file a day.

A row is one measured quantity: T1, T2 and the readout error of a qubit, or the error of a two-qubit gate on a pair.
If a run is cleared, it writes its file again, with the calibration of its own night. Needs the extra ``parquet``:
``pip install 'airflow-provider-qrt[parquet]'``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, task

QUBIT_QUANTITIES = ("T1", "T2", "readout_error")
FOLDER = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "calibration"


def moment(text: str) -> datetime:
    """Convert a timestamp of the service to UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def calibration_rows(backend: str, properties: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the quantities to record, from the properties of a backend."""
    about = {"backend": backend, "calibrated_at": moment(properties["last_update_date"])}
    for qubit, measured in enumerate(properties["qubits"]):
        for one in measured:
            if one["name"] in QUBIT_QUANTITIES:
                yield {**about, "qubit": qubit, "partner": None, "gate": None, **quantity(one)}
    for gate in properties["gates"]:
        if len(gate["qubits"]) != 2:
            continue
        qubit, partner = gate["qubits"]
        for one in gate["parameters"]:
            if one["name"] == "gate_error":
                yield {**about, "qubit": qubit, "partner": partner, "gate": gate["gate"], **quantity(one)}


def quantity(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of one entry of the properties."""
    return {
        "quantity": one["name"],
        "value": float(one["value"]),
        "unit": one["unit"],
        "measured_at": moment(one["date"]),
    }


@dag(
    dag_id="qiskit_runtime_calibration_record",
    schedule="@daily",
    catchup=False,
    max_active_runs=1,
    tags=["qiskit-runtime", "example"],
    params={
        "folder": Param(FOLDER.as_uri(), type="string", description="Any ObjectStoragePath: a folder, s3://, gs://"),
        "qiskit_runtime_conn_id": Param("qiskit_runtime_default", type="string"),
    },
    doc_md=__doc__,
)
def calibration_record():
    @task(retries=3)
    def record(params: dict[str, Any], dag_run: Any) -> dict[str, Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq
        from airflow.sdk import ObjectStoragePath

        from airflow_provider_qrt.client.errors import NotFoundError
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

        client = QiskitRuntimeHook(params["qiskit_runtime_conn_id"]).client
        rows: list[dict[str, Any]] = []
        backends = []
        for backend in client.backends():
            try:
                # As of the time the run was due, even if it is late or cleared.
                properties = client.backend_properties(backend.name, updated_before=dag_run.run_after)
            except NotFoundError:
                print(f"{backend.name} has no calibration")
                continue
            rows += calibration_rows(backend.name, properties)
            backends.append(backend.name)

        when = pa.timestamp("us", tz="UTC")
        schema = pa.schema(
            {
                "backend": pa.string(),
                "calibrated_at": when,
                "qubit": pa.int32(),
                "partner": pa.int32(),
                "gate": pa.string(),
                "quantity": pa.string(),
                "value": pa.float64(),
                "unit": pa.string(),
                "measured_at": when,
            }
        )
        file = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
        folder = ObjectStoragePath(params["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"calibration-{dag_run.run_after.astimezone(UTC):%Y-%m-%d}.parquet"
        path.write_bytes(file.getvalue().to_pybytes())
        print(f"{len(rows)} rows of {', '.join(backends)} in {path}")
        return {"path": str(path), "rows": len(rows), "backends": backends}

    record()


calibration_record()
