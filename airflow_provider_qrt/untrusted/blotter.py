"""Redact secrets in texts: every text from outside passes through one blotter for the whole process.

The service does not normally quote what it was sent, but a gateway or proxy may, in an error, in a job's reason or in
its log. A connection's secrets are registered here when it is read, and tokens when they are fetched, so code that
shows a text needs no settings.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

BLOT = "***"
_SHORTEST_ANYWHERE = 8
"""A shorter secret, or one of lower-case letters only, is redacted only as a whole word; otherwise ordinary words would
be damaged."""
_SHORTEST = 4
"""Shorter secrets are ignored."""
_LEAST_LOOKED_AT = 32_768
_LONGEST_SECRET = 4096
"""Number of characters dropped at the end of a truncated text, which may hold part of a secret."""
_MOST_KNOWN = 1000
"""Maximum number of remembered secrets; those that have not been registered again for longest are forgotten first."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
"""Control characters, invisible characters, and those that change the writing direction."""

_PATTERNS = (
    (re.compile(r"crn:v\d:[^\s\"'<>,]*", re.IGNORECASE), f"crn:{BLOT}"),
    (re.compile(r"crn%3av\d%3a[^\s\"'<>,]*", re.IGNORECASE), f"crn:{BLOT}"),
    (re.compile(r"\ba/[0-9a-f]{32}\b", re.IGNORECASE), f"a/{BLOT}"),
    (re.compile(r"\beyJ[\w-]{6,}(\.[\w-]+){0,2}"), BLOT),
    (
        re.compile(
            r"(?i)\b(bearer|api_?key|api_?token|x-access-token|(?:access|refresh|id)_token|authorization)"
            r"([\"']?[ =:]+[\"']?(?:(?:bearer|basic)[ ]+)?)[^\s\"'&,]+"
        ),
        rf"\1\2{BLOT}",
    ),
    # User information in a URL: up to the last @ of the word, even if special characters are not encoded.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}:/{2,3})[^\s\"'<>]{1,200}@", re.IGNORECASE), rf"\1{BLOT}@"),
)


class Blotter:
    """Redacts known secrets, and what looks like one: CRNs, account ids, tokens, keys, user information.

    Safe to use from several threads, and in a signal handler.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._known: OrderedDict[str, re.Pattern[str] | None] = OrderedDict()

    def learn(self, secrets: Iterable[str]) -> None:
        """Remember secrets in all forms in which a text may contain them."""
        with self._lock:
            for secret in secrets:
                for spelled in spellings(secret):
                    self._known[spelled] = _as_word(spelled)
                    self._known.move_to_end(spelled)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)

    def blot(self, text: str, more: Iterable[str] = ()) -> str:
        """Return the text without secrets.

        Args:
            text: Text to be shown to people.
            more: Further secrets.
        """
        with self._lock:
            known = dict(self._known)
        for secret in more:
            known |= {spelled: _as_word(spelled) for spelled in spellings(secret)}
        for secret in sorted((secret for secret in known if secret in text), key=len, reverse=True):
            word = known[secret]
            text = text.replace(secret, BLOT) if word is None else word.sub(BLOT, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def spellings(secret: str) -> set[str]:
    """Return the forms of a secret in a text: unchanged, in a URL, quoted, or in JSON.

    A secret with line breaks is also recognised by its single lines, since a log shows them separately.
    """
    plain = secret.strip()
    spelled = {plain, quote_plus(plain), quote(plain, safe=""), repr(plain)[1:-1], json.dumps(plain)[1:-1]}
    spelled |= {line.strip() for line in plain.splitlines() if len(line.strip()) >= _SHORTEST_ANYWHERE}
    return {one for one in spelled if len(one) >= _SHORTEST}


def user_information(user: str, password: str) -> set[str]:
    """Return the secrets of a URL with user and password, including the value for basic authentication."""
    pair = f"{user}:{password}"
    return {password, pair, base64.b64encode(pair.encode()).decode("ascii")} if password else set()


def _as_word(secret: str) -> re.Pattern[str] | None:
    if len(secret) >= _SHORTEST_ANYWHERE and not (secret.isalpha() and secret.islower()):
        return None
    return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")


_blotter = Blotter()


def _begin_anew() -> None:
    """Replace the lock after a fork, since a thread that the child lacks may hold it; keep the known secrets."""
    _blotter._lock = threading.RLock()


os.register_at_fork(after_in_child=_begin_anew)


def learn(secrets: Iterable[str]) -> None:
    """Register secrets for redaction in this process."""
    _blotter.learn(secrets)


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """Return ``text`` with CRNs, account ids, tokens, keys and user information redacted.

    Args:
        text: Text to be shown to people.
        known: Further secrets that are not registered.
    """
    return _blotter.blot(text, known)


def readable(text: object, longest: int = 2000, known: Iterable[str] = ()) -> str:
    """Return untrusted text in a form for logs and pages: without secrets or control characters, and not too long.

    Line breaks and tabs are kept. Terminal escape sequences lose their escape character.

    Args:
        text: The text; other values are converted with ``str()``.
        longest: Maximum number of characters.
        known: Further secrets that are not registered.
    """
    whole = text if isinstance(text, str) else str(text)
    # Redact before truncating, since a truncated secret would not be recognised; but do not process megabytes.
    looked_at = max(_LEAST_LOOKED_AT, 8 * longest)
    said = _UNPRINTABLE.sub("", without_secrets(whole[:looked_at], known))
    if len(whole) > looked_at:
        said = said[:-_LONGEST_SECRET]
    return said if len(said) <= longest else said[: longest - 3] + "..."
