"""Settings that a client needs to reach one service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlsplit

from airflow_provider_qrt.client.channels import Channel, find_channel
from airflow_provider_qrt.client.crn import InstanceCrn, is_ibms
from airflow_provider_qrt.client.endpoint import Endpoint
from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.limits import API_VERSION, CHANNEL
from airflow_provider_qrt.client.proxies import check_proxies
from airflow_provider_qrt.untrusted import blotter


@dataclass(frozen=True)
class ClientSettings:
    """Validated settings; ``repr()`` omits the API key and the CRN's account.

    Attributes:
        api_key: IBM Cloud API key of a user or a service ID; on the oldest channels the API token of an account.
        instance: CRN of the instance; None on a channel without instances.
        base_url: Base URL of the API, with ``/api/v1`` on the current platform; empty: derived from the CRN's region.
        iam_url: Base URL of IBM Cloud IAM, or of the channel's login server; empty means the channel's default.
        api_version: Value of the ``IBM-API-Version`` header.
        private_endpoint: Use the region's private endpoint (IBM Cloud VPC).
        verify: Check TLS certificates: True, False, or the path of a CA bundle.
        proxies: In the form that ``requests`` takes: scheme to proxy URL.
        application: Name of the calling application, for the client-application header.
        channel: Generation of the API; see :data:`~airflow_provider_qrt.client.channels.CHANNELS`.
        hub: Hub that jobs are charged to, on channels without instances.
        group: As ``hub``.
        project: As ``hub``.
        stream: Whether to follow a job's live status, if the channel has one.

    Raises:
        InvalidSettingsError: If the API key or CRN is missing, or a value is malformed. Says what to enter where.
    """

    api_key: str = field(repr=False)
    instance: InstanceCrn | None = None
    base_url: str = ""
    iam_url: str = ""
    api_version: str = API_VERSION
    private_endpoint: bool = False
    verify: bool | str = True
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    application: str = "airflow-provider-qrt"
    channel: str = CHANNEL
    hub: str = ""
    group: str = ""
    project: str = ""
    stream: bool = True

    def __post_init__(self) -> None:
        channel = self.generation
        if not self.api_key.strip():
            raise InvalidSettingsError(channel.key_missing)
        blotter.learn(self.secrets)
        check_api_key(self.api_key.strip())
        for name in ("api_version", "application"):
            if not (getattr(self, name).isascii() and getattr(self, name).isprintable()):
                raise InvalidSettingsError(f"The connection's {name} must be plain ASCII, for it goes into a header.")
        self._check_owner(channel)
        base = self.base_url or channel.default_base_url(self)
        object.__setattr__(self, "api_key", self.api_key.strip())
        object.__setattr__(self, "base_url", _checked_url(base, "host"))
        if urlsplit(self.base_url).path and not channel.api_path:
            raise InvalidSettingsError(
                f"The connection's host has a path, but the channel {channel.name!r} is served at the root of its "
                "host. Leave out /api/v1 and whatever else follows the host name."
            )
        login = self.iam_url or channel.default_login_url(self)
        if login:
            object.__setattr__(self, "iam_url", _checked_url(login, "iam_url"))
        check_proxies(self.proxies)

    @classmethod
    def create(cls, *, api_key: str | None, instance: str | None, **others: object) -> ClientSettings:
        """Build settings from plain values, and parse the instance if the channel needs one.

        Raises:
            InvalidSettingsError: See the class.
        """
        channel = find_channel(str(others.get("channel") or CHANNEL))
        if not (api_key or "").strip():
            raise InvalidSettingsError(channel.key_missing)
        # IBM accepts only its own CRN format; a service on another host may use any.
        elsewhere = others.get("base_url") and not is_ibms(str(others["base_url"]))
        read = InstanceCrn.of_any_service if elsewhere else InstanceCrn.parse
        crn = read(instance or "") if channel.needs_instance else None
        return cls(api_key=api_key or "", instance=crn, **others)  # type: ignore[arg-type]

    @property
    def generation(self) -> Channel:
        """The channel itself."""
        return find_channel(self.channel)

    @property
    def endpoint(self) -> Endpoint:
        """The transport's view of the service: base URL, headers and credentials."""
        channel = self.generation
        return Endpoint(
            base_url=self.base_url,
            headers=channel.headers(self),
            api_key=self.api_key,
            login=channel.login(self),
            auth_header=channel.auth_header,
            auth_prefix=channel.auth_prefix,
            verify=self.verify,
            proxies=self.proxies,
            secrets=self.secrets,
            region=self.instance.region if self.instance else None,
            unauthorized=channel.unauthorized,
        )

    @property
    def crn(self) -> InstanceCrn:
        """The instance, on a channel that has instances."""
        assert self.instance is not None
        return self.instance

    @property
    def place(self) -> str:
        """The connection's instance or project, for messages; never the account."""
        return self.generation.place(self)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts to redact if an answer quotes them."""
        of_instance = (self.instance.value, self.instance.account) if self.instance else ()
        return (self.api_key, quote_plus(self.api_key), *of_instance)

    def _check_owner(self, channel: Channel) -> None:
        """Check that the connection names who pays, and sets nothing that the channel does not support."""
        if channel.needs_instance and self.instance is None:
            InstanceCrn.parse("")
        missing = [name for name in ("hub", "group", "project") if not getattr(self, name).strip()]
        if channel.needs_project and missing:
            raise InvalidSettingsError(
                f"The connection has no {', '.join(missing)}. The channel {channel.name!r} charges jobs to a hub, "
                "group and project: put all three into the fields of these names, as your account shows them "
                "(such as ibm-q, open, main)."
            )
        if self.private_endpoint and not channel.api_path:
            raise InvalidSettingsError(
                f"The channel {channel.name!r} has no private endpoint. Switch private_endpoint off, and put the "
                "service's address into the host field."
            )


def check_api_key(key: str) -> None:
    """Check that a key can be sent in a header or form; otherwise the HTTP library would quote it in an error.

    Raises:
        InvalidSettingsError: It cannot. The message does not quote it.
    """
    if not key.isascii() or not key.isprintable():
        raise InvalidSettingsError(
            "The connection's password holds a line break or another character that no API key has. Copy the "
            "key again, on one line and without what stands around it."
        )


def _checked_url(url: str, name: str) -> str:
    # The error does not quote it: it may contain a password, or a key pasted into the wrong field.
    not_a_url = InvalidSettingsError(
        f"The connection's {name} is not a URL, or one with a query; it looks like https://quantum.cloud.ibm.com/api/v1."
    )
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise not_a_url
        _ = parts.port
    except InvalidSettingsError:
        raise
    except ValueError:
        raise not_a_url from None
    if parts.username or parts.password:
        raise InvalidSettingsError(f"The connection's {name} must not carry credentials in the URL.")
    return url.strip().rstrip("/")
