"""The pages use and mention only connections of our type that the viewer or the DAG may use."""

from __future__ import annotations

import pytest

from tests.older_airflow import needs_teams
from tests.plugins.conftest import FLIP, LINK, RUN

OURS, THEIRS = "physics", "chemistry"


@pytest.fixture
def teams(database, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    for team in (OURS, THEIRS):
        database.add_team(team)


@pytest.fixture
def parts(emulator):
    """Return the fields of a connection to the emulator."""
    extra = {"instance": emulator.instance, "iam_url": emulator.iam_url}
    return {"conn_type": "qiskit_runtime", "host": emulator.url, "password": emulator.api_key, "extra": extra}


def jobs_of_result_page(browser, database, dag_id, conn_id, job_id="j1", bundle="dags", **viewer):
    """The jobs on the result page of a task with this connection, once they were read or the page says why not."""
    database.add_dag(dag_id, bundle=bundle)
    rendered = {"circuits": FLIP, "qiskit_runtime_conn_id": conn_id}
    database.add_task(dag_id, rendered=rendered, job_id=job_id, **{LINK: "https://x"})

    def is_read(page):
        return not any(job["to_be_read"] for job in page["tasks"][0]["jobs"])

    page = browser("viewer", **viewer).until(is_read, "/api/result", dag_id=dag_id, run_id=RUN)
    return page["tasks"][0]["jobs"]


@pytest.mark.parametrize("conn_id", ["warehouse", "../etc/passwd", "a b", "x" * 300])
def test_nobody_is_told_of_a_connection_of_another_type(browser, database, conn_id):
    if conn_id == "warehouse":
        database.add_connection(conn_id, conn_type="postgres", host="db.internal", password="pw")
    [job] = jobs_of_result_page(browser, database, "a_dag", conn_id)
    assert job["note"] == (
        f"Airflow has no connection {conn_id[:250]!r} of the type qiskit_runtime that may be used here. Create it "
        "under Admin, Connections."
    )
    listed = browser().read("/api/quantum", conn_id=conn_id)
    assert "postgres" not in str(listed)
    assert "db.internal" not in str(listed)


@needs_teams
def test_the_connection_of_a_team_is_for_its_members(browser, database, teams, parts, submit):
    for team in (OURS, THEIRS):
        database.add_connection(f"of_{team}", team=team, **parts)
    database.add_connection("of_all", **parts)
    database.add_dag("a_dag", bundle=OURS)
    job_id = submit("a_dag")

    member = browser("viewer", teams=(OURS,))
    page = member.jobs(conn_id=f"of_{OURS}")
    assert page["connections"] == ["of_all", f"of_{OURS}"]
    assert [row["id"] for row in page["jobs"]["rows"]] == [job_id]

    refused = member.read("/api/quantum", conn_id=f"of_{THEIRS}")
    assert refused["conn_id"] is None
    assert refused["message"].startswith(f"There is no connection 'of_{THEIRS}'")
    assert (
        refused["message"].replace(THEIRS, "nobody") == (member.read("/api/quantum", conn_id="of_nobody")["message"])
    ), "the words of one that does not exist"


@needs_teams
@pytest.mark.parametrize("of", [OURS, THEIRS])
def test_a_dag_is_read_with_the_connections_of_its_team(browser, database, teams, parts, submit, of):
    database.add_connection(f"of_{of}", team=of, **parts)
    # No other test's: Airflow keeps in mind for a while which team a DAG belongs to.
    job_id = submit("dag_of_a_team")
    [job] = jobs_of_result_page(
        browser, database, "dag_of_a_team", f"of_{of}", job_id, bundle=OURS, teams=(OURS, THEIRS)
    )
    if of == OURS:
        assert job["note"] == ""
    else:
        assert job["note"].startswith(f"Airflow has no connection 'of_{THEIRS}' of the type")
