"""Many deferred jobs while parts of the cluster die and restart."""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from airflow_provider_qrt.emulator import Emulator
from tools.cluster import LocalCluster
from tools.processes import wait_until

pytestmark = pytest.mark.timeout(1800)

DAG = "measured_often"
JOBS = int(os.environ.get("CLUSTER_JOBS", "300"))
PATIENCE = 900.0
"""Seconds for a step that takes one or two minutes on an idle machine with two cores."""
DOWN_SECONDS = 5.0
"""How long a killed component stays away."""


@dataclass
class Run:
    """The run of the mapped task, and what its service and its cluster know of it."""

    cluster: LocalCluster
    service: Emulator
    run_id: str

    @property
    def path(self) -> str:
        return f"/dags/{DAG}/dagRuns/{self.run_id}"

    def jobs(self) -> list[dict]:
        return [job for job in self.service.jobs() if f"run:{self.run_id}"[:86] in job["tags"]]

    def tasks(self, **filters) -> list[dict]:
        """The mapped task instances, filtered by Airflow."""
        found: list[dict] = []
        while True:
            page = self.cluster.api(
                "GET",
                f"{self.path}/taskInstances",
                params={"task_id": "measure", "limit": 100, "offset": len(found), **filters},
            )
            found += page["task_instances"]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return [task for task in found if task["task_id"] == "measure"]

    def states(self) -> dict[str, int]:
        """How many tasks are in each state."""
        return dict(Counter(task["state"] or "none" for task in self.tasks()))

    def count(self, *states: str) -> int:
        params = {"state": states, "task_id": "measure", "limit": 1}
        return int(self.cluster.api("GET", f"{self.path}/taskInstances", params=params)["total_entries"])

    def wait_for(self, condition, what: str) -> None:
        """Wait as a service manager does: what ends by itself is started again."""

        def there() -> bool:
            for name in self.cluster.restart_ended():
                print(f"{name} had ended by itself and was started again")
            if self.count("failed"):
                pytest.fail(self.failures())
            return bool(condition())

        try:
            wait_until(there, seconds=PATIENCE, what=what, pause=1)
        except TimeoutError as late:
            late.add_note(f"tasks: {self.states()}; jobs: {len(self.jobs())}")
            raise

    def failures(self) -> str:
        """Return the log of the first failed task, and the number of other failed tasks."""
        failed = self.tasks(state="failed")
        folder = self.cluster.home / "logs" / f"dag_id={DAG}" / f"run_id={self.run_id}" / "task_id=measure"
        logs = sorted((folder / f"map_index={failed[0]['map_index']}").glob("*.log*"))
        return "\n".join([f"{len(failed)} tasks failed; the first:", *(path.read_text() for path in logs)])

    def kill(self, name: str) -> None:
        """Kill a component, and bring it back after some seconds."""
        self.cluster.kill_component(name)
        print(f"{name} was killed; tasks: {self.states()}")
        time.sleep(DOWN_SECONDS)
        self.cluster.start_component(name)


def test_many_jobs_survive_the_death_of_parts_and_a_restart_of_postgres(cluster, service):
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s: {what}")

    run = Run(cluster, service, cluster.trigger(DAG))

    run.wait_for(lambda: len(run.jobs()) >= JOBS // 4, "The submission of a quarter of the jobs")
    run.wait_for(lambda: len(cluster.tasks_on("worker-1")) >= 2, "Tasks on worker-1")
    run.kill("worker-1")
    say("worker-1 was killed and is back")

    run.wait_for(lambda: len(run.jobs()) >= JOBS // 2, "The submission of half of the jobs")
    run.kill("scheduler-1")
    say("scheduler-1 was killed and is back")

    run.wait_for(lambda: len(run.jobs()) >= JOBS and run.count("deferred") == JOBS, "The deferral of all tasks")
    say("all are deferred")
    both = {task["triggerer_job"]["id"] for task in run.tasks() if task["triggerer_job"]}
    assert len(both) == 2, "one triggerer had all the work"

    run.kill("triggerer-1")
    say("triggerer-1 was killed and is back")
    assert {job["status"] for job in run.jobs()} == {"Queued"}
    for job in run.jobs():
        service.finish(job["id"])
    say("all jobs are finished")
    run.wait_for(lambda: run.count("success") >= JOBS // 4, "The end of a quarter of the tasks")
    cluster.postgres.restart()
    say("Postgres was restarted")
    run.wait_for(lambda: run.count("success") == JOBS, "The end of all tasks")
    cluster.expect_end(DAG, run.run_id)
    say("all tasks have ended")
    print("MB:", {name: size >> 20 for name, size in cluster.memory().items()})

    assert run.states() == {"success": JOBS}
    tries = Counter(task["try_number"] for task in run.tasks())
    print("tries:", dict(tries))
    assert max(tries) > 1, "the death of worker-1 struck no task"
    jobs = {job["id"]: job["status"] for job in run.jobs()}
    assert Counter(jobs.values()) == {"Completed": JOBS}
    with ThreadPoolExecutor(4) as pool:
        values = list(pool.map(lambda index: cluster.xcom(DAG, run.run_id, "measure", map_index=index), range(JOBS)))
    assert sorted(value["job_id"] for value in values) == sorted(jobs)
    assert {sum(value["results"][0]["counts"].values()) for value in values} == {200}
    cancels = [one for one in service.requests() if one["path"].endswith("/cancel") or one["method"] == "DELETE"]
    assert cancels == []
