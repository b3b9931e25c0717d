"""The instance's cloud resource name (CRN), its region, and the address of that region's service.

Format: https://cloud.ibm.com/docs/account?topic=account-crn. The sixth of its ten fields is the region, the eighth is
the instance's id; the seventh is the account, which must not be logged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.client.limits import (
    IAM_URL,
    PRIVATE_IAM_URL,
    SERVICE_HOST,
    UNPREFIXED_REGION,
)

__all__ = ["InstanceCrn"]

IBM_CLOUD = "cloud.ibm.com"
_REGION = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_PLAIN = re.compile(r"[!-~]+")
_SHAPE = "crn:v1:bluemix:public:quantum-computing:<region>:a/<account>:<instance id>::"
_HOW = f"Copy it whole from https://{SERVICE_HOST}/instances; it looks like {_SHAPE}"


@dataclass(frozen=True)
class InstanceCrn:
    """A parsed CRN. ``str()`` and ``repr()`` omit the account.

    Attributes:
        value: The whole CRN, for the ``Service-CRN`` header.
        region: For instance ``us-east`` or ``eu-de``; empty if the service has none.
        instance_id: The instance's id.
    """

    value: str = field(repr=False)
    region: str
    instance_id: str

    @property
    def account(self) -> str:
        """Id of the account; must not be logged."""
        return next(iter(self.value.split(":")[6:7]), "").removeprefix("a/")

    def __str__(self) -> str:
        return f"instance {self.instance_id} in {self.region}" if self.region else f"instance {self.instance_id}"

    @classmethod
    def parse(cls, text: str) -> InstanceCrn:
        """Parse a CRN; the two trailing colons, which are often lost in copying, may be missing.

        Raises:
            InvalidSettingsError: If it is not the CRN of a quantum-computing instance.
        """
        text = text.strip()
        if not text:
            raise InvalidSettingsError(
                "The connection has no instance CRN, which belongs in the field Instance CRN (extra 'instance'). "
                f"{_HOW}."
            )
        fields = text.rstrip(":").split(":")
        if fields[0] != "crn":
            raise InvalidSettingsError(f"The instance CRN must begin with 'crn:'. {_HOW}.")
        if len(fields) != 8:
            raise InvalidSettingsError(
                f"The instance CRN is malformed: {len(fields)} of its 8 filled fields were found. {_HOW}."
            )
        _, _, _, _, service, region, scope, instance_id = fields
        if service != "quantum-computing":
            raise InvalidSettingsError(
                f"The CRN names the service {service!r}, not 'quantum-computing'. "
                f"Use the CRN of an IBM Quantum instance. {_HOW}."
            )
        if not region or not scope or not instance_id:
            raise InvalidSettingsError(f"The instance CRN lacks its region, account or instance id. {_HOW}.")
        # The region becomes part of the host name that the token is sent to.
        if not _REGION.fullmatch(region) or not _PLAIN.fullmatch(text):
            raise InvalidSettingsError(f"The instance CRN holds characters that no CRN has. {_HOW}.")
        return cls(value=":".join(fields) + "::", region=region, instance_id=instance_id)

    @classmethod
    def of_any_service(cls, text: str) -> InstanceCrn:
        """Read the instance name of any service, not only IBM's, and keep it unchanged.

        No host is derived from it, so any shape is accepted. An IBM CRN is parsed as one.

        Raises:
            InvalidSettingsError: If it is empty, or cannot be sent in a header.
        """
        try:
            return cls.parse(text)
        except InvalidSettingsError:
            value = text.strip()
            if not value or not _PLAIN.fullmatch(value):
                raise
        fields = value.split(":") if value.startswith("crn:") else []
        instance_id = next((field for field in reversed(fields) if field and not field.startswith("a/")), "")
        region = fields[5] if len(fields) > 5 else ""
        return cls(value=value, region=region, instance_id=instance_id or "whose CRN is not IBM's")


def base_url(region: str, *, private: bool = False) -> str:
    """Return the API's base URL for a region.

    Args:
        region: Sixth field of the CRN.
        private: Use the private endpoint, reachable only from an IBM Cloud VPC. Its us-east host has a prefix too.
    """
    if private:
        return f"https://private.{region}.{SERVICE_HOST}/api/v1"
    if region == UNPREFIXED_REGION:
        return f"https://{SERVICE_HOST}/api/v1"
    return f"https://{region}.{SERVICE_HOST}/api/v1"


def is_ibms(url: str) -> bool:
    """Return whether a URL of the API is IBM's own."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host == IBM_CLOUD or host.endswith(f".{IBM_CLOUD}")


def iam_url(*, private: bool = False) -> str:
    """Return the base URL of IBM Cloud IAM, public or private."""
    return PRIVATE_IAM_URL if private else IAM_URL
