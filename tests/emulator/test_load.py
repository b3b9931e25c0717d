"""A short run of the load test of the emulator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_small_load_is_borne_without_an_error():
    command = [sys.executable, "-m", "benchmarks.emulator_load"]
    command += ["--seconds", "3", "--jobs", "20", "--reads", "10", "--renew", "2"]
    root = Path(__file__).parents[2]
    shown = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=180, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert " 0 errors" in shown.stdout


def test_many_jobs_come_due_in_one_step_and_all_of_them_end(api):
    api.emulator.configure(queue_seconds=1000, run_seconds=5)
    ids = [api.submit((api.bell(), None, 1)) for _ in range(60)]
    assert api.get("/backends/ibm_fez/status").json()["length_queue"] == 60
    api.emulator.advance(1005)
    assert {api.wait(job_id)["state"]["status"] for job_id in ids} == {"Completed"}
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 300
    assert api.get("/jobs?pending=true").json()["count"] == 0
