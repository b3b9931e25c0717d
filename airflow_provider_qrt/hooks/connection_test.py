"""The connection test: checks a connection's credentials and rights. Submits nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.cautions import cautions
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.client.client import QiskitRuntimeClient
from airflow_provider_qrt.client.versions import sunset_warning

ACTIONS = {"read jobs": "quantum-computing.job.read", "read usage": "quantum-computing.instance-usage.read"}
"""IBM Cloud IAM's names of the rights."""


def try_connection(client: QiskitRuntimeClient) -> str:
    """Test the connection and describe the result; the first request proves the credentials.

    Raises:
        QiskitRuntimeError: If the connection cannot be used.
    """
    settings, channel = client.settings, client.channel
    version = f"API version {settings.api_version}" if channel.offers(Feature.VERSIONS) else f"channel {channel.name}"
    if channel.offers(Feature.BACKENDS):
        right = f"may list backends: {_names(backend.name for backend in client.backends())}"
    else:
        right = f"may list programs: {_names(program.id for program in client.programs())}"
    key = "API key" if channel.needs_instance else "API token"
    found = [f"The {key} is valid for {settings.place}, {version}", f"It {right}"]
    found += [f"It {right}" for right in _rights(client)]
    found.append("Whether it may submit jobs shows only on submission")
    warnings = [warning for warning in (sunset_warning(settings), *cautions(settings)) if warning]
    return " ".join([". ".join(found) + ".", *warnings])


def _rights(client: QiskitRuntimeClient) -> Iterator[str]:
    """Check further rights, as far as the channel has the features."""
    checks: list[tuple[Feature, str, Callable[[], Any]]] = [
        (Feature.TAGS, "read jobs", lambda: next(iter(client.jobs(page_size=1)), None)),
        (Feature.USAGE, "read usage", client.instance_usage),
    ]
    for feature, right, check in checks:
        if not client.channel.offers(feature):
            continue
        try:
            answer: Any = check()
        except errors.ForbiddenError:
            needed = f", which needs the IAM action {ACTIONS[right]}" if client.channel.needs_instance else ""
            yield f"may NOT {right}{needed}"
        except errors.QiskitRuntimeError as error:
            yield f"could not be found out whether it may {right} ({error})"
        else:
            yield f"may {right}{_usage(answer)}"


def _usage(answer: Any) -> str:
    consumed = getattr(answer, "consumed_seconds", None)
    if consumed is None:
        return ""
    limit = answer.limit_seconds if answer.limit_seconds is not None else answer.allocation_seconds
    return f" ({consumed:,.1f} s of QPU time used{f' of {limit:,.0f} s' if limit is not None else ''})"


def _names(names: Iterator[str]) -> str:
    return ", ".join(names) or "none there"
