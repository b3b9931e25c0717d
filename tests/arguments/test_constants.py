"""Wrong constants fail when the DAG file is parsed; templates and outputs of other tasks fail when the task runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, task

from airflow_provider_qrt.arguments.constants import InvalidConstantError
from airflow_provider_qrt.decorators.primitives import qiskit_sampler_task
from airflow_provider_qrt.durations import seconds, whole_seconds
from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator, QiskitRuntimeSubmitJobOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator, QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import QiskitRuntimeCreateSessionOperator
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor, QiskitRuntimeJobSensor

FLIP = "OPENQASM 3.0; bit c; c = measure $0;"
SAMPLER = (QiskitRuntimeSamplerOperator, {"circuits": FLIP})
ESTIMATOR = (QiskitRuntimeEstimatorOperator, {"circuits": FLIP, "observables": "Z"})
SUBMIT = (QiskitRuntimeSubmitJobOperator, {"program_id": "noise-learner", "program_params": {}})
FETCH = (QiskitRuntimeGetResultOperator, {"job_id": "j"})
SESSION = (QiskitRuntimeCreateSessionOperator, {})
JOB = (QiskitRuntimeJobSensor, {"job_id": "j"})
BACKEND = (QiskitRuntimeBackendSensor, {})


@pytest.mark.parametrize(
    ("made", "wrong", "said"),
    [
        (SAMPLER, {"shots": -1}, "shots: must be at least 1, got -1"),
        (SAMPLER, {"shots": 1.5}, "shots: expected a whole number"),
        (SAMPLER, {"max_execution_time": "soon"}, "max_execution_time: expected seconds, a timedelta, or text such as"),
        (SAMPLER, {"max_execution_time": "4h"}, "max_execution_time: must be at most 10800"),
        (SAMPLER, {"max_execution_time": -5}, "max_execution_time: must be at least 1"),
        (SAMPLER, {"timeout": 0}, "timeout: must be more than 0"),
        (SAMPLER, {"poll_interval": "often"}, "poll_interval: expected seconds"),
        (SAMPLER, {"optimization_level": 4}, "optimization_level: must be at most 3"),
        (SAMPLER, {"use_fractional_gates": "perhaps"}, "use_fractional_gates: expected True or False"),
        (SAMPLER, {"deferrable": "yes"}, "deferrable: expected True or False, got 'yes'"),
        (SAMPLER, {"dry_run": "perhaps"}, "dry_run: expected True, False or 'service'"),
        (SAMPLER, {"options": {"dynamical_decouplin": {}}}, "did you mean 'dynamical_decoupling'"),
        (SAMPLER, {"options": {"run_option": {}}}, "options.run_option: unknown"),
        (SAMPLER, {"options": {"run_options": {}, "twirling": {}}}, "options.twirling"),
        (SAMPLER, {"program_id": "samplr"}, "program_id: 'samplr' is not one of auto, executor, sampler"),
        (SAMPLER, {"backend": ["ibm_fez", "ibm_boston"]}, "backend_filters={'names': ['ibm_fez', 'ibm_boston']}"),
        (SAMPLER, {"backend": " "}, "backend: name one, such as 'ibm_fez', or write 'least_busy'"),
        (SAMPLER, {"budget": -60}, "budget: max_seconds must be above 0"),
        (SAMPLER, {"budget": [60]}, "budget: expected seconds, a timedelta"),
        (SAMPLER, {"budget": {"max_second": 60}}, "budget: max_second is not known"),
        (SAMPLER, {"tags": "mine"}, "tags: expected a list"),
        (SAMPLER, {"backend_filters": {"qubits": 5}}, "did you mean 'min_qubits'"),
        (SAMPLER, {"result_format": "parket"}, "did you mean 'parquet'"),
        (ESTIMATOR, {"observables": [("ZZII", -1.0)]}, "A sum of terms is written as a map: {'ZZII': -1.0}"),
        (ESTIMATOR, {"observables": {"ZZ": "much"}}, "the weight of 'ZZ' must be a real number"),
        (ESTIMATOR, {"observables": ["XX", "ZA"]}, "observables[1]: 'ZA' is no Pauli string"),
        (ESTIMATOR, {"observables": "Z0 X0"}, "names qubit 0 twice"),
        (ESTIMATOR, {"observables": []}, "the list of observables is empty"),
        (ESTIMATOR, {"precision": -0.1}, "precision: "),
        (ESTIMATOR, {"precision": "fine"}, "precision: expected a standard error"),
        (ESTIMATOR, {"resilience_level": 3}, "resilience_level: must be at most 2"),
        (ESTIMATOR, {"options": {"resilience": {"zne_mitigaton": True}}}, "did you mean 'zne_mitigation'"),
        (SUBMIT, {"program_params": [1]}, "program_params: expected a mapping"),
        (FETCH, {"timeout": "never"}, "timeout: expected seconds"),
        (SESSION, {"mode": "session"}, "write 'batch' or 'dedicated'"),
        (SESSION, {"max_ttl": "soon"}, "max_ttl: expected seconds"),
        (JOB, {"poke_interval": "often"}, "poke_interval: expected seconds"),
        (JOB, {"start_from_trigger": "yes"}, "start_from_trigger: expected True or False"),
        (BACKEND, {"max_queue": -1}, "max_queue: must be at least 0"),
        (BACKEND, {"timeout": "2 parsecs"}, "timeout: expected seconds"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_constant_is_refused_when_the_file_is_parsed(made, wrong, said):
    operator_class, arguments = made
    with pytest.raises(InvalidConstantError) as refused:
        operator_class(task_id="the_task", **{**arguments, **wrong})
    assert said in str(refused.value)
    assert "'the_task'" in str(refused.value)
    # On a worker, which builds mapped tasks again, there is no retry.
    assert isinstance(refused.value, AirflowFailException)


def test_default_arguments_are_checked_too():
    with DAG("d", schedule=None, default_args={"shots": -1}), pytest.raises(InvalidConstantError, match="shots"):
        QiskitRuntimeSamplerOperator(task_id="t", circuits=FLIP)


def test_what_a_mapped_task_begins_with_is_checked():
    with DAG("d", schedule=None), pytest.raises(InvalidConstantError, match=r"shots: must be at least 1.*'t'"):
        QiskitRuntimeSamplerOperator.partial(task_id="t", shots=-1)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"circuit": [FLIP]}, r"\.expand \(task 't'\): There is no argument 'circuit'; did you mean 'circuits'\?"),
        ({"circuits": [FLIP], "shots": [100, -1]}, "shots: must be at least 1, got -1. This is task 't'"),
    ],
    ids=str,
)
def test_what_a_mapped_task_is_expanded_over_is_checked(over, said):
    with DAG("d", schedule=None):
        begun = QiskitRuntimeSamplerOperator.partial(task_id="t")
        with pytest.raises((TypeError, InvalidConstantError), match=said):
            begun.expand(**over)
        with pytest.raises((TypeError, InvalidConstantError), match=said.replace("expand", "expand_kwargs")):
            begun.expand_kwargs([{name: values[-1] for name, values in over.items()}])


def test_a_mapped_task_that_is_never_expanded_gets_airflows_warning():
    with DAG("d", schedule=None):
        begun = QiskitRuntimeSamplerOperator.partial(task_id="t")
    with pytest.warns(UserWarning, match="'t' was never mapped"):
        del begun


def test_a_decorated_functions_arguments_are_checked():
    @qiskit_sampler_task(shots=-1)
    def circuits():
        return FLIP

    with DAG("d", schedule=None), pytest.raises(InvalidConstantError, match="shots"):
        circuits()


def test_what_is_known_only_when_the_task_runs_is_left_for_then():
    @task
    def number():
        return -1

    with DAG("d", schedule=None):
        run = QiskitRuntimeSamplerOperator(
            task_id="t",
            circuits=FLIP,
            shots="{{ params.shots }}",
            max_execution_time="{{ params.seconds }}",
            options={"default_shots": "{{ params.shots }}"},
            optimization_level=number(),
            backend_filters={"min_qubits": "{{ params.qubits }}"},
            dry_run="{{ params.dry }}",
        )
        QiskitRuntimeSamplerOperator.partial(task_id="m", circuits=FLIP).expand(shots=[10, 20])
    assert run.upstream_task_ids == {"number"}


@pytest.mark.parametrize(
    "right",
    [None, "Z0 Z5", "ZZ", {"Z0": 1, "X1": -0.5}, ["Z", "XX"], [["ZZ"], [{"XX": 1}]], "{{ params.observable }}"],
    ids=str,
)
def test_observables_are_checked_without_their_circuits(right):
    QiskitRuntimeEstimatorOperator(task_id="t", circuits=FLIP, observables=right)


@pytest.mark.parametrize("old", [{"run_options": {"shots": 5}}, {"transpilation_settings": {"level": 9}}])
def test_options_of_an_older_service_are_taken(old):
    assert QiskitRuntimeSamplerOperator(task_id="t", circuits=FLIP, options=old).options == old


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (60, 60),
        ("60", 60),
        ("60s", 60),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1 hour 30 minutes", 5400),
        ("90 min", 5400),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("2 days", 172_800),
        (timedelta(minutes=2), 120),
    ],
)
def test_durations_are_read_as_people_write_them(written, read):
    assert seconds("timeout", written) == read


@pytest.mark.parametrize(
    "written",
    ["", "soon", "5 parsecs", "h", "30m1h", "1h1h", "-5s", 0, -1, True, None, [], "nan", "inf"],
)
def test_what_is_no_duration_is_refused(written):
    with pytest.raises(InvalidInputError, match=r"^timeout: "):
        seconds("timeout", written)


def test_whole_seconds_have_no_fraction():
    assert whole_seconds("max_ttl", "2h") == 7200
    assert whole_seconds("max_ttl", "None") is None
    with pytest.raises(InvalidInputError, match="whole seconds"):
        whole_seconds("max_ttl", "0.5s")


@pytest.mark.parametrize("written", ["60s", timedelta(minutes=1), 60, "1 min"])
def test_a_job_is_submitted_with_the_qpu_time_in_seconds(emulator, connection, context, written):
    done = QiskitRuntimeSamplerOperator(
        task_id="t",
        circuits='OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;',
        backend="ibm_fez",
        max_execution_time=written,
        timeout="2h",
        poll_interval="10ms",
    ).execute(context)
    assert [job["cost"] for job in emulator.jobs() if job["id"] == done["job_id"]] == [60]


def test_sensors_take_durations_as_text():
    sensor = QiskitRuntimeJobSensor(task_id="t", job_id="j", poke_interval="30s", timeout="2h")
    assert (sensor.poke_interval, sensor.timeout) == (30, 7200)
