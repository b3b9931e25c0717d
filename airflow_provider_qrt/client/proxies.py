"""Proxies: is this an address at all, and what in it is secret?

A mistyped address, such as one with a ``#`` in the password, is quoted whole in the errors of the HTTP libraries. So
one that cannot be valid never gets that far, and the message that refuses it does not quote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from airflow_provider_qrt.client.errors import InvalidSettings
from airflow_provider_qrt.untrusted import blotter

NO_PROXY = "no_proxy"
_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?", re.IGNORECASE)
_ADDRESS = re.compile(r"[0-9a-f:.]+(?:%[a-z0-9]+)?", re.IGNORECASE)
_KEY = re.compile(r"[a-z][a-z0-9+.-]*(?:://[A-Za-z0-9.:_\[\]-]+)?")
_HOW = "It looks like http://proxy.example.com:3128 or http://user:password@proxy.example.com:3128"


def check_proxies(proxies: Mapping[str, str]) -> None:
    """See that these can be proxies, and make known what is secret in them.

    Args:
        proxies: As ``requests`` takes them: scheme, scheme and host, or ``all``, to the proxy's address.

    Raises:
        InvalidSettings: One cannot. It is not quoted.
    """
    learn_from(proxies)
    for name, address in proxies.items():
        if not _KEY.fullmatch(name) and name != NO_PROXY:
            raise InvalidSettings(
                "The connection's proxies name something that is no scheme. Write https and http on the left side, and "
                "the proxy's address on the right."
            )
        if name != NO_PROXY and address:
            problem = problem_of(address)
            if problem is not None:
                raise InvalidSettings(f"The connection's proxy for {_shown(name)} {problem}. {_HOW}.")


def environment_proxy(url: str, own: Mapping[str, str]) -> str | None:
    """Return the proxy that ``requests`` takes from the environment for an address; None if it takes none from there.

    Args:
        url: Where a request goes.
        own: The connection's own proxies, which win.
    """
    from requests.utils import get_environ_proxies, select_proxy

    if select_proxy(url, dict(own)):
        return None
    return select_proxy(url, get_environ_proxies(url, no_proxy=own.get(NO_PROXY)))


def check_environment(address: str | None) -> None:
    """See that a proxy that the environment names can be one, as :func:`check_proxies` does.

    Raises:
        InvalidSettings: It cannot. It is not quoted.
    """
    if not address:
        return
    learn_from({"": address})
    problem = problem_of(address)
    if problem is not None:
        raise InvalidSettings(
            f"The proxy that the environment names (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) {problem}. {_HOW}."
        )


def problem_of(address: str) -> str | None:
    """Return what is wrong with a proxy's address, without quoting it; None if nothing is."""
    text = address if "://" in address else f"http://{address}"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "holds a blank, a control character or a letter that is not ASCII: write it as %20 and the like"
    try:
        parts = urlsplit(text)
        port = parts.port
        parse_url(text)
    except (ValueError, LocationParseError):
        return "has a port that is no number from 1 to 65535, or a password with a character in it that must be encoded"
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
    """Make known to the blotter what is secret in proxies, also where an address is mistyped."""
    blotter.learn(secret for name, address in proxies.items() if name != NO_PROXY for secret in secrets_of(address))


def secrets_of(address: str) -> Iterator[str]:
    """Yield what a text must not show of a proxy's address."""
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
