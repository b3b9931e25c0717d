"""Quantum programs: the same program has the same identity, and is written as IBM's client writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import PauliLindbladMap

from airflow_provider_qrt.primitives import InvalidInputError
from airflow_provider_qrt.primitives.inputs.executor_encoding import (
    largest_arrays_bytes,
    program_identity,
    program_params,
)
from airflow_provider_qrt.primitives.inputs.executor_program import holds_qiskit, read_program

if TYPE_CHECKING:
    from samplomatic.quantum_program import QuantumProgram

HEAD = 'OPENQASM 3.0; include "stdgates.inc";\n'
ONE = f"{HEAD}bit[1] c; x $0; c[0] = measure $0;"
VALUES = np.linspace(0, 1, 4)


def layered(rate: float = 0.1) -> QuantumProgram:
    """A program with expressions of parameters, injected noise and changes of basis, built anew each time."""
    from samplomatic import ChangeBasis, InjectNoise, Twirl, build
    from samplomatic.quantum_program import QuantumProgram

    circuit = QuantumCircuit(3, 3)
    vector, angle = ParameterVector("v", 3), Parameter("t")
    for layer in range(2):
        with circuit.box([Twirl(dressing="left"), InjectNoise("noise", "scaled")]):
            for qubit in range(3):
                circuit.rz(angle * 2 + vector[layer], qubit)
                circuit.rx(vector[2] - 0.5, qubit)
            circuit.cz(0, 1)
    with circuit.box([Twirl(dressing="left"), ChangeBasis(ref="basis")]):
        circuit.measure(range(3), range(3))
    template, samplex = build(circuit)
    noise = PauliLindbladMap.from_list([("IXX", rate), ("ZII", 0.2)])
    program = QuantumProgram(shots=7, noise_maps={"noise": noise}, passthrough_data={"array": np.arange(3.0)})
    arguments = {"parameter_values": VALUES, "basis_changes.basis": np.array([1, 2, 3], dtype=np.uint8)}
    program.append_samplex_item(template, samplex, arguments, shape=(5,))
    return program


def identity(program: object) -> str:
    return json.dumps(program_identity(read_program(program), {}), sort_keys=True)


def test_a_program_that_is_built_again_is_the_same_though_its_bytes_differ():
    first, second = layered(), layered()
    assert identity(first) == identity(second)
    sent = [json.dumps(program_params(read_program(one), {})) for one in (first, second)]
    assert sent[0] != sent[1]


def test_another_process_builds_the_same_program():
    code = (
        "import importlib.util, sys;"
        f"spec = importlib.util.spec_from_file_location('m', {__file__!r});"
        "m = importlib.util.module_from_spec(spec); spec.loader.exec_module(m);"
        "print(m.identity(m.layered()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "11"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == identity(layered())


def test_whatever_is_different_makes_another_program():
    base = identity(layered())
    assert identity(layered(rate=0.11)) != base
    for change in (
        lambda program: setattr(program, "shots", 8),
        lambda program: setattr(program, "passthrough_data", {"array": np.arange(4.0)}),
        lambda program: setattr(program.items[0], "chunk_size", 2),
        lambda program: setattr(program.items[0], "_shape", (6,)),
        lambda program: program.items[0].samplex_arguments.__setitem__("parameter_values", VALUES + 1),
    ):
        program = layered()
        change(program)
        assert identity(program) != base


def test_a_circuit_without_words_in_openqasm_is_known_by_its_bytes(monkeypatch):
    from airflow_provider_qrt.primitives.inputs import executor_program

    monkeypatch.setattr(executor_program, "source_of", lambda _circuit: None)
    assert "circuit" in identity(layered())


def test_a_program_is_written_as_the_official_client_writes_it():
    from qiskit_ibm_runtime.options_models.executor import ExecutorOptions
    from qiskit_ibm_runtime.quantum_program import QuantumProgram as ClientsProgram
    from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import quantum_program_to_2_0

    program = layered()
    theirs = quantum_program_to_2_0(ClientsProgram.from_(program), ExecutorOptions()).model_dump(mode="json")
    ours = program_params(read_program(program), {"init_qubits": True})
    for written in (ours, theirs):
        # Each writing has random ids in it.
        assert written["quantum_program"]["items"][0]["samplex"].pop("samplex_json")
    for part in ("items", "shots", "meas_level", "passthrough_data", "semantic_role"):
        assert ours["quantum_program"][part] == theirs["quantum_program"][part]
    assert ours["options"] == {"init_qubits": True}


def test_texts_and_circuits_together_become_qpy():
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("a"), 0)
    circuit.measure(0, 0)
    given = {"shots": 3, "items": [{"circuit": ONE}, {"circuit": circuit, "arguments": [[0.1], [0.2]]}]}
    program = read_program(given)
    params = program_params(program, {})
    assert params["quantum_program"]["circuits"]["num_programs"] == 2
    assert [item.shape for item in program.items] == [(), (2,)]
    assert program.executions == 3 * 3
    assert program.uses_qiskit
    assert holds_qiskit(given)
    assert not holds_qiskit({"shots": 3, "items": [{"circuit": ONE}]})


def test_the_size_of_the_result_is_known_before():
    bits = largest_arrays_bytes(read_program({"shots": 100, "items": [{"circuit": ONE, "shape": [4]}]}))
    assert 3 * 400 <= bits < 10 * 400
    points = largest_arrays_bytes(
        read_program({"shots": 100, "meas_level": "both", "items": [{"circuit": ONE, "shape": [4]}]})
    )
    assert points > 5 * bits
    drawn = largest_arrays_bytes(read_program(layered()))
    assert drawn > 3 * (5 * 7 * 3 + 5 * 3)


def test_vectors_of_a_text_are_in_the_order_of_their_names():
    text = f"{HEAD}input float[64] b; input float[64] a; bit[1] c; rx(a) $0; rx(b) $0; c[0] = measure $0;"
    by_name = read_program({"shots": 1, "items": [{"circuit": text, "arguments": {"b": 2.0, "a": [1.0, 3.0]}}]})
    assert by_name.items[0].arguments.tolist() == [[1.0, 2.0], [3.0, 2.0]]
    assert by_name.items[0].parameter_values == {"a": [1.0, 3.0], "b": [2.0, 2.0]}


@pytest.mark.parametrize("arguments", [{}, {"parameter_values": VALUES[:2]}, {"nothing": 3}])
def test_samplomatic_says_what_is_wrong_with_the_arguments_of_a_samplex(arguments):
    item = layered().items[0]
    given = {"circuit": item.circuit, "samplex": item.samplex, "samplex_arguments": arguments}
    with pytest.raises(InvalidInputError, match=r"program\.items\[0\]: samplomatic refuses this samplex"):
        read_program({"shots": 1, "items": [given]})
