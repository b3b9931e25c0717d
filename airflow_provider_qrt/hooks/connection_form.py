"""Fields of the connection form in the UI. Every Airflow process imports this module, so it imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_qrt.client.limits import API_VERSION, CHANNEL

CHANNEL_LABELS = {
    CHANNEL: "ibm_quantum_platform: IBM Quantum Platform",
    "ibm_cloud": "ibm_cloud: the older API, with an IBM Cloud API key",
    "ibm_quantum": "ibm_quantum: the older API, with an API token and a login",
    "api_token": "api_token: the first API, with an API token",
}
"""Labels of the channels in the form.

The keys equal those of :data:`airflow_provider_qrt.client.channels.CHANNELS`, which is too heavy to import here.
"""


BUDGET_LABELS = {
    "dag_run": "dag_run: each DAG run",
    "dag": "dag: each DAG, over 28 days",
    "connection": "connection: the whole instance",
}
"""Labels of the budget scopes in the form; the keys are the values of ``QiskitRuntimeBudget.per``."""


@dataclass(frozen=True)
class Field:
    """A field stored in the connection's ``extra``.

    Attributes:
        label: Label in the form.
        help: Its purpose, and the meaning of an empty field.
        schema: JSON Schema of its value.
    """

    label: str
    help: str
    schema: dict[str, Any] = field(default_factory=dict)

    def as_conn_field(self) -> dict[str, Any]:
        """Return the field in the format of the provider metadata."""
        return {"label": self.label, "description": self.help, "schema": self.schema}


TASKS = "Defaults for Tasks"
NETWORK = "Network"
API = "API Version and Older Services"
"""Sections of the form. The required field comes before them, under Airflow's own heading."""


def _text(section: str | None = None, **more: Any) -> dict[str, Any]:
    return _schema("string", section, **more)


def _switch(section: str, *, default: bool) -> dict[str, Any]:
    return _schema("boolean", section, default=default)


def _number(section: str, **more: Any) -> dict[str, Any]:
    return _schema("number", section, **more)


def _schema(kind: str, section: str | None, **more: Any) -> dict[str, Any]:
    return {"type": [kind, "null"], **({"section": section} if section else {}), **more}


EXTRA_FIELDS = {
    "instance": Field(
        "Instance CRN (required)",
        "Cloud resource name of the instance that is charged, from quantum.cloud.ibm.com/instances. It looks like "
        "crn:v1:bluemix:public:quantum-computing:us-east:a/…:…:: and also determines the region. Only "
        "the older services ibm_quantum and api_token need none.",
        _text(),
    ),
    "budget_seconds": Field(
        "Budget in QPU seconds",
        "How many tasks with this connection may use. A task's own budget takes precedence. Empty: IBM's limit only.",
        _number(TASKS, exclusiveMinimum=0),
    ),
    "budget_per": Field(
        "Budget counted per",
        "Which jobs are added up: those of a DAG run, of a DAG in the last 28 days, or all of the instance in its "
        "usage period. Empty: DAG run.",
        _text(TASKS, enum=list(BUDGET_LABELS), values_display=BUDGET_LABELS),
    ),
    "dry_run": Field(
        "Dry run",
        "On: tasks check their circuits, choose a backend, estimate the cost, and submit nothing.",
        _switch(TASKS, default=False),
    ),
    "private_endpoint": Field(
        "Private endpoint",
        "On: use the region's private endpoint, which can only be reached from an IBM Cloud VPC.",
        _switch(NETWORK, default=False),
    ),
    "proxy": Field(
        "Proxy",
        "URL of the proxy for all requests, such as http://proxy.example.com:3128. Empty: that of the environment "
        "(HTTPS_PROXY and so on).",
        _text(NETWORK),
    ),
    "verify": Field(
        "TLS verification",
        "Path of a CA bundle on workers, triggerers and API servers, to check certificates against. Empty: the usual "
        "authorities. false: no check, which is not for production.",
        _text(NETWORK),
    ),
    "iam_url": Field(
        "IAM or login URL",
        "Where the API key becomes a token. Empty: https://iam.cloud.ibm.com. Set it for an emulator, for a proxy, or "
        "to the login server of an older service.",
        _text(NETWORK),
    ),
    "api_version": Field(
        "API version",
        f"The IBM-API-Version header, on IBM Quantum Platform. Empty: {API_VERSION}, or what a later version of the "
        "provider puts in its place. Task logs warn about an older one that IBM is about to end.",
        _text(API, pattern=r"^\d{4}-\d{2}-\d{2}$"),
    ),
    "application": Field(
        "Application",
        "Name of your application, which the service records with each job. Empty: airflow-provider-qrt.",
        _text(API),
    ),
    "channel": Field(
        "Channel",
        "Which generation of the API the service speaks. IBM has retired all but the first. The others are for an "
        "emulator and for services that still speak them: they need a base URL.",
        _text(API, default=CHANNEL, enum=list(CHANNEL_LABELS), values_display=CHANNEL_LABELS),
    ),
    "hub": Field("Hub", "With group and project: who pays. Required by ibm_quantum and api_token.", _text(API)),
    "group": Field("Group", "Required by ibm_quantum and api_token.", _text(API)),
    "project": Field("Project", "Required by ibm_quantum and api_token.", _text(API)),
    "stream": Field(
        "Live status",
        "On: a job's status is followed live, on the channels that support it: ibm_cloud and ibm_quantum. "
        "Off: jobs are polled, as on all other channels.",
        _switch(API, default=True),
    ),
}

UI_FIELD_BEHAVIOUR = {
    "hidden-fields": ["login", "schema"],
    "relabeling": {"password": "IBM Cloud API key", "host": "Base URL"},
    "placeholders": {
        "password": "create one at cloud.ibm.com/iam/apikeys",
        "host": "empty: IBM's, in the region of the instance CRN",
        # The Test button of 3.3.1 and 3.3.2 requires a port: https://github.com/apache/airflow/pull/73298
        "port": "443, if you want to use the Test button",
    },
}
