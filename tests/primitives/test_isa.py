"""Circuits that fit a backend and circuits that do not, as Qiskit and the official client judge them."""

import random
import subprocess
import sys
import time

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.random import random_circuit

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient
from airflow_provider_qrt.emulator.devices import load_devices
from airflow_provider_qrt.primitives import InvalidInputError, coerce_pubs, sampler_params
from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.circuits.isa import NotIsaError, check_isa, check_pubs_isa, find_misfits

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
RZZ = "gate rzz(t) a, b { cx a, b; rz(t) b; cx a, b; }\n"
ECR = "gate ecr a, b { rz(pi/4) a; cx a, b; x a; rz(-pi/4) a; }\n"
DEVICES = load_devices(("ibm_fez", "ibm_sherbrooke"))
FEZ = DEVICES["ibm_fez"].configuration
SHERBROOKE = DEVICES["ibm_sherbrooke"].configuration
"""Fez couples both ways and has the fractional gates rx and rzz; Sherbrooke's ecr goes one way only."""
NAMES = {"if": "if_else", "while": "while_loop", "for": "for_loop"}


@pytest.fixture(scope="module")
def targets():
    from qiskit_ibm_runtime.fake_provider import FakeFez, FakeSherbrooke

    return {"ibm_fez": FakeFez().target, "ibm_sherbrooke": FakeSherbrooke().target}


def lines(text, configuration=FEZ, **more):
    return [misfit.line for misfit in find_misfits(text, configuration, **more)]


def of(body, configuration=FEZ, **more):
    """The misfits of some statements: line within the body, instruction, qubits."""
    text = HEAD + body
    return [(found.line - 2, found.name, found.qubits) for found in find_misfits(text, configuration, **more)]


def reason(body, configuration=FEZ, **more):
    [found] = find_misfits(HEAD + body, configuration, **more)
    return found.reason


# Against Qiskit


def transpiled(seed, target, configuration):
    rng = random.Random(seed)
    circuit = random_circuit(rng.randint(2, 6), rng.randint(2, 8), max_operands=3, measure=True, seed=seed)
    return transpile(circuit, target=target, optimization_level=rng.choice([0, 1, 2]), seed_transpiler=seed)


@pytest.mark.parametrize("configuration", [FEZ, SHERBROOKE], ids=["fez", "sherbrooke"])
@pytest.mark.parametrize("seed", range(8))
def test_what_qiskit_transpiled_passes_and_a_changed_gate_is_found_in_its_line(seed, configuration, targets):
    from qiskit_ibm_runtime.utils.utils import is_isa_circuit

    target = targets[configuration["backend_name"]]
    text = qasm3.dumps(transpiled(seed, target, configuration))
    assert find_misfits(text, configuration) == []

    rng = random.Random(seed)
    written = text.split("\n")
    two = configuration["basis_gates"][0]
    singles = [number for number, line in enumerate(written) if line.startswith("sx ")]
    pairs = [number for number, line in enumerate(written) if line.startswith(f"{two} ")]
    assert singles or pairs

    for candidates, change in ((singles, _another_gate), (pairs, _uncoupled), (singles + pairs, _beyond)):
        if not candidates:
            continue
        number = rng.choice(candidates)
        changed = [*written]
        changed[number] = change(written[number], two, configuration)
        assert lines("\n".join(changed), configuration) == [number + 1]
        # Its own name for a gate in place of Qiskit's is what Qiskit refuses as well.
        if change is not _beyond:
            assert is_isa_circuit(qasm3.loads("\n".join(changed)), target)


def _another_gate(line, two, configuration):
    return line.replace("sx ", "h ")


def _uncoupled(line, two, configuration):
    taken = int(line.split("$")[1].split(",")[0])
    near = {tuple(pair) for pair in configuration["coupling_map"]}
    far = next(q for q in range(configuration["n_qubits"]) if not {(q, taken), (taken, q)} & near and q != taken)
    return f"{two} ${taken}, ${far};"


def _beyond(line, two, configuration):
    return line.replace(line[line.index("$") :], f"${configuration['n_qubits']};")


class Writer:
    """Writes random programs, one instruction to a line, and knows which of them the backend cannot run."""

    def __init__(self, seed, target, two):
        self.rng = random.Random(seed)
        self.careful = seed % 3 == 0
        self.target = target
        self.two = two
        self.lines = [*HEAD.strip().split("\n")]
        if two == "ecr":
            self.lines.append(ECR.strip())
        self.lines += ["gate odd a {", "  h a; z a;", "}", "bit[4] c; /* three", "lines", "*/ // x $999;"]
        self.virtual = self.rng.random() < 0.4
        self.wrong = []
        if self.virtual:
            self.lines += ["qubit[3] low;", "qubit mid;", "qreg high[6];"]

    def qubit(self, index):
        if not self.virtual:
            return f"${index}"
        return f"low[{index}]" if index < 3 else "mid" if index == 3 else f"high[ {index - 4} ]"

    def add(self, line, *bad):
        self.lines.append(line)
        self.wrong += [len(self.lines)] * sum(bad)

    def gate(self):
        name = self.rng.choice(["sx", "x", "rz", "rz", self.two, self.two, "h", "odd", "cx", "rx"])
        number = 2 if name in (self.two, "cx") else 1
        on = self.rng.sample(range(10), number)
        if number == 2 and self.rng.random() < 0.7:
            on = list(self.rng.choice([pair for pair in self.target[self.two] if max(pair) < 10]))
        angle = {"rz": "(-(pi/4)*2)", "rx": "(0.5)"}.get(name, "")
        space = self.rng.choice(["", "  "])
        bad = not self.target.instruction_supported(name, tuple(on))
        if bad and self.careful:
            return self.gate()
        text = f"{space}{name}{angle} {f',{space}'.join(map(self.qubit, on))}{space};"
        return text, bad

    def write(self):
        for _ in range(self.rng.randint(3, 20)):
            match self.rng.choice(["gate", "gate", "gate", "if", "else", "for", "while", "other", "two"]):
                case "gate":
                    self.add(*self.gate())
                case "two":
                    (first, bad), (second, worse) = self.gate(), self.gate()
                    self.add(f"{first} /* x $998; */ {second}", bad, worse)
                case "if":
                    text, bad = self.gate()
                    self.add(f"if (c[0]) {text}", bad, not self.target.instruction_supported("if_else"))
                case "else":
                    (first, bad), (second, worse) = self.gate(), self.gate()
                    self.add("if (c == 3) {", not self.target.instruction_supported("if_else"))
                    self.add(first, bad)
                    self.lines.append("} else {")
                    self.add(second, worse)
                    self.lines.append("}")
                case "for":
                    self.add("for int i in {0, 2, 5} {", not self.target.instruction_supported("for_loop"))
                    self.add(*self.gate())
                    self.lines.append("}")
                case "while" if not self.careful:
                    self.add("while (c[1]) {", not self.target.instruction_supported("while_loop"))
                    self.add(f"c[1] = measure {self.qubit(1)};")
                    self.lines.append("}")
                case "other":
                    one = self.qubit(self.rng.randrange(10))
                    self.add(
                        self.rng.choice(
                            [f"barrier {one};", "barrier;", f"reset {one};", f"delay[20dt] {one};", "gphase(0.1);"]
                        )
                    )
        self.lines.append(f"c[0] = measure {self.qubit(0)};")
        return "\n".join(self.lines)


@pytest.mark.parametrize("device", ["ibm_fez", "ibm_sherbrooke"])
def test_random_programs_are_judged_line_by_line_as_the_targets_say_and_as_the_official_client_does(device, targets):
    from qiskit_ibm_runtime.utils.utils import is_isa_circuit

    target = targets[device]
    configuration = {**DEVICES[device].configuration}
    if device == "ibm_fez":  # The snapshot's target is without the fractional gates.
        configuration["basis_gates"] = ["cz", "id", "rz", "sx", "x"]
        configuration["supported_instructions"] = [
            name for name in configuration["supported_instructions"] if name not in ("rx", "rzz")
        ]
    good = 0
    for seed in range(60):
        writer = Writer(seed, target, configuration["basis_gates"][0])
        text = writer.write()
        assert lines(text, configuration) == writer.wrong, text
        assert bool(is_isa_circuit(qasm3.loads(text), target)) == bool(writer.wrong), text
        good += not writer.wrong
    assert 15 <= good <= 45


def test_a_circuit_object_is_checked_by_its_text_without_naming_a_line(targets):
    good = transpile(QuantumCircuit.from_qasm_str(_BELL), target=targets["ibm_fez"], seed_transpiler=1)
    check_pubs_isa(coerce_pubs([good]), FEZ)
    with pytest.raises(NotIsaError, match=r"^circuits\[1\]: h on \$0: ibm_fez has no gate 'h'") as caught:
        check_pubs_isa(coerce_pubs([good, QuantumCircuit.from_qasm_str(_BELL)]), FEZ)
    assert "line" not in str(caught.value)


_BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'


def test_registers_that_qiskit_declares_in_another_order_are_not_taken_for_other_qubits():
    from qiskit_ibm_runtime.fake_provider import FakeFez
    from qiskit_ibm_runtime.utils.utils import is_isa_circuit

    # Qiskit writes loose qubits before registers, wherever they stand in the circuit.
    register = QuantumRegister(1, "late")
    circuit = QuantumCircuit(register, ClassicalRegister(1, "c"))
    circuit.add_bits(QuantumCircuit(9).qubits)
    circuit.cz(0, 1)
    circuit.measure(0, 0)
    assert is_isa_circuit(circuit, FakeFez().target) == ""
    check_pubs_isa(coerce_pubs([circuit]), FEZ)


# Against the emulator


def test_what_passes_runs_and_what_does_not_fails_with_a_code_of_its_own(emulator):
    where = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    bodies = {
        "x $0; cz $1, $0; rx(0.1) $155;": None,
        RZZ + "rzz(0.3) $0, $1;": None,
        "qubit[4] q; cz q[2], q[3];": None,
        "if (c[0]) { x $3; }": None,
        "h $0;": 7000,
        "gate mine a { x a; } mine $0;": 7000,
        "if (c[0]) { h $3; }": 7000,
        "cz $0, $5;": 7001,
        "x $156;": 7001,
        "qubit[4] q; cz q[0], q[3];": 7001,
    }
    with QiskitRuntimeClient(where) as client:
        configuration = client.backend_configuration("ibm_fez")
        for body, code in bodies.items():
            # Measures what the body uses: physical and declared qubits do not go together.
            measured = "q[0]" if "qubit" in body else "$0"
            pubs = coerce_pubs([f"{HEAD}bit[1] c; {body} c[0] = measure {measured};"], shots=1)
            submitted = client.submit_job(program_id="sampler", backend="ibm_fez", params=sampler_params(pubs))
            while not (job := client.job(submitted.id)).status.is_final:
                time.sleep(0.01)
            assert job.state.reason_code == code, body
            if code is None:
                check_pubs_isa(pubs, configuration)
            else:
                with pytest.raises(NotIsaError, match="line 3: "):
                    check_pubs_isa(pubs, configuration)


# The rules, one by one


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("h $3;", [(1, "h", (3,))]),
        ("x $0;\ncz $0, $5;", [(2, "cz", (0, 5))]),
        ("\n\nx $156;", [(3, "x", (156,))]),
        ("cz $0,\n$156;", [(1, "cz", (0, 156))]),
        ("reset $200;", [(1, "reset", (200,))]),
        ("bit c; c = measure $156;", [(1, "measure", (156,))]),
        ("bit c; measure $156 -> c;", [(1, "measure", (156,))]),
        ("barrier $0, $157, $158;", [(1, "barrier", (157,)), (1, "barrier", (158,))]),
        ("delay[20dt] $0, $999;", [(1, "delay", (999,))]),
        ("U(0, 0, 0) $0; CX $0, $1;", [(1, "U", (0,)), (1, "CX", (0, 1))]),
        ("gate mine a { x a; }\nmine $0;", [(2, "mine", (0,))]),
        ("x $0, $1;", [(1, "x", (0, 1))]),
        ("cz $0;", [(1, "cz", (0,))]),
        ("qubit[200] q;\nx q[155];\nx q[156];", [(3, "x", (156,))]),
        ("qubit[2] q;\nh q;", [(2, "h", (0,)), (2, "h", (1,))]),
        ("qubit[1] a;\nqubit[4] b;\ncz a, b;", [(3, "cz", (0, q)) for q in (2, 3, 4)]),
        ("qubit[2] a;\nqubit[2] b;\ncz a, b;", [(3, "cz", (0, 2)), (3, "cz", (1, 3))]),
        ("qreg q[3];\ncz q[0], q[2];", [(2, "cz", (0, 2))]),
        ("bit c;\nif (c) h $0;\nelse h $1;", [(2, "h", (0,)), (3, "h", (1,))]),
        ("bit c;\nif (c) {\nx $0;\n} else {\nh $1;\n}", [(5, "h", (1,))]),
        ("bit c;\nif (c) x $0; else if (!c) h $1;", [(2, "h", (1,))]),
        ("for int i in [0:3] h $0;", [(1, "h", (0,))]),
        ("for uint i in {0, 2} {\nh $0;\n}", [(2, "h", (0,))]),
        ("array[int[32], 2] a = {0, 2};\nfor int i in a {\nh $0;\n}", [(3, "h", (0,))]),
        ("int i;\nswitch (i) {\ncase 0, 1 {\nx $0;\n}\ndefault {\nh $0;\n}\n}", [(7, "h", (0,))]),
        ("for uint i in {0, 2} h $0;", [(1, "h", (0,))]),
        ("qubit[4] q;\nx q[{0, 3}]; h q[{0, 3}];", [(2, "h", (None,))]),
        ("box[100ns] {\nh $0;\n}", [(2, "h", (0,))]),
        ("bit c;\nwhile (c) { c = measure $0; }", [(2, "while", ())]),
        ("ctrl @ x $0, $156;", [(1, "x", (0, 156))]),
    ],
)
def test_what_does_not_fit_is_found_with_its_line_and_qubits(body, found):
    assert of(body) == found


@pytest.mark.parametrize(
    "body",
    [
        "x $155; cz $0, $1; cz $1, $0; rz(pi/2) $0; rx(0.1) $0;",
        RZZ + "rzz(0.3) $0, $1; rzz(pi/2) $1, $0;",
        "gate mine a { h a; }",
        "gate two(t) a, b {\nif_never a;\nctrl @ U(0, 0, t) a, b; }\nx $0;",
        "def f(qubit a) -> bit { h a; return measure a; }\nbit c = f($0);",
        "cal { h $0; }\ndefcal x $0 { play(d0); }\nx $0;",
        "ctrl @ h $0, $5; inv @ h $0; pow(2) @ h $1;",
        "gphase(0.2); barrier; bit[2] c; int[32] i = 3; const int n = 2; let a = c[0:1]; output bit b;",
        "qubit[3] q; for int i in [0:1] { cz q[i], q[i + 2]; }",
        "qubit[sizeof(a)] q; cz q[0], q[2];",
        "qubit[4] q; let pair = q[0:1]; x pair; cz pair[0], pair[1]; cz q[{0, 3}], q[{1, 2}];",
        "qubit[2] q; x q[7];",
        "qubit[2] a; qubit[3] b; cz a, b;",
        "// h $0;\n/* h $0; */ x $0;\n#pragma h $0;\n@note h $0;\nx $0;",
        "nop $0; delay[10ns]; bit[2] c; c[0] = measure $0; x $0;",
    ],
)
def test_what_fits_or_cannot_be_decided_passes(body):
    assert of(body) == []


def test_a_gate_of_one_direction_is_refused_in_the_other_unless_it_is_symmetric():
    assert of(ECR + "ecr $1, $0;", SHERBROOKE) == []
    assert reason(ECR + "ecr $0, $1;", SHERBROOKE) == ("ibm_sherbrooke has it in the other direction only: ecr $1, $0")
    one_way = {"backend_name": "b", "n_qubits": 3, "basis_gates": ["cz", "cx"], "coupling_map": [[0, 1]]}
    assert of("cz $1, $0; cx $1, $0;", one_way) == [(1, "cx", (1, 0))]


def test_a_gates_own_list_of_places_goes_before_the_coupling_map():
    configuration = {
        "n_qubits": 3,
        "basis_gates": ["cx", "x", "sx"],
        "coupling_map": [[0, 1], [1, 2]],
        "gates": [{"name": "cx", "coupling_map": [[0, 1]]}, {"name": "x", "coupling_map": [[0], [1]]}, {"name": "sx"}],
    }
    assert of("cx $0, $1; sx $2; x $1;", configuration) == []
    assert of("cx $1, $2;\nx $2;", configuration) == [(1, "cx", (1, 2)), (2, "x", (2,))]
    assert reason("x $2;", configuration) == "the backend has no x there"


def test_what_a_configuration_does_not_say_is_possible():
    assert of("h $0; cz $0, $999; reset $3; bit c; if (c) x $0; while (c) { x $0; }", {}) == []
    simulator = {"n_qubits": 32, "basis_gates": ["h", "cx"], "coupling_map": None, "simulator": True}
    assert of("cx $0, $31;\nx $0;", simulator) == [(2, "x", (0,))]


def test_gates_that_openqasm_calls_otherwise_than_configurations_do_are_known():
    older = {"n_qubits": 2, "basis_gates": ["u", "cx", "p", "cp"], "coupling_map": [[0, 1]]}
    assert of("U(0, 0, 0) $0; CX $0, $1; phase(1) $0; cphase(1) $0, $1;\nCX $1, $0;", older) == [(2, "CX", (1, 0))]


def test_control_flow_that_is_not_listed_is_refused_by_its_keyword():
    static = {**FEZ, "supported_instructions": ["cz", "rz", "sx", "x", "measure", "delay"]}
    body = "bit c;\nif (c) x $0;\nfor int i in [0:1] x $0;\nreset $0;\nint i;\nswitch (i) { case 0 { x $0; } }"
    assert [name for _, name, _ in of(body, static)] == ["if", "for", "reset", "switch"]
    assert "does not support 'if'" in reason("bit c; if (c) x $0;", static)


def test_transpiling_is_not_the_advice_for_control_flow_that_is_not_listed():
    with pytest.raises(
        NotIsaError, match=r"without 'while', or choose a backend .* while_loop in supported_"
    ) as caught:
        check_isa(f"{HEAD}bit c;\nwhile (c) {{ h $0; }} c = measure $0;", FEZ)
    assert "1 more instruction does not fit" in str(caught.value)
    assert "optimization_level" not in str(caught.value)


@pytest.mark.parametrize(
    ("features", "instructions", "found"),
    [
        (["qasm3"], None, ["if"]),
        (["qasm3", "dynamic_circuits"], None, []),
        ([], None, []),
        (None, None, []),
        (["qasm3"], ["if_else", "reset"], []),
        (["dynamic_circuits"], ["measure", "reset"], ["if"]),
    ],
)
def test_features_decide_where_no_instructions_are_listed(features, instructions, found):
    machine = {"n_qubits": 2, "basis_gates": ["x"], "supported_features": features}
    machine |= {"supported_instructions": instructions} if instructions else {}
    assert [name for _, name, _ in of("bit c; if (c) x $0; reset $0;", machine)] == found


@pytest.mark.parametrize(
    "angle", ["-0.1", "pi", "2*pi/3", "-pi/4", "1.58", "(1 + 1)", "π", "0.5 + tau/4", "sin(4)", "2**9", "two"]
)
def test_an_angle_of_rzz_outside_its_range_is_refused(angle):
    assert "from 0 to pi/2" in reason(f"{RZZ}const int two = 1 << 1; rzz({angle}) $0, $1;")


@pytest.mark.parametrize(
    "angle", ["0", "pi/2", "1.5707963267948966", "pi - 2", "a", "7/2", "sin(2)", "2**-1", "-a", "half"]
)
def test_an_angle_of_rzz_within_its_range_or_unknown_passes(angle):
    assert of(f"{RZZ}const float half = 1/2.0; input float[64] a; rzz({angle}) $0, $1;") == []


def test_the_values_of_a_sweep_are_looked_at_where_they_are_angles_of_rzz():
    text = f"{HEAD}{RZZ}input float[64] a; input float[64] b; bit c; rzz(a) $0, $1; rz(b) $0; c = measure $0;"
    check_pubs_isa(coerce_pubs([(text, {"a": [0.0, 1.5], "b": [-9.0, 9.0]})]), FEZ)
    with pytest.raises(NotIsaError, match=r"^circuits\[1\]: line 4: .*angle must be from 0 to pi/2, not a = -0.5"):
        check_pubs_isa(coerce_pubs([(text, {"a": 0.1, "b": 0}), (text, {"a": [[0.0, -0.5]], "b": 0})]), FEZ)


def test_other_angles_are_free():
    assert of("rx(-9) $0; rz(100*pi) $0;") == []


# What it says, and what it costs


def test_the_message_names_place_line_gate_qubits_backend_number_of_others_and_what_to_do():
    with pytest.raises(NotIsaError) as caught:
        check_isa(f"{HEAD}bit c;\nh $0; cz $0, $5;\nh $1;", FEZ, "circuits[4]")
    assert str(caught.value) == (
        "circuits[4]: line 4: h on $0: ibm_fez has no gate 'h'; its gates are cz, id, rx, rz, rzz, sx, x. 2 more "
        "instructions do not fit. The service runs only circuits in the backend's own instruction set and transpiles "
        "nothing: set optimization_level=1 (0 to 3) to transpile for ibm_fez first, or correct the circuit. Nothing "
        "was submitted."
    )
    assert isinstance(caught.value, InvalidInputError)
    assert reason("cz $0, $5;") == "ibm_fez does not couple them (coupled to $0: $1)"


def test_a_circuit_that_fits_is_not_refused():
    check_isa(f"{HEAD}bit c; x $0; c = measure $0;", FEZ)


def test_the_same_circuit_in_many_pubs_is_read_once(monkeypatch):
    import airflow_provider_qrt.primitives.circuits.isa as isa

    read = []
    monkeypatch.setattr(isa, "find_misfits", lambda text, *_, **__: read.append(text) or [])
    text = f"{HEAD}bit c; x $0; c = measure $0;"
    check_pubs_isa(coerce_pubs([text, text, (text, None, 5)]), FEZ)
    assert len(read) == 1


def test_the_instruction_set_is_read_once_for_all_circuits(monkeypatch):
    from airflow_provider_qrt.primitives.circuits.instruction_set import InstructionSet

    read = []
    original = InstructionSet.from_configuration

    def from_configuration(configuration, properties=None):
        read.append(configuration)
        return original(configuration, properties)

    monkeypatch.setattr(InstructionSet, "from_configuration", from_configuration)
    check_pubs_isa(coerce_pubs([f"{HEAD}bit c; rz({angle}) $0; c = measure $0;" for angle in (0.1, 0.2, 0.3)]), FEZ)
    assert len(read) == 1


def test_a_wide_and_deep_circuit_is_checked_in_a_fraction_of_a_second():
    body = [HEAD, ECR]
    for layer in range(100):
        if layer % 3 == 2:
            taken = set()
            for a, b in SHERBROOKE["coupling_map"]:
                if not {a, b} & taken:
                    taken |= {a, b}
                    body.append(f"ecr ${a}, ${b};\n")
        else:
            body += [
                f"rz({layer + qubit / 1000}) ${qubit};\n" if layer % 3 else f"sx ${qubit};\n" for qubit in range(127)
            ]
    text = "".join(body)
    assert text.count("\n") > 10_000
    begun = time.process_time()
    assert find_misfits(text, SHERBROOKE) == []
    wrong = find_misfits(text.replace("sx ", "h "), SHERBROOKE)
    assert time.process_time() - begun < 1.0
    assert len(wrong) == 34 * 127


def test_the_check_needs_neither_qiskit_nor_numpy_nor_the_parser():
    code = (
        "import sys; from airflow_provider_qrt.primitives.circuits.isa import find_misfits\n"
        f"assert find_misfits({HEAD + 'h $0;'!r}, {{'basis_gates': ['x']}})\n"
        "print([name for name in ('numpy', 'qiskit', 'openqasm3', 'antlr4', 'airflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("angle", "values", "shown"),
    [
        ("a", {"a": 2.0}, "a = 2"),
        ("a", {"a": -0.1}, "a = -0.1"),
        ("2*a", {"a": [0.1, 1.0]}, r"2\*a = 2"),
        ("a + 1", {"a": 1.0}, r"a \+ 1 = 2"),
        ("a - b", {"a": [[0.1], [0.2]], "b": [0.0, 0.15]}, "a - b = -0.05"),
        ("a*half", {"a": 4.0}, r"a\*half = 2"),
    ],
)
def test_an_expression_of_inputs_is_an_angle_too(angle, values, shown):
    declared = "".join(f"input float[64] {name}; " for name in values)
    text = f"{HEAD}{RZZ}const float half = 0.5; {declared}bit c; rzz({angle}) $0, $1; c = measure $0;"
    with pytest.raises(NotIsaError, match=f"its angle must be from 0 to pi/2, not {shown}"):
        check_pubs_isa(coerce_pubs([(text, values)]), FEZ)


def rotated(angle, *parameters):
    circuit = QuantumCircuit(2, 1)
    circuit.rzz(angle, 0, 1)
    for parameter in parameters:
        circuit.rz(parameter, 0)
    circuit.measure(0, 0)
    return circuit


def test_the_angles_of_circuit_objects_are_looked_at_by_their_values():
    one, other = Parameter("θ[0]"), Parameter("a b")
    for circuit, good, bad in (
        (rotated(one), [1.5], [9.0]),
        (rotated(2 * one), [[0.1], [0.7]], [[0.1], [0.8]]),
        (rotated(one - other), {one: 0.5, other: 0.4}, {one: 0.5, other: 0.6}),
        (rotated(one, other), {one: 0.5, other: 9.0}, {one: 9.0, other: 0.5}),
    ):
        check_pubs_isa(coerce_pubs([(circuit, good)]), FEZ)
        with pytest.raises(NotIsaError, match=r"^circuits\[0\]: rzz on \$0, \$1: its angle must be from 0 to pi/2"):
            check_pubs_isa(coerce_pubs([(circuit, bad)]), FEZ)
        # The same, encoded already.
        [pub] = coerce_pubs([(circuit, good)])
        wrong = coerce_pubs([(pub.circuit, coerce_pubs([(circuit, bad)])[0].parameter_values)])
        check_pubs_isa(coerce_pubs([(pub.circuit, pub.parameter_values)]), FEZ)
        with pytest.raises(NotIsaError, match="its angle"):
            check_pubs_isa(wrong, FEZ)


def test_a_circuit_with_more_qubits_than_the_backend_is_refused():
    wide = QuantumCircuit(157, 1)
    wide.x(0)
    wide.measure(0, 0)
    for circuit in (wide, f"{HEAD}qubit[157] q; bit c; x q[0]; c = measure q[0];"):
        with pytest.raises(NotIsaError, match=r"^circuits\[0\]: the circuit has 157 qubits, and ibm_fez has 156"):
            check_pubs_isa(coerce_pubs(circuit), FEZ)


FAULTY = {"faulty_qubits": [3], "faulty_gates": [["cz", [0, 1]], ["sx", [7]]]}


def calibrated(faults):
    device = load_devices(("ibm_fez",))["ibm_fez"]
    device.faulty_qubits = frozenset(faults["faulty_qubits"])
    device.faulty_gates = frozenset((name, tuple(qubits)) for name, qubits in faults["faulty_gates"])
    return device.properties


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("x $3;", [(1, "x", (3,))]),
        ("bit c; c = measure $3;", [(1, "measure", (3,))]),
        ("delay[10ns] $3;", [(1, "delay", (3,))]),
        ("barrier $3;", []),
        ("x $2; cz $2, $4;", [(1, "cz", (2, 4))]),
        ("cz $3, $2;", [(1, "cz", (3, 2))]),
        ("cz $0, $1;", [(1, "cz", (0, 1))]),
        ("cz $1, $0;", []),
        ("rz(1) $0; x $1;", []),
        ("sx $7;", [(1, "sx", (7,))]),
        ("x $7; sx $8;", []),
        ("bit c; if (c) { x $3; }", [(1, "x", (3,))]),
    ],
)
def test_qubits_and_gates_out_of_service_are_refused_as_the_official_client_does(body, found):
    from qiskit_ibm_runtime.utils.utils import is_isa_circuit

    properties = calibrated(FAULTY)
    assert of(body, FEZ, properties=properties) == found
    target = BackendSnapshot("ibm_fez", FEZ, properties).target()
    # That client has a check of its own for the qubits that instructions without a place of their own act on.
    if "measure" not in body and "barrier" not in body:
        assert bool(is_isa_circuit(qasm3.loads(HEAD + body), target)) == bool(found)


def test_a_pair_that_is_listed_in_one_direction_is_out_of_service_in_both():
    one_way = {"n_qubits": 2, "basis_gates": ["cz"], "gates": [{"name": "cz", "coupling_map": [[0, 1]]}]}
    properties = {"gates": [{"gate": "cz", "qubits": [0, 1], "parameters": [{"name": "operational", "value": 0}]}]}
    assert of("cz $1, $0;", one_way, properties=properties) == [(1, "cz", (1, 0))]


def test_fractional_gates_do_not_go_with_what_randomizes_gates():
    text = f"{HEAD}{RZZ}bit c; rzz(0.3) $0, $1; rx(0.1) $0; rz(0.1) $0; cz $0, $1; c = measure $0;"
    pubs = coerce_pubs(text)
    check_pubs_isa(pubs, FEZ)
    with pytest.raises(NotIsaError, match=r"rzz on .* does not go together with options.twirling.enable_gates. 1 more"):
        check_pubs_isa(pubs, FEZ, gates_randomized_by="options.twirling.enable_gates")
