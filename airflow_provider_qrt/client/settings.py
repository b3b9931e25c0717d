"""Everything a client must know to reach one instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airflow_provider_qrt.client import crn
from airflow_provider_qrt.client.crn import InstanceCrn
from airflow_provider_qrt.client.errors import InvalidSettings
from airflow_provider_qrt.client.limits import API_VERSION


@dataclass(frozen=True)
class ClientSettings:
    """Checked settings; the API key and the CRN's account are not in its ``repr()``.

    Attributes:
        api_key: IBM Cloud API key, of a user or a service ID.
        instance: CRN of the instance, text or parsed.
        base_url: Base URL of the API, with ``/api/v1``; empty means: from the CRN's region.
        iam_url: Base URL of IBM Cloud IAM; empty means the public (or private) one.
        api_version: Value of the ``IBM-API-Version`` header.
        private_endpoint: Use the region's private endpoint (IBM Cloud VPC).
        verify: Check TLS certificates: True, False, or the path of a CA bundle.
        proxies: As ``requests`` takes them: scheme to proxy URL.
        application: Name of the calling application, for the client-application header.

    Raises:
        InvalidSettings: If the API key or CRN is missing, or something is malformed. Says what to put where.
    """

    api_key: str = field(repr=False)
    instance: InstanceCrn
    base_url: str = ""
    iam_url: str = ""
    api_version: str = API_VERSION
    private_endpoint: bool = False
    verify: bool | str = True
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    application: str = "airflow-provider-qrt"

    def __post_init__(self) -> None:
        if not self.api_key.strip():
            raise InvalidSettings(
                "The connection has no API key. Create one at https://cloud.ibm.com/iam/apikeys and put it in the "
                "password field."
            )
        for name in ("api_version", "application"):
            if not (getattr(self, name).isascii() and getattr(self, name).isprintable()):
                raise InvalidSettings(f"The connection's {name} must be plain ASCII, for it goes into a header.")
        base = self.base_url or crn.base_url(self.instance.region, private=self.private_endpoint)
        object.__setattr__(self, "api_key", self.api_key.strip())
        object.__setattr__(self, "base_url", _checked_url(base, "host"))
        iam = self.iam_url or crn.iam_url(private=self.private_endpoint)
        object.__setattr__(self, "iam_url", _checked_url(iam, "iam_url"))

    @classmethod
    def create(cls, *, api_key: str | None, instance: str | None, **others: object) -> ClientSettings:
        """Build settings from plain values, parsing the CRN.

        Raises:
            InvalidSettings: See the class.
        """
        if not (api_key or "").strip():
            return cls(api_key="", instance=InstanceCrn("", "", ""))
        return cls(api_key=api_key or "", instance=InstanceCrn.parse(instance or ""), **others)  # type: ignore[arg-type]


def _checked_url(url: str, name: str) -> str:
    # Not quoted in the error: it may hold a password, or a key pasted into the wrong field.
    not_a_url = InvalidSettings(
        f"The connection's {name} is not a URL, or one with a query; it looks like https://quantum.cloud.ibm.com/api/v1."
    )
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise not_a_url
        _ = parts.port
    except InvalidSettings:
        raise
    except ValueError:
        raise not_a_url from None
    if parts.username or parts.password:
        raise InvalidSettings(f"The connection's {name} must not carry credentials in the URL.")
    return url.strip().rstrip("/")
