"""The faults of the service and of Airflow's API: random single faults, and incidents that last for a while."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

Fault = dict[str, Any]

LOST: Fault = {"drop": "after"}
FAULTS: dict[str, Fault] = {
    "no connection": {"drop": "before"},
    "answer lost": LOST,
    "500 after it acted": {"status": 500, "phase": "after"},
    "503": {"status": 503},
    "503, Retry-After 3": {"status": 503, "retry_after": 3},
    "429": {"status": 429, "retry_after": 4},
    "a gateway's page": {"status": 502, "html": "<html><body>Bad gateway</body></html>"},
    "half an answer": {"truncate": 20},
    "401": {"status": 401},
    "403": {"status": 403},
    "404": {"status": 404},
}
OF_SUBMISSIONS = {
    "answer lost": 5,
    "500 after it acted": 3,
    "half an answer": 2,
    "503": 2,
    "no connection": 2,
    "429": 2,
    "a gateway's page": 1,
    "401": 1,
    "403": 0.2,
}
OF_LOGINS = {"no connection": 2, "503": 3, "a gateway's page": 1, "429": 1, "answer lost": 1}
OF_OTHERS = {
    "no connection": 3,
    "answer lost": 2,
    "500 after it acted": 2,
    "503": 3,
    "503, Retry-After 3": 1,
    "429": 2,
    "a gateway's page": 1,
    "half an answer": 1,
    "401": 1,
    "403": 0.5,
}
OF_ONE_JOB = {**OF_OTHERS, "404": 0.7}
INCIDENTS = ("503", "no connection", "401", "403", "404", "429")
"""Kinds of incidents of the service; 404 affects single jobs, as with a replica that lags."""
OF_AIRFLOW = ("store", "xcom", "connection", "states", "all")
"""Parts of Airflow's API that an incident can affect."""


@dataclass(frozen=True)
class Incident:
    """Some time in which every request of a kind fails."""

    what: str
    begin: float
    end: float

    def goes_on(self, now: float) -> bool:
        return self.begin <= now < self.end


@dataclass
class Weather:
    """The faults of an episode.

    Attributes:
        service: Share of requests to the service that go wrong.
        airflow: Share of words with Airflow's API that go wrong.
        incidents: Of the service.
        troubles: Incidents of Airflow's API.
        fair: Whether nothing goes wrong any more.
    """

    service: float = 0.0
    airflow: float = 0.0
    incidents: list[Incident] = field(default_factory=list)
    troubles: list[Incident] = field(default_factory=list)
    fair: bool = False

    def of_request(self, chance: random.Random, method: str, path: str, now: float) -> tuple[str, Fault] | None:
        """Return the fault of a request; None if there is none."""
        if self.fair:
            return None
        name = self._name(chance, method, path, now)
        return None if name is None else (name, FAULTS[name])

    def of_word(self, chance: random.Random, what: str, now: float) -> str | None:
        """Whether a word with Airflow's API fails ``before`` or ``after`` it acted; None if it does not."""
        if self.fair:
            return None
        if what == "task":
            # The supervisor says once more what it could not say.
            return None
        for trouble in self.troubles:
            if trouble.goes_on(now) and trouble.what in (what, "all"):
                return "before"
        if chance.random() < self.airflow:
            return chance.choice(("before", "before", "after"))
        return None

    def _name(self, chance: random.Random, method: str, path: str, now: float) -> str | None:
        is_login = "/identity/" in path
        of_one_job = method == "GET" and "/jobs/" in path
        for incident in self.incidents:
            if not incident.goes_on(now) or (is_login and incident.what not in ("503", "no connection")):
                continue
            if incident.what == "404" and not of_one_job:
                continue
            return incident.what
        if chance.random() >= self.service:
            return None
        if is_login:
            kinds = OF_LOGINS
        elif method == "POST" and path.endswith("/jobs"):
            kinds = OF_SUBMISSIONS
        elif of_one_job and path.count("/") == path[: path.index("/jobs/")].count("/") + 2:
            kinds = OF_ONE_JOB
        else:
            kinds = OF_OTHERS
        return chance.choices(list(kinds), list(kinds.values()))[0]
