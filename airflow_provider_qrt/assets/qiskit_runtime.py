"""The asset of a backend: ``qiskit-runtime://instance/backend``.

The instance is the service instance's id (the eighth field of its CRN), or a name that the user chooses. It is never
the CRN itself, which contains the account: everybody who may see the DAGs can see the assets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import Asset

from airflow_provider_qrt.client.crn import InstanceCrn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.sdk import AssetWatcher

    from airflow_provider_qrt.client.settings import ClientSettings

__all__ = ["create_asset"]

SCHEME = "qiskit-runtime"
_SHAPE = f"{SCHEME}://instance/backend"
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_ACCOUNT = re.compile(r"[0-9a-f]{32}")
"""Format of an IBM Cloud account id; an instance id has hyphens."""


def create_asset(
    *,
    instance: str,
    backend: str,
    name: str | None = None,
    extra: Mapping[str, Any] | None = None,
    watchers: Sequence[AssetWatcher] = (),
) -> Asset:
    """Create the asset of a backend.

    Args:
        instance: Id of the service instance, or any name for it; only the id of a CRN is used.
        backend: Name of the backend.
        name: Name of the asset; None means its URI.
        extra: See Airflow's ``Asset``.
        watchers: See Airflow's ``Asset``.

    Raises:
        ValueError: If instance or backend is not a valid name; says what is.
    """
    place = InstanceCrn.of_any_service(instance).instance_id if instance.strip().startswith("crn:") else instance
    uri = f"{SCHEME}://{_checked('instance', place)}/{_checked('backend', backend)}"
    return Asset(name=name or uri, uri=uri, extra=dict(extra or {}), watchers=list(watchers))


def instance_of(settings: ClientSettings) -> str:
    """Return the instance in a connection's URI: its id, or the service's host on channels without instances."""
    return settings.instance.instance_id if settings.instance else urlsplit(settings.base_url).hostname or ""


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check a backend's URI and convert it to lower case.

    Raises:
        ValueError: If it is invalid; says what it looks like.
    """
    parts = uri.path.split("/")
    if len(parts) != 2 or uri.query or uri.fragment:
        raise ValueError(f"An asset of this scheme is {_SHAPE}, with nothing after the backend.")
    return uri._replace(
        scheme=SCHEME, netloc=_checked("instance", uri.netloc), path=f"/{_checked('backend', parts[1])}"
    )


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:  # noqa: ARG001
    """Return the OpenLineage dataset of a backend, with the instance as its namespace."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(asset.uri)
    return Dataset(namespace=f"{SCHEME}://{parts.netloc}", name=parts.path.lstrip("/"))


def _checked(what: str, text: str) -> str:
    name = text.strip().lower()
    # The errors do not quote the text: it may be a CRN, or a secret in the wrong place.
    if _ACCOUNT.fullmatch(name):
        raise ValueError(
            f"The {what} of {_SHAPE} looks like the id of an account, which everybody would see. Write the service "
            "instance's id, the eighth field of its CRN, or a name of your own."
        )
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"The {what} of {_SHAPE} must be a name of letters, digits, '.', '_' and '-'. For the instance write the "
            "service instance's id, the eighth field of its CRN, or a name of your own."
        )
    return name
