"""The provider's metadata for Airflow: names, connection form, configuration. Imports nothing heavy."""

from __future__ import annotations

from typing import Any

from airflow_provider_qrt.hooks.connection_form import EXTRA_FIELDS, UI_FIELD_BEHAVIOUR
from airflow_provider_qrt.hooks.connection_names import CONNECTION_TYPE

INTEGRATION = "IBM Quantum (Qiskit Runtime)"
ASSETS = "airflow_provider_qrt.assets.qiskit_runtime"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata."""
    return {
        "package-name": "airflow-provider-qrt",
        "name": INTEGRATION,
        "description": "Run circuits on IBM Quantum through the Qiskit Runtime REST API (IBM Quantum Compute Service).",
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest",
                "tags": ["service"],
            }
        ],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-name": INTEGRATION,
                "hook-class-name": "airflow_provider_qrt.hooks.qiskit_runtime.QiskitRuntimeHook",
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
                "conn-fields": {name: field.as_conn_field() for name, field in EXTRA_FIELDS.items()},
            }
        ],
        "hooks": _modules("hooks.qiskit_runtime"),
        "operators": _modules(
            "operators.calibration",
            "operators.executor",
            "operators.hybrid",
            "operators.noise_learner",
            "operators.jobs",
            "operators.primitives",
            "operators.sessions",
        ),
        "sensors": _modules("sensors.qiskit_runtime"),
        "triggers": _modules("triggers.qiskit_runtime", "triggers.submission"),
        "task-decorators": [
            {"name": name, "class-name": f"airflow_provider_qrt.decorators.{module}.{name}_task"}
            for module, name in (
                ("primitives", "qiskit_sampler"),
                ("primitives", "qiskit_estimator"),
                ("primitives", "qiskit_executor"),
                ("hybrid", "qiskit_hybrid"),
            )
        ],
        "cli": ["airflow_provider_qrt.cli.airflow_commands.get_commands"],
        "extra-links": ["airflow_provider_qrt.links.qiskit_runtime.QiskitRuntimeJobLink"],
        "asset-uris": [
            {
                "schemes": ["qiskit-runtime"],
                "handler": f"{ASSETS}.sanitize_uri",
                "factory": f"{ASSETS}.create_asset",
                "to_openlineage_converter": f"{ASSETS}.convert_asset_to_openlineage",
            }
        ],
        "config": {
            "qiskit_runtime": {
                "description": "Settings of the IBM Quantum (Qiskit Runtime) provider.",
                "options": {
                    "airflow_name": {
                        "description": (
                            "Tells this Airflow's jobs from those of another one that uses the same IBM Quantum "
                            "instance. Empty: the name that the provider gives to each metadata database by itself, in "
                            "the Airflow variable qiskit_runtime_airflow_name."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "production",
                        "default": "",
                    },
                    "default_program": {
                        "description": (
                            "The program of samplers and estimators whose program_id is auto, as it is by default. "
                            "auto: executor where it can run the input, else the program on IBM's servers. executor: "
                            "always that one. server: always sampler or estimator, which IBM has deprecated."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "server",
                        "default": "auto",
                    },
                    "refusal_patience": {
                        "description": (
                            "Seconds for which the service must refuse to let a job be read (401, 403, 404, or a "
                            "connection that Airflow does not find) before a wait for it ends. The job is not "
                            "cancelled for that."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "1800",
                        "default": "600",
                    },
                    "cleanup_interval": {
                        "description": (
                            "Seconds between two looks of the triggerer for jobs whose task has stopped and for "
                            "sessions whose DAG run has ended; both are cancelled when two looks in a row find them. "
                            "A look costs one request for each connection in use. 0: never."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "300",
                        "default": "90",
                    },
                    "defer_after": {
                        "description": (
                            "Default of the argument defer_after: seconds that a deferrable task may wait on its "
                            "worker before it defers, if the wait promises to be short. 0: it defers at once."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "0",
                        "default": "10",
                    },
                    "circuit_cache": {
                        "description": (
                            "Directory in which circuits that tasks have transpiled are kept. Empty: a directory of "
                            "the worker's user (~/.cache/airflow-provider-qrt/circuits). none: no cache."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/var/cache/airflow/circuits",
                        "default": "",
                    },
                    "backend_cache": {
                        "description": (
                            "Directory in which configuration and calibration of backends are kept for up to 15 "
                            "minutes, and the list's entry of a backend that tasks name for one. Empty: a "
                            "directory of the worker's user (~/.cache/airflow-provider-qrt/backends). none: no cache."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/var/cache/airflow/backends",
                        "default": "",
                    },
                    "record_path": {
                        "description": (
                            "Folder, local or in an object store, in which tasks keep their records on an Airflow "
                            "without a task state store (before 3.3), so that a retry knows its job, a cleared task "
                            "is told from a retry, and the triggerer can clean up. All workers and triggerers must "
                            "reach it. An Airflow with a task state store only reads what is there from before."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://airflow_s3@bucket/qiskit-runtime-records",
                        "default": "",
                    },
                    "max_body_bytes": {
                        "description": (
                            "Largest submission, in bytes of JSON. A list of circuits that takes more is split into "
                            "several jobs. IBM documents no limit; submissions of 33 MB were refused."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "10000000",
                        "default": "25000000",
                    },
                    "max_xcom_bytes": {
                        "description": (
                            "Largest result, in bytes of JSON, that a task returns through XCom. A larger one goes to "
                            "the task's result_path, and XCom holds a manifest."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "4000000",
                        "default": "2000000",
                    },
                    "max_answer_bytes": {
                        "description": (
                            "Largest answer of the service, in bytes after unpacking, that tells of jobs, backends, "
                            "usage and the like. A larger one is refused: it would be an attack, or a fault."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "33554432",
                        "default": "16777216",
                    },
                    "max_result_bytes": {
                        "description": (
                            "Largest result, in bytes after unpacking, that is read from the service or from a file."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "1073741824",
                        "default": "268435456",
                    },
                    "max_decoded_bytes": {
                        "description": (
                            "Bytes that all arrays of one result may take in a task's memory. A result that takes more "
                            "fails the task, and the job is kept: raise this, and clear the task."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": "2147483648",
                        "default": "536870912",
                    },
                    "circuit_folders": {
                        "description": (
                            "Folders, separated by commas, from which a task may read QPY files whose names come from "
                            "a run's configuration, params, XCom or a function's result. Empty: none. Files that the "
                            "DAG file itself names are read from anywhere."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/opt/airflow/circuits",
                        "default": "",
                    },
                    "pages_connections": {
                        "description": (
                            "Connections that the pages in the UI offer beside those of Airflow's database and "
                            "environment, separated by commas: a secrets backend cannot be asked for a list."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "quantum_production,quantum_research",
                        "default": "",
                    },
                    "pages_days": {
                        "description": "How many days of jobs the pages in the UI list.",
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "7",
                        "default": "28",
                    },
                    "price_currency": {
                        "description": "Currency of price_per_second, by the three letters of ISO 4217.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "EUR",
                        "default": "USD",
                    },
                    "price_per_second": {
                        "description": (
                            "What a QPU second costs, for the estimates on the pages in the UI. The default is IBM's "
                            "Pay-As-You-Go plan."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "0.8",
                        "default": "1.60",
                    },
                    "usage_wait_seconds": {
                        "description": (
                            "How long a task whose job has completed waits, on the worker, for IBM to settle the bill. "
                            "A task that waited in vain has usage_seconds null and usage_complete false in its XCom. "
                            "0: ask once."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "30",
                        "default": "10",
                    },
                },
            }
        },
    }


def _modules(*names: str) -> list[dict[str, Any]]:
    return [{"integration-name": INTEGRATION, "python-modules": [f"airflow_provider_qrt.{name}" for name in names]}]
