"""The plugin, which registers the pages. Every process of Airflow loads it, so it imports as little as possible."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowPlugin, conf

from airflow_provider_qrt.cleanup import listener

PREFIX = "/qiskit-runtime"
"""Path of the pages under Airflow's base URL."""


class QiskitRuntimePlugin(AirflowPlugin):
    """Adds *Quantum* to the navigation and *Quantum result* to each DAG run, and cleans up in the triggerer."""

    name = "qiskit_runtime"
    listeners: ClassVar[list[Any]] = [listener]  # type: ignore[misc]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The pages; they are only built in the API server, on first access."""
        from airflow_provider_qrt.plugins.app import create_app

        return [{"app": create_app(), "url_prefix": PREFIX, "name": "IBM Quantum pages"}]

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The places of the pages in Airflow's UI."""
        base = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + PREFIX
        icons = {"icon": f"{base}/static/quantum.svg", "icon_dark_mode": f"{base}/static/quantum-dark.svg"}
        return [
            {"name": "Quantum", "href": f"{base}/", "destination": "nav", "url_route": "quantum", **icons},
            {
                "name": "Quantum result",
                "href": f"{base}/result?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
                "destination": "dag_run",
                "url_route": "quantum-result",
                **icons,
            },
        ]
