"""Injected faults: error answers, delays and dropped connections, before or after the server acts."""

from __future__ import annotations

import fnmatch
import random
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_qrt.emulator.errors import bad_request
from airflow_provider_qrt.emulator.rulebook import RuleBook

__all__ = ["Fault"]

API_PREFIX = "/api/v1"
PHASES = ("before", "after")
REVOKE_TOKENS = "revoke_tokens"
SILENCE = "silence"
EFFECTS = (REVOKE_TOKENS, SILENCE)

CLOSE_CODES = (1000, 1001, 1008, 1011, 1012, 1013)
"""Close codes of RFC 6455 that a server may send."""


@dataclass
class Fault:
    """A fault rule. It applies to a number of matching requests and then expires.

    Attributes:
        id: The rule's number.
        method: HTTP method, or ``*``.
        path: fnmatch pattern, or a regular expression when it begins with ``^``. It is tried on the path
            with and without ``/api/v1``.
        times: Number of requests that it still applies to; None for no limit. The default is 1, or None if
            ``probability`` is given.
        skip: Number of matching requests that it lets pass first.
        probability: The probability from 0 to 1 that it applies to a matching request; None means always.
        seed: Seed for ``probability``, which makes every run choose the same requests.
        status: HTTP status to answer with.
        body: JSON body of that answer; by default an error body in the right shape.
        html: HTML body of that answer, such as a gateway sends.
        headers: Headers of that answer.
        retry_after: Value of the ``Retry-After`` header, in seconds or as a date.
        delay: Seconds to wait at the point that ``phase`` names.
        truncate: Number of bytes of the real answer's body, or of messages of a stream, to send before closing the
            connection.
        close_code: The code with which a stream is then closed; None closes it without a code, which a client sees
            as 1006.
        effect: ``revoke_tokens`` expires every token issued so far before the server acts; ``silence`` keeps a stream
            open without sending anything.
        drop: Close the connection without an answer, ``before`` or ``after`` the server acts.
        phase: Whether status and delay come ``before`` the server acts (with a status it does not act at all) or
            ``after``.
        applied: Number of requests that it was applied to.
    """

    id: int
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    skip: int = 0
    probability: float | None = None
    seed: int | None = None
    status: int | None = None
    body: Any = None
    html: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: str | None = None
    delay: float = 0.0
    truncate: int | None = None
    close_code: int | None = None
    effect: str | None = None
    drop: str | None = None
    phase: str = "before"
    applied: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - no secret depends on it

    def strikes(self) -> bool:
        """Decide by the probability whether the rule applies this time."""
        return self.probability is None or self._chance.random() < self.probability

    def matches(self, method: str, path: str) -> bool:
        """Return whether the rule matches a request."""
        if self.method not in ("*", method):
            return False
        paths = {path, path.removeprefix(API_PREFIX)}
        if self.path.startswith("^"):
            return any(re.search(self.path, one) for one in paths)
        return any(fnmatch.fnmatchcase(one, self.path) for one in paths)

    def view(self) -> dict[str, Any]:
        """Return the rule as JSON."""
        return asdict(self)


_OPTIONAL_TEXT = (str, type(None))
_KINDS: dict[str, tuple[type, ...]] = {
    "method": (str,),
    "path": (str,),
    "times": (int, type(None)),
    "skip": (int,),
    "probability": (int, float, type(None)),
    "seed": (int, type(None)),
    "truncate": (int, type(None)),
    "close_code": (int, type(None)),
    "effect": _OPTIONAL_TEXT,
    "status": (int, type(None)),
    "html": _OPTIONAL_TEXT,
    "headers": (dict,),
    "retry_after": (str, int, float, type(None)),
    "delay": (int, float),
    "drop": _OPTIONAL_TEXT,
    "phase": (str,),
}


class Faults(RuleBook[Fault]):
    """The active fault rules."""

    def __init__(self) -> None:
        super().__init__(_read)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that applies to this request, and count it."""
        return self.take_first(lambda fault: fault.matches(method, path))


def _read(rule: Any, number: int) -> Fault:
    """Read a rule from JSON.

    Raises:
        ApiError: 400 for a wrong rule; the message says what is wrong.
    """
    if not isinstance(rule, dict):
        raise bad_request("A fault is a JSON object.")
    _check_types(rule)
    if rule.get("probability") is not None:
        rule = {"times": None, **rule}
        if not 0 <= rule["probability"] <= 1:
            raise bad_request("probability must be from 0 to 1.")
    fault = Fault(number, **rule)
    _normalise(fault)
    _check_path(fault)
    _check_answer(fault)
    _check_stream(fault)
    if fault.status is None and fault.drop is None and fault.truncate is None and not fault.delay and not fault.effect:
        raise bad_request("A fault needs a status, a drop, a delay, a truncate or an effect.")
    return fault


def _check_types(rule: dict[str, Any]) -> None:
    """Refuse unknown fields and values of the wrong type."""
    known = set(Fault.__dataclass_fields__) - {"id", "applied"}
    unknown = sorted(set(rule) - known)
    if unknown:
        raise bad_request(f"Unknown in the fault: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    for name, kinds in _KINDS.items():
        if name in rule and (not isinstance(rule[name], kinds) or isinstance(rule[name], bool)):
            raise bad_request(f"{name} has the wrong type.")


def _normalise(fault: Fault) -> None:
    """Convert the method to upper case and all header values to text."""
    fault.method = fault.method.upper()
    fault.headers = {str(name): str(value) for name, value in fault.headers.items()}
    if fault.retry_after is not None:
        fault.retry_after = str(fault.retry_after)


def _check_path(fault: Fault) -> None:
    """Refuse a path that begins with ``^`` and is not a regular expression."""
    if fault.path.startswith("^"):
        try:
            re.compile(fault.path)
        except re.error as error:
            raise bad_request(f"path is not a regular expression: {error}") from error


def _check_answer(fault: Fault) -> None:
    """Refuse an unknown drop or phase and an invalid status; set status 500 for a body without a status."""
    if fault.drop not in (None, *PHASES) or fault.phase not in PHASES:
        raise bad_request("drop and phase are before or after.")
    if fault.status is not None and not 200 <= fault.status <= 599:
        raise bad_request("status must be an HTTP status from 200 to 599.")
    if fault.status is None and (fault.body is not None or fault.html is not None):
        fault.status = 500


def _check_stream(fault: Fault) -> None:
    """Refuse an unknown effect, and ``truncate`` or ``close_code`` in combinations that make no sense."""
    if fault.effect not in (None, *EFFECTS):
        raise bad_request(f"effect must be one of {', '.join(EFFECTS)}.")
    if fault.truncate is not None and (fault.truncate < 0 or fault.status is not None or fault.drop is not None):
        raise bad_request("truncate is a number of bytes of the true answer: it goes with no status and no drop.")
    if fault.close_code is not None and (fault.truncate is None or fault.close_code not in CLOSE_CODES):
        codes = ", ".join(map(str, CLOSE_CODES))
        raise bad_request(f"close_code is one of {codes}, and goes with truncate, the messages sent before it.")
