"""Access control of the pages: Airflow's login, and its auth manager's permissions for each DAG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException
from sqlalchemy import select


@dataclass(frozen=True)
class Viewer:
    """A user who has logged in.

    Attributes:
        user: Airflow's user.
        readable: Ids of the DAGs that the user may read.
        existing: Ids of all DAGs.
    """

    user: BaseUser
    readable: frozenset[str]
    existing: frozenset[str]


def viewer(user: GetUserDep, session: SessionDep) -> Viewer:
    """Return the user of this request, with the DAGs that the auth manager allows them to read."""
    readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session)
    existing = session.scalars(select(DagModel.dag_id))
    return Viewer(user, frozenset(readable), frozenset(existing))


def may_read_results(dag_id: str, user: GetUserDep) -> BaseUser:
    """Require permission to read a DAG's task instances and XCom, as Airflow's own pages do.

    Raises:
        HTTPException: 403; also for a DAG that does not exist, so that the existing ones are not revealed.
    """
    manager = get_auth_manager()
    team = DagModel.get_team_name(dag_id)
    for entity in (None, DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM):
        if not manager.is_authorized_dag(
            method="GET", access_entity=entity, details=DagDetails(id=dag_id, team_name=team), user=user
        ):
            raise HTTPException(403, "You may not read the task instances and XCom of this DAG, or it does not exist.")
    return user


def may_change_tasks(dag_id: str, user: BaseUser) -> bool:
    """Return whether a user may change the tasks of a DAG, as Airflow requires it to mark or clear them."""
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(
        method="PUT", access_entity=DagAccessEntity.TASK_INSTANCE, details=details, user=user
    )


ViewerDep = Annotated[Viewer, Depends(viewer)]
ResultsDep = Annotated[BaseUser, Depends(may_read_results)]
