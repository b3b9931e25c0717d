"""Keeps secrets out of texts: one blotter for the whole process, through which every text from outside passes.

The service does not normally repeat what it was sent; a gateway or proxy in its place may, in an error, in a job's
reason or in its log. What is secret in a connection is made known here when the connection is read, each token when it
is fetched, so whoever shows a text needs no settings at hand.
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
"""A shorter secret, and one of small letters only, is blotted only where it stands as a word of its own: it would spoil
ordinary words."""
_SHORTEST = 4
"""Nothing shorter is looked for as such."""
_LEAST_LOOKED_AT = 32_768
_LONGEST_SECRET = 4096
"""Characters at the end of a text that was cut, where half a secret may stand."""
_MOST_KNOWN = 1000
"""Secrets that a process remembers; those of tokens and connections that are not used any more are forgotten first."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
"""Control characters, and those that turn the direction of writing around or are not seen."""

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
    # User information in an address: up to the last @ of the word, whatever was forgotten to be encoded in it.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}:/{2,3})[^\s\"'<>]{1,200}@", re.IGNORECASE), rf"\1{BLOT}@"),
)


class Blotter:
    """Blots out what it knows to be secret, and what looks like it: CRNs, account ids, tokens, keys, user information.

    Safe to use in several threads, and in a signal handler.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._known: OrderedDict[str, re.Pattern[str] | None] = OrderedDict()

    def learn(self, secrets: Iterable[str]) -> None:
        """Remember secrets, in all the ways in which a text may spell them."""
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
            text: To be shown to people.
            more: Secrets that are not known yet.
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
    """Return the ways in which a text may spell a secret: as it is, in an address, in quotes, in JSON.

    A secret with line breaks in it is also recognised by its lines, for a log shows each on a line of its own.
    """
    plain = secret.strip()
    spelled = {plain, quote_plus(plain), quote(plain, safe=""), repr(plain)[1:-1], json.dumps(plain)[1:-1]}
    spelled |= {line.strip() for line in plain.splitlines() if len(line.strip()) >= _SHORTEST_ANYWHERE}
    return {one for one in spelled if len(one) >= _SHORTEST}


def user_information(user: str, password: str) -> set[str]:
    """Return what an address with user and password must not show, the header of basic authentication included."""
    pair = f"{user}:{password}"
    return {password, pair, base64.b64encode(pair.encode()).decode("ascii")} if password else set()


def _as_word(secret: str) -> re.Pattern[str] | None:
    if len(secret) >= _SHORTEST_ANYWHERE and not (secret.isalpha() and secret.islower()):
        return None
    return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")


_blotter = Blotter()


def _begin_anew() -> None:
    """Leave a fork's parent a lock that a thread may hold which is not there; what is known stays known."""
    _blotter._lock = threading.RLock()


os.register_at_fork(after_in_child=_begin_anew)


def learn(secrets: Iterable[str]) -> None:
    """Make secrets known to the process's blotter."""
    _blotter.learn(secrets)


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """Return ``text`` with CRNs, account ids, tokens, keys and user information blotted out.

    Args:
        text: To be shown to people.
        known: Secrets that the process has not been told of.
    """
    return _blotter.blot(text, known)


def readable(text: object, longest: int = 2000, known: Iterable[str] = ()) -> str:
    """Return what somebody outside said, fit for logs and pages: no secrets, no control characters, not too long.

    Line breaks and tabs stay. Escape sequences, which could repaint a terminal, lose what makes them one.

    Args:
        text: What was said; anything but text is written as such.
        longest: Characters that are kept.
        known: Secrets that the process has not been told of.
    """
    whole = text if isinstance(text, str) else str(text)
    # Blotted before it is cut, for a cut secret would not be recognised any more; but not megabytes for a few lines.
    looked_at = max(_LEAST_LOOKED_AT, 8 * longest)
    said = _UNPRINTABLE.sub("", without_secrets(whole[:looked_at], known))
    if len(whole) > looked_at:
        said = said[:-_LONGEST_SECRET]
    return said if len(said) <= longest else said[: longest - 3] + "..."
