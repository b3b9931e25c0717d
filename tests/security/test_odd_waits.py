"""The wait for a job continues or ends correctly for any answer of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.wait.clock import SteadyClock
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.wait.pacing import KeepWaiting
from airflow_provider_qrt.jobs.wait.poller import JobPoller
from airflow_provider_qrt.jobs.wait.watcher import Failure, JobWatcher

from .hostile import HostileService
from .odd import ANY_JSON, as_sent, nearly

JOB = nearly(
    id="d1",
    status="Queued",
    state={"status": "Queued", "reason": None},
    backend="ibm_fez",
    program={"id": "sampler"},
    created="2026-01-01T00:00:00Z",
    tags=["a"],
    usage={"seconds": 1.5},
    estimated_running_time_seconds=2,
)
STATUS = st.sampled_from([200, 200, 200, 200, 400, 404, 500])
FINAL = ("completed", "failed", "cancelled")
OURS = "while the service was asked"
"""Words of what nobody thought of, for which there is one net below all the others."""


class Service:
    """Answers with what was set last."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (200, b"{}")

    def __call__(self, _method: str, _path: str) -> tuple[int, dict[str, str], bytes]:
        return self.answer[0], {}, self.answer[1]


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Service, HostileService]]:
    answers = Service()
    with HostileService(answers) as running:
        yield answers, running


async def wait_for(service: tuple[Service, HostileService], answers: list[tuple[int, object]]) -> None:
    """Look at a job once for each answer, or until the wait ends."""
    said, running = service

    async def connect():
        return running.client(), "the connection"

    clock = SteadyClock()
    poller = JobPoller("d1", clock(), None, 60.0)
    watcher = JobWatcher(connect, clock=clock)
    with watcher.watch("d1", submitted_at=clock(), longest=60.0, first_look=clock() + 3600) as watch:
        for status, answer in answers:
            said.answer = status, as_sent(answer)
            watch.ask(urgent=True)
            news = await watch.news(60)
            assert news is not None
            if isinstance(news, Failure):
                assert not isinstance(news.error, errors.InternalError)
                assert OURS not in str(news.error)
                decision = poller.on_error(news.error, clock(), definite=news.definite)
            else:
                decision = poller.on_job(news, clock())
            if isinstance(decision, KeepWaiting):
                assert 0 <= decision.seconds <= 86_400
                continue
            assert isinstance(decision, WaitOutcome)
            assert decision.ending in (Ending.FINAL, Ending.UNKNOWN_STATE)
            if decision.ending is Ending.FINAL:
                assert status == 200
                assert any(word in str(answer).lower() for word in FINAL)
            return


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(st.tuples(STATUS, st.one_of(JOB, ANY_JSON)), min_size=1, max_size=6))
def test_no_answer_ends_a_wait_wrongly(service, answers):
    asyncio.run(wait_for(service, answers))
