"""Faults on demand: error answers, delays and connections that die, before or after the server acted."""

from __future__ import annotations

import fnmatch
import random
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_qrt.emulator.errors import bad_request
from airflow_provider_qrt.emulator.rulebook import RuleBook

API_PREFIX = "/api/v1"
PHASES = ("before", "after")
REVOKE_TOKENS = "revoke_tokens"
SILENCE = "silence"
EFFECTS = (REVOKE_TOKENS, SILENCE)

CLOSE_CODES = (1000, 1001, 1008, 1011, 1012, 1013)
"""Codes of RFC 6455 that a server may send."""


@dataclass
class Fault:
    """One rule. It applies to a number of matching requests, then lapses.

    Attributes:
        id: Its number.
        method: HTTP method, or ``*``.
        path: fnmatch pattern, or a regular expression when it begins with ``^``. It is tried on the path
            with and without ``/api/v1``.
        times: How many requests it still applies to; None for ever. 1 when left out, None with a probability.
        skip: How many matching requests it lets pass first.
        probability: How likely it applies to a matching request, from 0 to 1; None for certain.
        seed: Makes the choices of ``probability`` the same in every run.
        status: HTTP status to answer with.
        body: JSON body of that answer; an error body in the right shape when left out.
        html: HTML body of that answer, as a gateway sends it.
        headers: Headers of that answer.
        retry_after: Value of its ``Retry-After`` header, in seconds or as a date.
        delay: Seconds to wait at the point that ``phase`` names.
        truncate: Send only so many bytes of the true answer's body, or messages of a stream, then close the connection.
        close_code: With which code a stream is then closed; None closes without one, which a client sees as 1006.
        effect: ``revoke_tokens`` makes every token issued so far expired before the server acts; ``silence`` lets a
            stream stay open and say nothing.
        drop: Close the connection without an answer, ``before`` or ``after`` the server acted.
        phase: Whether status and delay come ``before`` the server acts (it does not act at all when a
            status is given) or ``after`` it did.
        applied: How many requests it was applied to.
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
        """Say whether it is this time's turn, by its probability."""
        return self.probability is None or self._chance.random() < self.probability

    def matches(self, method: str, path: str) -> bool:
        """Say whether the rule is about such a request."""
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
    """The faults in force."""

    def __init__(self) -> None:
        super().__init__(_read)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that applies to this request, and count it."""
        return self.take_first(lambda fault: fault.matches(method, path))


def _read(rule: Any, number: int) -> Fault:
    if not isinstance(rule, dict):
        raise bad_request("A fault is a JSON object.")
    known = set(Fault.__dataclass_fields__) - {"id", "applied"}
    unknown = sorted(set(rule) - known)
    if unknown:
        raise bad_request(f"Unknown in the fault: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    for name, kinds in _KINDS.items():
        if name in rule and (not isinstance(rule[name], kinds) or isinstance(rule[name], bool)):
            raise bad_request(f"{name} has the wrong type.")
    if rule.get("probability") is not None:
        rule = {"times": None, **rule}
        if not 0 <= rule["probability"] <= 1:
            raise bad_request("probability must be from 0 to 1.")
    fault = Fault(number, **rule)
    fault.method = fault.method.upper()
    fault.headers = {str(name): str(value) for name, value in fault.headers.items()}
    if fault.retry_after is not None:
        fault.retry_after = str(fault.retry_after)
    if fault.path.startswith("^"):
        try:
            re.compile(fault.path)
        except re.error as error:
            raise bad_request(f"path is not a regular expression: {error}") from error
    if fault.drop not in (None, *PHASES) or fault.phase not in PHASES:
        raise bad_request("drop and phase are before or after.")
    if fault.status is not None and not 200 <= fault.status <= 599:
        raise bad_request("status must be an HTTP status from 200 to 599.")
    if fault.status is None and (fault.body is not None or fault.html is not None):
        fault.status = 500
    if fault.effect not in (None, *EFFECTS):
        raise bad_request(f"effect must be one of {', '.join(EFFECTS)}.")
    if fault.truncate is not None and (fault.truncate < 0 or fault.status is not None or fault.drop is not None):
        raise bad_request("truncate is a number of bytes of the true answer: it goes with no status and no drop.")
    if fault.close_code is not None and (fault.truncate is None or fault.close_code not in CLOSE_CODES):
        codes = ", ".join(map(str, CLOSE_CODES))
        raise bad_request(f"close_code is one of {codes}, and goes with truncate, the messages sent before it.")
    if fault.status is None and fault.drop is None and fault.truncate is None and not fault.delay and not fault.effect:
        raise bad_request("A fault needs a status, a drop, a delay, a truncate or an effect.")
    return fault
