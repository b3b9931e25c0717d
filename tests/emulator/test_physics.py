"""The measurements of the simulated machine, and the circuits that it refuses."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections import Counter

import pytest


def samples(result, pub=0, register="meas"):
    return result["results"][pub]["data"][register]["samples"]


def test_a_bell_pair_is_never_found_apart(api):
    counts = Counter(samples(api.result(api.submit((api.bell(), None, 1000)))))
    assert set(counts) == {"0x0", "0x3"}
    assert abs(counts["0x0"] - 500) < 100


def test_two_physical_qubits_of_156_cost_two_qubits(api):
    # A T gate's worth of phase keeps it from being Clifford: 156 qubits would be impossible.
    source = api.bell(101, 102).replace("cz", "rz(pi/4) $101; cz")
    assert sum(Counter(samples(api.result(api.submit((source, None, 100))))).values()) == 100


def test_the_official_decoder_reads_a_tagged_result(api):
    from qiskit_ibm_runtime import RuntimeDecoder

    job_id = api.submit((api.bell(), None, 1000), params={"support_qiskit": True})
    api.wait(job_id)
    result = json.loads(api.get(f"/jobs/{job_id}/results").text, cls=RuntimeDecoder)
    counts = result[0].data.meas.get_counts()
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 1000


def test_the_official_decoder_reads_a_tagged_sweep(api):
    from qiskit_ibm_runtime import RuntimeDecoder

    source = f"{api.qasm}input float[64] a; bit[9] c; rx(a) $0; c[8] = measure $0;"
    job_id = api.submit((source, {"a": [[0, 3.14159265], [3.14159265, 0]]}, 5), params={"support_qiskit": True})
    api.wait(job_id)
    result = json.loads(api.get(f"/jobs/{job_id}/results").text, cls=RuntimeDecoder)
    array = result[0].data.c
    assert array.shape == (2, 2)
    assert array.get_counts((0, 1)) == {"100000000": 5}
    assert array.get_counts((1, 1)) == {"000000000": 5}


def test_a_qpy_circuit_runs_as_openqasm_does(api):
    from qiskit import QuantumCircuit, qpy

    circuit = QuantumCircuit(2, 2)
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=13)
    value = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    pub = ({"__type__": "QuantumCircuit", "__value__": value}, None, 3)
    assert samples(api.result(api.submit(pub)), register="c") == ["0x2"] * 3


@pytest.mark.parametrize("values", [{"a": 3.14159265}, [3.14159265]])
def test_parameters_come_as_a_map_or_a_list(api, values):
    source = f"{api.qasm}input float[64] a; bit[1] c; rx(a) $0; c[0] = measure $0;"
    assert samples(api.result(api.submit((source, values, 4))), register="c") == ["0x1"] * 4


def test_a_sweep_nests_the_samples_like_the_values(api):
    source = f"{api.qasm}input float[64] a; bit[1] c; rx(a) $0; c[0] = measure $0;"
    found = samples(api.result(api.submit((source, {"a": [[0, 3.14159265, 0]]}, 2))), register="c")
    assert found == [[["0x0", "0x0"], ["0x1", "0x1"], ["0x0", "0x0"]]]


def test_every_register_comes_back_under_its_name(api):
    source = f"{api.qasm}bit[1] low; bit[3] high; x $2; low[0] = measure $0; high[2] = measure $2;"
    data = api.result(api.submit((source, None, 2)))["results"][0]["data"]
    assert data == {
        "low": {"samples": ["0x0", "0x0"], "num_bits": 1},
        "high": {"samples": ["0x4", "0x4"], "num_bits": 3},
    }


def test_shots_are_the_pubs_then_the_jobs_then_the_options_then_4096(api):
    source = f"{api.qasm}bit[1] c; c[0] = measure $0;"

    def shots(pub, **params):
        return len(samples(api.result(api.submit(pub, params=params)), register="c"))

    options = {"default_shots": 5}
    assert shots((source, None, 7), shots=6, options=options) == 7
    assert shots((source,), shots=6, options=options) == 6
    assert shots(source, options=options) == 5
    assert shots(source) == 4096


def test_a_measurement_can_steer_a_later_gate(api):
    source = f"{api.qasm}bit[2] c; x $0; c[0] = measure $0; if (c[0]) {{ x $1; }} c[1] = measure $1;"
    assert samples(api.result(api.submit((source, None, 3))), register="c") == ["0x3"] * 3


def test_the_same_seed_gives_the_same_samples(connect):
    from airflow_provider_qrt.emulator import Emulator

    found = []
    for _ in range(2):
        with Emulator(queue_seconds=0, run_seconds=0, seed=5) as emulator:
            api = connect(emulator)
            found.append(samples(api.result(api.submit((api.bell(), None, 50)))))
    assert found[0] == found[1]


def tree(api, size):
    """A connected set of qubits of ibm_fez, and the couplings that join them from the first on."""
    neighbours = {}
    for first, second in api.get("/backends/ibm_fez/configuration").json()["coupling_map"]:
        neighbours.setdefault(first, set()).add(second)
        neighbours.setdefault(second, set()).add(first)
    found, couplings = [0], []
    for qubit in found:
        for other in sorted(neighbours[qubit] - set(found)):
            if len(found) < size:
                found.append(other)
                couplings.append((qubit, other))
    return found, couplings


def test_a_hundred_entangled_qubits_run_when_the_circuit_is_clifford(api):
    qubits, couplings = tree(api, 100)
    source = f"{api.qasm}bit[100] c; {api.h(0)}"
    for first, second in couplings:
        source += f"{api.h(second)}cz ${first}, ${second}; {api.h(second)}"
    source += "".join(f"c[{bit}] = measure ${qubit}; " for bit, qubit in enumerate(qubits))
    found = samples(api.result(api.submit((source, None, 50))), register="c")
    assert {int(sample, 16) for sample in found} == {0, 2**100 - 1}


def test_a_circuit_too_wide_to_simulate_fails_the_job(api):
    pairs = api.get("/backends/ibm_fez/configuration").json()["coupling_map"]
    source = f"{api.qasm}bit[1] c; " + "".join(f"rx(0.3) ${qubit}; " for qubit in range(40))
    source += "".join(f"cz ${first}, ${second}; " for first, second in pairs if first < second < 40)
    state = api.failure((f"{source}c[0] = measure $0;", None, 1))
    assert "40 qubits" in state["reason"]


def test_a_gate_outside_the_basis_fails_the_job_and_not_the_submission(api):
    state = api.failure((f"{api.qasm}bit[1] c; h $0; c[0] = measure $0;", None, 1))
    assert state["reason_code"] == 7000
    assert "instruction h on qubits (0,)" in state["reason"]
    assert state["reason_solution"]


def test_a_gate_on_qubits_that_are_not_coupled_fails_the_job(api):
    assert api.failure((f"{api.qasm}bit[1] c; cz $0, $50; c[0] = measure $0;", None, 1))["reason_code"] == 7001


def test_a_gate_inside_a_branch_is_checked_too(api):
    source = f"{api.qasm}bit[1] c; c[0] = measure $3; if (c[0]) {{ h $3; }}"
    assert "qubits (3,)" in api.failure((source, None, 1))["reason"]


def test_a_qubit_that_the_machine_has_not_got_fails_the_job(api):
    source = f"{api.qasm}bit[1] c; x $120; c[0] = measure $120;"
    assert api.failure((source, None, 1), backend="ibm_miami")["reason_code"] == 7001


def test_a_program_that_does_not_parse_fails_the_job_and_says_where(api):
    state = api.failure((f"{api.qasm}\nbit[1] c; x x x;", None, 1))
    assert 1000 <= state["reason_code"] < 1100
    assert "line 2" in state["reason"]


def test_rzz_declared_by_the_program_is_the_machines_own(api):
    declared = "gate rzz(t) a, b { cx a, b; rz(t) b; cx a, b; } "
    source = f"{api.qasm}{declared}bit[2] c; {api.h(0)}{api.h(1)}rzz(pi/2) $0, $1; rzz(pi/2) $0, $1; "
    source += f"{api.h(0)}{api.h(1)}c[0] = measure $0; c[1] = measure $1;"
    assert set(samples(api.result(api.submit((source, None, 50))), register="c")) == {"0x3"}


def test_ecr_is_directed_on_an_eagle_machine(connect):
    from airflow_provider_qrt.emulator import Emulator

    with Emulator(queue_seconds=0, run_seconds=0, backends=["ibm_sherbrooke"]) as emulator:
        api = connect(emulator)
        declared = "gate ecr a, b { cx a, b; } "
        source = f"{api.qasm}{declared}bit[1] c; ecr $%d, $%d; c[0] = measure $0;"
        assert api.wait(api.submit((source % (1, 0), None, 1), backend="ibm_sherbrooke"))["status"] == "Completed"
        assert api.failure((source % (0, 1), None, 1), backend="ibm_sherbrooke")["reason_code"] == 7001


@pytest.mark.parametrize("values", [None, {}, {"b": 1}, [1, 2], {"a": "x"}])
def test_parameter_values_that_do_not_fit_fail_the_job(api, values):
    source = f"{api.qasm}input float[64] a; bit[1] c; rx(a) $0; c[0] = measure $0;"
    assert api.failure((source, values, 1))["reason_code"] == 1002


def test_more_than_ten_million_executions_fail_the_job(api):
    assert api.failure((api.bell(), None, 10_000_001))["reason_code"] == 6000


def test_measuring_every_qubit_of_the_machine_costs_only_those_in_use(api):
    source = f"{api.qasm}bit[156] c; rx(pi/3) $0; sx $0; rx(pi) $155; "
    source += "".join(f"c[{qubit}] = measure ${qubit}; " for qubit in range(156))
    found = samples(api.result(api.submit((source, None, 20))), register="c")
    assert {int(sample, 16) >> 1 for sample in found} == {1 << 154}


def test_a_loop_may_turn_by_its_own_variable(api):
    source = f"{api.qasm}bit[1] c; for int i in [0:3] {{ rx(i * pi / 6) $0; }} c[0] = measure $0;"
    assert samples(api.result(api.submit((source, None, 5))), register="c") == ["0x1"] * 5


def test_qubits_that_never_meet_are_simulated_apart(api):
    source = f"{api.qasm}bit[156] c; " + "".join(f"rx(pi/4 * {q % 9}) ${q}; " for q in range(156))
    source += "".join(f"c[{q}] = measure ${q}; " for q in range(156))
    found = samples(api.result(api.submit((source, None, 2000))), register="c")
    for qubit, chance in [(0, 0.0), (4, 1.0), (8, 0.0), (2, 0.5), (153, 0.0), (155, 0.5), (1, 0.1464)]:
        share = sum(int(word, 16) >> qubit & 1 for word in found) / 2000
        assert share == pytest.approx(chance, abs=5 * 0.5 / 2000**0.5)


def test_a_rotated_qubit_that_is_reset_in_between_is_measured_as_zero(api):
    source = f"{api.qasm}bit[2] c; x $3; c[0] = measure $3; reset $3; c[1] = measure $3;"
    assert samples(api.result(api.submit((source, None, 3))), register="c") == ["0x1"] * 3


def test_two_qubits_measured_into_one_bit_leave_the_later_value(api):
    source = f"{api.qasm}bit[1] c; rx(pi) $3; c[0] = measure $3; rx(0) $9; c[0] = measure $9;"
    assert samples(api.result(api.submit((source, None, 3))), register="c") == ["0x0"] * 3
