"""The permissions on the pages, with Airflow's login and auth manager."""

from __future__ import annotations

import re

import pytest

from tests.plugins.conftest import FLIP, LINK, PAGES, RUN
from tests.plugins.users import NO_XCOM, OUTSIDER

OF_DAG = [
    "/api/result",
    "/api/result/download",
    "/api/result/drawing",
    "/api/result/sent",
    "/api/result/map",
    "/api/trends",
]
"""The routes that show what the tasks of one DAG have measured."""
OF_INSTANCE = ["/api/quantum", "/api/usage", "/api/backend", "/api/jobs.csv"]
ROUTES = [*OF_DAG, *OF_INSTANCE, "/static/quantum.js"]
OF_A_TASK = {"dag_id": "secret_dag", "run_id": RUN, "task_id": "measure", "job_id": "j", "name": "ibm_fez"}


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
    for route in OF_INSTANCE:
        assert "secret" not in outsider.get(route, name="ibm_fez").text
    assert len(outsider.get("/api/jobs.csv").text.splitlines()) == 2
    assert [row["name"] for row in outsider.read("/api/usage")["series"]] == ["open_dag"]
    assert outsider.read("/api/quantum", text="secret")["jobs"]["total"] == 0
    assert outsider.jobs(dag_id="secret_dag")["jobs"]["rows"] == []


@pytest.mark.parametrize("route", OF_DAG)
def test_results_of_a_dag_need_the_right_to_read_it(browser, two_dags, route):
    refused = browser("viewer", OUTSIDER).get(route, **OF_A_TASK)
    unknown = browser("viewer", OUTSIDER).get(route, **{**OF_A_TASK, "dag_id": "secret_that_is_not_there"})

    assert refused.status_code == 403
    assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)
    # 404: the right is there, and the job that the address names is not.
    assert browser("viewer").get(route, **OF_A_TASK).status_code == (404 if route.endswith("/sent") else 200)


@pytest.mark.parametrize("route", OF_DAG)
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
    everything = "".join(boss.get(route, **OF_A_TASK).text for route in (*OF_DAG, *OF_INSTANCE))

    assert two_dags["secret_dag"] in everything
    for secret in (emulator.api_key, emulator.instance, emulator.instance.split(":")[6], "eyJ", "crn:"):
        assert secret not in everything


def test_pages_ask_for_nothing_from_elsewhere(browser):
    from airflow_provider_qrt.plugins.app import STATIC

    answer = browser().get("/api/quantum")

    policy = answer.headers["content-security-policy"]
    assert policy == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "no-store"
    scripts = sorted(
        path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.suffix in (".js", ".mjs")
    )
    assert {"quantum.js", "result.js", "trends.js", "vendor/chart.js"} <= set(scripts)
    for name in scripts:
        text = browser().get(f"/static/{name}").text
        assert text
        # Comments with the places of the libraries are no requests.
        assert not re.search(r"""(fetch|import|src)\W{0,3}["'`]https?:""", text), name


def test_there_are_no_other_files(browser):
    for name in ("vendor/LICENSES.txt", "../app.py", "..%2Fapp.py", "vendor/../../app.py", "nothing.js"):
        assert browser().get(f"/static/{name}").status_code in (404, 307), name


@pytest.mark.parametrize(
    ("path", "query", "place"),
    [
        ("/", {"conn_id": "mine"}, "/plugin/quantum?conn_id=mine"),
        ("/result", {"dag_id": "a b", "run_id": "r/1"}, "/dags/a%20b/runs/r%2F1/plugin/quantum-result"),
        (
            "/result",
            {"dag_id": "a", "run_id": "r", "task_id": "t", "map_index": "3"},
            "/dags/a/runs/r/plugin/quantum-result?task_id=t&map_index=3",
        ),
    ],
)
def test_bookmarks_of_the_former_pages_lead_to_their_places(browser, path, query, place):
    answer = browser().get(path, **query)

    assert (answer.status_code, answer.headers["location"]) == (307, place)


def test_a_file_outside_of_the_pages_is_not_given_out(browser):
    for name in ("app.py", "..%2fapp.py", "quantum.html", "../app.py"):
        assert browser().client.get(f"{PAGES}/static/{name}").status_code == 404


# Cancelling


@pytest.fixture
def waiting(two_dags, submit, emulator):
    """A job in the queue of each DAG."""
    emulator.configure(queue_seconds=1000)
    return {dag_id: submit(dag_id, "another") for dag_id in ("open_dag", "secret_dag")}


def cancel(somebody, job_id, **headers):
    body = {"conn_id": "qiskit_runtime_default", "job_id": job_id}
    return somebody.client.post(f"{PAGES}/api/cancel", json=body, headers=headers)


def fate(somebody, job_id):
    def is_settled(page):
        return all(row["fate"] != "It is being cancelled." for row in page["jobs"]["rows"])

    rows = somebody.until(is_settled, "/api/quantum")["jobs"]["rows"]
    return next(row["fate"] for row in rows if row["id"] == job_id)


def test_whoever_may_change_the_tasks_of_a_dag_may_cancel_its_jobs(browser, waiting, emulator):
    boss, job_id = browser("user"), waiting["open_dag"]
    rows = {row["id"]: row for row in boss.jobs()["jobs"]["rows"]}
    assert {row_id for row_id, row in rows.items() if row["may_cancel"]} == set(waiting.values())

    assert cancel(boss, job_id, origin="http://testserver").status_code == 202

    assert "cancelled" in fate(boss, job_id)
    assert {job["id"]: job["status"] for job in emulator.jobs()}[job_id] == "Cancelled"
    assert {job["id"]: job["status"] for job in emulator.jobs()}[waiting["secret_dag"]] == "Queued"


def test_whoever_may_only_read_may_not_cancel(browser, waiting, emulator):
    reader = browser("viewer")

    assert not any(row["may_cancel"] for row in reader.jobs()["jobs"]["rows"])
    assert cancel(reader, waiting["open_dag"]).status_code == 404
    assert cancel(browser(None), waiting["open_dag"]).status_code == 401
    assert "Cancelled" not in {job["status"] for job in emulator.jobs()}


def test_nobody_cancels_what_they_may_not_see_or_what_is_none(browser, waiting, two_dags, emulator):
    outsider = browser("admin", OUTSIDER)
    outsider.jobs()

    refusals = [cancel(outsider, job_id) for job_id in (waiting["secret_dag"], two_dags["open_dag"], "dnothing", "")]

    assert {(answer.status_code, answer.text) for answer in refusals} == {(404, refusals[0].text)}
    assert "Cancelled" not in {job["status"] for job in emulator.jobs()}


def test_another_site_cannot_cancel_with_somebodys_login(browser, waiting, emulator):
    boss = browser()
    boss.jobs()

    assert cancel(boss, waiting["open_dag"], origin="https://elsewhere.example").status_code == 403
    text = boss.client.post(
        f"{PAGES}/api/cancel", content='{"conn_id": "x", "job_id": "y"}', headers={"content-type": "text/plain"}
    )
    assert text.status_code == 422
    assert "Cancelled" not in {job["status"] for job in emulator.jobs()}


def test_a_job_that_cannot_be_cancelled_says_so(browser, waiting, emulator):
    boss, job_id = browser(), waiting["open_dag"]
    boss.jobs()
    emulator.add_fault(path=f"/jobs/{job_id}/cancel", status=403, times=None)

    assert cancel(boss, job_id).status_code == 202

    assert fate(boss, job_id).startswith("It could not be cancelled, and may run and be charged.")

    # It can be asked for again.
    [row] = [row for row in boss.jobs()["jobs"]["rows"] if row["id"] == job_id]
    assert row["may_cancel"]
    emulator.clear_faults()
    assert cancel(boss, job_id).status_code == 202
    assert fate(boss, job_id) == f"Job {job_id} was cancelled."
