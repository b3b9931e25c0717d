"""Programs keep their register names, gates and constants when they are read."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.emulator.simulation.openqasm import loads

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '


def registers(text):
    return [(register.name, register.size) for register in loads(HEAD + text).cregs]


def operations(text):
    return [(one.operation.name, list(one.operation.params)) for one in loads(HEAD + text).data]


@pytest.mark.parametrize("name", ["c", "C", "Meas_1", "_c", "ψ", "esc_C", "sin"])
def test_registers_keep_their_names(name):
    assert registers(f"bit[2] {name}; {name}[0] = measure $0;") == [(name, 2)]


def test_single_bits_and_empty_registers_are_registers_in_their_place():
    assert registers("bit[2] A; bit b; bit[0] E; bit[1] c; bit D = measure $0;") == [
        ("A", 2),
        ("b", 1),
        ("E", 0),
        ("c", 1),
        ("D", 1),
    ]


def test_a_condition_on_a_renamed_register_still_reads_it():
    circuit = loads(HEAD + "bit[2] C; bit d; C[1] = measure $0; if (C == 2) { x $0; } if (d == 1) { x $0; }")
    first, second = [one.operation for one in circuit.data if one.operation.name == "if_else"]
    assert first.condition == (circuit.cregs[0], 2)
    assert second.condition == (circuit.cregs[1][0], True)


def test_id_is_the_gate_id_wherever_it_stands():
    circuit = loads(HEAD + "bit c; id $0; if (c) { id $1; } c = measure $0;")
    assert [one.operation.name for one in circuit.data] == ["id", "if_else", "measure"]
    [block] = [one for one in circuit.data[1].operation.blocks if one is not None]
    assert [one.operation.name for one in block.data] == ["id"]
    assert operations("gate own a { id a; } own $0;") == [("own", [])]


@pytest.mark.parametrize(
    ("declared", "size"),
    [
        ("const int d = 2; bit[d**2] c;", 4),
        ("bit[1 << 2] c;", 4),
        ("const uint[8] n = 7 / 2; const int m = n * (3 - 1); bit[m + 1] c;", 7),
        ("const float half = 0.5; bit[int(4 * half)] c;", 2),
        ("bit[popcount(7)] c;", 3),
    ],
)
def test_sizes_may_be_any_constant_expression(declared, size):
    assert registers(f"{declared} c[{size - 1}] = measure $0;") == [("c", size)]


def test_angles_may_use_constants_and_functions():
    [(_, [angle])] = operations("const float turn = pi / 2; rx(2 * turn) $0;")
    assert angle == pytest.approx(3.14159265)
    [(_, [angle])] = operations("rx(sin(1)) $0;")
    assert angle == pytest.approx(0.8414709848)
    circuit = loads(HEAD + "const int k = 2; input float[64] a; gate g(k) q { rx(k) q; } rx(k * a) $0; g(0.3) $0;")
    assert [parameter.name for parameter in circuit.parameters] == ["a"]
    assert circuit.data[1].operation.params == [0.3]


def test_a_byte_order_mark_is_skipped():
    assert loads("\ufeff" + HEAD + "bit c; c = measure $0;").num_clbits == 1


def test_registers_come_back_by_their_names(api):
    text = f"{api.qasm}bit[1] Meas_1; bit single; id $0; x $0; Meas_1[0] = measure $0; single = measure $1;"
    data = api.result(api.submit((text, None, 5)))["results"][0]["data"]
    assert sorted(data) == ["Meas_1", "single"]


# Statements that the importer does not read


def test_a_switch_becomes_a_chain_of_ifs_and_is_remembered():
    circuit = loads(HEAD + "bit[2] c; switch (c) { case 1, 2 { x $0; } case 3 { z $0; } default { y $0; } }")
    assert circuit.metadata == {"rewritten": ["switch_case"]}
    found, block = [], circuit
    while block.data and block.data[0].operation.name == "if_else":
        operation = block.data[0].operation
        then, block = operation.blocks
        found.append((operation.condition[1], then.data[0].operation.name))
    assert found == [(1, "x"), (2, "x"), (3, "z")]
    assert block.data[0].operation.name == "y"


def test_lengths_that_are_computed_take_no_time():
    text = (
        "const duration d = 20ns; duration e = 2 * d; stretch a; const int n = 3; bit c; "
        "delay[a] $0; delay[n * a + e] $0; delay[durationof({x $0;})] $0; delay[100ns] $0; "
        "for int i in [1:2] { delay[i * d] $0; } box[a] { x $0; } c = measure $0;"
    )
    assert [name for name, _ in operations(text)] == ["delay", "for_loop", "x", "measure"]


def test_a_length_must_be_declared():
    with pytest.raises(ValueError, match="'a' is not a declared duration or stretch"):
        loads(HEAD + "delay[2 * a] $0;")


def test_a_switch_over_a_variable_cannot_be_simulated():
    with pytest.raises(ValueError, match="over bits only"):
        loads(HEAD + "bit[2] c; switch (c & 1) { case 1 { x $0; } }")


@pytest.mark.parametrize("condition", ["a && b", "a || b", "!a", "!(a && !b)", "a != 1", "(a || !b) && !(a && b)"])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("second", [0, 1])
def test_a_condition_means_the_same_as_nested_ifs(api, condition, first, second):
    prepared = "x $0; " * first + "x $1; " * second
    text = (
        f"{api.qasm}bit a; bit b; bit[1] d; {prepared}a = measure $0; b = measure $1; "
        f"if ({condition}) {{ x $2; }} d[0] = measure $2;"
    )
    in_python = condition.replace("&&", "and").replace("||", "or").replace("!=", "<>").replace("!", "not ")
    expected = bool(eval(in_python.replace("<>", "!="), {"a": first, "b": second}))
    [sample] = set(api.result(api.submit((text, None, 5)))["results"][0]["data"]["d"]["samples"])
    assert sample == hex(expected)


@pytest.mark.parametrize("machine", ["ibm_fez", "ibm_boston"])
@pytest.mark.parametrize("flow", ["while (c[0]) { c[0] = measure $0; }", "switch (c) { case 1 { x $0; } }"])
def test_a_machine_runs_only_control_flow_that_it_lists(api, machine, flow):
    text = f"{api.qasm}bit[1] c; {flow} c[0] = measure $0;"
    job = api.submit((text, None, 5), backend=machine)
    runs = machine == "ibm_fez" and flow.startswith("switch")
    assert api.wait(job)["state"].get("reason_code") == (None if runs else 7000)
