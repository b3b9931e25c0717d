"""IBM's own client, connected to an emulator.

Nothing of the client is changed. It is told where to go by the means it has: ``url_resolver`` for the API and
environment variables for the other IBM services it asks. ``IAM_URL`` is the client's own; ``GLOBAL_SEARCH_URL`` and
``GLOBAL_CATALOG_URL``, where it looks up which instances a key has, are those of IBM's SDK core, which reads
``<SERVICE>_URL`` for any service. The client reads ``IAM_URL`` again whenever a backend is copied, so the variables
stay as long as the emulator runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.emulator.settings import DISCOVERY_PREFIX

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator.server import Emulator

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_CREDENTIALS = ("IBM_CREDENTIALS_FILE", "VCAP_SERVICES")


class Environment:
    """Environment variables that hold until they are restored."""

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
        """Make everything as it was before."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before.clear()


def connect(emulator: Emulator, environment: Environment, **options: Any) -> Any:
    """Return a ``qiskit_ibm_runtime.QiskitRuntimeService`` that speaks to an emulator and to nothing else.

    Args:
        emulator: A running emulator.
        environment: Where the variables are set; restore it when the emulator stops.
        options: Further arguments of ``QiskitRuntimeService``.

    Raises:
        ModuleNotFoundError: qiskit-ibm-runtime is not installed.
    """
    from qiskit_ibm_runtime import QiskitRuntimeService

    def resolve(*_: Any, **__: Any) -> str:
        return emulator.url

    discovery = f"{emulator.root_url}{DISCOVERY_PREFIX}"
    # A proxy would be one more place that learns of the requests.
    environment.unset(name for lower in _PROXIES for name in (lower, lower.upper()))
    environment.unset(_CREDENTIALS)
    environment.set(
        {
            "IAM_URL": emulator.iam_url,
            "GLOBAL_SEARCH_URL": discovery,
            "GLOBAL_CATALOG_URL": discovery,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
    )
    return QiskitRuntimeService(
        **{
            "channel": "ibm_quantum_platform",
            "token": emulator.api_key,
            "url": emulator.root_url,
            "instance": emulator.instance,
            "url_resolver": resolve,
            **options,
        }
    )
