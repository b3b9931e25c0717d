"""Requests whose answers are looked at as they came, beside those that the client makes and reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from airflow_provider_qrt.client.errors import ConnectionFailed
from airflow_provider_qrt.client.limits import CONNECT_TIMEOUT, READ_TIMEOUT
from airflow_provider_qrt.client.reading import read_object
from airflow_provider_qrt.client.retry import RetryPolicy
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.client.transport import Transport
from airflow_provider_qrt.doctor.rows import NotTried
from airflow_provider_qrt.untrusted.blotter import without_secrets


class Service:
    """The service as it is seen through plain requests.

    Args:
        settings: Of the connection.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.transport = Transport(settings, retry=RetryPolicy())

    def get(self, path: str, **params: Any) -> Any:
        """GET something with the connection's credentials and return its JSON.

        Raises:
            QiskitRuntimeError: The service refused, or could not be asked.
        """
        return self.transport.get_json(path, params=params or None)

    def get_object(self, path: str, **params: Any) -> Mapping[str, Any]:
        """GET something that is an object."""
        return read_object(self.get(path, **params))

    def plain(self, path: str, *, token: str | None = None, version: str | None = None) -> requests.Response:
        """GET something with other headers than usual, whatever the status of the answer.

        Args:
            path: Of the API.
            token: The bearer token; None: none.
            version: ``IBM-API-Version``; None: none.
        """
        headers = {"Service-CRN": self.settings.crn.value, "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if version is not None:
            headers["IBM-API-Version"] = version
        return self._send("GET", f"{self.settings.base_url}{path}", headers=headers)

    def token(self) -> Mapping[str, Any]:
        """Ask IAM for a token and return its whole answer."""
        answer = self._send(
            "POST",
            f"{self.settings.iam_url}/identity/token",
            data={"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": self.settings.api_key},
            headers={"Accept": "application/json"},
        )
        if not answer.ok:
            raise NotTried(f"IAM answered {answer.status_code}")
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
            raise ConnectionFailed(f"{method} {url.partition('?')[0]}: {said}") from None


def json_of(answer: requests.Response) -> Any:
    """Return the JSON of an answer; None if it has none."""
    try:
        return answer.json()
    except ValueError:
        return None


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
