"""IBM Cloud IAM: exchange an API key for a token (https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey)."""

from __future__ import annotations

from airflow_provider_qrt.client.channels.interfaces import ServiceSettings
from airflow_provider_qrt.client.login import HOUR, Login

GRANT_TYPE = "urn:ibm:params:oauth:grant-type:apikey"


def iam_login(settings: ServiceSettings) -> Login:
    """Describe the token exchange; tokens are valid for at most an hour."""
    return Login(
        server="IBM Cloud IAM",
        base_url=settings.iam_url,
        path="/identity/token",
        body={"grant_type": GRANT_TYPE, "apikey": settings.api_key, "response_type": "cloud_iam"},
        as_form=True,
        token_field="access_token",  # noqa: S106
        lifetime_field="expires_in",
        lifetime=HOUR,
    )
