"""Airflow's approvals and deadline alerts with the provider's tasks."""

from __future__ import annotations

import re
import socketserver
import threading
from email import message_from_string
from email.message import Message
from functools import partial
from pathlib import Path

import pytest

from tools.processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

APPROVE = "qiskit_runtime_approve_submission"
ALERT = "qiskit_runtime_alert_on_long_queue"
EXAMPLE = Path(__file__).parents[2] / "example_dags" / "alert_on_long_queue.py"


def test_a_costly_job_is_submitted_only_when_somebody_has_approved_it(airflow, service, submissions):
    cheap = airflow.trigger(APPROVE, {"shots": 1000})
    approved, rejected = (airflow.trigger(APPROVE, {"shots": 50_000, "at_most": 90}) for _ in range(2))
    for run_id in (approved, rejected):
        airflow.wait_for_task_state(APPROVE, run_id, "approve", "awaiting_input")
        plan = airflow.xcom(APPROVE, run_id, "plan")
        assert plan["estimated_seconds"] == pytest.approx(2 + 50_000 * 0.00035)
        path = f"/dags/{APPROVE}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
        asked = airflow.api("GET", path)
        assert asked["subject"] == f"19.5 s of QPU time on {plan['backend']}?"
        assert "| at most | 90 s" in asked["body"]
        assert submissions(run_id) == []
        wait_until(partial(asking_has_ended, airflow, run_id), seconds=300, what="The end of the process that asks")
        answer = "Approve" if run_id == approved else "Reject"
        airflow.api("PATCH", path, json={"chosen_options": [answer], "params_input": {}})
    for run_id in (cheap, approved, rejected):
        airflow.expect_end(APPROVE, run_id)

    [job] = submissions(approved)
    assert job["cost"] == 90
    assert airflow.xcom(APPROVE, approved, "measure")["backend"] == airflow.xcom(APPROVE, approved, "plan")["backend"]
    assert airflow.xcom(APPROVE, approved, "agreement") > 0.95
    assert submissions(rejected) == []
    assert airflow.task(APPROVE, rejected, "measure")["state"] == "skipped"
    assert len(submissions(cheap)) == 1
    assert airflow.task(APPROVE, cheap, "approve")["state"] == "skipped"


def asking_has_ended(airflow, run_id: str) -> bool:
    """Whether the scheduler knows it; a task that goes on before that is taken for killed."""
    told = rf"executor event with state success .*task_id='approve', run_id='{re.escape(run_id)}'"
    return re.search(told, airflow.component_log("scheduler")) is not None


class Mailbox(socketserver.ThreadingTCPServer):
    """An SMTP server that keeps what it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SmtpDialogue)
        self.mails: list[Message] = []


class SmtpDialogue(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one mail takes."""

    server: Mailbox

    def handle(self) -> None:
        self.answer("220 ready")
        while line := self.rfile.readline().decode():
            command = line.strip().upper()
            if command == "DATA":
                self.answer("354 go ahead")
                text = "".join(iter(lambda: self.rfile.readline().decode(), ".\r\n"))
                self.server.mails.append(message_from_string(text))
            self.answer("221 bye" if command == "QUIT" else "250 OK")
            if command == "QUIT":
                return

    def answer(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def mailbox(airflow):
    """The mail server of the connection ``smtp_default``, which stands in Airflow's database."""
    with Mailbox() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        body = {
            "connection_id": "smtp_default",
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": server.server_address[1],
            "extra": '{"disable_ssl": true, "disable_tls": true, "from_email": "airflow@example.com"}',
        }
        airflow.api("POST", "/connections", json=body)
        yield server
        airflow.api("DELETE", "/connections/smtp_default")
        server.shutdown()
        thread.join(timeout=30)


@pytest.fixture
def in_seconds(airflow):
    """Returns the id of a copy of the example whose four hours are so many seconds."""

    def copy(seconds: int) -> str:
        dag_id = f"alert_in_{seconds}_seconds"
        text = EXAMPLE.read_text()
        changes = {"hours=4": f"seconds={seconds}", "POKE_INTERVAL = 300": "POKE_INTERVAL = 8", ALERT: dag_id}
        for old, new in changes.items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        (airflow.home / "dags" / f"{dag_id}.py").write_text(text)
        return dag_id

    return copy


def test_mails_tell_of_a_job_that_queues_too_long_and_of_a_late_run_and_the_job_waits_on(
    airflow, service, submissions, mailbox, in_seconds
):
    hasty, patient = in_seconds(6), in_seconds(300)
    in_time = airflow.trigger(patient)
    wait_until(lambda: submissions(in_time), seconds=300, what="The job that is in time")
    service.configure(queue_seconds=600)
    run_id = airflow.trigger(hasty)
    wait_until(lambda: len(mailbox.mails) >= 2, seconds=300, what="The mails")
    [job] = submissions(run_id)
    mails = {mail["Subject"]: mail for mail in mailbox.mails}
    assert set(mails) == {f"{hasty} is still in the queue", f"{hasty} has not ended"}
    assert {mail["To"] for mail in mails.values()} == {"quantum@example.com"}
    assert job["id"] in content(mails[f"{hasty} is still in the queue"])
    assert run_id in content(mails[f"{hasty} has not ended"])
    assert airflow.task(hasty, run_id, "measure")["state"] == "deferred"
    service.finish(job["id"])
    airflow.expect_end(hasty, run_id)
    assert airflow.xcom(hasty, run_id, "agreement") > 0.95
    assert airflow.task(hasty, run_id, "leaves_the_queue")["state"] == "skipped"
    assert len(submissions(run_id)) == 1

    airflow.expect_end(patient, in_time)
    assert airflow.task(patient, in_time, "leaves_the_queue")["state"] == "success"
    assert len(mailbox.mails) == 2


def content(mail) -> str:
    """The text of a mail of one part."""
    [part] = [part for part in mail.walk() if not part.is_multipart()]
    return part.get_payload(decode=True).decode()
