"""The findings of the doctor."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from airflow_provider_qrt.cli.main import main

ROOT = Path(__file__).parents[2]


class Terminal(io.StringIO):
    """Somebody who sits at a terminal and answers."""

    def isatty(self) -> bool:
        return True


def test_of_the_emulator_every_row_is_as_assumed(examine, emulator):
    emulator.configure(queue_seconds=0.5)
    code, rows = examine("--job", "--yes", "--dry-run-job", "--backend", "ibm_fez")
    other = {row["id"]: row for row in rows.values() if row["verdict"] != "as assumed"}
    # The emulator has no machines for dry runs, and one page of workloads.
    assert set(other) <= {"R-backend-mocks"}, other
    assert code == 0
    assert len(rows) > 40
    # Nothing is left waiting.
    assert all(job["final"] for job in emulator.jobs())


def test_without_being_asked_it_submits_nothing(examine, emulator, sent):
    code, rows = examine()
    assert code == 0
    assert emulator.jobs() == []
    assert {line.split()[0] for line in sent()} == {"GET"}
    assert rows["E-jobs-post"]["verdict"] == "not tried"
    assert rows["E-job-get"]["verdict"] == "not tried"


def test_without_a_terminal_it_does_not_begin(connection, emulator, capsys):
    assert main(["doctor", "--job"], io.StringIO()) == 2
    assert "Add --yes" in capsys.readouterr().err
    assert emulator.jobs() == []


def test_a_no_spends_nothing(examine, emulator, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    _, rows = examine("--job")
    assert emulator.jobs() == []
    assert rows["E-jobs-post"]["found"] == "not agreed to"
    assert "about $9.60" in capsys.readouterr().err


def test_the_dry_run_submits_nothing_that_costs(examine, emulator):
    _, rows = examine("--dry-run-job")
    assert rows["R-isa"]["verdict"] == "as assumed"
    assert rows["R-backend-mocks"]["verdict"] == "as assumed"
    assert not [job for job in emulator.jobs() if not job["backend"].startswith("mock_")]


DIFFERENCES = [
    ("E-versions", {"path": "/versions", "body": {"versions": ["2030-01-01"]}}),
    ("R-bearer", {"path": "/jobs", "body": {"jobs": [], "count": 0, "limit": 1, "offset": 0}}),
    ("R-iam-lifetime", {"path": "/identity/token", "method": "POST", "effect": "TOKEN"}),
    ("E-backends", {"path": "/backends", "body": {"machines": []}}),
    ("R-backend-fields", {"path": "/backends", "body": {"devices": [{"name": "ibm_fez", "queue_length": "many"}]}}),
    ("E-backend-status", {"path": "/backends/*/status", "body": {"state": "on"}}),
    ("E-backend-configuration", {"path": "/backends/*/configuration", "body": {"backend_name": "ibm_fez"}}),
    ("E-backend-properties", {"path": "/backends/*/properties", "body": {"qubits": []}}),
    ("E-jobs-list", {"path": "/jobs", "body": {"jobs": [], "total": 0}, "skip": 2}),
    ("E-workloads", {"path": "/workloads", "body": {"items": []}}),
    (
        "R-instance-strings",
        {"path": "/instance", "body": {"plan_id": "p", "backends": [], "instance_limit_seconds": 1}},
    ),
    ("E-instance-usage", {"path": "/instances/usage", "body": {"seconds": 3}}),
    ("R-error-body", {"path": "/jobs/d0*", "status": 404, "body": {"message": "gone"}}),
    ("E-tags", {"path": "/tags", "status": 500, "body": {"message": "broken"}}),
]


@pytest.mark.parametrize(("row", "fault"), DIFFERENCES, ids=[row for row, _ in DIFFERENCES])
def test_an_emulator_that_differs_is_found_out(examine, emulator, row, fault):
    if fault.get("effect") == "TOKEN":
        emulator.configure(token_lifetime=600)
    else:
        emulator.configure(queue_seconds=0.2)
        fault = {"method": "GET", "status": 200, "times": None, **fault}
        if row == "E-tags":
            # Something to look for first.
            examine("--job", "--yes", "--backend", "ibm_fez")
        emulator.add_fault(**fault)
    code, rows = examine()
    assert rows[row]["verdict"] == "differs", rows[row]
    assert rows[row]["found"]
    assert code == 1


def test_an_emulator_made_to_differ_in_ten_ways_gives_ten_rows(examine, emulator):
    apart = {
        "E-versions", "E-backend-status", "E-backend-configuration", "E-backend-properties", "E-workloads",
        "R-instance-strings", "E-instance-usage", "R-error-body", "R-backend-fields", "R-iam-lifetime",
    }  # fmt: skip
    for row, fault in DIFFERENCES:
        if row in apart and "effect" not in fault:
            emulator.add_fault(**{"method": "GET", "status": 200, "times": None, **fault})
    emulator.configure(token_lifetime=600)
    _, rows = examine("--backend", "ibm_fez")
    assert apart <= {row["id"] for row in rows.values() if row["verdict"] == "differs"}


def test_a_right_that_the_key_lacks_is_no_difference(examine, emulator):
    emulator.add_fault(method="GET", path="/instances/usage", status=403, times=None)
    code, rows = examine()
    assert rows["E-instance-usage"]["verdict"] == "not tried"
    assert "403" in rows["E-instance-usage"]["found"]
    assert code == 0


def test_a_wrong_key_ends_it_with_the_remedy(examine, connect):
    connect(password="not-the-key-at-all")
    code, rows = examine()
    assert code == 1
    assert set(rows) == {"E-iam-token"}
    assert "not-the-key-at-all" not in str(rows)


def test_the_report_can_be_shown_to_others(examine, emulator, tmp_path):
    report = tmp_path / "report.md"
    examine("--job", "--yes", "--report", str(report), "--backend", "ibm_fez")
    text = report.read_text()
    assert "| `E-jobs-post` | A submission is answered with the job's id | as assumed |" in text
    assert "***" not in text
    secrets = [emulator.api_key, emulator.instance, *[job["id"] for job in emulator.jobs()]]
    assert not [secret for secret in secrets if secret in text]


def test_people_get_a_line_for_each_row_and_a_sum(connection, emulator):
    out = io.StringIO()
    main(["doctor"], out)
    lines = out.getvalue().splitlines()
    assert re.match(r"as assumed   E-iam-token +IAM gives a token", lines[0])
    assert not [line for line in lines if "***" in line]
    assert re.fullmatch(r"\d+ as assumed, 0 differs, \d+ not tried\.", lines[-1])


def test_every_row_is_one_of_the_reference(examine):
    _, rows = examine("--dry-run-job")
    known = set(re.findall(r"^\| `([ER]-[\w-]+)` \|", (ROOT / "docs/emulator-reference.md").read_text(), re.MULTILINE))
    assert set(rows) <= known
