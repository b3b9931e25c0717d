"""The schedule of circuits, which an executor returns when it is asked for."""

from __future__ import annotations

import pytest

NOTHING = {"data": "eJwDAAAAAAE=", "shape": [0], "dtype": "f64"}


def metadata(api, text, backend="ibm_fez", **options):
    item = {"item_type": "circuit", "circuit_arguments": NOTHING, "shape": [], "chunk_size": "auto"}
    program = {"shots": 1, "circuits": {"data": [f"{api.qasm} {text}"]}, "items": [item]}
    params = {"schema_version": "v2.0", "quantum_program": program, "options": options}
    body = {"program_id": "executor", "backend": backend, "params": params}
    return api.result(api.send("POST", "/jobs", json=body).json()["id"])["data"][0]["metadata"]


def schedule(api, text, **options):
    found = metadata(api, text, scheduler_timing=True, **options)["scheduler_timing"]
    rows = [line.split(",") for line in found["timing"].split("\n")]
    return [(row[1], row[2], int(row[3]), int(row[4])) for row in rows], found["circuit_duration"]


def length(api, gate, *qubits):
    """The calibrated duration in units of dt."""
    properties = api.get("/backends/ibm_fez/properties").json()
    dt = api.get("/backends/ibm_fez/configuration").json()["dt"]
    if gate == "measure":
        facts = properties["qubits"][qubits[0]]
    else:
        (facts,) = (
            one["parameters"] for one in properties["gates"] if (one["gate"], one["qubits"]) == (gate, list(qubits))
        )
    (found,) = (fact["value"] for fact in facts if fact["name"] in ("gate_length", "readout_length"))
    return round(found / dt)


def test_instructions_begin_when_their_qubits_are_free(api):
    rows, duration = schedule(api, "bit[1] c; x $0; rz(1) $0; cz $0, $1; c[0] = measure $1;")
    x, cz, read = length(api, "x", 0), length(api, "cz", 0, 1), length(api, "measure", 1)
    assert rows == [
        ("x_0", "Qubit 0", 0, x),
        ("rz_0", "Qubit 0", x, 0),
        ("cz_0_1", "Qubit 0", x, cz),
        ("cz_0_1", "Qubit 1", x, cz),
        ("measure_1", "Qubit 1", x + cz, read),
    ]
    assert duration == x + cz + read


def test_barriers_and_delays_shift_what_follows(api):
    rows, _ = schedule(api, "bit[1] c; delay[100ns] $1; delay[5dt] $2; barrier $0, $1, $2; x $0; c[0] = measure $0;")
    begins = {(name, channel): begin for name, channel, begin, _ in rows}
    assert begins["x_0", "Qubit 0"] == begins["barrier", "Qubit 0"] == 25
    assert {size for name, _, _, size in rows if name == "delay_2"} == {5}


def test_fractional_gates_take_as_long_as_those_they_are_made_like(api):
    rows, _ = schedule(api, "bit[1] c; rx(0.1) $0; gate rzz(a) p, q { } rzz(0.2) $0, $1; c[0] = measure $0;")
    lengths = {name: size for name, _, _, size in rows}
    assert (lengths["rx_0"], lengths["rzz_0_1"]) == (length(api, "x", 0), length(api, "cz", 0, 1))


def test_control_flow_is_not_scheduled(api):
    text = "bit[1] c; x $0; c[0] = measure $0; if (c[0]) { x $0; }"
    assert metadata(api, text, scheduler_timing=True)["scheduler_timing"] is None


def test_nothing_comes_unless_asked_for(api):
    assert metadata(api, "bit[1] c; x $0;") == {"scheduler_timing": None, "stretch_values": None}
    assert metadata(api, "bit[1] c; x $0;", stretch_values=True)["stretch_values"] == []


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_official_sampler_reads_the_schedule(emulator, dry_run):
    from qiskit import QuantumCircuit, transpile
    from qiskit_ibm_runtime.executor_sampler import Sampler

    backend = emulator.qiskit_service().backend("ibm_fez")
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    isa = transpile(circuit, backend, initial_layout=[0, 1])
    sampler = Sampler(backend, options={"execution": {"scheduler_timing": True}})
    result = sampler.run([isa], shots=10, dry_run=dry_run).result()
    found = result[0].metadata["compilation"]["scheduler_timing"]
    # The client's drawing needs six fields in each line, the fourth and fifth of which are whole numbers.
    rows = [line.split(",") for line in found["timing"].split("\n")]
    assert {len(row) for row in rows} == {6}
    assert max(int(row[3]) + int(row[4]) for row in rows) == found["circuit_duration"]
