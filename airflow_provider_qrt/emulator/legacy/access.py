"""Finds out which older generation a request belongs to, and checks its credentials."""

from __future__ import annotations

import hmac

from starlette.requests import HTTPConnection

from airflow_provider_qrt.emulator.access import check_instance
from airflow_provider_qrt.emulator.http.wire import AUTHENTICATED
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.legacy.logins import HEADER
from airflow_provider_qrt.emulator.service import Service


def enter(service: Service, request: HTTPConnection) -> Generation:
    """Check the credentials of a request and return its generation.

    A request with ``x-access-token`` or with the API token as bearer token belongs to the generations that used these;
    any other request belongs to IBM Cloud's.

    Raises:
        ApiError: 401 for missing, wrong or expired credentials; 400 or 404 for the CRN of a request with an IAM token.
    """
    headers = request.headers
    if HEADER in headers:
        service.logins.check(headers[HEADER])
        request.scope[AUTHENTICATED]()
        return Generation.IBM_QUANTUM
    if _is_api_token(service, request):
        request.scope[AUTHENTICATED]()
        return Generation.API_TOKEN
    service.identity.check(headers.get("Authorization"))
    request.scope[AUTHENTICATED]()
    check_instance(service.settings, headers.get("Service-CRN"))
    return Generation.IBM_CLOUD


def look_in(service: Service, request: HTTPConnection) -> Generation:
    """Return the generation whose list of programs is requested; that of ``ibm_quantum`` needs no login.

    Raises:
        ApiError: 401 for credentials that are wrong or have expired.
    """
    if HEADER not in request.headers and "Authorization" not in request.headers:
        return Generation.IBM_QUANTUM
    return enter(service, request)


def _is_api_token(service: Service, request: HTTPConnection) -> bool:
    # A request with a CRN is for IBM Cloud. Sending the API key in place of a token is the commonest mistake there.
    if "Service-CRN" in request.headers:
        return False
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    key = service.settings.api_key
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), key.encode())
