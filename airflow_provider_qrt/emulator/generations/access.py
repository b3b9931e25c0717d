"""Which of the older generations a request is of, and whether it may come in."""

from __future__ import annotations

import hmac

from starlette.requests import HTTPConnection

from airflow_provider_qrt.emulator.access import check_instance
from airflow_provider_qrt.emulator.generations import Generation
from airflow_provider_qrt.emulator.generations.logins import HEADER
from airflow_provider_qrt.emulator.service import Service
from airflow_provider_qrt.emulator.wire import AUTHENTICATED


def enter(service: Service, request: HTTPConnection) -> Generation:
    """Say which generation a request is of: by ``x-access-token``, by the API token as bearer, or else IBM Cloud's.

    Raises:
        ApiError: 401 for missing, wrong or lapsed credentials; 400 or 404 for the CRN of a request with an IAM token.
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
    """Say which generation's catalogue of programs is wanted: that of ``ibm_quantum`` needs no login.

    Raises:
        ApiError: 401 for credentials that are wrong or have lapsed.
    """
    if HEADER not in request.headers and "Authorization" not in request.headers:
        return Generation.IBM_QUANTUM
    return enter(service, request)


def _is_api_token(service: Service, request: HTTPConnection) -> bool:
    # With a CRN it is a request of IBM Cloud's that took the key for a token: the commonest mistake there.
    if "Service-CRN" in request.headers:
        return False
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    key = service.settings.api_key
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), key.encode())
