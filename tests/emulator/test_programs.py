"""Which programs exist."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("program", ["noise-learner", "calibrate"])
def test_programs_that_need_a_real_machine_are_refused_with_a_word_why(api, program):
    answer = api.post_job(api.bell(), program_id=program)
    assert api.refusal(answer) == (400, 1002)
    error = answer.json()["errors"][0]
    assert program in error["message"]
    assert "sampler, estimator, executor" in error["solution"]


@pytest.mark.parametrize("program", ["circuit-runner", "qasm3-runner", "sampler-v3"])
def test_unknown_programs_are_not_found(api, program):
    assert api.refusal(api.post_job(api.bell(), program_id=program)) == (404, "not_found")
