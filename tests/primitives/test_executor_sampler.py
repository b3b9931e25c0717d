"""A sampler's options over the program executor: what the official client prepares, and what is made of the result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from qiskit import QuantumCircuit

from airflow_provider_qrt.primitives import (
    InvalidInputError,
    InvalidResultError,
    NoCountsError,
    SamplerResult,
    check_executor_sampler_options,
    coerce_pubs,
    decode_executor_result,
    executor_identity,
    executor_params,
    prepare_executor_sampler,
)
from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.errors import ProgramUnfitError
from airflow_provider_qrt.primitives.results.result_file import ResultFormat

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
BELL = HEAD + "bit[1] low; bit[2] high; sx $0; cz $0, $1; sx $1; low[0] = measure $0; high[1] = measure $1;"
SWEPT = HEAD + "input float[64] a; bit[1] c; rz(a) $0; sx $0; cz $0, $1; c[0] = measure $0;"
IDLE = HEAD + "bit[1] c; sx $0; cz $0, $1; sx $0; sx $0; sx $0; sx $0; sx $0; cz $0, $1; c[0] = measure $1;"
CHOICE = HEAD + "bit[2] c; sx $0; c[0] = measure $0; if (c[0]) { x $1; } c[1] = measure $1;"
GATES = {"twirling": {"enable_gates": True}}
MEASURED = {"twirling": {"enable_measure": True}}
EVERYTHING = {
    "default_shots": 100,
    "dynamical_decoupling": {
        "enable": True,
        "sequence_type": "XpXm",
        "extra_slack_distribution": "edges",
        "scheduling_method": "asap",
        "skip_reset_qubits": False,
    },
    "execution": {
        "init_qubits": True,
        "rep_delay": 0.00025,
        "meas_type": "classified",
        "scheduler_timing": True,
        "stretch_values": True,
    },
    "twirling": {
        "enable_gates": True,
        "enable_measure": True,
        "group": "local_c1",
        "num_randomizations": "auto",
        "shots_per_randomization": 64,
        "strategy": "active-circuit",
    },
    "experimental": {"anything": {"goes": [1]}},
}
NOT_OURS = {(): {"simulator", "environment", "max_execution_time"}}
"""Other options in the official client's model: arguments of the operator, and options of a simulator."""


@pytest.fixture(scope="module")
def fez():
    from qiskit_ibm_runtime.fake_provider import FakeFez

    backend = FakeFez()
    described = [
        json.loads((Path(backend.dirname) / name).read_text())
        for name in (backend.conf_filename, backend.props_filename)
    ]
    return BackendSnapshot("ibm_fez", *described)


def prepare(circuits=BELL, *, shots=None, **more):
    return prepare_executor_sampler(coerce_pubs(circuits, shots=shots), **more)


def program_of(prepared):
    """The program and its options as the official client reads them."""
    from ibm_quantum_schemas.executor.version_2_0 import ParamsModel
    from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import quantum_program_from_2_0

    return quantum_program_from_2_0(ParamsModel.model_validate(json.loads(json.dumps(prepared.params))))


# What is sent


@pytest.mark.parametrize(
    ("options", "shots", "each", "executions"),
    [
        (GATES, None, 128, 4096),
        (GATES, 1000, 64, 16 * 64),
        ({"twirling": {"enable_measure": True, "num_randomizations": 10}}, 1001, 101, 1010),
        ({"twirling": {"enable_measure": True, "shots_per_randomization": 7}, "default_shots": 50}, None, 7, 56),
        ({"twirling": {"enable_gates": True, "num_randomizations": 3, "shots_per_randomization": 5}}, None, 5, 15),
    ],
)
def test_shots_are_dealt_out_to_randomizations_as_by_the_official_client(options, shots, each, executions):
    prepared = prepare(options=options, shots=shots)
    program, _ = program_of(prepared)
    assert (program.shots, prepared.executions) == (each, executions)


def test_each_parameter_set_counts():
    assert prepare((SWEPT, {"a": [0.0, 0.1, 0.2]}), options=GATES, shots=64).executions == 3 * 64


def test_the_program_claims_no_role_of_ibms_clients_and_tells_the_order_of_registers():
    prepared = prepare([BELL, IDLE], options=MEASURED)
    program, _ = program_of(prepared)
    assert prepared.params["quantum_program"]["semantic_role"] is None
    assert program.passthrough_data["airflow_provider_qrt"]["registers"] == [["low", "high"], ["c"]]
    assert program.passthrough_data["post_processor"]["twirling"] is True


def test_decoupling_puts_pulses_into_idle_times(fez):
    plain = program_of(prepare(IDLE, options=MEASURED))[0].items[0].circuit
    pulsed = (
        program_of(
            prepare(
                IDLE, options={**MEASURED, "dynamical_decoupling": {"enable": True, "sequence_type": "XX"}}, backend=fez
            )
        )[0]
        .items[0]
        .circuit
    )
    assert pulsed.count_ops()["x"] >= 2 + plain.count_ops().get("x", 0)


@pytest.mark.parametrize("circuit", [QuantumCircuit(2, 2), BELL], ids=["object", "text"])
def test_objects_and_texts_are_prepared_alike(circuit):
    if isinstance(circuit, QuantumCircuit):
        circuit.sx(0)
        circuit.cz(0, 1)
        circuit.measure([0, 1], [0, 1])
    program, _ = program_of(prepare(circuit, options=GATES))
    assert program.items[0].shape == (32,)


def test_every_option_of_the_official_client_is_taken_or_refused_by_name(fez):
    from qiskit_ibm_runtime.options_models.sampler import SamplerOptions

    def walk(model, ours, path=()):
        names = set(model.model_fields) - NOT_OURS.get(path, set())
        assert names == set(ours) - {"simulator"}, path
        for name, one in ours.items():
            kind = model.model_fields[name].annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                walk(kind, one, (*path, name))

    walk(SamplerOptions, EVERYTHING)
    assert check_executor_sampler_options(EVERYTHING) == EVERYTHING
    prepared = prepare(IDLE, options=EVERYTHING, backend=fez)
    assert prepared.params["options"]["scheduler_timing"] is True


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"twirling": {"group": "paulis"}}, "options.twirling.group: expected one of .* did you mean 'pauli'"),
        ({"execution": {"meas_type": "kernel"}}, "options.execution.meas_type: expected one of"),
        ({"execution": {"scheduler_timing": 1}}, "options.execution.scheduler_timing: expected true or false"),
        ({"shots": 3}, "options.shots: not an option of the sampler"),
        ({"simulator": 1}, "options.simulator: expected a mapping"),
    ],
)
def test_wrong_options_are_refused_with_their_path(options, path):
    with pytest.raises(InvalidInputError, match="^" + path) as caught:
        check_executor_sampler_options(options)
    assert not isinstance(caught.value, ProgramUnfitError)


@pytest.mark.parametrize(
    ("circuit", "options", "message"),
    [
        (CHOICE, GATES, r"^circuits\[0\]: the circuit has control flow \(if\).*options.twirling.enable_gates"),
        (CHOICE, MEASURED, r"^circuits\[0\]: the circuit has control flow \(if\).*options.twirling.enable_measure"),
        (
            HEAD + "bit[2] c; sx $0; c[0] = measure $0; cz $0, $1; c[1] = measure $1;",
            MEASURED,
            r"^circuits: the official client's sampler over the executor refuses this input: ",
        ),
        (
            BELL,
            {**MEASURED, "execution": {"meas_type": "kerneled"}},
            "the official client's sampler over the executor refuses this input: .*meas_type=kerneled",
        ),
        ((SWEPT, {"a": [0.0] * 3000}), GATES, "executions"),
    ],
)
def test_input_that_only_another_program_may_run_is_refused_as_such(circuit, options, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        prepare(circuit, options=options)
    assert isinstance(caught.value, ProgramUnfitError) or "executions" in message


def test_circuits_with_different_shots_are_no_one_job():
    with pytest.raises(InvalidInputError, match=r"^circuits\[1\]: asks for 7 shots and circuits\[0\] for 5"):
        prepare([(BELL, None, 5), (BELL, None, 7)], options=GATES)


def test_the_identity_does_not_depend_on_what_is_drawn_at_random():
    pubs = coerce_pubs([BELL], shots=100)
    assert prepare(BELL, options=GATES).params != prepare(BELL, options=GATES).params
    known = json.dumps(executor_identity(pubs, GATES))
    assert json.dumps(executor_identity(coerce_pubs([BELL], shots=100), dict(GATES))) == known
    assert json.dumps(executor_identity(pubs, MEASURED)) != known
    assert json.dumps(executor_identity(coerce_pubs([BELL], shots=101), GATES)) != known


# What comes back


def tensor(array):
    from ibm_quantum_schemas.common import CompressedTensorModel

    return CompressedTensorModel.from_numpy(np.asarray(array)).model_dump(mode="json")


def answer(params, items):
    """The service's answer to a program, with these arrays for each item."""
    return json.dumps(
        {
            "schema_version": "v2.0",
            "data": [
                {
                    "results": {name: tensor(array) for name, array in item.items()},
                    "metadata": {"scheduler_timing": None, "stretch_values": None},
                }
                for item in items
            ],
            "metadata": {"chunk_timing": []},
            "passthrough_data": params["quantum_program"]["passthrough_data"],
            "semantic_role": None,
        }
    )


def theirs(text):
    from qiskit_ibm_runtime.decoders.executor.decoder import ExecutorResultDecoder
    from qiskit_ibm_runtime.decoders.executor_sampler.decoder import ClientSideSamplerResultDecoder

    return ClientSideSamplerResultDecoder.decode(ExecutorResultDecoder.decode(text))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 3), max_size=2), st.integers(1, 4), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_twirled_shots_are_flipped_back_and_merged_as_by_the_official_client(sweep, randomizations, shots, seed):
    generator = np.random.default_rng(seed)
    lead = (randomizations, *sweep)
    values = {"a": np.zeros(sweep)} if sweep else {"a": 0.0}
    params = prepare((SWEPT, values), options={"twirling": {"enable_measure": True}}).params
    arrays = {
        "c": generator.integers(0, 2, (*lead, shots, 11)).astype(bool),
        "measurement_flips.c": generator.integers(0, 2, (*lead, 1, 11)).astype(bool),
    }
    text = answer(params, [arrays])
    [ours], [other] = decode_executor_result(text), theirs(text)
    assert ours.shape == other.data.shape
    assert np.array_equal(ours.registers["c"].array, other.data.c.array)
    assert ours.metadata["num_randomizations"] == other.metadata["num_randomizations"] == randomizations


def test_gates_alone_flip_nothing_but_their_shots_are_merged():
    params = prepare(BELL, options=GATES).params
    arrays = {"high": np.ones((3, 4, 2), bool), "low": np.zeros((3, 4, 1), bool)}
    [ours] = decode_executor_result(answer(params, [arrays]))
    assert list(ours.registers) == ["low", "high"]
    assert ours.get_counts() == {"110": 12}


@pytest.mark.parametrize("kind", ["kerneled", "avg_kerneled"])
@pytest.mark.parametrize("twirled", [False, True])
def test_readout_points_are_those_of_the_official_client(kind, twirled):
    options = {"execution": {"meas_type": kind}, **(GATES if twirled else {})}
    pubs = coerce_pubs([(SWEPT, {"a": [0.0, 1.0]}), BELL], shots=64)
    params = (
        prepare_executor_sampler(pubs, options=options).params if twirled else executor_params(pubs, options=options)
    )
    assert params["quantum_program"]["meas_level"] == kind
    end, shots = ("_iq", (5,)) if kind == "kerneled" else ("_avg_iq", ())
    generator, lead = np.random.default_rng(3), (2,) if twirled else ()

    def points(*shape):
        return generator.normal(size=(*lead, *shape)) + 1j * generator.normal(size=(*lead, *shape))

    text = answer(
        params, [{f"c{end}": points(2, *shots, 1)}, {f"high{end}": points(*shots, 2), f"low{end}": points(*shots, 1)}]
    )
    if not twirled:
        # Circuits that run as they are carry nothing for the official client's decoder.
        document = json.loads(text)
        document["passthrough_data"]["post_processor"] = {
            "version": "v0.1",
            "twirling": False,
            "meas_type": kind,
            "shots": 5,
            "options": {},
        }
        text = json.dumps(document)
    for ours, other in zip(decode_executor_result(text), theirs(text), strict=True):
        assert ours.shape == other.data.shape
        for name, register in ours.kerneled.items():
            assert np.allclose(register.array, other.data[name])
        assert ours.shots == (None if kind == "avg_kerneled" else 10 if twirled else 5)
        with pytest.raises(NoCountsError, match="kerneled"):
            ours.get_counts()
    assert list(decode_executor_result(text)[1].kerneled) == ["low", "high"]


@pytest.fixture(params=["kerneled", "avg_kerneled"])
def readout(request):
    """A result of readout points of a sweep and of two registers."""
    generator = np.random.default_rng(5)
    end, shots = ("_iq", (4,)) if request.param == "kerneled" else ("_avg_iq", ())
    pubs = coerce_pubs([(SWEPT, {"a": [0.0, 1.0]}), BELL], shots=4)
    params = executor_params(pubs, options={"execution": {"meas_type": request.param}})
    shapes = {"c": (2, *shots, 1)}, {"low": (*shots, 1), "high": (*shots, 2)}
    items = [
        {
            f"{name}{end}": generator.normal(size=shape) + 1j * generator.normal(size=shape)
            for name, shape in one.items()
        }
        for one in shapes
    ]
    return decode_executor_result(answer(params, items))


def same(one, other):
    assert len(one) == len(other)
    for ours, theirs in zip(one, other, strict=True):
        assert list(ours.kerneled) == list(theirs.kerneled)
        assert (ours.shape, ours.shots) == (theirs.shape, theirs.shots)
        for name in ours.kerneled:
            assert np.array_equal(ours.kerneled[name].array, theirs.kerneled[name].array)


def test_readout_points_go_through_xcom(readout):
    value = json.loads(json.dumps(readout.to_xcom_results(), allow_nan=False))
    assert len(json.dumps(value)) <= readout.estimated_xcom_bytes()
    same(SamplerResult.from_xcom(value), readout)
    manifest = json.loads(json.dumps(readout.manifest()))
    with pytest.raises(InvalidResultError, match="manifest"):
        SamplerResult.from_xcom(manifest)


@pytest.mark.parametrize("result_format", list(ResultFormat))
def test_readout_points_go_into_files(readout, result_format, tmp_path):
    path = tmp_path / f"result{result_format.suffix}"
    with path.open("wb") as file:
        readout.write(file, result_format, {"job_id": "j"})
    found = SamplerResult.from_file(path)
    same(found, readout)
    assert found.job["job_id"] == "j"


def test_readout_points_make_a_table(readout):
    table = readout.to_dataframe()
    assert list(table.columns) == ["pub", "point", "register", "shot", "bit", "real", "imaginary"]
    assert len(table) == sum(register.array.size for pub in readout for register in pub.kerneled.values())
    one = table[(table["pub"] == 1) & (table["register"] == "high") & (table["bit"] == 1)].iloc[0]
    first = readout[1].kerneled["high"].array.reshape(-1, 2)[0, 1]
    assert one["real"] + 1j * one["imaginary"] == first


def test_readout_points_become_qiskits(readout):
    for ours, other in zip(readout, readout.to_qiskit(), strict=True):
        for name, register in ours.kerneled.items():
            assert np.array_equal(other.data[name], register.array)


@pytest.mark.parametrize(
    "changed",
    [
        {"meas_type": "avg_kerneled", "registers": {"c": {"num_bits": 1, "index": 0, "points": 3}}},
        {"meas_type": "kerneled", "registers": {"c": {"num_bits": 1, "index": 0, "points": [[1.0, 2.0]]}}},
        {"meas_type": "kerneled", "registers": {"c": {"num_bits": 1, "index": 0, "points": [[["a", "b"]]]}}},
        {"meas_type": "kerneled", "registers": {"c": {"num_bits": 1, "index": 0, "points": [[[1.0]], [[1.0, 2.0]]]}}},
        {"meas_type": "kerneled", "registers": {}},
    ],
)
def test_damaged_readout_points_are_refused(changed):
    entry = {"shots": 1, "counts": None, "metadata": {}, **changed}
    with pytest.raises(InvalidResultError, match=r"results\[0\]: the readout points cannot be read"):
        SamplerResult.from_xcom([entry])


def test_readout_points_keep_the_limit():
    params = executor_params(coerce_pubs(BELL, shots=4), options={"execution": {"meas_type": "kerneled"}})
    text = answer(params, [{"low_iq": np.zeros((4, 1), complex), "high_iq": np.zeros((4, 2), complex)}])
    assert decode_executor_result(text, max_bytes=16 * 12)[0].shots == 4
    with pytest.raises(InvalidResultError, match=r"data\[0\]\.(low|high)_iq: .*left of the limit"):
        decode_executor_result(text, max_bytes=16 * 12 - 1)
