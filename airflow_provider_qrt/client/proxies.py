"""Check proxy addresses, and find the secrets in them.

HTTP libraries quote a mistyped address, such as one with a ``#`` in the password, in full in their errors. So an
invalid address is rejected before it reaches them, with a message that does not quote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.untrusted import blotter

NO_PROXY = "no_proxy"
_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?", re.IGNORECASE)
_ADDRESS = re.compile(r"[0-9a-f:.]+(?:%[a-z0-9]+)?", re.IGNORECASE)
_KEY = re.compile(r"[a-z][a-z0-9+.-]*(?:://[A-Za-z0-9.:_\[\]-]+)?")
_HOW = "It looks like http://proxy.example.com:3128 or http://user:password@proxy.example.com:3128"


def check_proxies(proxies: Mapping[str, str]) -> None:
    """Check that the addresses can be proxies, and register the secrets in them for redaction.

    Args:
        proxies: As ``requests`` takes them: scheme, scheme and host, or ``all``, to the proxy's address.

    Raises:
        InvalidSettingsError: One of them is invalid. The message does not quote it.
    """
    learn_from(proxies)
    for name, address in proxies.items():
        if not _KEY.fullmatch(name) and name != NO_PROXY:
            raise InvalidSettingsError(
                "The connection's proxies name something that is no scheme. Write https and http on the left side, and "
                "the proxy's address on the right."
            )
        if name != NO_PROXY and address:
            problem = problem_of(address)
            if problem is not None:
                raise InvalidSettingsError(f"The connection's proxy for {_shown(name)} {problem}. {_HOW}.")


def environment_proxy(url: str, own: Mapping[str, str]) -> str | None:
    """Return the proxy that ``requests`` takes from the environment for a URL, or None.

    Args:
        url: URL of a request.
        own: The connection's own proxies, which take precedence.
    """
    from requests.utils import get_environ_proxies, select_proxy

    if select_proxy(url, dict(own)):
        return None
    return select_proxy(url, get_environ_proxies(url, no_proxy=own.get(NO_PROXY)))


def check_environment(address: str | None) -> None:
    """Check a proxy address from the environment, as :func:`check_proxies` does.

    Raises:
        InvalidSettingsError: It is invalid. The message does not quote it.
    """
    if not address:
        return
    learn_from({"": address})
    problem = problem_of(address)
    if problem is not None:
        raise InvalidSettingsError(
            f"The proxy that the environment names (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) {problem}. {_HOW}."
        )


def problem_of(address: str) -> str | None:
    """Describe what is wrong with a proxy's address, without quoting it; None if it is valid."""
    text = address if "://" in address else f"http://{address}"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "holds a blank, a control character or a letter that is not ASCII: write it as %20 and the like"
    try:
        parts = urlsplit(text)
        port = parts.port
        parse_url(text)
    except (ValueError, LocationParseError):
        return (
            "has a port that is no number from 1 to 65535, or a password with a character in it that must be encoded: "
            "write / as %2F, # as %23 and ? as %3F"
        )
    if parts.scheme not in _SCHEMES:
        return f"does not begin with {', '.join(f'{scheme}://' for scheme in _SCHEMES[:2])} or a socks scheme"
    if parts.path not in ("", "/") or parts.query or parts.fragment or "#" in text or "?" in text:
        return (
            "has something after its host and port. If that belongs to the user or password, write / as %2F, "
            "# as %23 and ? as %3F"
        )
    host = parts.hostname or ""
    if not (_ADDRESS if ":" in host else _HOST).fullmatch(host) or len(host) > 253:
        return "has no valid host name"
    return "has the port 0" if port == 0 else None


def learn_from(proxies: Mapping[str, str]) -> None:
    """Register the secrets in proxy addresses for redaction, even in mistyped ones."""
    blotter.learn(secret for name, address in proxies.items() if name != NO_PROXY for secret in secrets_of(address))


def secrets_of(address: str) -> Iterator[str]:
    """Yield the secret parts of a proxy's address."""
    rest = address.partition("://")[2] or address
    information, at, _ = rest.rpartition("@")
    if not at:
        return
    yield information
    for user, password in {_split(information), _split(unquote(information))}:
        yield from blotter.user_information(user, password)


def _split(information: str) -> tuple[str, str]:
    user, _, password = information.lstrip("/").partition(":")
    return user, password


def _shown(name: str) -> str:
    return name.partition("://")[0]
