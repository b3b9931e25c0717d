"""Airflow's simple auth manager, with one difference: some users may not read some DAGs."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

from tests.plugins.users import NO_XCOM, OUTSIDER, SECRET


class PartialRights(SimpleAuthManager):
    """``outsider`` may not read DAGs whose id begins with ``secret_``; ``no_xcom`` may read DAGs but no XCom."""

    def is_authorized_dag(self, *, user: Any, access_entity: Any = None, details: Any = None, **more: Any) -> bool:
        if user.username == OUTSIDER and details is not None and (details.id or "").startswith(SECRET):
            return False
        if user.username == NO_XCOM and access_entity is not None and access_entity.name == "XCOM":
            return False
        return super().is_authorized_dag(user=user, access_entity=access_entity, details=details, **more)
