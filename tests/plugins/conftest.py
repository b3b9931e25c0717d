"""Airflow's API server in this process, with its database, its login, and the mounted plugin."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from airflow_provider_qrt.compat import has_state_store
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput, job_tags
from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink

PAGES = "/qiskit-runtime"
RUN = "manual__2026-01-01"
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
LINK = QiskitRuntimeJobLink().xcom_key


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The API server's application, on a database of its own."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.utils.db import upgradedb

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.plugins.partial_rights.PartialRights")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "boss:admin")
        passwords = tmp_path_factory.mktemp("passwords") / "passwords.json"
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_hex(32))
        patch.setenv("AIRFLOW__API__SECRET_KEY", secrets.token_hex(16))
        patch.setenv("AIRFLOW__API__BASE_URL", "http://testserver")
        upgradedb()
        yield create_app("core")
        purge_cached_app()


@dataclass
class Browser:
    """Somebody at the pages."""

    client: Any
    waits: float = 300.0

    def get(self, path: str, **parameters: Any) -> Any:
        return self.client.get(f"{PAGES}{path}", params=parameters, follow_redirects=False)

    def read(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def until(self, condition: Callable[[dict[str, Any]], Any], path: str, **parameters: Any) -> dict[str, Any]:
        """Ask again, as the page does, until what is shown is as expected."""
        end = time.monotonic() + self.waits
        while not condition(found := self.read(path, **parameters)):
            assert time.monotonic() < end, json.dumps(found)
            time.sleep(0.02)
        return found

    def jobs(self, **parameters: Any) -> dict[str, Any]:
        """The page Quantum, once everything on it was read."""

        def is_read(page: dict[str, Any]) -> bool:
            rows = page["jobs"]["rows"]
            return page["freshness"]["state"] == "fresh" and all(row["queue"]["how"] != "to be read" for row in rows)

        return self.until(is_read, "/api/quantum", **parameters)


@pytest.fixture
def browser(api_server: Any) -> Iterator[Callable[..., Browser]]:
    """Opens a browser for a user of a role; ``None`` for nobody."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    opened = []

    def open_for(role: str | None = "admin", name: str = "boss", teams: tuple[str, ...] = ()) -> Browser:
        client = TestClient(api_server)
        opened.append(client)
        if role is not None:
            # Before Airflow 3.3 a user has no teams.
            more = {"teams": list(teams)} if teams else {}
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role or None, **more))
            client.cookies.set("_token", token)
        return Browser(client)

    yield open_for
    for client in opened:
        client.close()


@pytest.fixture(autouse=True)
def fresh_pages() -> Iterator[None]:
    """Each test begins with nothing read."""
    from airflow_provider_qrt.plugins.connections import forget_readers

    forget_readers()
    yield
    forget_readers()


@dataclass
class Database:
    """Airflow's database, with just what a test puts there."""

    dags: list[str] = field(default_factory=list)

    def add_dag(self, dag_id: str, run_id: str | None = RUN, *, bundle: str = "dags") -> None:
        self._put("dag", dag_id=dag_id, bundle_name=bundle, is_stale=False)
        self.dags.append(dag_id)
        if run_id is not None:
            self.add_run(dag_id, run_id, datetime.now(UTC))

    def add_run(self, dag_id: str, run_id: str, run_after: datetime) -> None:
        self._put(
            "dag_run",
            dag_id=dag_id,
            run_id=run_id,
            state="running",
            run_type="manual",
            run_after=run_after,
            log_template_id=self._template(),
        )

    def add_team(self, name: str) -> None:
        """A team, and the bundle of its DAGs, which has the team's name."""
        self._put("team", name=name)
        self._put("dag_bundle", name=name, active=True)
        self._put("dag_bundle_team", dag_bundle_name=name, team_name=name)

    def add_connection(self, conn_id: str, *, team: str | None = None, **parts: Any) -> None:
        from airflow import settings
        from airflow.models.connection import Connection
        from sqlalchemy.orm import Session

        # Not the table alone: the password is stored encrypted.
        of_team = {"team_name": team} if team else {}
        with Session(settings.engine) as session, session.begin():
            session.add(Connection(conn_id=conn_id, **of_team, **parts))

    def add_task(
        self,
        dag_id: str,
        task_id: str = "measure",
        *,
        map_index: int = -1,
        run_id: str = RUN,
        state: str = "success",
        rendered: dict[str, Any] | None = None,
        **xcom: Any,
    ) -> None:
        self._put(
            "task_instance",
            id=self._id("task_instance"),
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            state=state,
            operator="QiskitRuntimeSamplerOperator",
            pool="default_pool",
            pool_slots=1,
            try_number=1,
            max_tries=0,
            priority_weight=1,
            queue="default",
        )
        asked = "SELECT id FROM dag_run WHERE dag_id = :dag_id AND run_id = :run_id"
        run = self._scalar(asked, dag_id=dag_id, run_id=run_id)
        for key, value in xcom.items():
            self._put(
                "xcom",
                dag_run_id=run,
                dag_id=dag_id,
                run_id=run_id,
                task_id=task_id,
                map_index=map_index,
                key=key,
                value=value,
                timestamp=datetime.now(UTC),
            )
        if rendered is not None:
            self._put(
                "rendered_task_instance_fields",
                dag_id=dag_id,
                run_id=run_id,
                task_id=task_id,
                map_index=map_index,
                rendered_fields=rendered,
            )

    def add_state(self, dag_id: str, task_id: str, **values: Any) -> None:
        """Store values in the state of a task."""
        run = self._scalar("SELECT id FROM dag_run WHERE dag_id = :dag_id", dag_id=dag_id)
        for key, value in values.items():
            self._put(
                "task_state_store",
                dag_run_id=run,
                dag_id=dag_id,
                run_id=RUN,
                task_id=task_id,
                map_index=-1,
                key=key,
                value=json.dumps(value),
                updated_at=datetime.now(UTC),
            )

    def _put(self, table: str, **values: Any) -> None:
        from airflow import settings
        from airflow.models.base import Base
        from sqlalchemy import insert

        columns = Base.metadata.tables[table]
        for column in columns.columns:
            # What Airflow's own constructors would fill in, and no page reads.
            needed = not column.nullable and column.default is None and column.server_default is None
            if needed and column.name not in values and not (column.primary_key and column.name == "id"):
                values[column.name] = 0
        with settings.engine.begin() as connection:
            connection.execute(insert(columns).values(**values))

    def _id(self, table: str) -> Any:
        from airflow.models.base import Base

        made = uuid.uuid4()
        # Before Airflow 3.2 an id is text.
        return made if Base.metadata.tables[table].columns["id"].type.python_type is uuid.UUID else str(made)

    def _scalar(self, statement: str, **values: Any) -> Any:
        from airflow import settings
        from sqlalchemy import text

        with settings.engine.begin() as connection:
            return connection.execute(text(statement), values).scalar()

    def _template(self) -> Any:
        return self._scalar("SELECT max(id) FROM log_template")

    def clear(self) -> None:
        from airflow import settings
        from sqlalchemy import text

        tables = (
            *(["task_state_store"] if has_state_store() else []),
            "xcom",
            "rendered_task_instance_fields",
            "task_instance",
            "dag_run",
            "dag",
            "connection",
            "dag_bundle_team",
            "dag_bundle",
            "team",
        )
        with settings.engine.begin() as connection:
            for table in tables:
                connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def database(api_server: Any) -> Iterator[Database]:
    from airflow.models.base import Base

    if "xcom" not in Base.metadata.tables:
        pytest.skip("Airflow 3.4 keeps XComs in other tables than those that this fixture fills.")
    empty = Database()
    empty.clear()
    empty._put("dag_bundle", name="dags", active=True)
    yield empty
    empty.clear()


@pytest.fixture
def submit(emulator: Any) -> Callable[..., str]:
    """Submits a job to the emulator as a task of this Airflow would; returns its id."""
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings
    from airflow_provider_qrt.hooks.airflow_name import airflow_name

    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    client = QiskitRuntimeClient(settings)

    def send(
        dag_id: str,
        task_id: str = "measure",
        *,
        map_index: int = -1,
        run_id: str = RUN,
        airflow: str | None = None,
        own_tags: tuple[str, ...] = (),
        shots: int = 20,
        tags: tuple[str, ...] | None = None,
        session_mode: Literal["dedicated", "batch"] | None = None,
    ) -> str:
        identity = JobIdentity(dag_id, run_id, task_id, map_index, airflow_name() if airflow is None else airflow)
        params = {"pubs": [[FLIP, None, shots]], "version": 2}
        request = JobRequest("sampler", "ibm_fez", ProgramInput(params), tags=own_tags)
        session = client.create_session(mode=session_mode, backend="ibm_fez") if session_mode else None
        job = client.submit_job(
            session_id=session.id if session else None,
            program_id="sampler",
            backend="ibm_fez",
            params=params,
            tags=job_tags(identity, 1, request) if tags is None else tags,
        )
        return str(job.id)

    return send
