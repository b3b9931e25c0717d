"""Everything that IBM's client offers is taken, or refused by its name: options, their values, programs and decoders.

The client's own models are walked, so that a later client that adds something makes these tests fail.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from qiskit import QuantumCircuit

from airflow_provider_qrt.operators.calibration import QiskitRuntimeCalibrateOperator
from airflow_provider_qrt.operators.jobs import QiskitRuntimeSubmitJobOperator
from airflow_provider_qrt.operators.noise_learner import QiskitRuntimeNoiseLearnerOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator, QiskitRuntimeSamplerOperator
from airflow_provider_qrt.primitives import (
    InvalidInputError,
    NoiseModel,
    check_executor_estimator_options,
    check_executor_sampler_options,
    coerce_estimator_pubs,
    coerce_pubs,
    executor_params,
    prepare_executor_estimator,
    prepare_executor_sampler,
)
from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.inputs import calibration, official_program
from airflow_provider_qrt.primitives.inputs.calibration import calibration_params, check_calibration_options
from airflow_provider_qrt.primitives.inputs.executor_sampler_options import EXECUTION
from airflow_provider_qrt.primitives.inputs.noise_learning import (
    DEFAULT_TWIRLING,
    check_noise_learner_options,
    coerce_learning_circuits,
    find_layers,
    prepare_noise_learner,
)
from airflow_provider_qrt.primitives.inputs.option_checks import OF_THE_OPERATOR
from airflow_provider_qrt.primitives.noise_model import LearnedLayer

# Options


def with_model(options):
    return check_executor_estimator_options(options, with_noise_model=True)


CHECKS = {
    "SamplerOptions": check_executor_sampler_options,
    "EstimatorOptions": with_model,
    "NoiseLearnerV3Options": check_noise_learner_options,
    "CalibratorOptions": check_calibration_options,
}
"""For each of the client's models what checks our options."""
WITHOUT_CHECK = {"ExecutorOptions"}
"""Models of programs whose params are passed on as they are."""


def models():
    """The client's models of options, by name."""
    from qiskit_ibm_runtime import options_models

    found = {}
    for name in dir(options_models):
        one = getattr(options_models, name)
        if isinstance(one, type) and issubclass(one, BaseModel):
            found[name] = one
    return found


def parts(model):
    """The models within a model."""
    for one in model.model_fields.values():
        if is_model(one.annotation):
            yield one.annotation
            yield from parts(one.annotation)


def is_model(kind):
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def options_of(model, path=()):
    """The paths of all options of a model, each with values that the client takes."""
    for name, one in model.model_fields.items():
        if is_model(one.annotation):
            yield from options_of(one.annotation, (*path, name))
        else:
            yield (*path, name), examples(one.annotation)


def examples(kind):
    """Values of a type: all of them, if it names them."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return examples(arguments[0])
    if origin is Literal:
        return list(arguments)
    if origin in (Union, types.UnionType):
        return [value for one in arguments if one is not types.NoneType for value in examples(one)]
    if origin in (list, Sequence):
        return [[value] * 8 for value in examples(arguments[0])]
    known = {bool: [True, False], int: [3], float: [1.0], str: ["text"], dict: [{"a": 1}]}
    return known.get(kind, [])


OPTIONS = Path(__file__).with_name("official_options.json")
"""The options of the client's models with values of each, so that the client is not needed to count the tests."""


def cases():
    for name, path, value in json.loads(OPTIONS.read_text()):
        yield pytest.param(name, path, value, id=f"{name}-{'.'.join(path)}-{json.dumps(value)[:30]}")


def test_the_options_are_those_of_the_installed_client():
    found = [
        json.dumps([name, path, value])
        for name in CHECKS
        for path, values in options_of(models()[name])
        for value in values or [None]
    ]
    assert OPTIONS.read_text() == "[\n" + ",\n".join(found) + "\n]\n"


def check(name, options):
    """Return the options as they are taken, or the message with which they are refused."""
    try:
        return CHECKS[name](options), None
    except InvalidInputError as refused:
        return None, str(refused)


def within(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


@pytest.mark.parametrize(("name", "path", "value"), cases())
def test_an_option_of_the_official_client_is_taken_or_refused_by_name(name, path, value):
    options = within(path, value)
    if path[-1] == "extrapolator":
        options["resilience"]["zne"]["noise_factors"] = list(range(1, 10))
    checked, refusal = check(name, options)
    if refusal is None:
        assert checked == options
        return
    where, _, why = refusal.partition(": ")
    assert where in {".".join(("options", *path[:length])) for length in range(1, len(path) + 1)}
    # Named, and not only misunderstood.
    assert not re.match("unknown|expected", why), refusal
    assert "operator" in why or "program executor" in why, refusal


def test_every_model_of_options_belongs_to_a_program_that_is_known():
    known = {models()[name] for name in (*CHECKS, *WITHOUT_CHECK)}
    known |= {part for one in known for part in parts(one)}
    assert {one for one in models().values() if one not in known} == set()


def test_every_field_of_the_environment_is_named_where_it_is_refused():
    from qiskit_ibm_runtime.options_models.environment import EnvironmentOptions

    said = OF_THE_OPERATOR["environment"]
    assert [name for name in EnvironmentOptions.model_fields if name not in said] == []


def test_every_option_of_the_program_executor_is_taken():
    from ibm_quantum_schemas.executor.version_2_0 import OptionsModel

    assert set(OptionsModel.model_fields) == {*EXECUTION, "experimental"}


# Programs


RUN_BY = {
    "sampler": QiskitRuntimeSamplerOperator,
    "estimator": QiskitRuntimeEstimatorOperator,
    "executor": QiskitRuntimeSubmitJobOperator,
    "noise-learner": QiskitRuntimeSubmitJobOperator,
    "calibrate": QiskitRuntimeCalibrateOperator,
}
"""The operator for each program."""
NOT_RUN = {"circuit-runner", "qasm3-runner"}
"""Programs of which the client reads results, and which neither it nor the service runs any more."""
CLASSES = {
    "Calibrator": "calibrate",
    "Estimator": "executor",
    "EstimatorV2": "estimator",
    "Executor": "executor",
    "NoiseLearner": "noise-learner",
    "NoiseLearnerV3": "noise-learner",
    "Sampler": "executor",
    "SamplerV2": "sampler",
}
"""The client's classes that run a program; those over the executor have a class of the same name elsewhere."""
ROLES = {
    "sampler_v2": QiskitRuntimeSamplerOperator,
    "estimator_v2": QiskitRuntimeEstimatorOperator,
    "noise_learner_v3": QiskitRuntimeNoiseLearnerOperator,
}
"""The operator for each of the roles that the client gives to programs of the executor."""
PACKAGES_ELSEWHERE = ("fake_provider", "visualization", "debug_tools", "transpiler")


def classes_of_the_client():
    import qiskit_ibm_runtime

    for module in pkgutil.walk_packages(qiskit_ibm_runtime.__path__, "qiskit_ibm_runtime."):
        if module.name.split(".")[1] in PACKAGES_ELSEWHERE:
            continue
        loaded = importlib.import_module(module.name)
        for one in vars(loaded).values():
            if isinstance(one, type) and one.__module__ == module.name:
                yield one


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_class_that_runs_a_program_is_known():
    found = {one.__name__ for one in classes_of_the_client() if "run" in vars(one) and "backend" in dir(one)}
    assert found >= {"Executor", "Calibrator"}
    assert found == set(CLASSES)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_program_has_an_operator():
    from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS

    ids = {one._PROGRAM_ID for one in classes_of_the_client() if "_PROGRAM_ID" in vars(one)}
    assert ids >= {"executor", "calibrate"}
    assert ids | set(CLASSES.values()) | set(DEFAULT_DECODERS) == set(RUN_BY) | NOT_RUN


def test_every_role_of_a_program_of_the_executor_has_an_operator():
    import qiskit_ibm_runtime
    from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS

    decoders = [one.SEMANTIC_ROLE for one in DEFAULT_DECODERS["executor"] if hasattr(one, "SEMANTIC_ROLE")]
    written = {
        role
        for file in Path(qiskit_ibm_runtime.__path__[0]).rglob("*.py")
        for role in re.findall(r'_semantic_role = "(\w+)"', file.read_text())
    }
    assert set(decoders) == written == set(ROLES)


def newest(package):
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    versions = [tuple(map(int, name.split("_")[1:])) for name in names if name.startswith("version_")]
    return "v" + ".".join(map(str, max(versions)))


def test_what_is_sent_has_ibms_newest_schemas():
    from ibm_quantum_schemas import calibrator, executor
    from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS

    assert newest(executor) == official_program.SCHEMA_VERSION
    assert newest(calibrator) == calibration.SCHEMA_VERSION
    assert official_program.SCHEMA_VERSION in QUANTUM_PROGRAM_PARAMS_CONVERTERS


def test_every_program_with_a_schema_is_known():
    import ibm_quantum_schemas

    found = {module.name for module in pkgutil.iter_modules(ibm_quantum_schemas.__path__) if module.ispkg}
    assert found - {"common"} == {
        "calibrator",
        "estimator",
        "executor",
        "noise_learner_v2",
        "noise_learner_v3",
        "sampler",
    }


# What is sent

TEXT = 'OPENQASM 3.0; include "stdgates.inc"; sx $0; cz $0, $1; sx $1;'
MEASURED = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; sx $0; cz $0, $1; c[0] = measure $0;'


@pytest.fixture(scope="module")
def fez():
    from qiskit_ibm_runtime.fake_provider import FakeFez

    backend = FakeFez()
    described = [
        json.loads((Path(backend.dirname) / name).read_text())
        for name in (backend.conf_filename, backend.props_filename)
    ]
    return BackendSnapshot("ibm_fez", *described)


def with_noise_model(resilience):
    circuit = QuantumCircuit(2)
    circuit.cz(0, 1)
    layers = tuple(
        LearnedLayer(layer.ref, layer.qubits, layer.gates, (("XY", (0, 1), 0.001),))
        for _, layer in find_layers([circuit], DEFAULT_TWIRLING)
    )
    model = NoiseModel("ibm_fez", None, "2026-11-20T10:00:00+00:00", DEFAULT_TWIRLING, layers)
    pubs = coerce_estimator_pubs(circuit, observables="ZZ", precision=0.2)
    return prepare_executor_estimator(pubs, options={"resilience": resilience}, noise_model=model).params


def learning(backend):
    options = {
        "num_randomizations": 2,
        "shots_per_randomization": 4,
        "layer_pair_depths": [0, 2],
        "execution": {"scheduler_timing": True},
        "experimental": {"a": 1},
    }
    return prepare_noise_learner(coerce_learning_circuits(TEXT), [TEXT], options=options, backend=backend)[0].params


SENT = {
    "sampler": lambda _: executor_params(coerce_pubs(MEASURED), options={"execution": {"rep_delay": 0.0002}}),
    "twirled": lambda _: (
        prepare_executor_sampler(coerce_pubs(MEASURED), options={"twirling": {"enable_gates": True}}).params
    ),
    "estimator": lambda _: prepare_executor_estimator(coerce_estimator_pubs(TEXT, observables="ZZ")).params,
    "pec": lambda _: with_noise_model({"pec_mitigation": True}),
    "pea": lambda _: with_noise_model({"zne_mitigation": True, "zne": {"amplifier": "pea"}}),
    "learner": learning,
}


@pytest.mark.parametrize("what", SENT)
def test_what_is_sent_to_the_executor_passes_the_schema_and_has_no_other_fields(what, fez):
    from ibm_quantum_schemas.executor.version_2_0 import (
        CircuitItemModel,
        OptionsModel,
        ParamsModel,
        QuantumProgramModel,
        SamplexItemModel,
    )

    items = {"circuit": CircuitItemModel, "samplex": SamplexItemModel}
    sent: dict[str, Any] = json.loads(json.dumps(SENT[what](fez), allow_nan=False))
    ParamsModel.model_validate(sent)
    program = sent["quantum_program"]
    for fields, model in (
        (sent, ParamsModel),
        (sent["options"], OptionsModel),
        (program, QuantumProgramModel),
        *((item, items[item["item_type"]]) for item in program["items"]),
    ):
        assert set(fields) <= set(model.model_fields)
    assert program["items"]


def test_what_is_sent_to_calibrate_passes_the_schema_and_has_no_other_fields():
    from ibm_quantum_schemas.calibrator.version_0_1 import ParamsModel as CalibratorParams

    sent = json.loads(json.dumps(calibration_params({"experimental": {"a": 1}})))
    assert CalibratorParams.model_validate(sent).model_dump(mode="json") == sent
