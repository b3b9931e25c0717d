"""A local Airflow whose users log in with passwords and have the permissions of their roles."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.local_airflow import LocalAirflow

ADMIN = "admin"


class AirflowWithLogin(LocalAirflow):
    """Airflow with its simple auth manager. Its roles are viewer, user, op and admin; no role means no permissions.

    Args:
        home: See :class:`LocalAirflow`.
        dags: See :class:`LocalAirflow`.
        users: Roles by user name, in addition to ``admin``.
        settings: See :class:`LocalAirflow`.
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
        """Return an API token for a user's name and password."""
        login: dict[str, Any] = {"username": user, "password": self.passwords[user]}
        answer = self._session.post(f"{self.url}/auth/token", json=login, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["access_token"])
