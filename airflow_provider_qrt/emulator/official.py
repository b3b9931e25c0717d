"""Connects IBM's official client to an emulator.

The client is not modified. It gets its addresses in the ways that it supports: ``url_resolver`` for the API, and
environment variables for the other IBM services that it uses. The client itself reads ``IAM_URL``. IBM's SDK core,
which reads ``<SERVICE>_URL`` for any service, reads ``GLOBAL_SEARCH_URL`` and ``GLOBAL_CATALOG_URL``, the services
where the client looks up the instances of a key. The client reads ``IAM_URL`` again whenever a backend is copied, so
the variables stay set as long as the emulator runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_qrt.emulator.settings import DISCOVERY_PREFIX

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_CREDENTIALS = ("IBM_CREDENTIALS_FILE", "VCAP_SERVICES")


class Environment:
    """Changes environment variables until they are restored."""

    def __init__(self) -> None:
        self._before: dict[str, str | None] = {}

    def set(self, values: dict[str, str]) -> None:
        """Set variables."""
        for name, value in values.items():
            self._before.setdefault(name, os.environ.get(name))
            os.environ[name] = value

    def unset(self, names: Iterable[str]) -> None:
        """Remove variables."""
        for name in names:
            if name in os.environ:
                self._before.setdefault(name, os.environ.pop(name))

    def restore(self) -> None:
        """Restore all variables to their earlier values."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before.clear()


def connect(
    *,
    url: str,
    root_url: str,
    iam_url: str,
    api_key: str,
    instance: str,
    environment: Environment,
    options: Mapping[str, Any],
) -> Any:
    """Return a ``qiskit_ibm_runtime.QiskitRuntimeService`` that talks to an emulator and to nothing else.

    Args:
        url: Base URL of the emulator's API, ``.../api/v1``.
        root_url: URL of the emulator without a path.
        iam_url: Base URL of the emulator's IAM.
        api_key: The API key that the emulator's IAM accepts.
        instance: The CRN of the emulator's instance.
        environment: Sets the variables; restore it when the emulator stops.
        options: Further arguments of ``QiskitRuntimeService``. They take precedence over the emulator's values.

    Raises:
        ModuleNotFoundError: qiskit-ibm-runtime is not installed.
    """
    from qiskit_ibm_runtime import QiskitRuntimeService

    def resolve(*_: Any, **__: Any) -> str:
        return url

    discovery = f"{root_url}{DISCOVERY_PREFIX}"
    # A proxy would see the requests too.
    environment.unset(name for lower in _PROXIES for name in (lower, lower.upper()))
    environment.unset(_CREDENTIALS)
    environment.set(
        {
            "IAM_URL": iam_url,
            "GLOBAL_SEARCH_URL": discovery,
            "GLOBAL_CATALOG_URL": discovery,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
    )
    return QiskitRuntimeService(
        **{
            "channel": "ibm_quantum_platform",
            "token": api_key,
            "url": root_url,
            "instance": instance,
            "url_resolver": resolve,
            **options,
        }
    )
