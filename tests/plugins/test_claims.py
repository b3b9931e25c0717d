"""The owner of a job according to its tags, and the users who may see it."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput, job_tags
from airflow_provider_qrt.plugins.claims import may_see, read_claim

HERE = "http://airflow"
LONG = "d" * 120


def tags(dag_id="a_dag", run_id="run", task_id="task", map_index=-1, airflow=HERE, own=()):
    request = JobRequest("sampler", "ibm_fez", ProgramInput({}), tags=own)
    return job_tags(JobIdentity(dag_id, run_id, task_id, map_index, airflow), 1, request)


@pytest.mark.parametrize(
    ("task_id", "map_index", "shown"), [("task", -1, "task"), ("task", 3, "task[3]"), ("odd[3]", -1, "odd[3]")]
)
def test_the_digest_proves_the_owner(task_id, map_index, shown):
    claim = read_claim(tags(task_id=task_id, map_index=map_index), HERE)

    assert claim.certain
    assert (claim.dag_ids, claim.run_id, claim.task_id) == (("a_dag",), "run", task_id)
    assert (claim.map_index, claim.task) == (map_index, shown)


def test_jobs_of_others_are_no_claims():
    assert read_claim(tags(airflow="http://another"), HERE) is None
    assert read_claim(("dag:a_dag", "run:run"), HERE) is None
    assert read_claim((), HERE) is None


def test_the_order_of_the_tags_does_not_matter():
    both = read_claim(tuple(reversed(tags(own=("dag:other", "run:other")))), HERE)

    assert both.certain
    assert both.dag_ids == ("a_dag",)


def test_a_task_without_room_for_its_tag_is_not_certain():
    claim = read_claim(tags(own=("1", "2", "3", "4", "5")), HERE)

    assert not claim.certain
    assert (claim.dag_id, claim.run_id, claim.task) == ("a_dag", "run", None)


def test_who_may_see_an_uncertain_job_may_read_every_dag_it_names():
    claim = read_claim(tags(own=("dag:other", "2", "3", "4", "5")), HERE)

    assert claim.dag_id is None
    assert may_see(claim, {"a_dag", "other"}, {"a_dag", "other"})
    assert not may_see(claim, {"a_dag"}, {"a_dag", "other"})
    assert not may_see(claim, {"other"}, {"a_dag", "other"})


def test_a_cut_name_may_stand_for_several_dags():
    claim = read_claim(tags(dag_id=LONG), HERE)

    assert claim.cut
    assert may_see(claim, {LONG}, {LONG, "other"})
    assert not may_see(claim, {LONG}, {LONG, LONG + "secret"})
    assert not may_see(claim, {"other"}, {LONG, "other"})
    assert not may_see(claim, {"other"}, {"other"})


def test_a_claim_without_any_dag_is_seen_by_nobody():
    claim = read_claim(tags()[:1], HERE)

    assert not may_see(claim, {"a_dag"}, {"a_dag"})
