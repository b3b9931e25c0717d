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
    """Adds *Quantum* to the navigation, a tab to each DAG and each DAG run, and cleans up in the triggerer."""

    name = "qiskit_runtime"
    listeners: ClassVar[list[Any]] = [listener]  # type: ignore[misc]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The pages; they are only built in the API server, on first access."""
        from airflow_provider_qrt.plugins.app import create_app

        return [{"app": create_app(), "url_prefix": PREFIX, "name": "IBM Quantum pages"}]

    @cached_property
    def react_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The places of the pages in Airflow's UI, which loads them as parts of itself."""
        base = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + PREFIX
        icons = {"icon": f"{base}/static/quantum.svg", "icon_dark_mode": f"{base}/static/quantum-dark.svg"}
        pages = (
            ("Quantum", "nav", "quantum"),
            ("Quantum result", "dag_run", "result"),
            ("Quantum trends", "dag", "trends"),
        )
        return [
            {
                # The script registers the page under this name.
                "name": name,
                "bundle_url": f"{base}/static/{script}.js",
                "destination": destination,
                "url_route": name.lower().replace(" ", "-"),
                **icons,
            }
            for name, destination, script in pages
        ]
