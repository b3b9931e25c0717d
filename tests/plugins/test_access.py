"""The permissions on the pages, with Airflow's login and auth manager."""

from __future__ import annotations

import pytest

from tests.plugins.conftest import FLIP, LINK, PAGES, RUN
from tests.plugins.partial_rights import NO_XCOM, OUTSIDER

ROUTES = ["/api/quantum", "/api/result", "/api/result/download", "/api/result/drawing", "/static/quantum.js"]
OF_A_TASK = {"dag_id": "secret_dag", "run_id": RUN, "task_id": "measure"}


@pytest.fixture
def two_dags(database, connection, submit):
    """A DAG that all may read, one that not all may, and a job of each."""
    jobs = {}
    for dag_id in ("open_dag", "secret_dag"):
        database.add_dag(dag_id)
        jobs[dag_id] = submit(dag_id)
        result = {"job_id": jobs[dag_id], "program_id": "sampler", "results": [{"counts": {"1": 20}}]}
        database.add_task(
            dag_id, rendered={"circuits": FLIP}, job_id=jobs[dag_id], return_value=result, **{LINK: "https://x"}
        )
    return jobs


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_gets_anything_without_a_login(browser, route):
    assert browser(None).get(route, **OF_A_TASK).status_code == 401


@pytest.mark.parametrize("route", ["/", "/result"])
def test_a_page_without_a_login_leads_to_airflows(browser, route):
    answer = browser(None).get(route, dag_id="a&b")

    assert answer.status_code == 307
    assert answer.headers["location"].startswith("/api/v2/auth/login?next=%2Fqiskit-runtime%2F")
    assert "a%2526b" in answer.headers["location"]


def test_a_forged_token_is_refused(browser):
    somebody = browser(None)
    somebody.client.cookies.set("_token", "eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiJib3NzIn0.AAAA")

    assert somebody.get("/api/quantum").status_code in (401, 403)


@pytest.mark.parametrize("role", ["viewer", "user", "op", "admin"])
def test_every_role_that_may_read_dags_sees_their_jobs(browser, two_dags, role):
    page = browser(role).jobs()

    assert {row["id"] for row in page["jobs"]["rows"]} == set(two_dags.values())


def test_a_user_without_rights_sees_none(browser, two_dags, emulator):
    page = browser("", "guest").read("/api/quantum")

    assert "no DAG that you may read" in page["message"]
    assert set(page) == {"connections", "conn_id", "message"}
    assert page["connections"] == []


def test_a_user_who_may_not_read_a_dag_sees_nothing_of_it(browser, two_dags):
    outsider = browser("viewer", OUTSIDER)
    page = outsider.jobs()

    assert [row["id"] for row in page["jobs"]["rows"]] == [two_dags["open_dag"]]
    assert page["jobs"]["all"] == 1
    assert [row["dag_id"] for row in page["dags"]] == ["open_dag"]
    assert "secret" not in outsider.get("/api/quantum").text
    assert outsider.jobs(dag_id="secret_dag")["jobs"]["rows"] == []


@pytest.mark.parametrize("route", ["/api/result", "/api/result/download", "/api/result/drawing"])
def test_results_of_a_dag_need_the_right_to_read_it(browser, two_dags, route):
    refused = browser("viewer", OUTSIDER).get(route, **OF_A_TASK)
    unknown = browser("viewer", OUTSIDER).get(route, **{**OF_A_TASK, "dag_id": "secret_that_is_not_there"})

    assert refused.status_code == 403
    assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)
    assert browser("viewer").get(route, **OF_A_TASK).status_code == 200


@pytest.mark.parametrize("route", ["/api/result", "/api/result/download", "/api/result/drawing"])
def test_results_need_the_right_to_read_xcom(browser, two_dags, route):
    assert browser("viewer", NO_XCOM).get(route, **OF_A_TASK).status_code == 403


def test_a_job_of_another_dag_that_xcom_names_is_not_shown(browser, database, two_dags):
    database.add_task("open_dag", "curious", job_id=two_dags["secret_dag"], **{LINK: "https://x"})
    question = {"dag_id": "open_dag", "run_id": RUN, "task_id": "curious"}

    page = browser("viewer", OUTSIDER).until(
        lambda page: not page["tasks"][0]["jobs"][0]["to_be_read"], "/api/result", **question
    )

    [job] = page["tasks"][0]["jobs"]
    assert "another DAG" in job["note"]
    assert job["state"] is job["backend"] is job["seconds"] is None
    assert set(job["timeline"].values()) == {None}


def test_a_tag_of_the_users_own_does_not_open_a_dags_jobs(browser, two_dags, submit):
    """The digest in the identity tag says which of two ``dag:`` tags is meant."""
    disguised = submit("secret_dag", "other", own_tags=("dag:open_dag",))

    seen = {row["id"] for row in browser("viewer", OUTSIDER).jobs()["jobs"]["rows"]}

    assert disguised not in seen
    assert disguised in {row["id"] for row in browser().jobs()["jobs"]["rows"]}


def test_no_secret_reaches_a_page(browser, two_dags, emulator):
    boss = browser()
    boss.jobs()
    everything = "".join(boss.get(route, **OF_A_TASK).text for route in ("/", "/result", "/api/quantum", "/api/result"))

    assert two_dags["secret_dag"] in everything
    for secret in (emulator.api_key, emulator.instance, emulator.instance.split(":")[6], "eyJ", "crn:"):
        assert secret not in everything


def test_pages_ask_for_nothing_from_elsewhere(browser):
    answer = browser().get("/")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "http" not in policy
    assert answer.headers["cache-control"] == "no-store"
    for name in ("quantum.js", "result.js", "common.js", "charts.js", "theme.js", "pages.css"):
        text = browser().get(f"/static/{name}").text
        assert text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("HTTP ", "")


def test_a_file_outside_of_the_pages_is_not_given_out(browser):
    for name in ("app.py", "..%2fapp.py", "quantum.html", "../app.py"):
        assert browser().client.get(f"{PAGES}/static/{name}").status_code == 404
