"""Learning the noise of layers, and estimates that use the model, against an emulated machine with noise."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import DAG

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator
from airflow_provider_qrt.operators.noise_learner import QiskitRuntimeNoiseLearnerOperator
from airflow_provider_qrt.primitives import InvalidResultError, NoiseModel
from tests.conftest import QUICK

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
LAYERS = HEAD + "sx $0; sx $1; cz $0, $1; sx $0; sx $1; cz $0, $1;"
OTHER = HEAD + "sx $1; sx $2; cz $1, $2;"
NO_LAYER = HEAD + "sx $0;"
QUICKLY = {"num_randomizations": 4, "shots_per_randomization": 32, "layer_pair_depths": [0, 2, 8]}
PEC = {"resilience": {"pec_mitigation": True}, "default_shots": 256}
PEA = {"resilience": {"zne_mitigation": True, "zne": {"amplifier": "pea"}}, "default_shots": 256}


@pytest.fixture(scope="module")
def _noisy():
    with Emulator(**QUICK, seed=3, noise=True) as emulator:
        yield emulator


@pytest.fixture
def noisy(_noisy, connect):
    _noisy.reset()
    _noisy.configure(**QUICK)
    connect({"instance": _noisy.instance, "iam_url": _noisy.iam_url}, host=_noisy.url, password=_noisy.api_key)
    return _noisy


@pytest.fixture
def learn(task, noisy, monkeypatch):
    """Run a noise learner as Airflow does."""

    def run(**more):
        with DAG("the_dag", schedule=None):
            operator = QiskitRuntimeNoiseLearnerOperator(
                task_id="the_task",
                **{"backend": "ibm_fez", "circuits": LAYERS, "options": QUICKLY, "deferrable": False, **more},
            )
        operator.render_template_fields(task.context)
        value = json.loads(json.dumps(operator.execute(task.context)))
        for callback in operator.on_success_callback:
            callback({**task.context, "task": operator})
        task.clear()
        return value

    return run


@pytest.fixture
def estimate(task, noisy):
    task.operator_class = "QiskitRuntimeEstimatorOperator"
    task.defaults = {"circuits": LAYERS, "observables": "ZZ"}
    return task


# The model


def test_a_model_names_its_layers_its_backend_and_its_calibration(learn, noisy):
    value = learn()
    model = NoiseModel.from_xcom(value)
    assert (value["program_id"], model.backend) == ("executor", "ibm_fez")
    [layer] = model.layers
    assert (layer.qubits, layer.gates) == ((0, 1), (("cz", (0, 1)),))
    assert layer.terms
    assert all(rate >= -1 for _, _, rate in layer.terms)
    assert datetime.fromisoformat(model.learned) <= datetime.now(UTC)
    assert model.calibrated is not None
    assert NoiseModel.from_json(model.to_json()).to_json() == model.to_json()


def test_a_model_may_go_into_a_file(learn, tmp_path, monkeypatch):
    value = learn(result_path=str(tmp_path))
    assert NoiseModel.from_file(value["result_path"]).layers == NoiseModel.from_xcom(value).layers
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_XCOM_BYTES", "100")
    small = learn(result_path=str(tmp_path))
    assert small["results"]["circuits"] is None
    assert small["results"]["layers"][0]["gates"] == [["cz", [0, 1]]]
    with pytest.raises(InvalidResultError, match="manifest"):
        NoiseModel.from_xcom(small)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"circuits": NO_LAYER}, "no layer of two-qubit gates"),
        ({"circuits": LAYERS, "result_format": "npz", "result_path": "x"}, "a noise model is written as json"),
        ({"circuits": HEAD + "h $0;"}, "circuits"),
    ],
)
def test_what_cannot_be_learned_submits_nothing(learn, noisy, more, message):
    with pytest.raises(AirflowFailException, match=message):
        learn(**more)
    assert noisy.jobs() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_randomisations": 3}, "options.num_randomisations: unknown; did you mean 'num_randomizations'"),
        ({"layer_pair_depths": [-1]}, "options.layer_pair_depths: expected a list of whole numbers"),
        ({"twirling": {"enable_gates": True}}, "options.twirling.enable_gates: unknown"),
        ({"max_layers_to_learn": 3}, "options.max_layers_to_learn: not an option of the noise learner"),
    ],
)
def test_wrong_options_are_refused_when_the_file_is_read(options, message):
    with DAG("the_dag", schedule=None), pytest.raises(AirflowFailException, match=message):
        QiskitRuntimeNoiseLearnerOperator(task_id="learn", circuits=LAYERS, options=options)


# Its use


@pytest.mark.parametrize("status", [403, 404])
def test_without_a_calibration_that_may_be_read_noise_is_learned_all_the_same(learn, estimate, noisy, status):
    noisy.add_fault(method="GET", path="*/properties*", status=status, times=None)
    learned = learn()
    assert learned["results"]["calibrated"] is None
    assert estimate.run(noise_model=learned, options=PEC)["status"] == "Completed"


def test_a_model_may_be_fetched_by_another_task(learn, noisy, context):
    learned = learn()

    fetched = QiskitRuntimeGetResultOperator(task_id="fetch", job_id=learned["job_id"]).execute(context)

    assert fetched["results"] == learned["results"]


@pytest.mark.parametrize("options", [PEC, PEA], ids=["pec", "pea"])
def test_an_estimator_uses_the_model_of_its_circuits(learn, estimate, noisy, options):
    model = learn()
    value = estimate.run(noise_model=model, options=options)
    assert value["program_id"] == "executor"
    assert abs(value["results"][0]["evs"]) <= 1.5
    assert len(noisy.jobs()) == 2


def test_transpiled_circuits_are_those_of_the_model(learn, estimate, noisy):
    bell = HEAD + "qubit[2] q; h q[0]; cx q[0], q[1];"
    model = learn(circuits=[(bell, "ZZ")], optimization_level=1)
    value = estimate.run(circuits=[(bell, ["ZZ", "XX"])], noise_model=model, options=PEC)
    assert len(value["results"][0]["evs"]) == 2
    assert all(abs(1 - one) < 0.7 for one in value["results"][0]["evs"])


def test_least_busy_is_the_backend_of_the_model(learn, estimate):
    model = learn(backend="ibm_marrakesh")
    assert estimate.run(noise_model=model, options=PEC, backend="least_busy")["backend"] == "ibm_marrakesh"


def test_a_model_in_a_file_is_read_from_there(learn, estimate, tmp_path, monkeypatch):
    with monkeypatch.context() as small:
        small.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_XCOM_BYTES", "100")
        model = learn(result_path=str(tmp_path))
    assert estimate.run(noise_model=model, options=PEC)["status"] == "Completed"


def other_calibration(model):
    return {**model, "results": {**model["results"], "calibrated": "2020-01-01T00:00:00+00:00"}}


def of_last_week(model):
    return {**model, "results": {**model["results"], "learned": (datetime.now(UTC) - timedelta(days=7)).isoformat()}}


def without_layers(model):
    return {**model, "results": {**model["results"], "layers": []}}


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        (other_calibration, {}, "learned under the calibration of 2020-01-01.*has been calibrated at"),
        (dict, {"backend": "ibm_marrakesh"}, "learned on ibm_fez, and the job is for ibm_marrakesh"),
        (dict, {"circuits": OTHER, "observables": "IZZ"}, r"circuits\[0\] is none of the circuits"),
        (without_layers, {}, r"1 of the 1 layers of the circuits are not in it \(cz\[0, 1\]\); it has none"),
        (of_last_week, {"noise_model_max_age": "6h"}, "learned 7 days.* ago, and noise_model_max_age is 6:00:00"),
        (
            dict,
            {"options": {**PEC, "twirling": {"strategy": "all"}}},
            "learned with twirling.strategy='active-accum', not 'all'",
        ),
        (dict, {"options": {}}, "noise_model: it is for PEC and PEA"),
        (dict, {"program_id": "estimator"}, "the program estimator learns noise by itself"),
        (lambda model: model["results"] | {"format": 2}, {}, "format 2"),
        (lambda _: {"results": 3}, {}, "this is no noise model"),
        (lambda _: 3, {}, "expected the whole value"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_what_differs(learn, estimate, noisy, change, more, message):
    model = learn()
    with pytest.raises(AirflowFailException, match=message):
        estimate.run(**{"noise_model": change(model), "options": PEC, **more})
    assert len(noisy.jobs()) == 1


def test_another_word_is_refused_when_the_file_is_read(estimate):
    with pytest.raises(AirflowFailException, match=r"noise_model: expected the output of a .*, or 'learn', not 'lern'"):
        estimate.run(noise_model="lern", options=PEC)


# Learning and using in one task


@pytest.fixture
def quickly(monkeypatch):
    """Let a task that learns by itself do it with few shots."""
    from airflow_provider_qrt.primitives.inputs import noise_learning

    real = noise_learning.client_options
    monkeypatch.setattr(noise_learning, "client_options", lambda model, given: real(model, {**QUICKLY, **given}))


LEARN = {"noise_model": "learn", "options": PEC}


def sessions(task, noisy):
    """The sessions of all jobs."""
    client = task.operator(**LEARN).hook.client
    return [client.session(one) for one in sorted({job["session_id"] for job in noisy.jobs()})]


def test_one_task_may_learn_and_use_in_a_batch_of_its_own(estimate, noisy, quickly):
    value = estimate.run(**LEARN)
    learner, own = noisy.jobs()
    assert value["job_id"] == own["id"]
    assert learner["session_id"] == own["session_id"] is not None
    [session] = sessions(estimate, noisy)
    assert (session.mode, session.accepting_jobs) == ("batch", False)


def test_deferred_it_waits_for_each_in_the_triggerer(estimate, noisy, quickly):
    value = estimate.run(**LEARN, deferrable=True)
    assert value["job_id"] == noisy.jobs()[1]["id"]
    assert len(sessions(estimate, noisy)) == 1


def test_in_a_session_of_the_users_both_run_there(estimate, noisy, quickly):
    session = estimate.operator(**LEARN).hook.client.create_session(mode="dedicated", backend="ibm_fez")
    estimate.run(**LEARN, session_id=session.id)
    assert len(noisy.jobs()) == 2
    assert [(one.id, one.accepting_jobs) for one in sessions(estimate, noisy)] == [(session.id, True)]


def test_a_retry_learns_nothing_twice(estimate, noisy, quickly):
    noisy.add_fault(method="POST", path="/jobs", status=403, skip=1, times=1)
    with pytest.raises(AirflowException):
        estimate.run(**LEARN, retries=1)
    estimate.context["ti"].try_number += 1
    noisy.clear_faults()
    estimate.run(**LEARN)
    assert len(noisy.jobs()) == 2


def test_without_a_record_nothing_is_learned_twice(estimate, noisy, quickly):
    estimate.context["task_state_store"] = None
    noisy.add_fault(method="POST", path="/jobs", status=429, skip=1, times=1, retry_after=0)
    value = estimate.run(**LEARN, deferrable=True)
    assert [job["id"] for job in noisy.jobs()][1:] == [value["job_id"]]


def test_a_learning_that_somebody_cancels_ends_the_task(estimate, noisy, quickly):
    noisy.configure(queue_seconds=600)
    deferred = estimate.defer(**LEARN)
    estimate.operator(**LEARN).hook.client.cancel_job(deferred.trigger.job_id)
    with pytest.raises(AirflowException, match="ancelled"):
        estimate.resume(deferred, **LEARN)
    assert len(noisy.jobs()) == 1


def test_a_learning_that_takes_too_long_is_cancelled(estimate, noisy, quickly):
    noisy.configure(queue_seconds=600)
    deferred = estimate.defer(**LEARN, timeout=0.2)
    with pytest.raises(AirflowException, match="after its timeout"):
        estimate.resume(deferred, **LEARN, timeout=0.2)
    assert [job["cancelled"] for job in noisy.jobs()] == [True]


def test_a_retry_with_a_job_of_its_own_looks_at_nothing_else(estimate, noisy, quickly):
    noisy.add_fault(method="GET", path="/jobs/*/results", status=403, skip=1, times=1)
    with pytest.raises(AirflowException):
        estimate.run(**LEARN, retries=1)
    estimate.context["ti"].try_number += 1
    estimate.run(**LEARN)
    assert len(noisy.jobs()) == 2


def test_a_dry_run_is_the_plan_of_the_learning(estimate, noisy):
    plan = estimate.run(**LEARN, dry_run=True)
    assert plan["of"].startswith("learning the noise")
    # Six depths in nine bases, and the readout.
    assert plan["executions"] == 32 * 128 * (6 * 9 + 1)
    assert noisy.jobs() == []
