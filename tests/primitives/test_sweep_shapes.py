"""The shape of a sweep is that of its values, for any last axis and any form of the circuit."""

import numpy as np
import pytest
from qiskit import qasm3

from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.wait.blocking import wait_for_job
from airflow_provider_qrt.jobs.wait.poller import JobPoller
from airflow_provider_qrt.primitives import (
    coerce_estimator_pubs,
    coerce_pubs,
    decode_estimator_result,
    decode_executor_result,
    decode_sampler_result,
    estimator_params,
    executor_params,
    sampler_params,
)

SHAPES = [(), (1,), (3,), (3, 1), (2, 3), (1, 1), (2, 1, 1)]
ONE = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] a; bit[1] c; rz(a) $0; sx $0; c[0] = measure $0;'
TWO = (
    'OPENQASM 3.0; include "stdgates.inc"; input float[64] b; input float[64] a; bit[1] c; rz(a) $0; sx $0; rz(b) $0; '
    "c[0] = measure $0;"
)
BARE = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] a; rz(a) $0; sx $0;'


def values(shape, names="a"):
    return {name: (np.arange(np.prod(shape, dtype=int)).reshape(shape) / 10).tolist() for name in names}


@pytest.fixture
def run(connection):
    client = QiskitRuntimeHook().client

    def result_of(program, params):
        job = client.submit_job(program_id=program, backend="ibm_fez", params=params)
        poller = JobPoller(job.id, 0.0, float("inf"), 0.01, "")
        ended = wait_for_job(client.job, poller)
        assert ended.is_completion, ended.job
        return client.job_result(job.id)

    return result_of


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_sampler_keeps_the_shape_of_values_for_text(run, shape):
    pubs = [(ONE, values(shape), 10), (TWO, values(shape, "ab"), 10), (qasm3.loads(ONE), values(shape), 10)]
    sampled = decode_sampler_result(run("sampler", sampler_params(pubs)))
    assert [pub.shape for pub in sampled] == [shape] * 3


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sampler_and_executor_agree_on_the_shape(run, shape):
    pubs = [(ONE, values(shape), 10), (TWO, values(shape, "ab"), 10)]
    assert [pub.shape for pub in decode_executor_result(run("executor", executor_params(pubs)))] == [shape] * 2


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_estimator_keeps_the_shape_of_values_for_text(run, shape):
    pubs = coerce_estimator_pubs((BARE, "Z", values(shape)))
    estimated = decode_estimator_result(run("estimator", estimator_params(pubs)))
    assert estimated[0].shape == pubs[0].shape == shape


def test_points_keep_their_values(run):
    flip = (ONE.replace("rz(a) $0; sx $0;", "sx $0; rz(a) $0; sx $0;"), {"a": [[0.0], [np.pi]]}, 10)
    sampled = decode_sampler_result(run("sampler", sampler_params(flip)))
    assert [sampled[0].get_counts((row, 0)) for row in range(2)] == [{"1": 10}, {"0": 10}]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_a_job_is_known_by_does_not_change_with_how_its_values_are_sent(shape):
    given = values(shape)
    assert coerce_pubs((ONE, given))[0].identity() == [ONE, given, None]
    assert coerce_estimator_pubs((BARE, "Z", given))[0].identity()[2] == given
