"""Convert an Airflow connection to the client's settings. Uses plain values, so worker and triggerer can share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.limits import API_VERSION, CHANNEL
from airflow_provider_qrt.hooks.connection_form import EXTRA_FIELDS

if TYPE_CHECKING:
    from airflow_provider_qrt.client.settings import ClientSettings

_SCHEMES = ("http", "https")
_HTTPS_PORT = 443
_CUT_OFF = "iskit_runtime"
"""Part of the connection type that Airflow's parser puts into the schema if the URI scheme is invalid."""


class ConnectionLike(Protocol):
    """The attributes of an Airflow connection that are used here."""

    conn_id: str
    host: str | None
    schema: str | None
    port: int | None
    password: str | None


def settings_from_connection(connection: ConnectionLike, extra: Mapping[str, Any]) -> ClientSettings:
    """Check a connection and return the client's settings.

    Args:
        connection: The connection.
        extra: Its extra fields, parsed.

    Raises:
        InvalidSettingsError: A value is missing or malformed. Names the connection and what to enter where.
    """
    from airflow_provider_qrt.client.channels import find_channel
    from airflow_provider_qrt.client.settings import ClientSettings

    try:
        _check_form(connection, extra)
        extra = extra or {}
        channel = find_channel(_text(extra, "channel") or CHANNEL)
        # Without an application, the client uses its own name.
        named = {"application": application} if (application := _text(extra, "application")) else {}
        return ClientSettings.create(
            api_key=connection.password,
            instance=_text(extra, "instance"),
            base_url=_base_url(connection, channel.api_path),
            iam_url=_text(extra, "iam_url"),
            api_version=_text(extra, "api_version") or API_VERSION,
            private_endpoint=as_bool(extra.get("private_endpoint"), "private_endpoint"),
            verify=_verify(extra.get("verify")),
            proxies=_proxies(extra.get("proxies"), _text(extra, "proxy")),
            channel=channel.name,
            hub=_text(extra, "hub"),
            group=_text(extra, "group"),
            project=_text(extra, "project"),
            stream=as_bool(extra.get("stream"), "stream", default=True),
            **named,
        )
    except InvalidSettingsError as error:
        raise InvalidSettingsError(f"Connection {connection.conn_id!r}: {error}") from None


def _check_form(connection: ConnectionLike, extra: Any) -> None:
    """Reject connections that Airflow could not parse.

    Raises:
        InvalidSettingsError: The connection is malformed; says how to write it.
    """
    if not getattr(connection, "conn_type", "") and _CUT_OFF in (connection.schema or ""):
        raise InvalidSettingsError(
            "Its URI begins with qiskit_runtime://, and no URI may have an underscore there. Write qiskit-runtime:// "
            "with a hyphen."
        )
    if extra and not isinstance(extra, Mapping):
        raise InvalidSettingsError(
            f'Its extra fields must be a JSON object such as {{"instance": "crn:..."}}, not a {type(extra).__name__}.'
        )


def _text(extra: Mapping[str, Any], name: str) -> str:
    """Return a text field; empty if it is missing."""
    return str(extra.get(name) or "").strip()


def _base_url(connection: ConnectionLike, api_path: str) -> str:
    """Build the base URL from the host field (a URL or a bare host), schema and port; empty without a host.

    Args:
        connection: The connection.
        api_path: Path of the API on its host, appended if the host field has no path.
    """
    host = (connection.host or "").strip().rstrip("/")
    if not host:
        return ""
    # In a URI (scheme://host/schema) the path ends up in the schema field, which otherwise holds http or https.
    schema = (connection.schema or "").strip().strip("/")
    is_scheme = schema.lower() in ("", *_SCHEMES)
    port = f":{connection.port}" if connection.port else ""
    if "://" not in host:
        host = f"{(is_scheme and schema.lower()) or 'https'}://{host}{port}"
    elif connection.port not in (None, 0, _HTTPS_PORT) and ":" not in urlsplit(host).netloc.rpartition("@")[2]:
        # As in qiskit-runtime://http://127.0.0.1:8765. Port 443 may only be set to make the Test button work.
        host = host.replace(urlsplit(host).netloc, f"{urlsplit(host).netloc}{port}", 1)
    if not is_scheme and not urlsplit(host).path:
        host = f"{host}/{schema}"
    return host if urlsplit(host).path.strip("/") else host.rstrip("/") + api_path


def as_bool(value: Any, name: str, *, default: bool = False) -> bool:
    """Read a boolean field, which may be text.

    Args:
        value: The field's value.
        name: Its name.
        default: Value of an empty field.

    Raises:
        InvalidSettingsError: If it is something else.
    """
    if isinstance(value, bool):
        return value
    text = str("" if value is None else value).strip().lower()
    if text in ("", "none"):
        return default
    if text in ("false", "no", "0"):
        return False
    if text in ("true", "yes", "1"):
        return True
    raise InvalidSettingsError(f"{EXTRA_FIELDS[name].label} ({name}) must be true or false, not {value!r}.")


def _verify(value: Any) -> bool | str:
    if value is None or isinstance(value, bool):
        return value is not False
    text = str(value).strip()
    lowered = text.lower()
    if lowered in ("", "true", "yes", "1"):
        return True
    return False if lowered in ("false", "no", "0") else text


def _proxies(value: Any, proxy: str) -> dict[str, str]:
    """Read one proxy for all requests, or a mapping of proxies by scheme, which only JSON can hold."""
    if proxy and value:
        raise InvalidSettingsError("Proxy (proxy) and proxies are both there; leave one of them out.")
    if proxy:
        return {"http": proxy, "https": proxy}
    value = as_mapping(value)
    if value is None or not all(isinstance(proxy, str) for proxy in value.values()):
        raise InvalidSettingsError('Proxies (proxies) must be JSON such as {"https": "http://proxy.example.com:3128"}.')
    return dict(value)


def as_mapping(value: Any) -> Mapping[str, Any] | None:
    """Read a JSON object or its text; empty if the field is empty, None if it is something else."""
    import json

    if not value:
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None
