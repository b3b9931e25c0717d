"""Requests whose raw answers are checked, without the client's parsing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from airflow_provider_qrt.client.errors import ConnectionFailedError
from airflow_provider_qrt.client.limits import CONNECT_TIMEOUT, READ_TIMEOUT
from airflow_provider_qrt.client.reading import read_object
from airflow_provider_qrt.client.retry import RetryPolicy
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.client.transport import Transport
from airflow_provider_qrt.doctor.rows import NotTriedError
from airflow_provider_qrt.untrusted.blotter import without_secrets


class Service:
    """The service, accessed with plain requests.

    Args:
        settings: Settings of the connection.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.transport = Transport(settings.endpoint, retry=RetryPolicy())

    def get(self, path: str, **params: Any) -> Any:
        """Send a GET request with the connection's credentials and return its JSON.

        Raises:
            QiskitRuntimeError: The service rejected the request, or could not be reached.
        """
        return self.transport.get_json(path, params=params or None)

    def get_object(self, path: str, **params: Any) -> Mapping[str, Any]:
        """Send a GET request and return its JSON object."""
        return read_object(self.get(path, **params))

    def plain(self, path: str, *, token: str | None = None, version: str | None = None) -> requests.Response:
        """Send a GET request with special headers, and return the answer whatever its status.

        Args:
            path: Path of the API.
            token: The bearer token, or None for none.
            version: ``IBM-API-Version``, or None for none.
        """
        headers = {"Service-CRN": self.settings.crn.value, "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if version is not None:
            headers["IBM-API-Version"] = version
        return self._send("GET", f"{self.settings.base_url}{path}", headers=headers)

    def token(self) -> Mapping[str, Any]:
        """Request a token from IAM and return its whole answer."""
        answer = self._send(
            "POST",
            f"{self.settings.iam_url}/identity/token",
            data={"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": self.settings.api_key},
            headers={"Accept": "application/json"},
        )
        if not answer.ok:
            raise NotTriedError(f"IAM answered {answer.status_code}")
        return read_object(json_of(answer))

    def close(self) -> None:
        """Close the connections."""
        self.transport.close()

    def _send(self, method: str, url: str, **more: Any) -> requests.Response:
        try:
            return requests.request(
                method,
                url,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                verify=self.settings.verify,
                proxies=dict(self.settings.proxies),
                auth=_no_netrc,
                **more,
            )
        except requests.RequestException as error:
            said = without_secrets(str(error), self.settings.secrets)
            raise ConnectionFailedError(f"{method} {url.partition('?')[0]}: {said}") from None


def json_of(answer: requests.Response) -> Any:
    """Return the JSON of an answer; None if it is not JSON."""
    try:
        return answer.json()
    except ValueError:
        return None


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
