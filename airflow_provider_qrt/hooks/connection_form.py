"""The connection's fields: one table for the form in the UI. Every Airflow process reads it: nothing heavy here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_qrt.client.limits import API_VERSION, CHANNEL

CONNECTION_TYPE = "qiskit_runtime"
DEFAULT_CONNECTION = "qiskit_runtime_default"
CHANNEL_NAMES = (CHANNEL, "ibm_cloud", "ibm_quantum", "api_token")
"""Those of :data:`airflow_provider_qrt.client.channels.CHANNELS`, which would be too much to import here."""


@dataclass(frozen=True)
class Field:
    """A field kept in the connection's ``extra``.

    Attributes:
        label: What the form calls it.
        help: What it is for, and what happens when it is empty.
        schema: JSON Schema of its value.
    """

    label: str
    help: str
    schema: dict[str, Any] = field(default_factory=dict)

    def as_conn_field(self) -> dict[str, Any]:
        """The shape that provider metadata wants."""
        return {"label": self.label, "description": self.help, "schema": self.schema}


_TEXT: dict[str, Any] = {"type": ["string", "null"]}

EXTRA_FIELDS = {
    "instance": Field(
        "Instance CRN",
        "Cloud resource name of the IBM Quantum instance: copy it from quantum.cloud.ibm.com/instances. It looks like "
        "crn:v1:bluemix:public:quantum-computing:us-east:a/…:…:: and also says which region to ask. Required; "
        "the channels ibm_quantum and api_token know none.",
        _TEXT,
    ),
    "channel": Field(
        "Channel",
        "Generation of the API. Leave it alone for IBM Quantum Platform. The three older ones are for services that "
        "still speak them, and for the emulator: they need a base URL, for IBM has retired its own. On ibm_quantum and "
        "api_token the password is the API token of your account.",
        {"type": "string", "default": CHANNEL, "enum": list(CHANNEL_NAMES)},
    ),
    "hub": Field(
        "Hub",
        "Together with group and project: where jobs are charged. Required by the channels ibm_quantum and api_token; "
        "no other looks at it.",
        _TEXT,
    ),
    "group": Field("Group", "See hub.", _TEXT),
    "project": Field("Project", "See hub.", _TEXT),
    "application": Field(
        "Application",
        "Name of your application; the service records it with each job on the channels ibm_quantum_platform and "
        "ibm_cloud. Empty: airflow-provider-qrt.",
        _TEXT,
    ),
    "stream": Field(
        "Live status",
        "Follow the status of jobs through the service's stream, on the channels that have one (ibm_cloud, "
        "ibm_quantum). Off: jobs are only polled.",
        {"type": ["boolean", "null"], "default": True},
    ),
    "api_version": Field(
        "API version",
        "Value of the IBM-API-Version header, on the channel ibm_quantum_platform. Leave it alone unless IBM withdraws "
        "this version; an older one that ends is warned of in the task log.",
        {"type": ["string", "null"], "default": API_VERSION, "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    ),
    "iam_url": Field(
        "IAM or login URL",
        "Base URL of IBM Cloud IAM, where the API key becomes a token; on the channel ibm_quantum, of the login "
        "server. Empty: https://iam.cloud.ibm.com, or https://auth.quantum-computing.ibm.com. Set it for an emulator "
        "or a proxy.",
        _TEXT,
    ),
    "private_endpoint": Field(
        "Private endpoint",
        "Use the region's private endpoint, reachable from inside an IBM Cloud VPC only.",
        {"type": ["boolean", "null"], "default": False},
    ),
    "verify": Field(
        "TLS verification",
        "Empty: check certificates. The path of a CA bundle: check against it. 'false': do not check, which is not for "
        "production.",
        _TEXT,
    ),
    "proxies": Field(
        "Proxies",
        'Proxy per scheme as JSON, for instance {"https": "http://proxy.example.com:3128"}. Empty: the environment\'s.',
        {"type": ["object", "null"], "format": "json"},
    ),
    "budget": Field(
        "Budget",
        'QPU seconds that tasks of this connection may use, as JSON, for instance {"max_seconds": 600, "per": '
        '"connection"}; per is dag_run, dag or connection. A task\'s own budget comes first. Empty: none.',
        {"type": ["object", "null"], "format": "json"},
    ),
    "dry_run": Field(
        "Dry run",
        "Tasks check and estimate their jobs and submit nothing.",
        {"type": ["boolean", "null"], "default": False},
    ),
}

UI_FIELD_BEHAVIOUR = {
    "hidden-fields": ["login", "port", "schema"],
    "relabeling": {"password": "IBM Cloud API key", "host": "Base URL"},
    "placeholders": {
        "password": "create one at cloud.ibm.com/iam/apikeys",
        "host": "empty: taken from the CRN's region",
    },
}
