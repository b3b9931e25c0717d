"""A local Airflow whose users log in with a password and have the rights of their roles."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.local_airflow import LocalAirflow

ADMIN = "admin"


class AirflowWithLogin(LocalAirflow):
    """Airflow with its simple auth manager: the roles are viewer, user, op and admin; no role means no rights.

    Args:
        home: As of :class:`LocalAirflow`.
        dags: As of :class:`LocalAirflow`.
        users: Roles by name of user, beside ``admin``.
        settings: As of :class:`LocalAirflow`.
    """

    def __init__(
        self, home: Path, dags: Path, *, users: Mapping[str, str], settings: Mapping[str, str] | None = None
    ) -> None:
        roles = {ADMIN: "admin", **users}
        self.passwords = {name: secrets.token_hex(8) for name in roles}
        passwords = home / "passwords.json"
        super().__init__(
            home,
            dags,
            settings={
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in roles.items()),
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords.resolve()),
                **(settings or {}),
            },
        )
        home.mkdir(parents=True, exist_ok=True)
        passwords.write_text(json.dumps(self.passwords))

    def _token(self) -> str:
        return self.token_of(ADMIN)

    def token_of(self, user: str) -> str:
        """A token for the API, as a user gets it for name and password."""
        login: dict[str, Any] = {"username": user, "password": self.passwords[user]}
        answer = self._session.post(f"{self.url}/auth/token", json=login, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["access_token"])
